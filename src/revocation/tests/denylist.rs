//! Which tokens an entry is about.

use super::*;
use crate::revocation::{Denylist, RevokedBy};

/// A list of these entries, as they are written.
fn list(entries: &str) -> Denylist {
    let document = format!(r#"{{"revoked":[{entries}]}}"#);
    Denylist::parse(document.as_bytes(), 100, UnixTime(0)).unwrap()
}

fn find(entries: &str, token: TokenFacts<'_>) -> Option<RevokedBy> {
    list(entries).find(&token, NOW)
}

#[test]
fn each_kind_revokes_by_its_own_claim_and_by_no_other() {
    for (entry, kind) in [
        (r#"{"jti":"t1"}"#, RevokedBy::Jti),
        (r#"{"sub":"alice"}"#, RevokedBy::Sub),
        (r#"{"sid":"s1"}"#, RevokedBy::Sid),
        (r#"{"client_id":"web"}"#, RevokedBy::ClientId),
    ] {
        assert_eq!(find(entry, token()), Some(kind), "{entry}");
        assert_eq!(find(entry, TokenFacts { iss: ISS, ..TokenFacts::default() }), None, "{entry}");
    }
    for entry in [
        r#"{"jti":"alice"}"#,
        r#"{"sub":"t1"}"#,
        r#"{"sub":"ALICE"}"#,
        r#"{"sid":"web"}"#,
        r#"{"client_id":"s1"}"#,
    ] {
        assert_eq!(find(entry, token()), None, "{entry}");
    }
}

#[test]
fn a_client_is_found_under_both_of_its_names() {
    let entry = r#"{"client_id":"app"}"#;
    assert_eq!(find(entry, TokenFacts { azp: Some("app"), ..token() }), Some(RevokedBy::ClientId));
    let only_azp = TokenFacts { client_id: None, azp: Some("app"), ..token() };
    assert_eq!(find(entry, only_azp), Some(RevokedBy::ClientId));
}

#[test]
fn an_entry_of_one_issuer_is_not_about_the_namesake_of_another() {
    let entry = format!(r#"{{"sub":"alice","iss":"{ISS}"}}"#);
    assert_eq!(find(&entry, token()), Some(RevokedBy::Sub));
    assert_eq!(find(&entry, TokenFacts { iss: "https://other.example.com", ..token() }), None);
}

#[test]
fn before_spares_what_was_issued_later() {
    let entry = format!(r#"{{"sub":"alice","before":{}}}"#, NOW.0);
    let issued = |at| TokenFacts { issued_at: at, ..token() };
    assert_eq!(find(&entry, issued(Some(NOW.0 - 1))), Some(RevokedBy::Sub));
    assert_eq!(find(&entry, issued(Some(NOW.0))), None);
    assert_eq!(find(&entry, issued(None)), Some(RevokedBy::Sub), "as old as any");
}

#[test]
fn an_entry_says_nothing_any_more_once_its_time_is_over() {
    let list = list(&format!(r#"{{"jti":"t1","until":{}}}"#, NOW.0));
    assert_eq!(list.find(&token(), UnixTime(NOW.0 - 1)), Some(RevokedBy::Jti));
    assert_eq!(list.find(&token(), NOW), None);
}

#[test]
fn one_entry_does_not_hide_another_of_the_same_name() {
    let other = r#"{"sub":"alice","iss":"https://other.example.com"}"#;
    let own = format!(r#"{{"sub":"alice","iss":"{ISS}"}}"#);
    assert_eq!(list(&format!("{other},{own}")).len(), 2);
    assert_eq!(find(&format!("{other},{own}"), token()), Some(RevokedBy::Sub));
    let old = format!(r#"{{"sub":"alice","before":{}}}"#, NOW.0 - 100);
    let new = format!(r#"{{"sub":"alice","before":{}}}"#, NOW.0);
    for both in [format!("{old},{new}"), format!("{new},{old}")] {
        assert_eq!(list(&both).len(), 1, "the later one says it all");
        assert_eq!(find(&both, token()), Some(RevokedBy::Sub));
    }
    let always = r#"{"sub":"alice"}"#;
    assert_eq!(find(&format!("{always},{old}"), token()), Some(RevokedBy::Sub));
}
