use super::*;
use crate::identity::forwarded::settings::{ForwardingSettings, LoopHeader, TrustedProxy};

const THEIRS: &str = "669a22c2-73dd.4bfe_b51e";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn forwarded() -> Forwarded {
    Forwarded::new(&ForwardingSettings {
        trusted_proxies: vec![TrustedProxy::Network("10.0.0.0/8".parse().unwrap())],
        drop_underscores: true,
        remove: Vec::new(),
        remove_sets: Vec::new(),
        keep: Vec::new(),
        loop_header: LoopHeader::CdnLoop,
        max_header_bytes: 4096,
    })
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// What an upstream receives of a request with these headers.
fn sent(ids: &RequestIds, lines: &[(&'static str, &str)], peer: &str) -> HeaderMap {
    let mut headers = headers(lines);
    let peer = PeerAddress::new(peer.parse().unwrap());
    let provenance = ids.read(&headers, Some(&peer), &forwarded());
    // A rule of the route may set it.
    headers.append(ids.header(), HeaderValue::from_static("of-a-rule"));
    ids.clean(&provenance, &mut headers);
    assert!(!headers.contains_key("x-request-id"), "it is sent beside them");
    headers.insert(ids.header(), provenance.id.value());
    assert_eq!(headers["x-request-id"], provenance.id.to_string(), "logged as it is sent");
    headers
}

#[test]
fn o9_an_id_is_accepted_from_trusted_peers_only_and_only_if_it_is_plain() {
    let ids = RequestIds::of_worker(&RequestIdSettings::default());
    let id =
        |value: &str, peer| sent(&ids, &[("x-request-id", value)], peer)["x-request-id"].clone();
    assert_eq!(id(THEIRS, "10.0.0.1"), THEIRS);
    assert_eq!(id(&"a".repeat(MAX_ID_BYTES), "10.0.0.1").len(), MAX_ID_BYTES);
    assert_ne!(id(THEIRS, "192.0.2.1"), THEIRS, "an untrusted peer");
    for odd in ["", "a b", "a\"b", "a;b", "{a}", "a/b", &"a".repeat(MAX_ID_BYTES + 1)] {
        let made = id(odd, "10.0.0.1");
        assert!(uuid::Uuid::parse_str(made.to_str().unwrap()).is_ok(), "{odd}: {made:?}");
    }
    let two = [("x-request-id", THEIRS), ("x-request-id", "other")];
    let made = sent(&ids, &two, "10.0.0.1");
    assert_ne!(made["x-request-id"], THEIRS);
}

#[test]
fn o9_a_trace_goes_on_as_it_came_from_trusted_peers_only() {
    let ids = RequestIds::of_worker(&RequestIdSettings::default());
    let lines = [("traceparent", TRACE), ("tracestate", "a=1")];
    let trusted = sent(&ids, &lines, "10.0.0.1");
    assert_eq!([&trusted["traceparent"], &trusted["tracestate"]], [TRACE, "a=1"]);
    let other = sent(&ids, &lines, "192.0.2.1");
    assert!(!other.contains_key("traceparent") && !other.contains_key("tracestate"));
    let invalid = sent(&ids, &[("traceparent", "00-1-2-01"), ("tracestate", "a=1")], "10.0.0.1");
    assert!(!invalid.contains_key("traceparent") && !invalid.contains_key("tracestate"));
    let odd_state = sent(&ids, &[("traceparent", TRACE), ("tracestate", "A")], "10.0.0.1");
    assert!(odd_state.contains_key("traceparent") && !odd_state.contains_key("tracestate"));
    let always = RequestIdSettings { traceparent: TraceTrust::Always, ..Default::default() };
    let always = sent(&RequestIds::of_worker(&always), &lines, "192.0.2.1");
    assert_eq!([&always["traceparent"], &always["tracestate"]], [TRACE, "a=1"]);
}

#[test]
fn the_setting_says_which_answers_have_the_id() {
    for (answers, in_own, in_services) in [
        (AnswerIds::None, false, false),
        (AnswerIds::Own, true, false),
        (AnswerIds::All, true, true),
    ] {
        let settings = RequestIdSettings { answers, ..Default::default() };
        let ids = RequestIds::of_worker(&settings);
        for (is_own, expected) in [(true, in_own), (false, in_services)] {
            let mut headers = HeaderMap::new();
            ids.stamp_answer(&RequestId::Made([7; 16]), &mut headers, is_own);
            assert_eq!(headers.contains_key("x-request-id"), expected, "{answers:?} {is_own}");
        }
    }
}
