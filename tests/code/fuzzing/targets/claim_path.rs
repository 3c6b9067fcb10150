//! The way to a claim. The input is a claim path, and after it, on lines of their own, the claims.

use countersign::{
    identity::ClaimPath,
    json::{Json, JsonPointer},
};
use serde_json::Value;

use super::json;

/// A pointer leads to what RFC 6901 says it leads to, and a claim path to the member of the whole
/// name, or else to the one that its dots lead to.
pub fn check(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let path = std::str::from_utf8(parts.next().unwrap_or_default());
    let document = parts.next().unwrap_or_default();
    let (Ok(path), Ok(ours)) = (path, Json::parse(document)) else { return false };
    let theirs: Value = serde_json::from_slice(document).expect("accepted what is no JSON");
    let mut is_found = false;
    if let Ok(pointer) = JsonPointer::parse(path) {
        assert_eq!(pointer.as_str(), path);
        is_found |= assert_same(pointer.find(&ours), theirs.pointer(path));
    }
    if let (Ok(claim), Json::Object(ours)) = (ClaimPath::parse(path), &ours) {
        assert_eq!(claim.as_str(), path);
        is_found |= assert_same(claim.find(ours), claim_at(path, &theirs));
    }
    is_found
}

fn claim_at<'v>(path: &str, claims: &'v Value) -> Option<&'v Value> {
    if path.starts_with('/') {
        return claims.pointer(path);
    }
    let whole = claims.get(path).filter(|value| !value.is_null());
    whole.or_else(|| path.split('.').try_fold(claims, |value, step| value.as_object()?.get(step)))
}

/// Whether there is a value; one that is null counts as absent.
fn assert_same(ours: Option<&Json>, theirs: Option<&Value>) -> bool {
    let ours = ours.filter(|value| **value != Json::Null);
    let theirs = theirs.filter(|value| !value.is_null());
    match (ours, theirs) {
        (None, None) => false,
        (Some(ours), Some(theirs)) => {
            assert!(json::is_same(ours, theirs), "{ours:?}, {theirs}");
            true
        }
        different => panic!("{different:?}"),
    }
}
