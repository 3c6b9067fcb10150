//! A member of an object: its name and its value.

use super::{Json, MemberName, member_name::RegisteredName};

/// A member takes a word more than its value. Most members of a token have a registered name, which
/// fits there; another name is stored apart, together with the value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Member {
    Registered(RegisteredName, Json),
    Other(Box<(Box<str>, Json)>),
}

impl Member {
    pub(super) fn new(name: MemberName, value: Json) -> Self {
        match name {
            MemberName::Registered(name) => Self::Registered(name, value),
            MemberName::Other(name) => Self::Other(Box::new((name, value))),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Registered(name, _) => name.as_str(),
            Self::Other(member) => &member.0,
        }
    }

    pub(super) fn value(&self) -> &Json {
        match self {
            Self::Registered(_, value) => value,
            Self::Other(member) => &member.1,
        }
    }

    pub(super) fn into_parts(self) -> (String, Json) {
        match self {
            Self::Registered(name, value) => (name.as_str().to_owned(), value),
            Self::Other(member) => (member.0.into(), member.1),
        }
    }

    pub(super) fn has_name_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Registered(one, _), Self::Registered(another, _)) => one == another,
            (Self::Other(one), Self::Other(another)) => one.0 == another.0,
            _ => false,
        }
    }

    /// The bytes that it takes besides itself.
    pub(super) fn heap(&self) -> usize {
        match self {
            Self::Registered(_, value) => value.heap(),
            Self::Other(member) => size_of_val(&**member) + member.0.len() + member.1.heap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Member {
        Member::new(MemberName::from(name.to_owned()), Json::from("a text that is not inline"))
    }

    #[test]
    fn a_member_has_its_name_and_value_whichever_name_it_is() {
        for name in ["sub", "Sub", ""] {
            let made = member(name);
            let value = Json::from("a text that is not inline");
            assert_eq!((made.name(), made.value()), (name, &value));
            assert_eq!(made.into_parts(), (name.to_owned(), value));
        }
    }

    #[test]
    fn names_are_compared_in_full() {
        let names = ["sub", "iss", "Sub", "x"];
        for (one, another) in names.iter().flat_map(|one| names.map(|another| (*one, another))) {
            let same = member(one).has_name_of(&member(another));
            assert_eq!(same, one == another, "{one} {another}");
        }
    }

    #[test]
    fn memory_counts_what_is_apart() {
        let text = "a text that is not inline".len();
        assert_eq!(member("sub").heap(), text);
        assert_eq!(member("Sub").heap(), size_of::<(Box<str>, Json)>() + 3 + text);
    }
}
