//! How often: whose requests count together, and what answers say of it.

use countersign::reason::Reason;
use http::Request as Http;
use serde_json::json;

use super::{get, keys, metric, passes, token, world, world_with};
use crate::support::{
    client::Request,
    h2::{self, Frames, H2},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::{Reply, Upstream},
    wait_until,
    world::World,
};

const BY_CLIENT: &str = "key = { claim = \"client_id\" }\nrate = \"3/h\"";

#[test]
fn l1_a_client_has_its_rate_whatever_its_token_and_whether_it_is_cached() {
    let world = world(BY_CLIENT);
    let app = token(&world, "app");
    assert_eq!(passes(2, || get(&world, &app)), 2, "cold, and warm");
    let another = world.issuer.mint(json!({ "client_id": "app", "sub": "bob" }));
    assert_eq!(passes(5, || get(&world, &another)), 1, "of the same client");
    assert_eq!(passes(2, || get(&world, &app)), 0, "a token that is cached skips no limit");
    assert_eq!(passes(5, || get(&world, &token(&world, "other"))), 3);
    assert_eq!(keys(&world), 2);
    assert_eq!(metric(&world, "countersign_limited_total"), 8);
}

#[test]
fn what_a_client_is_told() {
    let world = world(BY_CLIENT);
    world.upstream.answer_by(|_| Reply::with(200, &[("ratelimit", "\"daily\";r=7")], b""));
    let app = token(&world, "app");
    let first = get(&world, &app);
    assert_eq!(first.head.all("ratelimit-policy").collect::<Vec<_>>(), ["\"own\";q=3;w=3600"]);
    let told: Vec<_> = first.head.all("ratelimit").collect();
    assert_eq!(told, ["\"daily\";r=7", "\"own\";r=2;t=1200"], "the service's own stays");
    assert_eq!(first.field("retry-after"), None);
    get(&world, &app);
    get(&world, &app);
    let before = world.mark();
    let refused = get(&world, &app);
    before.assert_untouched("over the limit");
    assert_eq!((refused.status, refused.reason().as_deref()), (429, Some("rate_limited")));
    assert_eq!(refused.field("ratelimit-policy"), Some("\"own\";q=3;w=3600"));
    assert_eq!(refused.field("cache-control"), Some("no-store"));
    let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(refused.field("ratelimit"), Some(&*format!("\"own\";r=0;t={wait}")));
}

#[test]
fn answers_that_pass_say_nothing_where_that_is_set() {
    let world = world(&format!("{BY_CLIENT}\nburst = 1\nheaders = false"));
    let app = token(&world, "app");
    let (passed, refused) = (get(&world, &app), get(&world, &app));
    assert_eq!((passed.status, passed.field("ratelimit")), (200, None));
    assert!(refused.field("ratelimit").is_some() && refused.field("retry-after").is_some());
}

#[test]
fn i6_l1_the_same_client_of_two_issuers_is_two() {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let corp = Issuer::usual();
    let other = Issuer::usual().named("https://other.test");
    key_server.serve("/corp/jwks", Page::json(&corp.jwks()));
    key_server.serve("/other/jwks", Page::json(&other.jwks()));
    let proxy = Setup::new()
        .issuer("corp", &corp, &key_server, "", "")
        .issuer("other", &other, &key_server, "", "")
        .with(&format!("[limits.own]\n{BY_CLIENT}"))
        .routes("[[routes]]\npath = \"/**\"\nlimit = \"own\"")
        .start(&upstream);
    for issuer in [&corp, &other] {
        let token = issuer.mint(json!({ "client_id": "app" }));
        assert_eq!(passes(5, || proxy.get("/", Some(&token))), 3);
    }
}

#[test]
fn l3_a_forged_identity_makes_no_bucket_and_uses_none_up() {
    let world = world(BY_CLIENT);
    let app = token(&world, "app");
    let (head, signature) = app.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}.{flipped}{}", &signature[1..]);
    for _ in 0..5 {
        world.refuses("forged", &forged, Reason::SignatureInvalid);
        let expired = world.issuer.mint(json!({ "client_id": "app", "exp": 1 }));
        world.refuses("expired", &expired, Reason::TokenExpired);
    }
    assert_eq!(keys(&world), 0);
    assert_eq!(passes(5, || get(&world, &app)), 3, "all that the client has is left");
}

#[test]
fn l2_many_identities_fill_the_table_and_those_who_are_there_are_served_on() {
    let world = world(&format!("{BY_CLIENT}\nmax_keys = 5"));
    let app = token(&world, "app");
    assert_eq!(get(&world, &app).status, 200);
    for number in 0..4 {
        assert_eq!(get(&world, &token(&world, &number.to_string())).status, 200);
    }
    for number in 4..20 {
        let new = token(&world, &number.to_string());
        world.refuses("no room", &new, Reason::LimitTableFull);
    }
    assert_eq!(keys(&world), 5);
    assert_eq!(get(&world, &app).status, 200);
    // Those without a name have a table of their own.
    assert_eq!(get(&world, &world.issuer.mint(json!({}))).status, 200);
}

#[test]
fn all_workers_and_both_protocols_share_one_rate() {
    let world = World::with_setup(|setup| {
        setup
            .server("workers = 2")
            .with("[limits.own]\nkey = \"issuer\"\nrate = \"1/h\"\nburst = 40")
            .routes("[[routes]]\npath = \"/**\"\nlimit = \"own\"")
    });
    let app = token(&world, "app");
    let over_http1 = passes(30, || get(&world, &app));
    let mut world = world;
    world.proxy.expect_unmatched_answers();
    let client = H2::connect(world.proxy.address());
    let answers = client.all((0..30).map(|_| h2::get("/", &app)));
    let statuses: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().status).collect();
    let over_http2 = statuses.iter().filter(|status| **status == 200).count();
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    assert_eq!((over_http1, over_http2), (30, 10));
}

#[test]
fn a_route_in_the_key_counts_each_route_by_itself() {
    let limits = "[limits.own]\nkey = [{ claim = \"client_id\" }, \"route\"]\nrate = \"2/h\"";
    let world = World::with_setup(|setup| {
        setup.with(limits).routes(
            "[[routes]]\npath = \"/a\"\nlimit = \"own\"\n[[routes]]\npath = \"/b\"\nlimit = \"own\"",
        )
    });
    let app = token(&world, "app");
    for path in ["/a", "/b"] {
        assert_eq!(passes(5, || world.proxy.get(path, Some(&app))), 2, "{path}");
    }
}

#[test]
fn of_several_limits_each_has_to_let_pass_and_one_that_refuses_costs_nothing_of_the_others() {
    let limits = "[limits.all]\nkey = \"issuer\"\nrate = \"4/h\"\n\
                  [limits.own]\nkey = { claim = \"client_id\" }\nrate = \"3/h\"";
    let world = world_with(limits, "limit = [\"all\", \"own\"]");
    let told = get(&world, &token(&world, "app"));
    assert_eq!(told.head.all("ratelimit").count(), 2);
    assert_eq!(passes(9, || get(&world, &token(&world, "app"))), 2);
    assert_eq!(passes(9, || get(&world, &token(&world, "other"))), 1, "one of all is left");
}

#[test]
fn grpc_calls_are_told_that_the_resource_is_exhausted() {
    let world = world("key = { claim = \"client_id\" }\nrate = \"1/h\"");
    let app = token(&world, "app");
    assert_eq!(get(&world, &app).status, 200);
    let call = h2::request("POST", "/pkg.Service/Method")
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {app}"));
    let call: Http<Frames> = call.body(Frames::new(&[b"\0\0\0\0\0"], &[])).unwrap();
    let answer = H2::connect(world.proxy.address()).exchange(call).unwrap();
    assert_eq!((answer.status, answer.field("grpc-status")), (200, Some("8")), "{answer:?}");
    assert!(answer.field("retry-after").is_some());
}

#[test]
fn a_reload_forgets_no_caller_and_a_new_rate_counts_at_once() {
    let world = world("key = { claim = \"client_id\" }\nrate = \"2/h\"");
    let app = token(&world, "app");
    assert_eq!(passes(3, || get(&world, &app)), 2);
    let reload = |limit: &str| {
        let setup = Setup::new()
            .issuer("corp", &world.issuer, &world.key_server, "", "")
            .with(&format!("[limits.own]\nkey = {{ claim = \"client_id\" }}\n{limit}"))
            .routes("[[routes]]\npath = \"/**\"\nlimit = \"own\"");
        world.proxy.server().reload(setup.load(&world.upstream).unwrap()).unwrap();
    };
    reload("rate = \"2/h\"");
    assert_eq!(get(&world, &app).status, 429);
    // Half of what the bucket lacks are 1,800 of the new requests.
    reload("rate = \"3600/h\"\nburst = 9000");
    assert_eq!(get(&world, &app).status, 200);
}

#[test]
fn a_raised_rate_with_its_usual_burst_is_not_waited_for_as_long_as_the_one_before() {
    let world = world("key = { claim = \"client_id\" }\nrate = \"2/h\"");
    let app = token(&world, "app");
    assert_eq!(passes(3, || get(&world, &app)), 2);
    let raised = Setup::new()
        .issuer("corp", &world.issuer, &world.key_server, "", "")
        .with("[limits.own]\nkey = { claim = \"client_id\" }\nrate = \"100/s\"")
        .routes("[[routes]]\npath = \"/**\"\nlimit = \"own\"");
    world.proxy.server().reload(raised.load(&world.upstream).unwrap()).unwrap();
    // The bucket is empty, and gets a request in 10 ms.
    wait_until("a request that passes", || get(&world, &app).status == 200);
}

#[test]
fn o1_who_is_limited_is_in_no_log_line_and_no_metric() {
    let world = world("key = { claim = \"tenant\" }\nrate = \"1/h\"");
    let secret = "zq-client-of-this-test";
    let app = world.issuer.mint(json!({ "tenant": secret }));
    assert_eq!(passes(3, || get(&world, &app)), 1);
    let logs = world.proxy.worker_logs();
    let refused: Vec<_> = logs.lines().filter(|line| line.contains("rate_limited")).collect();
    assert_eq!(refused.len(), 2, "{logs}");
    assert!(refused[0].contains("limit \\\"own\\\"") || refused[0].contains("own"), "{refused:?}");
    let caller = |line: &str| line.split_once("caller ").unwrap().1[..16].to_owned();
    assert_eq!(caller(refused[0]), caller(refused[1]), "one caller has one name");
    assert!(!logs.contains(secret) && !world.proxy.metrics().contains(secret));
}

#[test]
fn without_a_limit_nothing_is_counted() {
    let world = World::start();
    let answer = world.proxy.exchange(&Request::get("/public/"));
    assert_eq!((answer.status, answer.field("ratelimit")), (200, None));
    assert!(!world.proxy.metrics().contains("countersign_limit"));
}
