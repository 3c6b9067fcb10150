//! A request that did not pass, as it is kept.

use std::{borrow::Cow, fmt::Write};

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    clock::LineTime,
    reason::Reason,
    telemetry::{cut, line::FieldValue, settings::AccessField},
};

/// A request that was refused, or that its upstream did not answer, with what the log says of it.
#[derive(Debug)]
pub struct DeniedRequest {
    reason: Reason,
    at: LineTime,
    facts: Box<[(AccessField, FieldValue<'static>)]>,
}

impl DeniedRequest {
    /// The most of a text that is kept, in bytes. A text from outside in a subject is shorter.
    const MAX_TEXT_BYTES: usize = 256;

    /// The most memory that one takes, in bytes: half of the fields may be long texts.
    pub const MAX_BYTES: usize = 6 * 1024;

    pub(super) fn new(reason: Reason, facts: Vec<(AccessField, FieldValue<'_>)>) -> Self {
        let facts = facts.into_iter().map(|(field, value)| (field, kept(value)));
        Self { reason, at: LineTime::now(), facts: facts.collect() }
    }

    /// Why it did not pass.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// A fact in words; `None`: it is not known. [`AccessField::Time`] is when the request ended.
    pub fn fact(&self, wanted: AccessField) -> Option<Cow<'_, str>> {
        if wanted == AccessField::Time {
            return Some(Cow::Owned(self.at.to_rfc3339()));
        }
        let (_, value) = self.facts.iter().find(|(field, _)| *field == wanted)?;
        Some(match value {
            FieldValue::Text(text) => Cow::Borrowed(text.as_ref()),
            FieldValue::Number(number) => Cow::Owned(number.to_string()),
            FieldValue::Seconds(span) => Cow::Owned(format!("{:.6}", span.as_secs_f64())),
        })
    }
}

fn kept(value: FieldValue<'_>) -> FieldValue<'static> {
    match value {
        FieldValue::Text(text) => {
            let mut kept = cut(&text, DeniedRequest::MAX_TEXT_BYTES).to_owned();
            if kept.len() < text.len() {
                // Writing to a String can't fail.
                let _ = write!(kept, "... ({} bytes)", text.len());
            }
            FieldValue::Text(Cow::Owned(kept))
        }
        FieldValue::Number(number) => FieldValue::Number(number),
        FieldValue::Seconds(span) => FieldValue::Seconds(span),
    }
}

/// An object with the names of the fields of log lines.
impl Serialize for DeniedRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.facts.len() + 1))?;
        object.serialize_entry(AccessField::Time.name(), &self.at.to_rfc3339())?;
        for (field, value) in &self.facts {
            match value {
                FieldValue::Text(text) => object.serialize_entry(field.name(), text)?,
                FieldValue::Number(number) => object.serialize_entry(field.name(), number)?,
                FieldValue::Seconds(span) => {
                    object.serialize_entry(field.name(), &span.as_secs_f64())?;
                }
            }
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;

    fn of(facts: Vec<(AccessField, FieldValue<'_>)>) -> DeniedRequest {
        DeniedRequest::new(Reason::TokenExpired, facts)
    }

    #[test]
    fn o10_its_memory_is_bounded_whatever_a_client_sends() {
        let long = "é".repeat(100_000);
        let all = AccessField::all().map(|field| (field, FieldValue::Text(long.as_str().into())));
        let denied = of(all.collect());
        let texts = denied.facts.iter().map(|(_, value)| match value {
            FieldValue::Text(text) => text.len(),
            FieldValue::Number(_) | FieldValue::Seconds(_) => 0,
        });
        let longest = texts.max().unwrap();
        assert!(longest < DeniedRequest::MAX_TEXT_BYTES + 24, "{longest}");
        // Reason, setting, method, protocol, end, token, trace and numbers are short by themselves.
        let long_texts = AccessField::all().count() / 2;
        let bytes = size_of::<DeniedRequest>() + size_of_val(&*denied.facts) + long_texts * longest;
        assert!(bytes <= DeniedRequest::MAX_BYTES, "{bytes}");
    }

    #[test]
    fn a_fact_is_shown_as_it_is_and_an_unknown_one_is_not() {
        let denied = of(vec![
            (AccessField::Status, FieldValue::Number(401)),
            (AccessField::Route, FieldValue::Text("/a".into())),
        ]);
        assert_eq!(denied.fact(AccessField::Status).unwrap(), "401");
        assert_eq!(denied.fact(AccessField::Upstream), None);
        let json = serde_json::to_value(&denied).unwrap();
        assert_eq!(json["status"], 401);
        assert_eq!(json["route"], "/a");
        assert_eq!(json["time"], denied.fact(AccessField::Time).unwrap().as_ref());
    }
}
