//! Registries that answer with a list of all signers, as Sahamati's does.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::{
    registry::scene::Scene,
    support::{
        issuer::{key, public},
        key_server::{KeyServer, Page},
        wait_until,
    },
};

const SELECT: &str = r#"
select  = { list = "/entities", member = "entityinfo.id" }
pointer = "/entityinfo/certificate"
require = { "status" = "ACTIVE" }
"#;

fn entity(id: &Value, jwk: &Value) -> Value {
    json!({ "status": "ACTIVE", "entityinfo": { "id": id, "certificate": jwk } })
}

fn start(lines: &str, list: &Value) -> Scene {
    let registry = KeyServer::start();
    registry.serve("/roles", Page::json(list));
    Scene::with(registry, "/roles", &format!("{SELECT}{lines}"), |setup| setup)
}

#[test]
fn a_signer_is_the_one_element_that_is_called_so() {
    let (one, two) = (key(Algorithm::Es256, "one"), key(Algorithm::Es256, "two"));
    let list = json!({ "entities": [
        entity(&json!("AA-1"), &public(&one)),
        entity(&json!(2), &public(&two)),
        entity(&json!("twice"), &public(&one)),
        entity(&json!("twice"), &public(&two)),
        { "entityinfo": { "id": "inactive", "certificate": public(&one) } },
    ] });
    let scene = start("", &list);
    scene.admits("by text", &scene.request("AA-1", &one));
    scene.admits("by number", &scene.request("2", &two));
    scene.refuses("another's key", &scene.request("AA-1", &two), Reason::SignerMismatch);
    scene.refuses("listed twice", &scene.request("twice", &one), Reason::SignerUnknown);
    scene.refuses("not listed", &scene.request("AA-3", &one), Reason::SignerUnknown);
    scene.refuses("inactive", &scene.request("inactive", &one), Reason::SignerNotApproved);
}

#[test]
fn k15_a_signer_who_is_listed_twice_alike_is_no_ambiguity() {
    let one = key(Algorithm::Es256, "one");
    let mut inactive = entity(&json!("half"), &public(&one));
    inactive["status"] = json!("INACTIVE");
    let list = json!({ "entities": [
        entity(&json!("twice"), &public(&one)),
        entity(&json!("twice"), &public(&one)),
        entity(&json!("half"), &public(&one)),
        inactive,
        entity(&json!("set"), &json!({ "keys": [public(&one), public(&one)] })),
    ] });
    let scene = start("", &list);
    scene.admits("alike", &scene.request("twice", &one));
    scene.admits("a key set that lists it twice", &scene.request("set", &one));
    scene.refuses("approved once", &scene.request("half", &one), Reason::SignerUnknown);
}

#[test]
fn the_list_is_fetched_once_for_all_of_them() {
    let keys: Vec<_> = (0..5).map(|n| key(Algorithm::Es256, &format!("k{n}"))).collect();
    let entities: Vec<_> =
        keys.iter().enumerate().map(|(n, key)| entity(&json!(n), &public(key))).collect();
    let scene = start("", &json!({ "entities": entities }));
    for (n, key) in keys.iter().enumerate() {
        scene.admits("each", &scene.request(&n.to_string(), key));
    }
    for n in 100..110 {
        scene.refuses(
            "an unlisted signer",
            &scene.request(&n.to_string(), &keys[0]),
            Reason::SignerUnknown,
        );
    }
    assert_eq!(scene.questions(), 1);
}

#[test]
fn k3_an_answer_that_is_no_list_is_an_outage_and_makes_no_signer_unknown() {
    let one = key(Algorithm::Es256, "one");
    let scene = start("", &json!({ "error": "later" }));
    scene.refuses("no list", &scene.request("AA-1", &one), Reason::KeysUnavailable);
    let list = json!({ "entities": [entity(&json!("AA-1"), &public(&one))] });
    scene.registry.serve("/roles", Page::json(&list));
    scene.world.proxy.advance(2);
    scene.admits("a list again", &scene.request("AA-1", &one));
}

#[test]
fn k3_a_list_that_is_gone_or_empty_forgets_no_signer() {
    let one = key(Algorithm::Es256, "one");
    let list = json!({ "entities": [entity(&json!("AA-1"), &public(&one))] });
    let scene = start("refresh = \"1m\"\ncooldown = \"1s\"", &list);
    scene.admits("listed", &scene.request("AA-1", &one));
    let outcome = |outcome: &str| {
        let labels = format!("{{outcome=\"{outcome}\",signature=\"partner\"}}");
        scene.world.proxy.metric(&format!("countersign_registry_lookups_total{labels}"))
    };
    for (page, code) in
        [(Page::status(404), "status"), (Page::json(&json!({ "entities": [] })), "malformed")]
    {
        scene.registry.serve("/roles", page);
        scene.world.proxy.advance(60);
        wait_until("the list is asked for", || {
            scene.admits("still known", &scene.request("AA-1", &one));
            scene.world.proxy.advance(5);
            outcome(code) > 0.5
        });
    }
    scene.admits("still known", &scene.request("AA-1", &one));
}
