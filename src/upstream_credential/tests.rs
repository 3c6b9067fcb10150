//! What the room decides, without sockets.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
use proptest::prelude::*;
use tokio::time::advance;

use super::{
    grant_answer::{GrantAnswer, GrantRules, GrantedToken},
    kept_tokens::KeptTokens,
    settings::{
        CredentialHeader, TokenType, UpstreamCredentialSettings, UpstreamCredentialSource,
        is_sendable,
    },
    *,
};
use crate::{fetch::Reply, json::Object};

const NOW: i64 = 1_000_000;
const KEY: TokenDigest = [7; 32];
const NEVER: UnixTime = UnixTime(i64::MAX);

fn settings() -> UpstreamCredentialSettings {
    UpstreamCredentialSettings {
        name: "orders".to_owned(),
        header: CredentialHeader { name: AUTHORIZATION, scheme: Some("Bearer".to_owned()) },
        source: UpstreamCredentialSource::Static(PathBuf::new()),
    }
}

fn kept_for(life: i64, at_most: UnixTime) -> KeptTokens {
    let kept = KeptTokens::new(&settings());
    let value = HeaderValue::from_static("Bearer a");
    let granted = GrantedToken { value, expires: UnixTime(NOW + life) };
    kept.keep(&KEY, &granted, at_most, UnixTime(NOW));
    kept
}

fn state(kept: &KeptTokens, after: i64) -> &'static str {
    match kept.find(&KEY, UnixTime(NOW + after)) {
        TokenState::Fresh(_) => "fresh",
        TokenState::Ageing(_) => "ageing",
        TokenState::Refused => "refused",
        TokenState::Missing => "missing",
    }
}

#[test]
fn a_token_is_fresh_then_ageing_and_gone_before_it_ends() {
    for (life, renewed, gone) in [(3600, 2880, 3570), (100, 80, 90), (10, 8, 9), (2, 1, 1)] {
        let kept = kept_for(life, NEVER);
        assert_eq!(state(&kept, renewed - 1), "fresh", "{life}");
        let then = if renewed < gone { "ageing" } else { "missing" };
        assert_eq!(state(&kept, renewed), then, "{life}");
        assert_eq!(state(&kept, gone), "missing", "{life}");
        assert!(kept.has_granted(&KEY), "{life}");
    }
    assert_eq!(state(&kept_for(1, NEVER), 0), "missing", "used by those who wait only");
}

#[tokio::test(start_paused = true)]
async fn d11_a_token_is_not_sent_beyond_its_end_though_the_clock_is_set_back() {
    const BACK: i64 = 3600;
    let kept = kept_for(100, NEVER);
    advance(Duration::from_secs(80)).await;
    assert_eq!(state(&kept, 80 - BACK), "ageing", "renewed as if nothing had happened");
    advance(Duration::from_secs(5)).await;
    assert!(kept.postpone(&KEY, UnixTime(NOW + 85 - BACK)).is_some(), "the provider is down");
    advance(Duration::from_secs(4)).await;
    assert_eq!(state(&kept, 89 - BACK), "fresh");
    advance(Duration::from_secs(1)).await;
    assert_eq!(state(&kept, 90 - BACK), "missing");
    assert!(kept.postpone(&KEY, UnixTime(NOW + 90 - BACK)).is_none());
}

#[test]
fn it_ends_with_the_callers_token_and_is_not_renewed_for_nothing() {
    let kept = kept_for(3600, UnixTime(NOW + 60));
    assert_eq!((state(&kept, 59), state(&kept, 60)), ("fresh", "missing"));
}

#[test]
fn a_renewal_that_failed_waits_and_never_prolongs_the_token() {
    let kept = kept_for(100, NEVER);
    assert!(kept.postpone(&KEY, UnixTime(NOW + 81)).is_some());
    assert_eq!((state(&kept, 85), state(&kept, 86)), ("fresh", "ageing"));
    assert!(kept.postpone(&KEY, UnixTime(NOW + 88)).is_some());
    assert_eq!((state(&kept, 89), state(&kept, 90)), ("fresh", "missing"));
    assert!(kept.postpone(&KEY, UnixTime(NOW + 90)).is_none());
}

#[test]
fn a_refusal_replaces_the_token_and_counts_for_some_seconds() {
    let kept = kept_for(100, NEVER);
    kept.refuse(&KEY, UnixTime(NOW));
    assert_eq!((state(&kept, 4), state(&kept, 5)), ("refused", "missing"));
    assert!(!kept.has_granted(&KEY));
}

#[test]
fn g4_what_separates_values_of_a_header_is_in_no_token() {
    for token in ["a", "a.b.c", "00D!AQ4", "1|abc", "YWJj+/==", "a-b_c~d:e"] {
        assert!(is_sendable(token), "{token}");
    }
    for byte in (0..=b' ').chain(0x7f..=0x7f).chain(*b",;\"\\") {
        let token = format!("a{}b", char::from(byte));
        assert!(!is_sendable(&token), "{token:?}");
    }
    assert!(!is_sendable("") && !is_sendable("é"));
}

#[test]
fn o2_neither_debug_shows_a_token() {
    let subject = SubjectToken { token: "s3cret-of-alice", ends: NEVER };
    let header = &settings().header;
    let value = header.value("s3cret-of-orders").unwrap();
    let shown = format!("{subject:?} {:?}", ObtainedToken::Token(value));
    assert!(!shown.contains("s3cret"), "{shown}");
}

/// An answer of an exchange.
fn read(status: u16, body: Vec<u8>) -> Result<GrantAnswer, GrantError> {
    let rules = GrantRules {
        header: settings().header,
        max_token_bytes: 64,
        issued_type: Some(TokenType::AccessToken),
    };
    let (status, headers) = (StatusCode::from_u16(status).unwrap(), HeaderMap::new());
    rules.read(
        &Reply { status, headers, body: Bytes::from(body), trailers: HeaderMap::new() },
        "idp",
        UnixTime(NOW),
    )
}

proptest! {
    #[test]
    fn g4_whatever_token_an_answer_has_it_is_one_value_or_none(
        token in "(\\PC|[\\x00-\\x20,;\"\\\\]){0,70}",
        lifetime in any::<i64>(),
    ) {
        let mut body = Object::default();
        body.insert("access_token", &*token);
        body.insert("token_type", "Bearer");
        body.insert("issued_token_type", TokenType::AccessToken.uri());
        body.insert("expires_in", lifetime);
        match read(200, body.to_text().into_bytes()) {
            Ok(GrantAnswer::Granted(granted)) => {
                let expected = format!("Bearer {token}");
                prop_assert_eq!(granted.value.as_bytes(), expected.as_bytes());
                prop_assert!(is_sendable(&token) && token.len() <= 64 && lifetime > 0);
                prop_assert!(granted.expires.0 > NOW);
            }
            Ok(GrantAnswer::Denied(_)) => prop_assert!(false, "200 is no refusal"),
            Err(error) => {
                let text = error.to_string();
                prop_assert!(token.len() < 4 || !text.contains(&*token), "{}", text);
            }
        }
    }

    #[test]
    fn g6_any_other_answer_is_no_token(
        status in (201_u16..600).prop_filter("a final status", |status| *status >= 200),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(read(status, body).is_err());
    }
}
