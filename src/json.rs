//! Strict JSON: no duplicate members, exact integers, bounded depth and size.

mod integer;
mod member;
mod member_name;
mod parse;
mod pointer;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::{borrow::Cow, mem, vec};

use member::Member;
use member_name::MemberName;

pub use integer::JsonInteger;
pub use pointer::{JsonPointer, JsonPointerError};
pub use text::JsonText;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the JSON types")]
pub enum Json {
    Null,
    Bool(bool),
    /// A number written without fraction and exponent, exact, from -2⁶³ to 2⁶⁴-1.
    Integer(JsonInteger),
    /// Any other number, and `-0`; always finite.
    Float(f64),
    String(JsonText),
    Array(Box<[Self]>),
    Object(Object),
}

/// A JSON object: members in document order, names unique.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object {
    members: Box<[Member]>,
}

/// Why a text is not accepted as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON (RFC 8259), or not UTF-8.
    #[error("not valid JSON")]
    Syntax,
    /// A string with half of a surrogate pair: no text (RFC 8259 §8.2).
    #[error("not valid JSON: a string holds half of a surrogate pair")]
    LoneSurrogate,
    /// JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A duplicate member name in one object, at any level.
    #[error("not acceptable JSON: a member name occurs twice")]
    DuplicateMember,
    /// Deeper than [`MAX_DEPTH`] or more than [`MAX_NODES`] values.
    #[error("not acceptable JSON: nested too deeply or too many values")]
    TooComplex,
    /// An integer outside of 64 bits, or a number beyond every float.
    #[error("not acceptable JSON: a number is out of range")]
    NumberOutOfRange,
}

/// Why a text is not accepted, and in which member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// Why.
    pub error: JsonError,
    /// The innermost member that is not acceptable or occurs twice, by its name as far as known.
    pub member: Option<Box<str>>,
}

impl From<JsonError> for JsonFault {
    fn from(error: JsonError) -> Self {
        Self { error, member: None }
    }
}

/// Nesting beyond this is refused (threats C-11); real tokens stay below 10.
pub const MAX_DEPTH: usize = 32;
/// Values in one document beyond this are refused.
pub const MAX_NODES: usize = 10_000;

impl Json {
    /// Parses a document of the operator's own systems, whose size is bounded otherwise: at most
    /// `max_nodes` values.
    ///
    /// # Errors
    /// See [`JsonError`].
    pub fn parse_large(text: &[u8], max_nodes: usize) -> Result<Self, JsonError> {
        parse::document(text, max_nodes, MAX_DEPTH).map_err(|fault| fault.error)
    }

    /// Parses a document around parsed values, such as claims: it may be nested that many levels
    /// deeper than they. Stays below 100, the syntax's own bound.
    ///
    /// # Errors
    /// See [`JsonError`].
    pub fn parse_around(
        text: &[u8],
        max_nodes: usize,
        more_levels: usize,
    ) -> Result<Self, JsonError> {
        let document = parse::document(text, max_nodes, MAX_DEPTH.saturating_add(more_levels));
        document.map_err(|fault| fault.error)
    }

    /// Parses one JSON value; trailing data is an error.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        parse::document(text, MAX_NODES, MAX_DEPTH).map_err(|fault| fault.error)
    }

    /// Its type in words, with the length of what has one.
    pub fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(_) => "a boolean".to_owned(),
            Self::Integer(_) | Self::Float(_) => "a number".to_owned(),
            Self::String(text) => format!("a string of {} bytes", text.len()),
            Self::Array(list) => format!("an array of {}", list.len()),
            Self::Object(object) => format!("an object of {} members", object.len()),
        }
    }

    /// Whether it is `null`. A comparison would be a call.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is blank: `null`, or an empty string, array or object.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::String(text) => text.is_empty(),
            Self::Array(list) => list.is_empty(),
            Self::Object(object) => object.is_empty(),
            Self::Bool(_) | Self::Integer(_) | Self::Float(_) => false,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(s) = self { Some(s) } else { None }
    }

    /// Its text as an identifier: a string as it is, an integer to its last digit (OCEN's
    /// `participantId` has been both).
    pub fn identifier(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::String(text) => Some(Cow::Borrowed(text)),
            Self::Integer(_) => Some(Cow::Owned(self.to_text())),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(a) = self { Some(a) } else { None }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(o) = self { Some(o) } else { None }
    }

    /// The value as JSON text without white space.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        write::value(&mut text, self);
        text
    }

    /// Heap and inline bytes that the value takes, for caches that are bounded by memory.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.heap()
    }

    fn heap(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => 0,
            Self::String(s) => s.heap(),
            Self::Array(a) => size_of_val(&**a) + a.iter().map(Self::heap).sum::<usize>(),
            Self::Object(o) => o.heap(),
        }
    }
}

impl Object {
    /// Parses a JSON object; trailing data is an error.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        Self::parse_or_blame(text).map_err(|fault| fault.error)
    }

    /// As [`Object::parse`], with the member that is not acceptable.
    pub fn parse_or_blame(text: &[u8]) -> Result<Self, JsonFault> {
        match parse::document(text, MAX_NODES, MAX_DEPTH)? {
            Json::Object(object) => Ok(object),
            _ => Err(JsonError::NotAnObject.into()),
        }
    }

    /// The member of that name, compared byte for byte. One that is `null` counts as absent, here
    /// and therefore everywhere: writers that have no value for a member differ only in whether
    /// they leave it out (threats C-16).
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.member(name).filter(|value| !value.is_null())
    }

    /// Whether the member is present and `null`: for the few that need a value if present.
    pub fn is_null(&self, name: &str) -> bool {
        self.member(name).is_some_and(Json::is_null)
    }

    fn member(&self, name: &str) -> Option<&Json> {
        self.members.iter().find(|member| member.name() == name).map(Member::value)
    }

    /// Name and value of every member, in document order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.members.iter().map(|member| (member.name(), member.value()))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The object as JSON text without white space.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        write::object(&mut text, self);
        text
    }

    /// Heap and inline bytes that the object takes.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.heap()
    }

    /// Sets a member, replacing one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Json>) {
        let mut members = mem::take(&mut self.members).into_vec();
        members.reserve_exact(1);
        set(&mut members, name.into(), value.into());
        self.members = members.into();
    }

    fn heap(&self) -> usize {
        size_of_val(&*self.members) + self.members.iter().map(Member::heap).sum::<usize>()
    }
}

/// Sets a member, replacing one of the same name.
fn set(members: &mut Vec<Member>, name: String, value: Json) {
    let member = Member::new(MemberName::from(name), value);
    match members.iter_mut().find(|old| old.has_name_of(&member)) {
        Some(old) => *old = member,
        None => members.push(member),
    }
}

impl FromIterator<(String, Json)> for Object {
    /// Later members of the same name replace earlier ones.
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(iter: I) -> Self {
        let mut members = Vec::new();
        iter.into_iter().for_each(|(name, value)| set(&mut members, name, value));
        Self { members: members.into() }
    }
}

impl IntoIterator for Object {
    type Item = (String, Json);
    type IntoIter = vec::IntoIter<(String, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        let members = self.members.into_iter().map(Member::into_parts);
        members.collect::<Vec<_>>().into_iter()
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Integer(value.into())
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}
