//! S-8: what a signed message says of itself: its age, its id, and the parameters of its header.

use std::{
    io::{BufReader, Write},
    os::unix::net::UnixListener,
    sync::Arc,
    thread,
};

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    reason::Reason,
};
use serde_json::json;

use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign, sign_with},
    support::{
        NOW,
        authority::Authority,
        client::Request,
        flaky::{Break, Flaky},
        issuer::key,
        raw_h2_upstream::{REFUSED_STREAM, RawH2Upstream, Step},
        tls_front::{Showing, TlsFront},
        upstream::Upstream,
        wire::{Head, Unframed},
    },
    upstream_tls::scene::{Files, NAME},
};

const IAT: &str = "http://openbanking.org.uk/iat";
const ISS: &str = "http://openbanking.org.uk/iss";
const TAN: &str = "http://openbanking.org.uk/tan";

const BODY: &[u8] = br#"{"amount":100}"#;

#[test]
fn s8_a_message_is_as_old_as_its_header_says() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!(
        "critical = [\"iat\"]\n{ONE_SIGNER}\n[signatures.partner.freshness]\n\
         issued = {{ header = \"iat\" }}\nmax_age = \"5m\"\nexpires = {{ header = \"exp\" }}\n\
         clock_skew = \"10s\""
    );
    let scene = Scene::start(&rules, &jwks(&[&signer]));
    let signed = |iat: i64, exp: i64| {
        let header = json!({ "crit": ["b64", "iat"], "iat": iat, "exp": exp });
        scene.post(&sign_with(&signer, Dialect::Rfc7797, &header, BODY), BODY)
    };
    scene.admits("now", &signed(NOW, NOW + 60), BODY);
    scene.admits("at its end", &signed(NOW - 310, NOW - 9), BODY);
    scene.refuses("too old", &signed(NOW - 311, NOW + 60), Reason::SignatureExpired);
    scene.refuses("ended", &signed(NOW, NOW - 10), Reason::SignatureExpired);
    scene.refuses("early", &signed(NOW + 11, NOW + 60), Reason::SignatureIssuedInFuture);
    let without = json!({ "crit": ["b64", "iat"], "iat": NOW });
    let without = scene.post(&sign_with(&signer, Dialect::Rfc7797, &without, BODY), BODY);
    scene.refuses("no end", &without, Reason::SignatureFieldMissing);
    let uncritical = json!({ "iat": NOW, "exp": NOW + 60 });
    let uncritical = scene.post(&sign_with(&signer, Dialect::Rfc7797, &uncritical, BODY), BODY);
    scene.refuses("not marked", &uncritical, Reason::SignatureHeaderNotAllowed);
    // A second later, the same message is too old.
    let last = signed(NOW - 310, NOW + 60);
    scene.admits("at its end again", &last, BODY);
    scene.world.proxy.advance(1);
    scene.refuses("a second later", &last, Reason::SignatureExpired);
}

/// Messages are fresh for five minutes, and pass once in that time.
fn once_in_five_minutes(signer: &Arc<SigningKey>) -> Scene {
    let rules = format!(
        "critical = [\"iat\"]\n{ONE_SIGNER}\n[signatures.partner.freshness]\n\
         issued = {{ header = \"iat\" }}\nmax_age = \"5m\"\nclock_skew = \"0s\"\n\
         [signatures.partner.replay]\nid = {{ header = \"jti\" }}\nwindow = \"5m\""
    );
    Scene::start(&rules, &jwks(&[signer]))
}

#[test]
fn s8_a_message_does_not_outlive_its_time_by_a_slow_body() {
    let signer = key(Algorithm::Es256, "k");
    let scene = once_in_five_minutes(&signer);
    let header = json!({ "crit": ["b64", "iat"], "iat": NOW, "jti": "1" });
    let request = scene.post(&sign_with(&signer, Dialect::Rfc7797, &header, BODY), BODY);
    scene.world.proxy.exchange(&request);
    scene.world.proxy.advance(299);
    let slow = request.field("expect", "100-continue").bytes();
    let (head, body) = slow.split_at(slow.len() - BODY.len());
    let before = scene.world.mark();
    let mut client = scene.world.proxy.client();
    client.send(head);
    assert_eq!(client.read().status, 100, "in time so far");
    // The first one is forgotten meanwhile.
    scene.world.proxy.advance(2);
    client.send(body);
    assert_eq!(client.read().status, 401, "too old by now");
    before.assert_untouched("late");
}

#[test]
fn s8_a_message_is_known_through_the_last_second_in_which_it_is_fresh() {
    let signer = key(Algorithm::Es256, "k");
    let scene = once_in_five_minutes(&signer);
    let header = json!({ "crit": ["b64", "iat"], "iat": NOW, "jti": "1" });
    let message = scene.post(&sign_with(&signer, Dialect::Rfc7797, &header, BODY), BODY);
    scene.admits("once", &message, BODY);
    scene.world.proxy.advance(299);
    scene.refuses("after 299 s", &message, Reason::SignatureReplayed);
    scene.world.proxy.advance(1);
    scene.refuses("after 300 s", &message, Reason::SignatureReplayed);
    scene.world.proxy.advance(1);
    scene.refuses("after 301 s", &message, Reason::SignatureExpired);
}

#[test]
fn s8_a_message_is_as_old_as_its_body_says_and_its_id_is_good_once() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!(
        "{ONE_SIGNER}\n[signatures.partner.freshness]\nissued = {{ body = \"/metadata/timestamp\" }}\n\
         [signatures.partner.replay]\nid = {{ body = \"/metadata/requestId\" }}\nwindow = \"10m\""
    );
    let scene = Scene::start(&rules, &jwks(&[&signer]));
    let message = |timestamp: &str, id: &str| {
        format!(r#"{{"metadata":{{"timestamp":"{timestamp}","requestId":"{id}"}}}}"#)
    };
    let at = |seconds: i64| {
        let moment =
            std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.cast_unsigned());
        humantime::format_rfc3339_millis(moment).to_string()
    };
    let post = |body: &str| scene.post(&sign(&signer, body.as_bytes()), body.as_bytes());
    let first = message(&at(NOW), "r1");
    scene.admits("once", &post(&first), first.as_bytes());
    scene.refuses("twice", &post(&first), Reason::SignatureReplayed);
    // Another signature over other bytes, and still the same message.
    let same_id = message(&at(NOW - 1), "r1");
    scene.refuses("the same id", &post(&same_id), Reason::SignatureReplayed);
    let second = message(&at(NOW), "r2");
    scene.admits("another", &post(&second), second.as_bytes());
    let old = message(&at(NOW - 361), "r3");
    scene.refuses("too old", &post(&old), Reason::SignatureExpired);
    for (case, body) in [
        ("no id", r#"{"metadata":{"timestamp":"2030-03-17T17:46:40Z"}}"#),
        ("no JSON", "amount=100"),
        ("no time", r#"{"metadata":{"requestId":"r4"}}"#),
    ] {
        scene.refuses(case, &post(body), Reason::SignatureFieldMissing);
    }
    // What is refused for its signature is not remembered.
    let third = message(&at(NOW), "r5");
    let forged = scene.post(&sign(&signer, b"other"), third.as_bytes());
    scene.refuses("forged", &forged, Reason::SignatureInvalid);
    scene.admits("not spoilt by it", &post(&third), third.as_bytes());
}

#[test]
fn s8_a_message_that_did_not_reach_the_service_may_come_again() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!(
        "{ONE_SIGNER}\n[signatures.partner.replay]\nid = {{ header = \"jti\" }}\nwindow = \"1m\""
    );
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("upstream.sock");
    let scene = Scene::with(&rules, &jwks(&[&signer]), |setup| {
        setup.with(&format!("[upstreams.late]\nurl = \"unix:{}\"", socket.display())).routes(
            "[[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"\nupstream = \"late\"",
        )
    });
    let header = json!({ "jti": "1" });
    let request = scene.post(&sign_with(&signer, Dialect::Rfc7797, &header, BODY), BODY);
    for _ in 0..2 {
        assert_eq!(scene.world.proxy.exchange(&request).status, 502, "no service is there");
    }
    let listener = UnixListener::bind(&socket).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let head = Head::read(&mut reader).unwrap().unwrap();
            head.read_body(&mut reader, Unframed::Empty).unwrap();
            (&stream).write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        });
        assert_eq!(scene.world.proxy.exchange(&request).status, 204);
    });
    assert_eq!(scene.world.proxy.exchange(&request).status, 401, "it has come");
}

const ONCE: &str = "[signatures.partner.replay]\nid = { header = \"jti\" }\nwindow = \"1m\"";

/// A scene in front of that upstream, and signed PUTs by their ids.
fn puts_to(url: &str, lines: &str) -> (Scene, impl Fn(&str) -> Request + use<>) {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::with(&format!("{ONE_SIGNER}\n{ONCE}"), &jwks(&[&signer]), |setup| {
        setup.with(&format!("[upstreams.other]\nurl = \"{url}\"\n{lines}")).routes(
            "[[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"\nupstream = \"other\"",
        )
    });
    let token = scene.token(json!({}));
    let put = move |id: &str| {
        let signature = sign_with(&signer, Dialect::Rfc7797, &json!({ "jti": id }), BODY);
        Request::new("PUT", "/signed/loans")
            .bearer(&token)
            .field("x-jws-signature", &signature)
            .body(BODY)
    };
    (scene, put)
}

#[test]
fn f13_a_signed_message_that_was_sent_is_not_sent_again() {
    let upstream = Flaky::start(Break::Close);
    // Not even where everything else would be.
    let (scene, put) = puts_to(&upstream.url(), "retry = \"unanswered\"");
    assert_eq!(scene.world.proxy.exchange(&put("1")).status, 200);
    assert_eq!(scene.world.proxy.exchange(&put("2")).status, 502);
    assert_eq!(upstream.connections(), [0, 0], "sent once");
    assert_eq!(scene.world.proxy.exchange(&put("2")).status, 401, "its id is used up");
}

#[test]
fn f13_a_signed_message_that_the_peer_declined_may_come_again() {
    let upstream = RawH2Upstream::start(100, |call| match call.number {
        0 => vec![Step::Reset(REFUSED_STREAM)],
        _ => vec![Step::Answer],
    });
    let (scene, put) = puts_to(&upstream.url(), "");
    assert_eq!(scene.world.proxy.exchange(&put("1")).status, 502);
    assert_eq!(upstream.calls().len(), 1, "sent once");
    assert_eq!(scene.world.proxy.exchange(&put("1")).status, 200);
    assert_eq!(scene.world.proxy.exchange(&put("1")).status, 401);
}

#[test]
fn u1_a_signed_message_for_an_upstream_that_is_another_was_not_sent_and_may_come_again() {
    let files = Files::new();
    let (good, bad) = (files.good(), Authority::new("of upstreams").server(NAME));
    let upstream = Upstream::start();
    let front = TlsFront::start(&Showing::new(&bad).alpn(&["http/1.1"]), upstream.address(), None);
    let (mut scene, put) = puts_to(&front.url(), &files.trusting());
    scene.world.proxy.expect_unmatched_answers();
    assert_eq!(scene.world.proxy.exchange(&put("1")).status, 502);
    front.show(&Showing::new(&good).alpn(&["http/1.1"]));
    assert_eq!(scene.world.proxy.exchange(&put("1")).status, 200);
    assert_eq!(scene.world.proxy.exchange(&put("1")).status, 401);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn s8_a_full_memory_refuses_rather_than_forgets() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!(
        "{ONE_SIGNER}\n[signatures.partner.replay]\nid = {{ header = \"jti\" }}\n\
         window = \"1m\"\nentries = 2"
    );
    let scene = Scene::start(&rules, &jwks(&[&signer]));
    let post = |id: &str| {
        let header = json!({ "jti": id });
        scene.post(&sign_with(&signer, Dialect::Rfc7797, &header, BODY), BODY)
    };
    scene.admits("one", &post("1"), BODY);
    scene.admits("two", &post("2"), BODY);
    scene.refuses("three", &post("3"), Reason::ReplayMemoryFull);
    scene.refuses("one again", &post("1"), Reason::SignatureReplayed);
    scene.world.proxy.advance(61);
    scene.admits("three, later", &post("3"), BODY);
}

#[test]
fn a_parameter_may_have_to_be_true_or_false() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!(
        "{ONE_SIGNER}\ndialects = [\"rfc7797\", \"detached\"]\n[signatures.partner.require]\nb64 = false"
    );
    let scene = Scene::start(&rules, &jwks(&[&signer]));
    let post = |dialect| scene.post(&sign_with(&signer, dialect, &json!({}), BODY), BODY);
    scene.admits("false", &post(Dialect::Rfc7797), BODY);
    scene.refuses("absent", &post(Dialect::Detached), Reason::SignatureHeaderNotAllowed);
}

#[test]
fn c13_a_parameter_equals_what_is_written_in_the_same_way() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!(
        "{ONE_SIGNER}\n[signatures.partner.require]\nlevel = [7, true]\n\
         flag = {{ claim = \"flag\" }}"
    );
    let scene = Scene::start(&rules, &jwks(&[&signer]));
    let post = |header: serde_json::Value, flag: serde_json::Value| {
        let signature = sign_with(&signer, Dialect::Rfc7797, &header, BODY);
        let token = scene.token(json!({ "flag": flag }));
        Request::new("POST", "/signed/a")
            .bearer(&token)
            .field("x-jws-signature", &signature)
            .body(BODY)
    };
    for (level, flag, claim) in [
        (json!(7), json!(true), json!(true)),
        (json!("7"), json!(true), json!("true")),
        (json!(true), json!("true"), json!(true)),
        (json!("true"), json!(12), json!("12")),
        (json!(7), json!(1.5), json!(1.5)),
    ] {
        let case = format!("{level} {flag} {claim}");
        scene.admits(&case, &post(json!({ "level": level, "flag": flag }), claim), BODY);
    }
    for (level, flag, claim) in [
        (json!(7.0), json!(true), json!(true)),
        (json!([7]), json!(true), json!(true)),
        (json!(7), json!(true), json!(false)),
        (json!(7), json!(1), json!(true)),
        (json!(7), json!("a"), json!(["a"])),
        (json!(7), json!("null"), json!(null)),
    ] {
        let case = format!("{level} {flag} {claim}");
        let request = post(json!({ "level": level, "flag": flag }), claim);
        scene.refuses(&case, &request, Reason::SignatureHeaderNotAllowed);
    }
}

#[test]
fn parameters_of_the_header_hold_what_they_must_and_are_critical_where_they_must() {
    let signer = key(Algorithm::Ps256, "k");
    let rules = format!(
        "profile = \"openbanking-uk\"\n{ONE_SIGNER}\ncritical = [\"http://openbanking.org.uk/iat\", \
         \"http://openbanking.org.uk/iss\", \"http://openbanking.org.uk/tan\"]\n\
         [signatures.partner.require]\n\"http://openbanking.org.uk/tan\" = \"openbanking.org.uk\"\n\
         \"http://openbanking.org.uk/iss\" = {{ claim = \"sub\" }}"
    );
    let scene = Scene::start(&rules, &jwks(&[&signer]));
    let post = |dialect: Dialect, header: serde_json::Value| {
        scene.post(&sign_with(&signer, dialect, &header, BODY), BODY)
    };
    let good = || json!({ "crit": ["b64", IAT, ISS, TAN], IAT: NOW, ISS: "alice", TAN: "openbanking.org.uk" });
    scene.admits("up to 3.1.3", &post(Dialect::Rfc7797, good()), BODY);
    let mut later = good();
    later["crit"] = json!([IAT, ISS, TAN]);
    scene.admits("from 3.1.4 on", &post(Dialect::Detached, later.clone()), BODY);
    let changed = |name: &str, value: serde_json::Value| {
        let mut header = later.clone();
        header[name] = value;
        post(Dialect::Detached, header)
    };
    for (case, request, reason) in [
        ("another's name", changed(ISS, json!("bob")), Reason::SignatureHeaderNotAllowed),
        ("another anchor", changed(TAN, json!("example.com")), Reason::SignatureHeaderNotAllowed),
        ("not critical", changed("crit", json!([IAT, ISS])), Reason::SignatureHeaderNotAllowed),
        ("old", changed(IAT, json!(NOW - 361)), Reason::SignatureExpired),
        ("early", changed(IAT, json!(NOW + 61)), Reason::SignatureIssuedInFuture),
        ("unknown", changed("crit", json!([IAT, ISS, TAN, "x"])), Reason::CriticalUnknown),
        ("twice", changed("crit", json!([IAT, IAT, ISS, TAN])), Reason::CriticalUnknown),
    ] {
        scene.refuses(case, &request, reason);
    }
    let without_crit = post(Dialect::B64FalseWithoutCrit, json!({}));
    scene.refuses("b64 not critical", &without_crit, Reason::SignatureDialectNotAllowed);
}
