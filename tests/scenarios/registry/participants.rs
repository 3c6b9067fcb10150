//! A registry as OCEN has it: what it says decides, and what it says in confidence is not kept.

use std::fs;

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::{
    registry::scene::{AT_PUBLIC_KEY, Scene, snapshots_in},
    support::{
        issuer::{key, public},
        key_server::{KeyServer, Page},
        wait_until,
    },
};

const REQUIRE: &str = r#"
pointer = "/publicKey"
require = { "participantRoleStatus" = "APPROVED", "isApproved" = true, "kcClientId" = { claim = "azp" } }
"#;

/// A participant's entry, `changes` put over it.
fn entry(jwk: &Value, changes: Value) -> Value {
    let mut entry = json!({
        "id": "3051",
        "participantRole": "LOAN_AGENT",
        "kcClientId": "client-1",
        "kcClientSecret": "s3cret-of-the-participant",
        "publicKey": jwk.to_string(),
        "isApproved": true,
        "participantRoleStatus": "APPROVED",
        "participant": { "participantName": "Agent", "participantEmail": "a@example.com" },
    });
    entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    entry
}

#[test]
fn s7_only_an_approved_participant_signs_for_its_own_client() {
    let (own, others) = (key(Algorithm::Rs256, "own"), key(Algorithm::Rs256, "others"));
    let scene = Scene::start(REQUIRE);
    let jwk = public(&own);
    let approved = |id: &str, changes: Value| scene.say(id, &entry(&jwk, changes));
    approved("3051", json!({}));
    approved("review", json!({ "participantRoleStatus": "UNDER_REVIEW" }));
    approved("flag", json!({ "isApproved": false }));
    approved("nothing", json!({ "participantRoleStatus": null }));
    approved("list", json!({ "participantRoleStatus": ["APPROVED"] }));
    let claims = |id: &str, azp: &str| json!({ "participantId": id, "azp": azp });
    scene.admits("approved", &scene.request_with(claims("3051", "client-1"), &own));
    let numeric = json!({ "participantId": 3051, "azp": "client-1" });
    scene.admits("a number", &scene.request_with(numeric, &own));
    for (case, request, reason) in [
        (
            "in review",
            scene.request_with(claims("review", "client-1"), &own),
            Reason::SignerNotApproved,
        ),
        (
            "not approved",
            scene.request_with(claims("flag", "client-1"), &own),
            Reason::SignerNotApproved,
        ),
        (
            "no status",
            scene.request_with(claims("nothing", "client-1"), &own),
            Reason::SignerNotApproved,
        ),
        ("a list", scene.request_with(claims("list", "client-1"), &own), Reason::SignerNotApproved),
        (
            "another client",
            scene.request_with(claims("3051", "client-2"), &own),
            Reason::SignerMismatch,
        ),
        (
            "another kid",
            scene.request_with(claims("3051", "client-1"), &others),
            Reason::SignerMismatch,
        ),
    ] {
        scene.refuses(case, &request, reason);
    }
}

#[test]
fn a_participant_that_was_approved_a_moment_ago_does_not_wait_for_its_entry_to_age() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!("{AT_PUBLIC_KEY}\nrequire = {{ status = \"APPROVED\" }}"));
    let says = |status: &str| json!({ "publicKey": public(&own).to_string(), "status": status });
    scene.say("3051", &says("UNDER_REVIEW"));
    let request = scene.request("3051", &own);
    scene.refuses("in review", &request, Reason::SignerNotApproved);
    let asked = scene.questions();
    for _ in 0..20 {
        scene.refuses("still", &request, Reason::SignerNotApproved);
    }
    assert_eq!(scene.questions(), asked, "its requests cost a question in 30 s");
    scene.say("3051", &says("APPROVED"));
    scene.world.proxy.advance(30);
    scene.admits("approved", &request);
}

#[test]
fn o2_what_the_registry_says_in_confidence_is_not_kept() {
    let own = key(Algorithm::Rs256, "own");
    let folder = tempfile::tempdir().unwrap();
    let snapshot = format!("{REQUIRE}snapshot = \"{}\"", folder.path().display());
    let scene = Scene::start(&snapshot);
    scene.say("3051", &entry(&public(&own), json!({})));
    let claims = json!({ "participantId": "3051", "azp": "client-1" });
    scene.admits("approved", &scene.request_with(claims, &own));
    wait_until("the snapshot", || snapshots_in(folder.path()).len() == 1);
    let file = snapshots_in(folder.path()).pop().unwrap();
    let written = fs::read_to_string(file).unwrap();
    assert!(written.contains("APPROVED") && written.contains("client-1"), "{written}");
    for text in [written, scene.world.proxy.logs(), scene.world.proxy.page("/config")] {
        assert!(!text.contains("s3cret-of-the-participant"));
        assert!(!text.contains("a@example.com"), "nothing that is not asked for");
    }
}

#[test]
fn the_proxys_own_token_is_fetched_once_and_again_when_it_is_refused() {
    let own = key(Algorithm::Es256, "own");
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "our-secret\n").unwrap();
    let registry = KeyServer::start();
    let grant = |token: &str| {
        Page::json(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }))
    };
    registry.serve("/token", grant("first-token"));
    let lines = format!(
        "{AT_PUBLIC_KEY}\nauth = \"bearer\"\ntoken_url = \"{}\"\nclient_id = \"us\"\n\
         client_secret_file = \"{}\"\nnegative_ttl = \"0s\"",
        registry.url("/token"),
        secret.display()
    );
    let scene = Scene::with(registry, "/roles/{signer}", &lines, |setup| setup);
    for participant in ["a", "b", "c"] {
        scene.say(participant, &json!({ "publicKey": public(&own).to_string() }));
        scene.admits(participant, &scene.request(participant, &own));
    }
    let asked = scene.registry.asked();
    let tokens = asked.iter().filter(|head| head.start.starts_with("POST /token")).count();
    assert_eq!((tokens, asked.len()), (1, 4));
    let shown: Vec<_> = asked.iter().filter_map(|head| head.field("authorization")).collect();
    assert!(shown.contains(&"Bearer first-token"), "{shown:?}");
    // The token is withdrawn: the registry says 401 until it sees another one.
    scene.registry.serve("/roles/d", Page::status(401));
    scene.registry.serve("/token", grant("second-token"));
    scene.refuses("refused", &scene.request("d", &own), Reason::KeysUnavailable);
    scene.world.proxy.advance(2);
    scene.say("d", &json!({ "publicKey": public(&own).to_string() }));
    scene.admits("with the next token", &scene.request("d", &own));
    let last = scene.registry.asked().last().unwrap().clone();
    assert!(last.field("authorization").is_some_and(|it| it.ends_with("-token")), "{last:?}");
    assert!(!scene.world.proxy.logs().contains("our-secret"));
    assert!(!scene.world.proxy.logs().contains("first-token"));
}

#[test]
fn k11_a_signer_s_name_stays_in_its_place_of_the_url() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(AT_PUBLIC_KEY);
    for (name, path) in [
        ("../admin", "/roles/..%2Fadmin"),
        ("a/b?c#d", "/roles/a%2Fb%3Fc%23d"),
        ("%2e%2e", "/roles/%252e%252e"),
        ("ü x", "/roles/%C3%BC%20x"),
        ("a@evil.test", "/roles/a%40evil.test"),
    ] {
        scene.refuses(name, &scene.request(name, &own), Reason::SignerUnknown);
        let last = scene.registry.asked().last().unwrap().clone();
        assert_eq!(last.start, format!("GET {path} HTTP/1.1"));
    }
    let before = scene.questions();
    for name in ["..", ".", "a\nb", &"a".repeat(257)] {
        scene.refuses(name, &scene.request(name, &own), Reason::SignerUnknown);
    }
    assert_eq!(scene.questions(), before, "names that are none are not looked up");
}

#[test]
fn c13_a_field_equals_what_is_written_in_the_same_way() {
    let own = key(Algorithm::Es256, "own");
    let scene = Scene::start(&format!(
        "{AT_PUBLIC_KEY}\nrequire = {{ level = [7, 8], client = {{ claim = \"azp\" }} }}"
    ));
    let jwk = public(&own).to_string();
    let says = |name: &str, level: Value, client: Value| {
        scene.say(name, &json!({ "publicKey": jwk, "level": level, "client": client }));
        scene.request_with(json!({ "participantId": name, "azp": "12" }), &own)
    };
    scene.admits("numbers", &says("numbers", json!(7), json!(12)));
    scene.admits("texts", &says("texts", json!("8"), json!("12")));
    let fraction = says("fraction", json!(7.0), json!(12));
    scene.refuses("7.0", &fraction, Reason::SignerNotApproved);
    let list = says("list", json!([7]), json!(12));
    scene.refuses("a list", &list, Reason::SignerNotApproved);
    let other = says("other", json!(7), json!(12.0));
    scene.refuses("12.0", &other, Reason::SignerMismatch);
}

#[test]
fn s7_what_a_renewal_says_beside_the_same_key_counts() {
    let own = key(Algorithm::Es256, "own");
    let scene =
        Scene::start(&format!("{AT_PUBLIC_KEY}\nrequire = {{ client = {{ claim = \"azp\" }} }}"));
    let says = |client: &str| json!({ "publicKey": public(&own).to_string(), "client": client });
    let request =
        |client: &str| scene.request_with(json!({ "participantId": "3051", "azp": client }), &own);
    scene.say("3051", &says("old"));
    scene.admits("the old client", &request("old"));
    scene.say("3051", &says("new"));
    scene.admits("the client has another name", &request("new"));
    assert_eq!(scene.questions(), 2);
    scene.refuses("the old one", &request("old"), Reason::SignerMismatch);
}
