//! What the registry does wrong: no valid request is lost that could be decided about, and none
//! passes that could not.

use std::{
    io::{BufReader, Write},
    net::TcpStream,
    thread,
};

use countersign::{
    jose::{Algorithm, Dialect},
    json::Object,
    reason::Reason,
};
use serde_json::json;

use crate::{
    registry::scene::{AT_PUBLIC_KEY, BODY, Scene, as_text, sign},
    support::{
        client::Request,
        issuer::key,
        key_server::{KeyServer, Page},
        wait_until,
        wire::{Head, Unframed},
        world::World,
    },
};

#[test]
fn k13_a_registry_that_can_not_be_asked_is_503_and_never_a_verdict() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\ntimeout = \"300ms\""));
    for (case, page) in [
        ("500", Page::status(500)),
        ("429", Page::status(429)),
        ("403", Page::status(403)),
        ("a redirect", Page::status(302)),
        ("closed", Page::hang_up()),
        ("silence", Page::silence()),
        ("endless", Page::endless()),
        ("no JSON", Page::text("<html>maintenance</html>")),
        ("JSON with a member twice", Page::text(r#"{"publicKey":"a","publicKey":"b"}"#)),
    ] {
        // A name each: a registry that fails five times in a row is left alone for a while.
        let scene = if case == "silence" {
            &Scene::start(&format!("{AT_PUBLIC_KEY}\ntimeout = \"300ms\""))
        } else {
            &scene
        };
        scene.registry.serve("/roles/3051", page);
        let answer = scene.refuses(case, &scene.request("3051", &own), Reason::KeysUnavailable);
        assert!(answer.field("retry-after").is_some());
    }
}

#[test]
fn a_registry_that_is_required_makes_the_proxy_unready_while_it_fails() {
    let own = key(Algorithm::Es256, "own");
    let required = "[signatures.partner.readiness]\nrequired = true";
    for (lines, status) in [("", 200), (required, 503)] {
        let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\n{lines}"));
        scene.registry.serve("/roles/3051", Page::status(500));
        scene.refuses("500", &scene.request("3051", &own), Reason::KeysUnavailable);
        let page = scene.world.proxy.admin("/readyz");
        assert_eq!(page.status, status);
        let text = String::from_utf8(page.body.bytes).unwrap();
        assert!(text.contains("registry of partner: "), "{text}");
    }
}

#[test]
fn the_registry_that_fails_is_told_and_it_recovers_by_itself() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(AT_PUBLIC_KEY);
    scene.registry.serve("/roles/3051", Page::status(500));
    scene.refuses("down", &scene.request("3051", &own), Reason::KeysUnavailable);
    let notes = scene.world.proxy.page("/readyz");
    assert!(notes.contains("registry of partner") && notes.contains("status 500"), "{notes}");
    scene.say("3051", &as_text(&own));
    scene.world.proxy.advance(2);
    scene.admits("up", &scene.request("3051", &own));
    assert_eq!(scene.world.proxy.page("/readyz"), "ready\n");
    let series = "countersign_registry_lookups_total{outcome=\"status\",signature=\"partner\"}";
    assert!((scene.world.proxy.metric(series) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn an_unknown_signer_is_asked_about_once_in_a_while() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\nnegative_ttl = \"30s\""));
    for _ in 0..5 {
        scene.refuses("an unlisted signer", &scene.request("3051", &own), Reason::SignerUnknown);
    }
    assert_eq!(scene.questions(), 1);
    scene.say("3051", &as_text(&own));
    scene.refuses("not yet", &scene.request("3051", &own), Reason::SignerUnknown);
    scene.world.proxy.advance(30);
    scene.admits("admitted to the network", &scene.request("3051", &own));
    assert_eq!(scene.questions(), 2);
}

#[test]
fn d7_invented_signers_cost_a_bounded_memory_and_evict_no_other() {
    const INVENTED: usize = 10_000;
    let own = key(Algorithm::Es256, "3051");
    let registry = KeyServer::start();
    let url = registry.url("/roles/{signer}");
    registry.serve("/roles/3051", Page::json(&as_text(&own)));
    let world = World::with_setup(|setup| {
        setup
            .with(&format!(
                "[signatures.partner]\nsigner = \"kid\"\n[signatures.partner.keys.registry]\n\
                 url = \"{url}\"\n{AT_PUBLIC_KEY}\nentries = 10"
            ))
            .routes("[[routes]]\npath = \"/hook\"\naccess = \"public\"\nsignature = \"partner\"")
    });
    let signed = |kid: &str| {
        let mut header = Object::default();
        header.insert("kid", kid);
        let signature = own.sign_detached(Dialect::Rfc7797, &header, BODY).unwrap();
        Request::new("POST", "/hook").field("x-jws-signature", signature).body(BODY)
    };
    assert!(world.proxy.exchange(&signed("3051")).is_from_upstream());
    // The harness keeps what it sends, and looks for all of it in the logs: not 10,000 times.
    let stream = TcpStream::connect(world.proxy.address()).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    for n in 0..INVENTED {
        (&stream).write_all(&signed(&format!("invented-{n}")).bytes()).unwrap();
        let head = Head::read(&mut answers).unwrap().unwrap();
        let body = head.read_body(&mut answers, Unframed::Empty).unwrap();
        assert!(String::from_utf8_lossy(&body.bytes).contains("signer_unknown"));
    }
    assert_eq!(registry.count(), 1 + INVENTED, "each is asked about once");
    assert!(world.proxy.exchange(&signed("3051")).is_from_upstream());
    assert_eq!(registry.count(), 1 + INVENTED, "who is known stays known");
}

#[test]
fn k8_those_who_look_for_the_same_signer_wait_for_one_answer() {
    let own = key(Algorithm::Es256, "own");
    let mut scene = Scene::start(AT_PUBLIC_KEY);
    scene.world.proxy.expect_unmatched_answers();
    scene.say("3051", &as_text(&own));
    scene.registry.hold();
    let requests: Vec<Request> = (0..20).map(|_| scene.request("3051", &own)).collect();
    thread::scope(|scope| {
        let waiting: Vec<_> = requests
            .iter()
            .map(|request| scope.spawn(|| scene.world.proxy.exchange(request)))
            .collect();
        // The first to ask goes away.
        let mut gone = scene.world.proxy.client();
        gone.send(&scene.request("3051", &own).bytes());
        drop(gone);
        wait_until("the question", || scene.questions() == 1);
        scene.registry.release();
        for answer in waiting {
            assert!(answer.join().unwrap().is_from_upstream());
        }
    });
    assert_eq!(scene.questions(), 1);
}

#[test]
fn an_entry_is_renewed_beside_the_requests_and_outlives_an_outage_for_a_while() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\nrefresh = \"10m\"\nmax_stale = \"1h\""));
    let request = |lifetime: i64| {
        scene.request_with(
            json!({ "participantId": "3051", "exp": crate::support::NOW + lifetime }),
            &own,
        )
    };
    scene.say("3051", &as_text(&own));
    scene.admits("new", &request(10_000));
    scene.world.proxy.advance(599);
    scene.admits("fresh", &request(10_000));
    assert_eq!(scene.questions(), 1);
    scene.world.proxy.advance(1);
    scene.registry.hold();
    scene.admits("no request waits for the renewal", &request(10_000));
    scene.registry.release();
    let found = "countersign_registry_lookups_total{outcome=\"found\",signature=\"partner\"}";
    wait_until("it is renewed", || scene.world.proxy.metric(found) > 1.5);
    scene.registry.serve("/roles/3051", Page::status(500));
    scene.world.proxy.advance(3_000);
    scene.admits("the registry is down", &request(10_000));
    wait_until("it was asked", || scene.questions() == 3);
    scene.world.proxy.advance(601);
    scene.refuses("too old", &request(10_000), Reason::KeysUnavailable);
}

#[test]
fn k9_a_key_that_is_changed_in_the_middle_of_the_traffic_loses_no_request() {
    let (old, new) = (key(Algorithm::Es256, "k"), key(Algorithm::Es256, "k"));
    let renamed = key(Algorithm::Es256, "another name");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\ncooldown = \"30s\""));
    scene.say("3051", &as_text(&old));
    scene.admits("the old key", &scene.request("3051", &old));
    scene.say("3051", &as_text(&new));
    scene.admits("the new key, at once", &scene.request("3051", &new));
    scene.refuses("the old key", &scene.request("3051", &old), Reason::SignatureInvalid);
    let asked = scene.questions();
    assert_eq!(asked, 2, "a wrong signature asks for one renewal in the cooldown");
    for _ in 0..5 {
        scene.refuses("again", &scene.request("3051", &old), Reason::SignatureInvalid);
        scene.refuses("forged", &forged(&scene, &new), Reason::SignatureInvalid);
    }
    assert_eq!(scene.questions(), asked);
    scene.world.proxy.advance(30);
    scene.say("3051", &as_text(&renamed));
    scene.admits("under another kid", &scene.request("3051", &renamed));
    assert_eq!(scene.questions(), asked + 1);
}

#[test]
fn k9_those_who_sign_with_the_new_key_at_the_same_time_all_pass() {
    let (old, new) = (key(Algorithm::Es256, "k"), key(Algorithm::Es256, "k"));
    let mut scene = Scene::start(AT_PUBLIC_KEY);
    scene.world.proxy.expect_unmatched_answers();
    scene.say("3051", &as_text(&old));
    scene.admits("the old key", &scene.request("3051", &old));
    scene.say("3051", &as_text(&new));
    let requests: Vec<Request> = (0..20).map(|_| scene.request("3051", &new)).collect();
    thread::scope(|scope| {
        let sent: Vec<_> = requests
            .iter()
            .map(|request| scope.spawn(|| scene.world.proxy.exchange(request)))
            .collect();
        for answer in sent {
            assert!(answer.join().unwrap().is_from_upstream());
        }
    });
    assert_eq!(scene.questions(), 2);
}

#[test]
fn k3_a_signer_whose_answers_are_broken_is_no_outage_for_the_others() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(AT_PUBLIC_KEY);
    scene.registry.serve("/roles/broken", Page::text("<html>"));
    for _ in 0..10 {
        scene.refuses("broken", &scene.request("broken", &own), Reason::KeysUnavailable);
    }
    assert_eq!(scene.questions(), 1, "it is not asked about again at once");
    scene.say("3051", &as_text(&own));
    scene.admits("another", &scene.request("3051", &own));
}

#[test]
fn k13_names_that_make_the_registry_fail_are_no_outage_for_the_others() {
    let own = key(Algorithm::Es256, "own");
    for status in [400, 401, 403, 500] {
        let scene = Scene::start(AT_PUBLIC_KEY);
        for n in 0..10 {
            let name = format!("odd-{n}");
            scene.registry.serve(&format!("/roles/{name}"), Page::status(status));
            let case = format!("{status} {name}");
            scene.refuses(&case, &scene.request(&name, &own), Reason::KeysUnavailable);
        }
        assert_eq!(scene.questions(), 10);
        scene.say("3051", &as_text(&own));
        scene.admits("another", &scene.request("3051", &own));
    }
}

#[test]
fn k13_a_registry_that_fails_about_whom_it_knew_is_left_alone() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\nrefresh = \"1m\""));
    let members = ["a", "b", "c", "d", "e"];
    for name in members {
        scene.say(name, &as_text(&own));
        scene.admits(name, &scene.request(name, &own));
        scene.registry.serve(&format!("/roles/{name}"), Page::status(500));
    }
    scene.world.proxy.advance(120);
    for name in members {
        scene.admits(name, &scene.request(name, &own));
    }
    assert_eq!(scene.questions(), 10);
    scene.refuses("new", &scene.request("new", &own), Reason::KeysUnavailable);
    assert_eq!(scene.questions(), 10, "the registry is not asked");
}

fn forged(scene: &Scene, key: &countersign::jose::SigningKey) -> Request {
    Request::new("POST", "/signed/a")
        .bearer(&scene.world.issuer.mint(json!({ "participantId": "3051" })))
        .field("x-jws-signature", sign(key, b"another body"))
        .body(BODY)
}

#[test]
fn a_signer_that_leaves_the_network_is_known_no_longer() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\nrefresh = \"1m\""));
    scene.say("3051", &as_text(&own));
    scene.admits("a member", &scene.request("3051", &own));
    scene.registry.serve("/roles/3051", Page::status(404));
    scene.world.proxy.advance(60);
    scene.admits("not noticed yet", &scene.request("3051", &own));
    wait_until("noticed", || {
        !scene.world.proxy.exchange(&scene.request("3051", &own)).is_from_upstream()
    });
    scene.refuses("no member", &scene.request("3051", &own), Reason::SignerUnknown);
}

#[test]
fn a_signer_that_left_between_two_lookups_is_refused_at_once() {
    let (own, new) = (key(Algorithm::Es256, "own"), key(Algorithm::Es256, "new"));
    for (page, is_admitted) in [
        (Page::status(404), false),
        (Page::json(&as_text(&new)), false),
        // Undecided: what was said before counts.
        (Page::status(500), true),
    ] {
        let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\nrefresh = \"10m\""));
        let request = || {
            let lasting = json!({ "participantId": "3051", "exp": crate::support::NOW + 80_000 });
            scene.request_with(lasting, &own)
        };
        scene.say("3051", &as_text(&own));
        scene.admits("known", &request());
        scene.registry.serve("/roles/3051", page);
        scene.world.proxy.advance(20 * 60 * 60);
        let answer = scene.world.proxy.exchange(&request());
        assert_eq!(answer.is_from_upstream(), is_admitted, "{answer:?}");
    }
}

#[test]
fn k3_an_answer_without_a_key_takes_none_from_a_signer_who_has_one() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\nrefresh = \"10m\"\nmax_stale = \"1h\""));
    let request = |id: &str| {
        let claims = json!({ "participantId": id, "exp": crate::support::NOW + 10_000 });
        scene.request_with(claims, &own)
    };
    scene.say("3051", &as_text(&own));
    scene.admits("known", &request("3051"));
    for id in ["3051", "other"] {
        scene.say(id, &json!({ "error": "try again later" }));
    }
    scene.world.proxy.advance(600);
    scene.admits("renewed beside the requests", &request("3051"));
    wait_until("it was asked", || scene.questions() == 2);
    scene.world.proxy.advance(2);
    scene.admits("still known", &request("3051"));
    scene.refuses("never known", &request("other"), Reason::SignerUnknown);
    // That it has no key any more is said otherwise.
    scene.say("3051", &json!({ "publicKey": null }));
    scene.world.proxy.advance(600);
    scene.refuses("withdrawn", &request("3051"), Reason::SignerUnknown);
}
