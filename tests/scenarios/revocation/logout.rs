//! Back-channel logouts: what a good one ends, and how much of it is remembered.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::{Answer, Request},
    setup::Setup,
    world::World,
};

/// One client of the issuer may be logged out; `lines` are those of `[revocation]`.
pub(crate) fn world_with(lines: &str) -> World {
    let table = format!("[revocation]\n{lines}\n");
    World::with_setup(|setup| {
        setup
            .with("[issuers.corp.backchannel_logout]\nclient_ids = [\"web\", \"app\"]\n")
            .with(&table)
    })
}

/// The claims of a good logout token, `changes` put over them.
pub(crate) fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "aud": "web",
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "l1",
        "sub": null,
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

/// A good logout token, as the standard has it.
pub(crate) fn logout_token(world: &World, changes: Value) -> String {
    world.issuer.mint_with(json!({ "typ": "logout+jwt" }), claims(changes))
}

pub(crate) fn post(world: &World, token: &str) -> Answer {
    let form = format!("logout_token={token}");
    world.proxy.ask_admin(
        &Request::new("POST", "/backchannel-logout")
            .field("content-type", "application/x-www-form-urlencoded")
            .body(form.as_bytes()),
    )
}

/// Logs out, and demands that it is taken.
#[track_caller]
fn log_out(world: &World, changes: Value) {
    let answer = post(world, &logout_token(world, changes));
    assert_eq!(answer.status, 200, "{answer:?}; {}", world.proxy.logs());
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.body.bytes.is_empty());
}

pub(crate) fn outcomes(world: &World, issuer: &str, outcome: &str) -> f64 {
    let labels = format!("{{issuer=\"{issuer}\",outcome=\"{outcome}\"}}");
    world.proxy.metric(&format!("countersign_logouts_total{labels}"))
}

#[test]
fn a_session_that_has_ended_is_refused_from_the_next_request_on() {
    let world = world_with("");
    let of_session = |sid: &str| world.issuer.mint(json!({ "sid": sid }));
    let (ended, other) = (of_session("s1"), of_session("s2"));
    world.admits("before, cached", &ended);
    world.admits("before, cached", &other);
    let mut client = world.proxy.client();
    let request = Request::get("/").bearer(&ended);
    assert_eq!(client.exchange(&request).status, 200);

    log_out(&world, json!({ "sid": "s1" }));
    assert_eq!(client.exchange(&request).status, 401, "at once");
    world.refuses("ended", &ended, Reason::TokenRevoked);
    world.refuses(
        "never seen",
        &world.issuer.mint(json!({ "sid": "s1", "x": 1 })),
        Reason::TokenRevoked,
    );
    world.admits("another session", &other);
    world.admits("no session", &world.issuer.mint(json!({})));
    assert!((outcomes(&world, "corp", "done") - 1.0).abs() < 0.5);
    let entries = world.proxy.metric(r#"countersign_revocation_entries{source="logout"}"#);
    assert!((entries - 1.0).abs() < 0.5);
}

/// Access tokens of Ory Hydra have no `sid`.
#[test]
fn idp11_a_logout_of_a_session_says_that_it_may_end_nothing() {
    let world = world_with("");
    let without_sid = world.issuer.mint(json!({}));
    world.admits("before", &without_sid);
    log_out(&world, json!({ "sid": "s-11" }));
    world.admits("nothing of it names the session", &without_sid);
    let logs = world.proxy.logs();
    let said = "nothing, if the issuer's access tokens have no 'sid'";
    let line = logs.lines().find(|line| line.contains("logged out over the back channel"));
    assert!(line.is_some_and(|line| line.contains(said)), "{line:?}");
}

#[test]
fn a_subject_is_logged_out_everywhere_and_may_log_in_again() {
    let world = world_with("");
    let alice = world.issuer.mint(json!({ "sid": "s1" }));
    world.admits("before", &alice);
    log_out(&world, json!({ "sub": "alice" }));
    world.refuses("ended", &alice, Reason::TokenRevoked);
    world.refuses(
        "a second before",
        &world.issuer.mint(json!({ "iat": NOW - 1, "x": 1 })),
        Reason::TokenRevoked,
    );
    world.admits("idp12 a login in the same second", &world.issuer.mint(json!({ "iat": NOW })));
    world.admits("a new login", &world.issuer.mint(json!({ "iat": NOW + 1 })));
    world.admits("another user", &world.issuer.mint(json!({ "sub": "bob" })));
}

#[test]
fn one_session_of_a_subject_ends_with_what_names_no_session() {
    let world = world_with("");
    log_out(&world, json!({ "sub": "alice", "sid": "s1" }));
    let of = |claims| world.issuer.mint(claims);
    world.refuses("the session", &of(json!({ "sid": "s1" })), Reason::TokenRevoked);
    world.refuses("no session", &of(json!({})), Reason::TokenRevoked);
    world.admits("another session", &of(json!({ "sid": "s2" })));
    world.admits("a later token", &of(json!({ "iat": NOW + 1 })));
}

#[test]
fn logout_tokens_as_providers_write_them() {
    let world = world_with("");
    let event = "http://schemas.openid.net/event/backchannel-logout";
    for (case, header, changes) in [
        ("the standard", json!({ "typ": "logout+jwt" }), json!({})),
        ("a media type", json!({ "typ": "application/LOGOUT+jwt" }), json!({})),
        ("no type", json!({}), json!({})),
        (
            "Keycloak",
            json!({ "typ": "JWT" }),
            json!({ "typ": "Logout", "aud": ["web"], "exp": null,
                    "events": { event: {}, "revoke_offline_access": true } }),
        ),
        (
            "WSO2 Identity Server",
            json!({ "typ": "JWT", "x5t": "NTg2" }),
            json!({ "aud": ["web", "other"], "events": { event: {} } }),
        ),
        ("another client", json!({ "typ": "JWT" }), json!({ "aud": "app" })),
        ("made a little late", json!({ "typ": "JWT" }), json!({ "iat": NOW + 60 })),
        ("sent late", json!({ "typ": "JWT" }), json!({ "iat": NOW - 360, "exp": NOW - 30 })),
    ] {
        let mut changes = changes;
        changes["jti"] = json!(case);
        changes["sid"] = json!(case);
        let token = world.issuer.mint_with(header, claims(changes));
        let answer = post(&world, &token);
        assert_eq!(answer.status, 200, "{case}: {answer:?}");
        world.refuses(case, &world.issuer.mint(json!({ "sid": case })), Reason::TokenRevoked);
    }
}

#[test]
fn an_issuer_logs_out_its_own_subjects_only() {
    let table = "[issuers.other]\nissuer = \"https://other.test\"\naudiences = \"any\"\n";
    let other = crate::support::issuer::Issuer::usual().named("https://other.test");
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), other.jwks().to_string()).unwrap();
    let path = Value::from(keys.path().to_str().unwrap());
    let table =
        format!("{table}backchannel_logout.client_ids = [\"web\"]\nkeys.jwks_file = {path}\n");
    let world = World::with_setup(|setup| setup.with(&table));
    let token = other.mint_with(json!({}), claims(json!({ "sub": "alice", "sid": "s1" })));
    assert_eq!(post(&world, &token).status, 200);
    world.admits("of corp", &world.issuer.mint(json!({ "sid": "s1" })));
    world.refuses("of the other", &other.mint(json!({ "sid": "s1" })), Reason::TokenRevoked);
    // And corp, which was not asked to be believed in this, can log out no user.
    let refused = post(&world, &logout_token(&world, json!({ "sub": "alice" })));
    assert_eq!(refused.status, 400);
    assert!((outcomes(&world, "corp", "logout_not_configured") - 1.0).abs() < 0.5);
}

#[test]
fn a_logout_is_taken_once() {
    let world = world_with("");
    let token = logout_token(&world, json!({ "sub": "alice" }));
    assert_eq!(post(&world, &token).status, 200);
    let again = post(&world, &token);
    assert_eq!(again.status, 400);
    let same_id = logout_token(&world, json!({ "sub": "bob" }));
    assert_eq!(post(&world, &same_id).status, 400);
    assert!((outcomes(&world, "corp", "logout_replayed") - 2.0).abs() < 0.5);
    world.admits("bob", &world.issuer.mint(json!({ "sub": "bob" })));
}

#[test]
fn d7_a_flood_of_logouts_is_bounded_and_none_is_forgotten_for_it() {
    let world = world_with("max_logouts = 3\nlogout_ttl = \"15m\"");
    let nth = |n: usize, at: i64| {
        let name = format!("s{n}");
        logout_token(&world, json!({ "jti": name, "sid": name, "iat": at, "exp": null }))
    };
    for n in 0..3 {
        assert_eq!(post(&world, &nth(n, NOW)).status, 200);
    }
    for n in 3..20 {
        let answer = post(&world, &nth(n, NOW));
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.field("retry-after").is_some());
    }
    let of = |sid: &str| world.issuer.mint(json!({ "sid": sid, "exp": NOW + 10_000 }));
    world.refuses("the first", &of("s0"), Reason::TokenRevoked);
    world.admits("one too many", &of("s3"));
    assert!((outcomes(&world, "corp", "logout_full") - 17.0).abs() < 0.5);

    world.proxy.advance(900);
    assert_eq!(post(&world, &nth(3, NOW + 900)).status, 200, "there is room again");
    world.refuses("taken now", &of("s3"), Reason::TokenRevoked);
    world.admits("forgotten", &of("s0"));
}

#[test]
fn logouts_survive_a_reload() {
    let world = world_with("");
    log_out(&world, json!({ "sid": "s1" }));
    let setup = Setup::new().issuer("corp", &world.issuer, &world.key_server, "", "");
    world.proxy.server().reload(setup.load(&world.upstream).unwrap()).unwrap();
    world.refuses("ended", &world.issuer.mint(json!({ "sid": "s1" })), Reason::TokenRevoked);
}

#[test]
fn t19_a_logout_token_opens_nothing() {
    let world = world_with("");
    let token = world.issuer.mint_with(
        json!({ "typ": "logout+jwt" }),
        claims(json!({ "aud": "https://api.test", "sub": "alice" })),
    );
    world.refuses("as a credential", &token, Reason::TokenTypeNotAllowed);
}
