//! What a refusal is about: the part of the request or the token, its name, what is wrong with it,
//! what was found, what was expected, and the setting that decides.
//!
//! It says where to look, never who it was: of claims that may name a person there is the type and
//! the length only (see `identity::shown_claim`). Nothing of a token's text or its signature is in
//! it. Everything from outside is an [`Excerpt`].

use std::fmt;

use super::Excerpt;

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    part: Part,
    name: Option<Name>,
    fault: Fault,
    found: Option<Excerpt>,
    expected: Option<Excerpt>,
    setting: Option<&'static str>,
}

/// A name, and whether a client may have chosen it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    text: Excerpt,
    is_of_client: bool,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($name:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $(#[doc = concat!("\"", $text, "\"")] $name,)*
        }

        impl $type {
            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

words! {
    /// What part of a request or of its token.
    Part {
        Address = "the client's address",
        Body = "the body",
        Certificate = "the client certificate",
        Claim = "claim",
        Claims = "the payload",
        Connection = "the connection",
        Cookie = "cookie",
        Field = "field",
        Head = "the head",
        Header = "header",
        Headers = "the headers",
        Introspection = "introspection at issuer",
        Keys = "the key set of issuer",
        Limit = "limit",
        Method = "the method",
        Parameter = "header parameter",
        Request = "the request",
        RevocationList = "the revocation list",
        Response = "the introspection response",
        Scope = "scope",
        Signature = "the signature",
        Signer = "signer",
        Token = "the token",
        TokenHeader = "the token's header",
        Source = "credential source",
    }
}

words! {
    /// What is wrong with it.
    Fault {
        Ambiguous = "fits several",
        Different = "does not match",
        Duplicate = "occurs twice",
        InFuture = "is in the future",
        InPast = "is in the past",
        LoneSurrogate = "holds half of a surrogate pair",
        Malformed = "is malformed",
        Missing = "is missing",
        NotAllowed = "is not allowed",
        NotAnObject = "is no JSON object",
        NotBase64 = "is not canonical base64url",
        NotJson = "is not valid JSON",
        OutOfRange = "is out of range",
        Revoked = "is revoked",
        TooComplex = "is nested too deeply or has too many values",
        TooMany = "are too many",
        TooLong = "is too long",
        Unavailable = "is not available",
        Unknown = "is not known",
        Unproven = "is not proven",
        Unsuitable = "does not fit",
        Unsupported = "is not supported",
        UsedUp = "is used up",
        Wrong = "is wrong",
        WrongType = "is of the wrong type",
    }
}

impl Subject {
    /// The most bytes of a subject in words.
    pub const MAX_BYTES: usize = 3 * Excerpt::MAX_BYTES + 256;

    /// That part, with that fault.
    pub fn new(part: Part, fault: Fault) -> Self {
        Self { part, name: None, fault, found: None, expected: None, setting: None }
    }

    /// A claim of that name: one of a standard or of the configuration.
    pub fn claim(name: &str, fault: Fault) -> Self {
        Self::new(Part::Claim, fault).named(name)
    }

    /// A parameter of a JWS header.
    pub fn parameter(name: &str, fault: Fault) -> Self {
        Self::new(Part::Parameter, fault).named(name)
    }

    /// Its name, one of a standard or of the configuration.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let name = Name { text: Excerpt::quoted(name), is_of_client: false };
        Self { name: Some(name), ..self }
    }

    /// Its name, which a client has chosen.
    #[must_use]
    pub fn named_by_client(self, name: &str) -> Self {
        let name = Name { text: Excerpt::quoted(name), is_of_client: true };
        Self { name: Some(name), ..self }
    }

    /// What there is.
    #[must_use]
    pub fn found(self, found: Excerpt) -> Self {
        Self { found: Some(found), ..self }
    }

    /// What would have been right.
    #[must_use]
    pub fn expected(self, expected: Excerpt) -> Self {
        Self { expected: Some(expected), ..self }
    }

    /// The setting that decides.
    #[must_use]
    pub fn setting(self, setting: &'static str) -> Self {
        Self { setting: Some(setting), ..self }
    }

    /// The subject in words, for the log and `explain`: printable ASCII, at most
    /// [`Subject::MAX_BYTES`].
    pub fn in_words(&self) -> String {
        written(self, self.name.as_ref(), self.found.as_ref(), self.setting)
    }

    /// What it is about and what is wrong with it, in words: without what was found and expected.
    pub fn about(&self) -> String {
        let without = Self { expected: None, ..self.clone() };
        written(&without, self.name.as_ref(), None, None)
    }

    /// What there is.
    pub fn found_value(&self) -> Option<&Excerpt> {
        self.found.as_ref()
    }

    /// What would have been right.
    pub fn expected_value(&self) -> Option<&Excerpt> {
        self.expected.as_ref()
    }

    /// The setting that decides.
    pub fn deciding_setting(&self) -> Option<&'static str> {
        self.setting
    }

    /// The subject in words without anything that a client has chosen, for an answer (threats
    /// O-4).
    pub fn for_answer(&self) -> String {
        let name = self.name.as_ref().filter(|name| !name.is_of_client);
        written(self, name, None, None)
    }
}

/// As [`Subject::in_words`].
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words())
    }
}

fn written(
    subject: &Subject,
    name: Option<&Name>,
    found: Option<&Excerpt>,
    setting: Option<&str>,
) -> String {
    /// Most are not longer.
    const USUAL_BYTES: usize = 192;
    let mut text = String::with_capacity(USUAL_BYTES);
    text.push_str(subject.part.text());
    let name = name.map(|name| name.text.as_str());
    let expected = subject.expected.as_ref().map(Excerpt::as_str);
    let parts = [
        (" ", name),
        (" ", Some(subject.fault.text())),
        ("; found: ", found.map(Excerpt::as_str)),
        ("; expected: ", expected),
        ("; setting: ", setting),
    ];
    for (before, part) in parts {
        if let Some(part) = part {
            text.push_str(before);
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_sentence() {
        let plain = Subject::claim("exp", Fault::Missing);
        assert_eq!(plain.to_string(), "claim 'exp' is missing");
        let whole = Subject::claim("aud", Fault::NotAllowed)
            .found(Excerpt::quoted("other"))
            .expected(Excerpt::list(["api"]))
            .setting("audiences");
        assert_eq!(
            whole.to_string(),
            "claim 'aud' is not allowed; found: 'other'; expected: 'api'; setting: audiences"
        );
    }

    #[test]
    fn o4_an_answer_holds_nothing_that_a_client_has_chosen() {
        let subject = Subject::new(Part::Claims, Fault::Duplicate)
            .named_by_client("EVIL")
            .found(Excerpt::quoted("EVIL"))
            .expected(Excerpt::quoted("x"))
            .setting("s");
        assert_eq!(subject.for_answer(), "the payload occurs twice; expected: 'x'");
        let claim = Subject::claim("exp", Fault::WrongType).found(Excerpt::quoted("EVIL"));
        assert_eq!(claim.for_answer(), "claim 'exp' is of the wrong type");
    }

    #[test]
    fn d8_a_subject_is_bounded() {
        let long = "\n".repeat(1 << 20);
        let list = || Excerpt::list(std::iter::repeat_n(long.as_str(), 1000));
        let subject = Subject::claim(&long, Fault::TooComplex).found(list()).expected(list());
        assert!(subject.to_string().len() <= Subject::MAX_BYTES);
    }
}
