//! The strict parser: `serde_json` reads the syntax, the visitor here refuses what it lets pass.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Json, JsonError, JsonFault, Member, MemberName, Object};

/// `serde_json` hands an integer that does not fit 64 bits over as a float, already rounded. The
/// smallest such magnitude is 2⁶³; below it no float has ever been an integer literal.
const PERHAPS_AN_INTEGER: f64 = 9_223_372_036_854_775_808.0;

/// Up to this many members, comparing each with each is faster than sorting.
const FEW_MEMBERS: usize = 24;

/// Parses one value within both limits; trailing data is an error.
pub(super) fn document(text: &[u8], max_nodes: usize, max_depth: usize) -> Result<Json, JsonFault> {
    let text = std::str::from_utf8(text).map_err(|_| JsonError::Syntax)?;
    let budget = Budget::of(max_nodes);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let root = ValueSeed { budget: &budget, levels: max_depth };
    let value = root
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| budget.refusal(&error))?;
    if budget.large_float.get()
        && let Some(fault) = rounded_integer(text)
    {
        return Err(fault);
    }
    Ok(value)
}

/// What one document may still use, and why it was refused if it was by us.
struct Budget {
    nodes: Cell<usize>,
    refused: Cell<Option<JsonError>>,
    /// The innermost member that was refused.
    member: Cell<Option<Box<str>>>,
    large_float: Cell<bool>,
}

impl Budget {
    fn of(max_nodes: usize) -> Self {
        Self {
            nodes: Cell::new(max_nodes),
            refused: Cell::new(None),
            member: Cell::new(None),
            large_float: Cell::new(false),
        }
    }

    fn refuse<E: Error>(&self, why: JsonError) -> E {
        self.refused.set(Some(why));
        E::custom(why)
    }

    /// Takes one node.
    fn spend<E: Error>(&self) -> Result<(), E> {
        let left = self.nodes.get().checked_sub(1);
        self.nodes.set(left.ok_or_else(|| self.refuse(JsonError::TooComplex))?);
        Ok(())
    }

    /// Keeps the name of the member whose value is not acceptable.
    #[cold]
    fn blame(&self, name: &str) {
        let inner = self.member.take();
        self.member.set(inner.or_else(|| Some(name.into())));
    }

    /// The reason that we gave, or what `serde_json` complains about.
    fn refusal(&self, error: &serde_json::Error) -> JsonFault {
        let error = self.refused.get().unwrap_or_else(|| {
            // serde_json offers no other way to distinguish these from syntax errors.
            let text = error.to_string();
            if text.starts_with("number out of range") {
                JsonError::NumberOutOfRange
            } else if text.starts_with("lone leading surrogate")
                || text.starts_with("unexpected end of hex escape")
            {
                JsonError::LoneSurrogate
            } else {
                JsonError::Syntax
            }
        });
        JsonFault { error, member: self.member.take() }
    }
}

/// Reads the value at one level of nesting.
#[derive(Clone, Copy)]
struct ValueSeed<'b> {
    budget: &'b Budget,
    /// How much deeper it may go.
    levels: usize,
}

impl ValueSeed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        let levels = levels.ok_or_else(|| self.budget.refuse(JsonError::TooComplex))?;
        Ok(Self { levels, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.budget.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        if value.abs() >= PERHAPS_AN_INTEGER {
            self.budget.large_float.set(true);
        }
        Ok(Json::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.into()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let element = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(value) = seq.next_element_seed(element)? {
            elements.push(value);
        }
        Ok(Json::Array(elements.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let member = self.deeper()?;
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<MemberName>()? {
            let value = map.next_value_seed(member);
            let value = value.inspect_err(|_| self.budget.blame(name.as_str()))?;
            members.push(Member::new(name, value));
        }
        if let Some(twice) = duplicate(&members) {
            self.budget.blame(twice);
            return Err(self.budget.refuse(JsonError::DuplicateMember));
        }
        Ok(Json::Object(Object { members: members.into() }))
    }
}

/// A name that occurs twice. Names are compared as they read after unescaping.
fn duplicate(members: &[Member]) -> Option<&str> {
    if members.len() <= FEW_MEMBERS {
        let mut rest = members;
        while let Some((member, later)) = rest.split_first() {
            if later.iter().any(|other| other.has_name_of(member)) {
                return Some(member.name());
            }
            rest = later;
        }
        return None;
    }
    let mut names: Vec<&str> = members.iter().map(Member::name).collect();
    names.sort_unstable();
    names.array_windows().find(|[one, next]| one == next).map(|[one, _]| *one)
}

/// The member, if any, that has an integer literal which does not fit 64 bits, in a valid JSON
/// text. Called only where a float of that size was parsed.
fn rounded_integer(text: &str) -> Option<JsonFault> {
    let mut rest = text.as_bytes();
    let (mut string, mut member): (&[u8], &[u8]) = (&[], &[]);
    while let Some((first, tail)) = rest.split_first() {
        let length = match first {
            b'"' => {
                let length = string_length(tail);
                string = tail.get(..length.saturating_sub(1)).unwrap_or_default();
                length + 1
            }
            b':' => {
                member = string;
                1
            }
            b'-' | b'0'..=b'9' => {
                let (number, _) = rest.split_at(number_length(rest));
                if is_rounded_integer(number) {
                    let name = String::from_utf8_lossy(member);
                    let member = (!name.is_empty()).then(|| name.into());
                    return Some(JsonFault { error: JsonError::NumberOutOfRange, member });
                }
                number.len()
            }
            _ => 1,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    None
}

/// Bytes of a string after its opening quote, the closing one included.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    let ends = |byte: &u8| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    text.iter().position(ends).map_or(text.len(), |end| end + 1)
}

fn number_length(text: &[u8]) -> usize {
    let is_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    text.iter().take_while(|byte| is_number(byte)).count()
}

fn is_rounded_integer(number: &[u8]) -> bool {
    const FITS: std::ops::RangeInclusive<i128> = i64::MIN as i128..=u64::MAX as i128;
    if number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return false;
    }
    let value = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
    !value.is_some_and(|value| FITS.contains(&value))
}
