//! One line per request: whose refusal it was, how an answer ended, and how much is written.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    bare,
    client::{Client, Request},
    h2,
    issuer::{AUDIENCE, Issuer},
    key_server::Page,
    logs::field,
    setup::Setup,
    upstream::{Reply, Upstream},
    wait_until,
    world::World,
};

/// The lines of requests that this proxy has written.
pub(crate) fn lines(world: &World) -> Vec<String> {
    let logs = world.proxy.worker_logs();
    let ours = logs.lines().filter_map(|line| line.split_once("countersign::access: "));
    ours.map(|(_, line)| line.to_owned()).collect()
}

fn with_log(log: &str) -> World {
    World::with_setup(|setup| setup.with(&format!("[log]\nlevel = \"debug\"\n{log}")))
}

/// The only line, as JSON.
fn only_line(world: &World) -> Value {
    let lines = lines(world);
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(&lines[0]).unwrap()
}

/// The claims of a token that is refused, and what is known of its request to `/loans/1`.
pub(crate) fn refused_token() -> (Value, [(&'static str, Value); 15]) {
    let claims = json!({ "sub": "alice", "azp": "app-1", "aud": ["other"] });
    let facts = [
        ("reason", json!("audience_mismatch")),
        ("about", json!("claim 'aud' is not allowed")),
        ("found", json!("'other'")),
        ("expected", json!(format!("'{AUDIENCE}'"))),
        ("setting", json!("audiences")),
        ("route", json!("/**")),
        ("issuer", json!("corp")),
        ("subject", json!("alice")),
        ("client_id", json!("app-1")),
        ("token", json!("unverified")),
        ("client", json!("127.0.0.1")),
        ("method", json!("GET")),
        ("host", json!("api.test")),
        ("path", json!("/loans/1")),
        ("status", json!(401)),
    ];
    (claims, facts)
}

#[test]
fn whose_401_it_was_is_in_one_line() {
    let world = with_log("format = \"json\"\nsubject = \"plain\"");
    let (claims, facts) = refused_token();
    let token = world.issuer.mint(claims);
    let request = Request::get("/loans/1?secret=CANARY").bearer(&token);
    let answer = world.proxy.exchange(&request);
    assert_eq!(answer.status, 401);
    let line = only_line(&world);
    let of_line = [
        ("message", json!("denied")),
        ("protocol", json!("HTTP/1.1")),
        ("received_bytes", json!(0)),
        ("id", json!(answer.head.request_id.0.unwrap())),
    ];
    for (name, expected) in facts.into_iter().chain(of_line) {
        assert_eq!(line[name], expected, "{name}: {line}");
    }
    assert!(line["kid"].is_string() && line["upstream"].is_null(), "{line}");
    assert!(line["duration_seconds"].as_f64().unwrap() > 0.0, "{line}");
}

#[test]
fn a_subject_is_hashed_and_its_caller_is_verified_where_the_token_was() {
    let world = with_log("format = \"json\"");
    let good = world.issuer.mint(json!({ "sub": "alice" }));
    let routes = "[[routes]]\npath = \"/**\"\nscopes = [\"none-has-it\"]";
    let scoped = World::with_setup(|setup| {
        setup.routes(routes).with("[log]\nlevel = \"debug\"\nformat = \"json\"")
    });
    let token = scoped.issuer.mint(json!({ "sub": "alice" }));
    assert_eq!(scoped.proxy.get("/", Some(&token)).status, 403);
    let refused = only_line(&scoped);
    assert_eq!(refused["token"], "verified", "{refused}");
    let hash = refused["subject"].as_str().unwrap().to_owned();
    assert_eq!(hash.len(), 32, "{refused}");
    let expired = world.issuer.mint(json!({ "sub": "alice", "exp": 1 }));
    assert_eq!(world.proxy.get("/", Some(&expired)).status, 401);
    assert_eq!(only_line(&world)["subject"], hash.as_str(), "equal subjects have equal hashes");
    assert_eq!(world.proxy.get("/", Some(&good)).status, 200);
    assert_eq!(lines(&world).len(), 1, "what passes has no line by default");
}

#[test]
fn a_line_of_a_request_that_passed_says_where_it_went() {
    let world = with_log("format = \"logfmt\"\naccess = \"all\"");
    world.upstream.answer_by(|_| Reply::with(200, &[], b"hello"));
    let token = world.issuer.mint(json!({}));
    let request = Request::new("POST", "/a").bearer(&token).body(b"seven!!");
    assert_eq!(world.proxy.exchange(&request).status, 200);
    wait_until("the line", || lines(&world).len() == 1);
    let line = &lines(&world)[0];
    for pair in [
        "msg=request",
        "route=/**",
        "token=verified",
        "status=200",
        "upstream=app",
        &format!("endpoint={}", world.upstream.url()),
        "attempts=1",
        "received_bytes=7",
        "sent_bytes=5",
    ] {
        assert!(line.split(' ').any(|part| part == pair), "{pair}: {line}");
    }
    for name in ["decision_seconds", "upstream_seconds", "duration_seconds"] {
        assert!(line.contains(&format!(" {name}=0.")), "{name}: {line}");
    }
    assert!(!line.contains(" end="), "{line}");
}

#[test]
fn an_operator_chooses_fields_in_their_order_and_the_common_log_format() {
    let chosen =
        "format = \"logfmt\"\naccess = \"all\"\nfields = [\"status\", \"path\", \"reason\"]";
    let world = with_log(chosen);
    assert_eq!(world.proxy.get("/x", None).status, 401);
    assert_eq!(world.proxy.get("/public/y", None).status, 200);
    wait_until("both lines", || lines(&world).len() == 2);
    let access = "level=info target=countersign::access";
    assert_eq!(
        lines(&world),
        [
            format!("{access} msg=denied status=401 path=/x reason=credential_missing"),
            format!("{access} msg=request status=200 path=/public/y"),
        ]
    );
    let common = with_log("format = \"common\"");
    let answer = common.proxy.get("/x?CANARY", None);
    let line = &lines(&common)[0];
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    let end = format!("] \"GET /x HTTP/1.1\" 401 {}", answer.body.bytes.len());
    assert!(line.ends_with(&end), "{line}");
}

#[test]
fn modes_choose_which_requests_have_a_line() {
    // A request that passes, an error of the service, a refusal, and an upstream that is gone.
    for (mode, expected) in [
        ("off", &[][..]),
        ("errors", &["request", "failed"]),
        ("denials", &["denied", "failed"]),
        ("all", &["request", "request", "denied", "failed"]),
    ] {
        let log = format!("[log]\nlevel = \"debug\"\naccess = \"{mode}\"");
        let routes = "[[routes]]\npath = \"/gone\"\naccess = \"public\"\nupstream = \"other\"\n\
                      [[routes]]\npath = \"/public/**\"\naccess = \"public\"\nupstream = \"app\"\n\
                      [[routes]]\npath = \"/**\"\nupstream = \"app\"";
        let gone = format!("[upstreams.other]\nurl = \"{}\"", bare::closed_port());
        let world = World::with_setup(|setup| setup.routes(routes).with(&gone).with(&log));
        world.upstream.answer_by(|received| {
            Reply::with(if received.target().ends_with("broken") { 500 } else { 200 }, &[], b"")
        });
        for (path, status) in
            [("/public/ok", 200), ("/public/broken", 500), ("/private", 401), ("/gone", 502)]
        {
            assert_eq!(world.proxy.get(path, None).status, status, "{mode}");
        }
        wait_until("the lines", || lines(&world).len() >= expected.len());
        let words: Vec<_> =
            lines(&world).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(words, expected, "{mode}");
    }
}

#[test]
fn a_sample_of_nothing_leaves_refusals() {
    let world = with_log("access = \"all\"\nsample = 0");
    for _ in 0..20 {
        assert_eq!(world.proxy.get("/public/", None).status, 200);
    }
    assert_eq!(world.proxy.get("/", None).status, 401);
    let lines = lines(&world);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("denied "), "{lines:?}");
}

#[test]
fn an_answer_that_does_not_come_to_its_end_says_so() {
    let mut world = with_log("access = \"all\"");
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|_| {
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf.").then_close()
    });
    let mut client = world.proxy.client();
    client.send(&Request::get("/public/").bytes());
    assert!(client.try_read().is_err(), "it breaks off");
    wait_until("the line", || lines(&world).len() == 1);
    let broken = lines(&world).remove(0);
    assert_eq!(field(&broken, "end"), Some("answer_broken"), "{broken}");
    assert!(broken.contains(" sent_bytes=5 "), "{broken}");

    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\nbegun";
    world.upstream.answer_by(move |_| Reply::raw(endless));
    let mut client: Client = world.proxy.client();
    client.send(&Request::get("/public/").bytes());
    let mut begun = [0; 256];
    std::io::Read::read(client.stream(), &mut begun).unwrap();
    drop(client);
    wait_until("the line of the stream", || lines(&world).len() == 2);
    let gone = lines(&world).remove(1);
    assert_eq!(field(&gone, "end"), Some("client_gone"), "{gone}");
}

#[test]
fn d8_a_flood_of_refusals_is_limited_per_reason_and_what_is_left_out_is_said() {
    let world = with_log("lines_per_second = 1\nburst = 5\nsummary_interval = \"1s\"");
    let mut client = world.proxy.client();
    for _ in 0..50 {
        let answer = client.exchange(&Request::new("TRACE", "/"));
        assert_eq!(answer.status, 405);
    }
    assert_eq!(world.proxy.get("/", None).status, 401);
    let lines = lines(&world);
    let traces = lines.iter().filter(|line| line.contains("method_not_supported")).count();
    assert!((5..20).contains(&traces), "{lines:?}");
    assert!(lines.last().unwrap().contains("credential_missing"), "a flood hides no other reason");
    let left_out = format!("left_out={}", 50 - traces);
    wait_until("what was left out", || {
        let logs = world.proxy.logs();
        logs.lines().any(|line| {
            line.contains("lines of refused requests were left out")
                && line.contains("reason=\"method_not_supported\"")
                && line.contains(&left_out)
        })
    });
}

#[test]
fn an_outage_is_one_line_then_a_summary_and_an_end() {
    let route = "outage-of-this-test";
    let routes = format!("[[routes]]\nname = \"{route}\"\npath = \"/**\"\naccess = \"public\"");
    let log = "[log]\nlevel = \"debug\"\nsummary_interval = \"1s\"";
    let mut world = World::with_setup(|setup| setup.routes(&routes).with(log));
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|_| Reply::hang_up());
    let said = |what: &str| {
        let logs = world.proxy.logs();
        let of_route = |line: &&str| line.contains(what) && line.contains(route);
        logs.lines().filter(of_route).map(str::to_owned).collect::<Vec<_>>()
    };
    for _ in 0..40 {
        assert_eq!(world.proxy.get("/", None).status, 502);
    }
    let first = said("no response from the upstream");
    assert_eq!(first.len(), 1, "{first:?}");
    for part in [
        " WARN ",
        "reason=\"upstream_broken\"",
        "upstream=\"app\"",
        &format!("endpoint=\"{}\"", world.upstream.url()),
    ] {
        assert!(first[0].contains(part), "{part}: {first:?}");
    }
    wait_until("the summary", || !said("requests still fail").is_empty());
    assert!(said("requests still fail")[0].contains("failures="), "{:?}", said("still"));
    world.upstream.answer_by(|_| Reply::ok());
    wait_until("the end", || {
        assert_eq!(world.proxy.get("/", None).status, 200);
        !said("requests are served again").is_empty()
    });
    let over = said("requests are served again").remove(0);
    assert!(over.contains("since=\"20") && over.contains("failures="), "{over}");
}

#[test]
fn an_outage_is_one_trouble_over_a_reload() {
    let route = "outage-over-a-reload";
    let routes = format!("[[routes]]\nname = \"{route}\"\npath = \"/**\"\naccess = \"public\"");
    let upstream = Upstream::start();
    let log = "[log]\nlevel = \"debug\"\nsummary_interval = \"1s\"\n";
    let setup = Setup::new().routes(&routes);
    let mut proxy = setup.clone().with(log).start(&upstream);
    proxy.expect_unmatched_answers();
    upstream.answer_by(|_| Reply::hang_up());
    let said = |what: &str| {
        let logs = proxy.logs();
        let of_route = |line: &&str| line.contains(what) && line.contains(route);
        logs.lines().filter(of_route).map(str::to_owned).collect::<Vec<_>>()
    };
    for _ in 0..5 {
        assert_eq!(proxy.get("/", None).status, 502);
    }
    let other = setup.with(log).with("[headers]\nset_headers = { x-a = \"1\" }\n");
    proxy.server().reload(other.load(&upstream).unwrap()).unwrap();
    for _ in 0..5 {
        assert_eq!(proxy.get("/", None).status, 502);
    }
    assert_eq!(said("no response from the upstream").len(), 1, "it is no new one");
    upstream.answer_by(|_| Reply::ok());
    wait_until("the end", || {
        assert_eq!(proxy.get("/", None).status, 200);
        !said("requests are served again").is_empty()
    });
    let over = said("requests are served again").remove(0);
    assert!(over.contains("failures=10"), "{over}");
}

#[test]
fn a_provider_that_is_gone_is_one_warning_with_its_issuer() {
    let world = World::unready(Issuer::usual(), "", "", Page::hang_up());
    let token = world.issuer.mint(json!({}));
    for _ in 0..5 {
        assert_eq!(world.proxy.get("/", Some(&token)).status, 503);
    }
    let logs = world.proxy.worker_logs();
    let warnings: Vec<_> =
        logs.lines().filter(|line| line.contains("requests can't be decided")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in [" WARN ", "reason=\"keys_unavailable\"", "issuer 'corp'"] {
        assert!(warnings[0].contains(part), "{part}: {warnings:?}");
    }
    assert!(lines(&world).iter().all(|line| line.contains(Reason::KeysUnavailable.code())));
}

/// Whatever holds a secret of a request, in each format and in what passes as in what does not.
#[test]
fn inv4_o2_no_line_holds_what_a_request_says_in_confidence() {
    const CANARY: &str = "CANARY0123456789";
    for format in ["text", "json", "logfmt", "common"] {
        let mut world = with_log(&format!("format = \"{format}\"\naccess = \"all\""));
        world.proxy.expect_unmatched_answers();
        let claims = json!({ "sub": CANARY, "email": CANARY, "jti": CANARY, "scope": CANARY });
        let good = world.issuer.mint(claims.clone());
        let mut late = claims;
        late["exp"] = json!(1);
        let expired = world.issuer.mint(late);
        let opaque = format!("{CANARY}{CANARY}");
        let basic = format!("Basic {CANARY}");
        let requests = |path: &str| {
            let plain = || {
                let mut request = Request::new("POST", &format!("{path}?q={CANARY}&{CANARY}"));
                for name in
                    ["cookie", "referer", "user-agent", "x-api-key", "x-request-id", "origin"]
                {
                    request = request.field(name, CANARY);
                }
                request.field("content-type", CANARY).body(format!("secret={CANARY}").as_bytes())
            };
            let tokens = [&good, &expired, &opaque].map(|token| plain().bearer(token));
            [tokens.to_vec(), vec![plain(), plain().field("authorization", &basic)]].concat()
        };
        let sent: Vec<_> = ["/public/a", "/a", "/a/../b"].into_iter().flat_map(requests).collect();
        for request in &sent {
            let mut client = world.proxy.client();
            client.send(&request.bytes());
            let _ = client.try_read();
        }
        let over_http2 = h2::H2::connect(world.proxy.address());
        let _ = over_http2.exchange(h2::get(&format!("/a?{CANARY}"), &expired));
        wait_until("all lines", || lines(&world).len() > sent.len());
        for line in lines(&world) {
            assert!(!line.contains(CANARY), "{format}: {line}");
        }
    }
}
