//! A list of revoked tokens.

use countersign::{
    clock::UnixTime,
    revocation::{Denylist, RevokedBy, TokenFacts},
};
use serde_json::Value;

const MAX_ENTRIES: usize = 8;
const NOW: UnixTime = UnixTime(1_800_000_000);

/// A list that is accepted revokes what it names: every entry, each by its own claim, until it
/// expires; and nothing that it does not name.
pub fn check(input: &[u8]) -> bool {
    let Ok(list) = Denylist::parse(input, MAX_ENTRIES, NOW) else { return false };
    let document: Value = serde_json::from_slice(input).expect("a list that is no JSON");
    let entries = document["revoked"].as_array().expect("a list without \"revoked\"");
    assert!(entries.len() <= MAX_ENTRIES && list.len() <= entries.len());
    for entry in entries {
        assert_revokes(&list, entry);
    }
    let stranger = TokenFacts { sub: Some(""), sid: Some(""), ..TokenFacts::default() };
    assert_eq!(list.find(&stranger, NOW), None, "an empty name is revoked");
    true
}

fn assert_revokes(list: &Denylist, entry: &Value) {
    let named = |name: &str| entry[name].as_str();
    let token = TokenFacts { iss: named("iss").unwrap_or_default(), ..TokenFacts::default() };
    let all = [
        (RevokedBy::Jti, TokenFacts { jti: named("jti"), ..token }),
        (RevokedBy::Sub, TokenFacts { sub: named("sub"), ..token }),
        (RevokedBy::Sid, TokenFacts { sid: named("sid"), ..token }),
        (RevokedBy::ClientId, TokenFacts { client_id: named("client_id"), ..token }),
    ];
    let names = ["jti", "sub", "sid", "client_id"].iter().filter(|name| named(name).is_some());
    assert_eq!(names.count(), 1, "an entry that names several or nothing: {entry}");
    let until = entry["until"].as_i64().unwrap_or(i64::MAX);
    for (kind, token) in all {
        let is_named =
            [token.jti, token.sub, token.sid, token.client_id].iter().any(Option::is_some);
        if is_named && until > NOW.0 {
            assert_eq!(list.find(&token, NOW), Some(kind), "{entry}");
            assert_old_tokens(list, &token, entry);
        }
    }
}

/// A token issued before the entry's time is revoked; whether a later one is, other entries decide.
fn assert_old_tokens(list: &Denylist, token: &TokenFacts<'_>, entry: &Value) {
    let before = entry["before"].as_i64().unwrap_or(i64::MAX);
    if before > i64::MIN {
        let old = TokenFacts { issued_at: Some(before - 1), ..*token };
        assert!(list.find(&old, NOW).is_some(), "{entry}");
    }
}
