//! The strict JSON reader against `serde_json` as a lenient one.

use countersign::json::{Json, JsonError};
use serde_json::Value;

/// Whatever is accepted, `serde_json` accepts as the same value, it survives being written, and no
/// object of it names a member twice. What is not even JSON to us is not JSON to `serde_json`.
pub fn check(input: &[u8]) -> bool {
    match Json::parse(input) {
        Ok(value) => {
            let theirs = serde_json::from_slice(input).expect("accepted what is no JSON");
            assert!(is_same(&value, &theirs), "{value:?} is not {theirs:?}");
            assert_unique_names(&value);
            assert_eq!(Json::parse(value.to_text().as_bytes()), Ok(value));
            true
        }
        Err(JsonError::Syntax | JsonError::LoneSurrogate) => {
            assert!(serde_json::from_slice::<Value>(input).is_err(), "refused what is JSON");
            false
        }
        Err(_) => false,
    }
}

/// Whether both readers read the same. A member that is null counts as absent.
pub(super) fn is_same(ours: &Json, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(ours), Value::Bool(theirs)) => ours == theirs,
        (Json::Integer(ours), Value::Number(theirs)) => theirs.as_i128() == Some(ours.get()),
        (Json::Float(ours), Value::Number(theirs)) => {
            theirs.is_f64() && theirs.as_f64().map(f64::to_bits) == Some(ours.to_bits())
        }
        (Json::String(ours), Value::String(theirs)) => **ours == **theirs,
        (Json::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(o, t)| is_same(o, t))
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            let members = || ours.iter().filter(|(_, member)| **member != Json::Null);
            let count = theirs.values().filter(|member| !member.is_null()).count();
            members().count() == count
                && members().all(|(name, member)| {
                    theirs.get(name).is_some_and(|theirs| is_same(member, theirs))
                })
        }
        _ => false,
    }
}

fn assert_unique_names(value: &Json) {
    match value {
        Json::Array(elements) => elements.iter().for_each(assert_unique_names),
        Json::Object(object) => {
            let mut names: Vec<_> = object.iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), object.len(), "a name occurs twice");
            object.iter().for_each(|(_, member)| assert_unique_names(member));
        }
        _ => {}
    }
}
