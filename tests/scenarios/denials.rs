//! Denial profiles through the running proxy: what a refused client reads, byte for byte.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::{
    client::{Answer, Request},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

const ROUTES: &str = r#"
[[routes]]
path = "/public/**"
access = "public"

[[routes]]
path = "/loans/**"
methods = ["GET", "HEAD"]
scopes = ["loans:read", "loans:write"]
"#;

/// A world with an issuer `corp` that is up and an issuer `down` that never was.
struct Scene {
    world: World,
    down: Issuer,
}

impl Scene {
    /// With these tables, `[denials]` among them.
    fn new(tables: &str) -> Self {
        Self::with_routes(tables, ROUTES)
    }

    fn with_routes(tables: &str, routes: &str) -> Self {
        let (upstream, key_server) = (Upstream::start(), KeyServer::start());
        let (issuer, down) = (Issuer::usual(), Issuer::usual().named("https://down.test"));
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", "")
            .issuer_from("down", &down, "", "jwks_url = \"http://127.0.0.1:1/jwks\"")
            .with(tables)
            .routes(routes);
        let proxy = setup.start_unready(&upstream);
        // Ready it never is, but one of the two can be decided about.
        wait_until("corp's keys", || !proxy.pending().contains("corp"));
        Self { world: World { proxy, upstream, key_server, issuer }, down }
    }

    fn profile(name: &str) -> Self {
        Self::new(&format!("[denials]\nprofile = \"{name}\""))
    }

    /// A request, refused before the upstream gets a byte of it: all that the client reads.
    #[track_caller]
    fn refused(&self, case: &str, request: &Request) -> String {
        let before = self.world.mark();
        let answer = self.world.proxy.exchange(request);
        assert!(!answer.is_from_upstream(), "{case}: {answer:?}");
        before.assert_untouched(case);
        written(&answer)
    }

    fn missing(&self) -> String {
        self.refused("missing", &Request::get("/loans/1"))
    }

    fn other_scheme(&self) -> String {
        let request = Request::get("/loans/1").field("authorization", "Basic x");
        self.refused("another scheme", &request)
    }

    fn malformed(&self) -> String {
        self.refused("malformed", &Request::get("/loans/1").bearer("a b"))
    }

    fn expired(&self) -> String {
        let token = self.world.issuer.mint(json!({ "exp": 1 }));
        self.refused("expired", &Request::get("/loans/1").bearer(&token))
    }

    fn scope(&self) -> String {
        let token = self.world.issuer.mint(json!({ "scope": "loans:read" }));
        self.refused("scope", &Request::get("/loans/1").bearer(&token))
    }

    fn no_route(&self) -> String {
        self.refused("no route", &Request::get("/nowhere"))
    }

    fn method(&self) -> String {
        self.refused("method", &Request::new("DELETE", "/loans/1"))
    }

    fn no_keys(&self) -> String {
        let token = self.down.mint(json!({}));
        self.refused("no keys", &Request::get("/loans/1").bearer(&token))
    }
}

/// The whole answer but for its date.
fn written(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.head.start);
    for (name, value) in answer.head.fields.iter().filter(|(name, _)| name != "date") {
        writeln!(text, "{name}: {value}").unwrap();
    }
    text + "\n" + &String::from_utf8_lossy(&answer.body.bytes)
}

/// An answer: its status line, its fields in their order, its body.
fn answer(status: &str, fields: &[&str], body: &str) -> String {
    let fields = fields.join("\n");
    format!("HTTP/1.1 {status}\n{fields}\ncontent-length: {}\n\n{body}", body.len())
}

const NO_STORE: &str = "cache-control: no-store";
const RETRY: &str = "retry-after: 5";
const ALLOW: &str = "allow: GET, HEAD";
const JSON: &str = "content-type: application/json";
const PROBLEM: &str = "content-type: application/problem+json";

const BARE: &str = "www-authenticate: Bearer";
const INVALID_REQUEST: &str = "www-authenticate: Bearer error=\"invalid_request\"";
const INVALID_TOKEN: &str = "www-authenticate: Bearer error=\"invalid_token\"";
const INSUFFICIENT_SCOPE: &str =
    "www-authenticate: Bearer error=\"insufficient_scope\", scope=\"loans:read loans:write\"";

#[test]
fn o3_rfc6750_is_the_default_and_has_no_body() {
    for scene in [Scene::new("[denials]"), Scene::profile("rfc6750")] {
        let empty = |status, fields: &[_]| answer(status, &[&[NO_STORE], fields].concat(), "");
        assert_eq!(scene.missing(), empty("401 Unauthorized", &[BARE]));
        assert_eq!(scene.other_scheme(), empty("401 Unauthorized", &[BARE]));
        assert_eq!(scene.malformed(), empty("400 Bad Request", &[INVALID_REQUEST]));
        assert_eq!(scene.expired(), empty("401 Unauthorized", &[INVALID_TOKEN]));
        assert_eq!(scene.scope(), empty("403 Forbidden", &[INSUFFICIENT_SCOPE]));
        assert_eq!(scene.no_route(), empty("403 Forbidden", &[]));
        assert_eq!(scene.method(), empty("405 Method Not Allowed", &[ALLOW]));
        assert_eq!(scene.no_keys(), empty("503 Service Unavailable", &[RETRY]));
    }
}

#[test]
fn rfc6750_tells_the_reason_in_a_problem_document_where_that_is_allowed() {
    let scene = Scene::new("[denials]\nexpose_reasons = true\nrealm = \"loans\"");
    assert_eq!(
        scene.expired(),
        answer(
            "401 Unauthorized",
            &[
                NO_STORE,
                PROBLEM,
                "www-authenticate: Bearer realm=\"loans\", error=\"invalid_token\"",
            ],
            "{\"detail\":\"The token has expired.\",\"reason\":\"token_expired\",\"status\":401,\
             \"title\":\"Unauthorized\"}\n",
        )
    );
}

#[test]
fn problem_is_a_problem_document_every_time() {
    let scene = Scene::profile("problem");
    let problem = |code: u16, title, fields: &[_]| {
        let body = format!("{{\"status\":{code},\"title\":\"{title}\"}}\n");
        answer(&format!("{code} {title}"), &[&[NO_STORE, PROBLEM], fields].concat(), &body)
    };
    assert_eq!(scene.missing(), problem(401, "Unauthorized", &[BARE]));
    assert_eq!(scene.malformed(), problem(400, "Bad Request", &[INVALID_REQUEST]));
    assert_eq!(scene.expired(), problem(401, "Unauthorized", &[INVALID_TOKEN]));
    assert_eq!(scene.scope(), problem(403, "Forbidden", &[INSUFFICIENT_SCOPE]));
    assert_eq!(scene.no_route(), problem(403, "Forbidden", &[]));
    assert_eq!(scene.method(), problem(405, "Method Not Allowed", &[ALLOW]));
    assert_eq!(scene.no_keys(), problem(503, "Service Unavailable", &[RETRY]));
}

#[test]
fn ubirch_is_401_for_nothing_and_403_for_anything_that_does_not_pass() {
    for exposing in ["", "expose_reasons = true"] {
        let scene = Scene::new(&format!("[denials]\nprofile = \"ubirch\"\n{exposing}"));
        let challenge = "www-authenticate: Bearer realm=\"Verification Access\"";
        assert_eq!(scene.missing(), answer("401 Unauthorized", &[NO_STORE, challenge], ""));
        let forbidden = answer("403 Forbidden", &[NO_STORE], "");
        assert_eq!(scene.other_scheme(), forbidden);
        assert_eq!(scene.malformed(), forbidden);
        assert_eq!(scene.expired(), forbidden);
        assert_eq!(scene.scope(), forbidden);
        assert_eq!(scene.no_route(), forbidden);
        assert_eq!(scene.method(), answer("405 Method Not Allowed", &[NO_STORE, ALLOW], ""));
        assert_eq!(scene.no_keys(), answer("503 Service Unavailable", &[NO_STORE, RETRY], ""));
    }
}

#[test]
fn genauth_is_a_code_and_a_message() {
    let scene = Scene::profile("genauth");
    let coded = |code: u16, title, message, fields: &[_]| {
        let body = format!("{{\"code\":{code},\"message\":\"{message}\"}}");
        answer(&format!("{code} {title}"), &[&[NO_STORE, JSON], fields].concat(), &body)
    };
    assert_eq!(scene.missing(), coded(401, "Unauthorized", "Unauthorized", &[BARE]));
    assert_eq!(scene.malformed(), coded(400, "Bad Request", "Bad Request", &[INVALID_REQUEST]));
    assert_eq!(scene.expired(), coded(400, "Bad Request", "access_token is invalid", &[]));
    assert_eq!(scene.scope(), coded(403, "Forbidden", "Forbidden", &[INSUFFICIENT_SCOPE]));
    assert_eq!(scene.no_route(), coded(403, "Forbidden", "Forbidden", &[]));
    let (title, message) = ("Service Unavailable", "Service Unavailable");
    assert_eq!(scene.no_keys(), coded(503, title, message, &[RETRY]));
}

#[test]
fn ocen_is_an_acknowledgement_with_an_error() {
    let scene = Scene::profile("ocen");
    let acknowledged = |found: String, code: u16, title, fields: &[_]| {
        let trace_id = trace_id(&found);
        let body = format!(
            "{{\"error\":\"{code}\",\"traceId\":\"{trace_id}\",\
             \"timestamp\":\"2030-03-17T17:46:40Z\"}}"
        );
        let fields = [&[NO_STORE, JSON], fields].concat();
        assert_eq!(found, answer(&format!("{code} {title}"), &fields, &body));
        let lines = scene.world.proxy.worker_logs();
        let of_request = |line: &&str| line.contains("countersign::access");
        let logged = lines.lines().filter(of_request).filter(|it| it.contains(&trace_id)).count();
        assert_eq!(logged, 1, "an answer is found in the log by its id");
    };
    acknowledged(scene.missing(), 401, "Unauthorized", &[BARE]);
    acknowledged(scene.malformed(), 400, "Bad Request", &[INVALID_REQUEST]);
    acknowledged(scene.expired(), 401, "Unauthorized", &[INVALID_TOKEN]);
    acknowledged(scene.scope(), 403, "Forbidden", &[INSUFFICIENT_SCOPE]);
    acknowledged(scene.no_route(), 403, "Forbidden", &[]);
    acknowledged(scene.no_keys(), 503, "Service Unavailable", &[RETRY]);
}

#[test]
fn o4_ocens_trace_id_is_never_the_clients() {
    let scene = Scene::new("[denials]\nprofile = \"ocen\"\nexpose_reasons = true");
    let theirs = "669a22c2-73dd-4bfe-b51e-d71fb473fd54";
    let body = format!("{{\"metadata\":{{\"traceId\":\"{theirs}\"}}}}");
    let request = Request::get(&format!("/loans/1?traceId={theirs}"))
        .field("x-trace-id", theirs)
        .field("x-request-id", theirs)
        .field("traceparent", format!("00-{}-00f067aa0ba902b7-01", theirs.replace('-', "")))
        .body(body.as_bytes());
    let first = scene.refused("first", &request);
    let second = scene.refused("second", &request);
    assert!(first.contains("\"error\":\"credential_missing\""), "{first}");
    assert!(!first.contains(theirs) && !second.contains(theirs), "{first}");
    assert_ne!(trace_id(&first), trace_id(&second));
}

fn trace_id(answer: &str) -> String {
    let (_, rest) = answer.split_once("\"traceId\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn empty_is_the_status_and_the_least_challenge() {
    let scene = Scene::new("[denials]\nprofile = \"empty\"\nexpose_reasons = true");
    let unauthorized = answer("401 Unauthorized", &[NO_STORE, BARE], "");
    assert_eq!(scene.missing(), unauthorized);
    assert_eq!(scene.expired(), unauthorized);
    assert_eq!(scene.malformed(), answer("400 Bad Request", &[NO_STORE], ""));
    assert_eq!(scene.scope(), answer("403 Forbidden", &[NO_STORE], ""));
    assert_eq!(scene.no_route(), answer("403 Forbidden", &[NO_STORE], ""));
    assert_eq!(scene.method(), answer("405 Method Not Allowed", &[NO_STORE, ALLOW], ""));
    assert_eq!(scene.no_keys(), answer("503 Service Unavailable", &[NO_STORE, RETRY], ""));
}

/// The operator's own: every class but one, on top of the default.
const OWN: &str = r#"
[denials]
profile = "own"

[denials.profiles.own.credential_missing]
status = 403
headers = { "x-login" = "https://login.test/" }

[denials.profiles.own.credential_invalid]
headers = { "www-authenticate" = "Own realm=\"x\"" }
content_type = "application/json"
body = '{"code":"{reason}"}'

[denials.profiles.own.request_malformed]
status = 422
content_type = "text/plain; charset=utf-8"
body = "{reason}\n"

[denials.profiles.own.cannot_decide]
status = 500
content_type = "text/html"
body = "<p>later</p>"
"#;

#[test]
fn an_own_profile_says_what_its_operator_wrote() {
    let scene = Scene::new(OWN);
    let login = "x-login: https://login.test/";
    assert_eq!(scene.missing(), answer("403 Forbidden", &[NO_STORE, login], ""));
    let own = "www-authenticate: Own realm=\"x\"";
    assert_eq!(
        scene.expired(),
        answer("401 Unauthorized", &[NO_STORE, JSON, own], "{\"code\":\"token_expired\"}")
    );
    let unprocessable = |fields: &[_], body| {
        let fields = [&[NO_STORE, "content-type: text/plain; charset=utf-8"], fields].concat();
        answer("422 Unprocessable Entity", &fields, body)
    };
    assert_eq!(scene.malformed(), unprocessable(&[], "credential_malformed\n"));
    assert_eq!(scene.method(), unprocessable(&[ALLOW], "method_not_allowed\n"));
    assert_eq!(scene.scope(), answer("403 Forbidden", &[NO_STORE, INSUFFICIENT_SCOPE], ""));
    assert_eq!(scene.no_route(), answer("403 Forbidden", &[NO_STORE], ""));
    let html = "content-type: text/html";
    let later = answer("500 Internal Server Error", &[NO_STORE, html, RETRY], "<p>later</p>");
    assert_eq!(scene.no_keys(), later);
}

#[test]
fn each_route_refuses_in_its_own_way_and_before_a_route_the_general_way_is_taken() {
    let routes = "[[routes]]\npath = \"/a/**\"\ndenials = \"ubirch\"\n\
                  [[routes]]\npath = \"/b/**\"\ndenials = \"own\"\n\
                  [[routes]]\npath = \"/c/**\"\n\
                  [[routes]]\npath = \"/open\"\naccess = \"public\"\ndenials = \"empty\"\n\
                  methods = [\"GET\"]";
    let profiles = "[denials]\nprofile = \"problem\"\n[denials.profiles.own]\n\
                    credential_missing.status = 418";
    let scene = Scene::with_routes(profiles, routes);
    let refused = |request: Request| scene.refused("a route", &request);
    let starts = |request: Request, start: &str| {
        let answer = refused(request);
        assert!(answer.starts_with(start), "{answer}");
    };
    starts(Request::get("/b/x"), "HTTP/1.1 418 ");
    let realm = "www-authenticate: Bearer realm=\"Verification Access\"";
    let ubirch = answer("401 Unauthorized", &[NO_STORE, realm], "");
    assert_eq!(refused(Request::get("/a/x")), ubirch);
    let problem = "HTTP/1.1 401 Unauthorized\ncache-control: no-store\ncontent-type: application";
    starts(Request::get("/c/x"), problem);
    let taken = Request::get("/open").field("connection", "x-auth-subject");
    assert_eq!(refused(taken), answer("400 Bad Request", &[NO_STORE], ""));
    // No route is known yet, nor is any by a method that none of them takes.
    for request in [Request::get("/a/%2e%2e/b"), Request::get("/d"), Request::new("PUT", "/open")] {
        assert!(refused(request).contains("application/problem+json"));
    }
}

#[test]
fn head_is_answered_as_get_without_the_body() {
    let scene = Scene::profile("genauth");
    let get = scene.missing();
    let mut client = scene.world.proxy.client();
    client.send(&Request::new("HEAD", "/loans/1").field("connection", "close").bytes());
    let mut head = String::new();
    std::io::Read::read_to_string(client.stream(), &mut head).unwrap();
    let (head, body) = head.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "");
    let (get_head, get_body) = get.split_once("\n\n").unwrap();
    assert!(!get_body.is_empty());
    for line in get_head.lines() {
        assert!(head.contains(line), "{line}: {head}");
    }
}

#[test]
fn a_grpc_call_gets_its_grpc_answer_whatever_the_profile() {
    for profile in ["ubirch", "genauth", "ocen", "problem", "empty"] {
        let denials = format!("[denials]\nprofile = \"{profile}\"");
        let scene = Scene::with_routes(&denials, &ROUTES.replace("HEAD", "POST"));
        let call = Request::new("POST", "/loans/1").field("content-type", "application/grpc");
        let found = scene.refused(profile, &call);
        assert!(found.starts_with("HTTP/1.1 200 OK\n"), "{found}");
        assert!(found.contains("\ngrpc-status: 16\n"), "{found}");
        assert!(found.ends_with("\n\n"), "{found}");
    }
}

#[test]
fn inv2_a_refused_body_is_never_taken_for_a_request_whatever_the_answer_looks_like() {
    let scene = Scene::new(OWN);
    let smuggled = Request::get("/public/smuggled").bytes();
    let before = scene.world.mark();
    let mut client = scene.world.proxy.client();
    client.send(&Request::new("GET", "/loans/1").body(&smuggled).bytes());
    assert_eq!(client.read().status, 403);
    client.send(&Request::get("/public/next").bytes());
    if let Ok(Some(answer)) = client.try_read() {
        assert!(answer.is_from_upstream());
        assert_eq!(before.only_request("next").target(), "/public/next");
    } else {
        before.assert_untouched("closed");
    }
}

#[test]
fn o3_a_refused_client_does_not_learn_what_is_wrong_with_its_token() {
    let scene = Scene::new("[denials]");
    let issuer = &scene.world.issuer;
    let good = issuer.mint(json!({}));
    let forged = Issuer::usual().mint(json!({}));
    let tokens = [
        issuer.mint(json!({ "exp": 1 })),
        issuer.mint(json!({ "aud": "https://other.test" })),
        issuer.mint(json!({ "iss": "https://other.test" })),
        issuer.mint(json!({ "exp": "soon" })),
        issuer.mint_with(json!({ "kid": "unknown" }), json!({})),
        issuer.mint_with(json!({ "alg": "none" }), json!({})),
        issuer.mint_with(json!({ "typ": "logout+jwt" }), json!({})),
        forged,
        format!("{good}A"),
        "opaque".to_owned(),
    ];
    let answers =
        tokens.map(|token| scene.refused(&token, &Request::get("/loans/1").bearer(&token)));
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert!(answers[0].contains(INVALID_TOKEN), "{}", answers[0]);
}
