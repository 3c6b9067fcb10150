//! What makes the proxy unready, what is only noted, and what is shown of both.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    NOW, bare,
    client::Request,
    fleet::{Instance, Protocol},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    proxy::Proxy,
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

/// Two issuers, `up` and `down`. The keys of the second are missing.
struct Two {
    proxy: Proxy,
    up: Issuer,
    key_server: KeyServer,
    _upstream: Upstream,
}

impl Two {
    /// With lines of `[issuers.down]`, and with these routes.
    fn start(rules: &str, routes: &str) -> Self {
        let (upstream, key_server) = (Upstream::start(), KeyServer::start());
        let (up, down) = (Issuer::usual(), Issuer::usual().named("https://down.test"));
        key_server.serve("/up/jwks", Page::json(&up.jwks()));
        key_server.serve("/down/jwks", Page::status(500));
        let proxy = Setup::new()
            .issuer("up", &up, &key_server, "", "")
            .issuer("down", &down, &key_server, rules, "")
            .routes(routes)
            .start_unready(&upstream);
        wait_until("both issuers", || {
            let page = proxy.page("/readyz");
            !page.contains("waiting for the first")
        });
        Self { proxy, up, key_server, _upstream: upstream }
    }
}

const ANY: &str = "[[routes]]\npath = \"/**\"";

fn up_metric(proxy: &Proxy, kind: &str, name: &str) -> bool {
    let series = format!("countersign_dependency_up{{kind=\"{kind}\",name=\"{name}\"}}");
    let shown = proxy.metrics().lines().any(|line| line.starts_with(&series));
    assert!(shown, "no series {series}");
    proxy.metric(&series) > 0.5
}

#[test]
fn one_provider_of_two_that_is_down_is_a_note_and_a_metric() {
    let two = Two::start("", ANY);
    let page = two.proxy.admin("/readyz");
    let text = String::from_utf8(page.body.bytes).unwrap();
    assert_eq!(page.status, 200, "{text}");
    assert!(text.starts_with("ready\nnote: issuer down: no keys yet; "), "{text}");
    let request = Request::get("/").bearer(&two.up.mint(json!({})));
    assert_eq!(two.proxy.exchange(&request).status, 200, "the other one's tokens are decided on");
    wait_until("the metrics", || two.proxy.metric("countersign_ready") > 0.5);
    assert!(up_metric(&two.proxy, "issuer", "up"));
    assert!(!up_metric(&two.proxy, "issuer", "down"));
    two.key_server.serve("/down/jwks", Page::json(&two.up.jwks()));
    wait_until("the other one", || two.proxy.page("/readyz") == "ready\n");
    wait_until("its metric", || up_metric(&two.proxy, "issuer", "down"));
}

#[test]
fn a_provider_that_is_required_is_waited_for() {
    let two = Two::start("readiness = { required = true }", ANY);
    assert!(two.proxy.pending().starts_with("issuer down: no keys yet"), "{}", two.proxy.pending());
    assert_eq!(two.proxy.admin("/livez").status, 200, "what others do is no reason for a restart");
    wait_until("the metrics", || !up_metric(&two.proxy, "issuer", "down"));
    assert!(two.proxy.metric("countersign_ready") < 0.5);
    two.key_server.serve("/down/jwks", Page::json(&two.up.jwks()));
    two.proxy.wait_until_ready();
}

#[test]
fn a_provider_without_which_no_route_can_be_decided_on_is_waited_for() {
    let only_down = "[[routes]]\npath = \"/**\"\nissuers = [\"down\"]\n\
                     [[routes]]\npath = \"/public/**\"\naccess = \"public\"\n\
                     [[routes]]\npath = \"/old/**\"\nredirect = { to = \"/new\" }\n";
    let two = Two::start("", only_down);
    assert!(two.proxy.pending().contains("issuer down: no keys yet"), "{}", two.proxy.pending());
    let one_more = format!("{only_down}[[routes]]\npath = \"/up/**\"\nissuers = [\"up\"]");
    assert_eq!(Two::start("", &one_more).proxy.pending(), "");
}

#[test]
fn a_provider_that_is_not_required_is_waited_for_neither_at_the_start_nor_by_readiness() {
    let (issuer, key_server, upstream) = (Issuer::usual(), KeyServer::start(), Upstream::start());
    key_server.serve(JWKS, Page::silence());
    let rules = "readiness = { required = false }";
    let begun = Instant::now();
    let proxy =
        Setup::new().issuer("corp", &issuer, &key_server, rules, "").start_unready(&upstream);
    assert_eq!(proxy.get("/public/x", None).status, 200);
    // A source that is waited for is waited for that long.
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let page = proxy.admin("/readyz");
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.body.bytes).unwrap();
    assert!(text.starts_with("ready\nnote: issuer corp: no keys yet"), "{text}");
}

#[test]
fn signers_whose_keys_are_missing_count_by_their_routes() {
    let signature = |required: &str, more: &str| {
        let key_server = KeyServer::start();
        let (issuer, upstream) = (Issuer::usual(), Upstream::start());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        key_server.serve("/signers", Page::status(500));
        let url = key_server.url("/signers");
        let tables = format!(
            "[signatures.partner]\nsigner = {{ fixed = \"p\" }}\ncaller = \"unrelated\"\n\
             keys = {{ jwks_url = \"{url}\" }}\n{required}"
        );
        let routes = format!("[[routes]]\npath = \"/**\"\nsignature = \"partner\"\n{more}");
        let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "");
        let proxy = setup.with(&tables).routes(&routes).start_unready(&upstream);
        wait_until("both", || !proxy.page("/readyz").contains("waiting for the first"));
        proxy.page("/readyz")
    };
    let missing = "signature partner: no keys yet";
    assert!(signature("", "").starts_with(missing));
    let unsigned = "[[routes]]\npath = \"/unsigned/**\"";
    assert!(signature("", unsigned).starts_with(&format!("ready\nnote: {missing}")));
    assert!(signature("readiness = { required = true }", unsigned).starts_with(missing));
}

#[test]
fn an_upstream_that_is_required_makes_the_proxy_unready_while_no_endpoint_passes_its_checks() {
    let checked = "[upstreams.other.health]\npath = \"/healthz\"\ninterval = \"200ms\"\n\
                   timeout = \"200ms\"\n";
    for required in [false, true] {
        let instances = Instance::several(2, Protocol::Http1);
        let urls: Vec<_> = instances.iter().map(Instance::url).collect();
        let readiness = format!("[upstreams.other.readiness]\nrequired = {required}");
        let lines = format!("urls = {urls:?}\n{checked}{readiness}");
        let world = bare::in_front_of_several(&lines, "");
        world.proxy.wait_until_ready();
        for instance in &instances {
            instance.is_healthy(false);
        }
        let failing = "upstream other: the health checks of none of 2 endpoints pass";
        wait_until("failing checks", || world.proxy.page("/readyz").contains(failing));
        let status = world.proxy.admin("/readyz").status;
        assert_eq!(status, if required { 503 } else { 200 });
        instances[1].is_healthy(true);
        world.proxy.wait_until_ready();
    }
}

#[test]
fn every_dependency_is_listed_with_its_state_since_when_and_why() {
    let two = Two::start("", ANY);
    two.proxy.advance(90);
    wait_until("the text", || {
        let text = two.proxy.page("/readyz?verbose");
        let lines: Vec<_> = text.lines().collect();
        let is = |line: &str, begin: &str| line.starts_with(begin);
        lines.len() == 5
            && is(lines[0], "ready since 2030-03-17T17:")
            && is(lines[1], "issuer down: missing, not required since ")
            && lines[1].contains(" (90 s): no keys yet; ")
            && is(lines[2], "issuer up: usable since ")
            && lines[2].ends_with(" (90 s)")
            && is(lines[3], "listener server: usable since ")
            && is(lines[4], "workers: usable since ")
    });
    let by_query = two.proxy.page("/readyz?format=json");
    let by_accept =
        two.proxy.ask_admin(&Request::get("/readyz").field("accept", "application/json"));
    assert_eq!(by_accept.field("content-type"), Some("application/json"));
    assert_eq!(by_query, String::from_utf8(by_accept.body.bytes).unwrap());
    let report: Value = serde_json::from_str(&by_query).unwrap();
    assert_eq!(report["ready"], true);
    assert_eq!(report["pending"], json!([]));
    let down = &report["dependencies"][0];
    assert_eq!(
        [&down["kind"], &down["name"], &down["usable"], &down["blocks"], &down["required"]],
        [&json!("issuer"), &json!("down"), &json!(false), &json!(false), &json!("by_routes")]
    );
    assert_eq!(down["seconds"], 90);
    assert!(down["reason"].as_str().unwrap().starts_with("no keys yet; "), "{down}");
    assert!(down["since"].as_str().unwrap().ends_with('Z'), "{down}");
}

#[test]
fn what_is_missing_is_dated_from_when_it_went_missing() {
    let world = World::with_keys("refresh = \"1s\"\nmax_stale = \"1h\"\n");
    world.key_server.serve(JWKS, Page::status(500));
    world.proxy.set_time(NOW + 3601);
    wait_until("stale keys", || world.proxy.admin("/readyz").status == 503);
    world.proxy.advance(30);
    let report: Value = serde_json::from_str(&world.proxy.page("/readyz?format=json")).unwrap();
    assert_eq!((&report["ready"], &report["seconds"]), (&json!(false), &json!(30)));
    let corp = &report["dependencies"][0];
    assert_eq!(
        (&corp["name"], &corp["seconds"], &corp["blocks"]),
        (&json!("corp"), &json!(30), &json!(true))
    );
    let text = world.proxy.page("/readyz?verbose");
    assert!(
        text.starts_with("not ready since ") && text.contains("issuer corp: MISSING since"),
        "{text}"
    );
}
