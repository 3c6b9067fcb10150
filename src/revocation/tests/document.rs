//! What is taken for a list, and what is not.

use super::*;
use crate::revocation::{Denylist, DocumentError};

const LIST: &str = r#"{"revoked": [
    {"jti": "8f14e45f"},
    {"sub": "alice", "iss": "https://idp.example.com", "before": 1800000000},
    {"sid": "c3a1", "until": 1900003600},
    {"client_id": "old-app"}
]}"#;

fn parse(document: &str) -> Result<Denylist, DocumentError> {
    Denylist::parse(document.as_bytes(), 4, NOW)
}

#[test]
fn a_list_as_it_is_documented() {
    assert_eq!(parse(LIST).unwrap().len(), 4);
    assert!(parse(r#"{"revoked":[]}"#).unwrap().is_empty());
}

#[test]
fn no_part_of_a_list_is_taken_for_the_whole() {
    for end in 0..LIST.len() {
        let part = parse(LIST.get(..end).unwrap());
        assert!(matches!(part, Err(DocumentError::Incomplete { .. })), "{end}: {part:?}");
    }
}

#[test]
fn what_is_not_understood_is_no_list() {
    for document in [
        "[]",
        "{}",
        r#"{"revoked":null}"#,
        r#"{"revoked":{}}"#,
        r#"{"revoked":["alice"]}"#,
        r#"{"revoked":[{"sub":1}]}"#,
        // The values of the members, as a derived reader would take them.
        "[[]]",
        r#"[[{"sub":"a"}]]"#,
        r#"{"revoked":[["t1",null,null,null,null,null,null]]}"#,
        r#"{"revoked":[{"sub":"a","sub":"b"}]}"#,
        r#"{"revoked":[],"revoked":[]}"#,
        r#"{"revoked":[],"comment":""}"#,
        r#"{"revoked":[{"sub":"a","untill":1}]}"#,
        r#"{"revoked":[{"sub":"a","until":"tomorrow"}]}"#,
        r#"{"revoked":[{"sub":"a","before":1.5}]}"#,
        r#"{"revoked":[{"sub":"a","until":99999999999999999999}]}"#,
    ] {
        let refused = parse(document);
        assert!(matches!(refused, Err(DocumentError::Form { .. })), "{document}: {refused:?}");
    }
    for document in ["x", "{\"revoked\":[]} x", "{'revoked':[]}", "{\"revoked\":[,]}"] {
        let refused = parse(document);
        assert!(matches!(refused, Err(DocumentError::Syntax { .. })), "{document}: {refused:?}");
    }
}

#[test]
fn an_entry_names_exactly_one_thing() {
    for (entry, found) in [
        ("{}", 0),
        (r#"{"iss":"a"}"#, 0),
        (r#"{"sub":""}"#, 0),
        (r#"{"sub":null}"#, 0),
        (r#"{"sub":"a","jti":"b"}"#, 2),
        (r#"{"sub":"a","jti":"b","sid":"c","client_id":"d"}"#, 4),
    ] {
        let refused = parse(&format!(r#"{{"revoked":[{{"jti":"x"}},{entry}]}}"#));
        assert_eq!(refused, Err(DocumentError::Names { position: 1, found }), "{entry}");
    }
}

#[test]
fn a_list_has_a_bound() {
    let entries = |count: usize| {
        let entries: Vec<_> = (0..count).map(|n| format!(r#"{{"jti":"{n}"}}"#)).collect();
        parse(&format!(r#"{{"revoked":[{}]}}"#, entries.join(",")))
    };
    assert_eq!(entries(4).unwrap().len(), 4);
    assert_eq!(entries(5), Err(DocumentError::TooMany { found: 5, limit: 4 }));
}

#[test]
fn what_has_expired_is_not_kept() {
    let document = format!(r#"{{"revoked":[{{"jti":"a","until":{}}}]}}"#, NOW.0);
    assert!(parse(&document).unwrap().is_empty());
}

#[test]
fn o2_no_message_names_a_user() {
    for document in [
        r#"{"revoked":[{"sub":"alice@example.com","until":"alice@example.com"}]}"#,
        r#"{"revoked":[{"alice@example.com":1}]}"#,
        r#"{"revoked":[{"sub":"alice@example.com","jti":"alice@example.com"}]}"#,
        r#"{"revoked":[{"sub":"alice@example.com" alice@example.com}]}"#,
    ] {
        let message = parse(document).unwrap_err().to_string();
        assert!(!message.contains("alice"), "{message}");
    }
}
