//! `config/gateway.toml` at work, between clients over TLS and two services.

use serde_json::{Value, json};

use crate::{
    support::{
        NOW,
        authority::Authority,
        client::{Answer, Request},
        fleet::{Instance, Protocol},
        introspection::Endpoint,
        issuer::Issuer,
        key_server::{KeyServer, Page},
        proxy::Proxy,
        shipped::Shipped,
        tls_front::{Showing, TlsFront},
        upstream::{Received, Reply, Upstream},
        wait_until,
    },
    tls::client::{Offer, TlsClient},
};

const HOST: &str = "api.example.com";

/// How many requests of one client pass at once.
const BURST: usize = 40;

/// The position of the listener for clients over TLS.
const EDGE: usize = 1;

/// All parties.
struct Scene {
    // First, so that it goes first: its invariants ask the others.
    proxy: Proxy,
    /// What is behind the TLS of the service for orders.
    orders: Upstream,
    files: Vec<Instance>,
    issuer: Issuer,
    endpoint: Endpoint,
    clients: Authority,
    _orders_over_tls: TlsFront,
    _key_server: KeyServer,
    _files_of_settings: tempfile::TempDir,
}

impl Scene {
    fn start() -> Self {
        let (clients, internal) = (Authority::new("of all"), Authority::new("internal"));
        let (orders, files) = (Upstream::start(), Instance::several(2, Protocol::Http1));
        let certificate = internal.server("localhost");
        let over_tls = TlsFront::start(
            &Showing::new(&certificate).alpn(&["http/1.1"]),
            orders.address(),
            None,
        );
        let (key_server, endpoint) = (KeyServer::start(), Endpoint::start());
        let issuer = discovered(&key_server);
        endpoint.serve("/token", exchanged());
        let own = clients.server(HOST);
        let shipped = Shipped::load("gateway.toml")
            .with("0.0.0.0:8080", "127.0.0.1:0")
            .with("0.0.0.0:8443", "127.0.0.1:0")
            .with("https://orders.internal:8443", &over_tls.url())
            .with("http://10.0.0.11:3000", &files[0].url())
            .with("http://10.0.0.12:3000", &files[1].url())
            .with("https://idp.example.com/token", &endpoint.url("/token"))
            .with("\"https://idp.example.com\"", &format!("{:?}", issuer.iss()))
            // No second in which a slow machine could refill the bucket.
            .with("\"20/s\"", "\"1/h\"")
            .with("interval = \"5s\"", "interval = \"200ms\"")
            .with_file("api.crt", &own.certificate_pem)
            .with_file("api.key", &own.key_pem())
            .with_file("internal-ca.pem", &internal.pem())
            .and(FOR_TESTS);
        let (mut proxy, files_of_settings) = shipped.start_as_it_is(&orders, NOW);
        // Clients over TLS are not in the journal of answers.
        proxy.expect_unmatched_answers();
        Self {
            proxy,
            orders,
            files,
            issuer,
            endpoint,
            clients,
            _orders_over_tls: over_tls,
            _key_server: key_server,
            _files_of_settings: files_of_settings,
        }
    }

    fn edge(&self) -> TlsClient {
        let config = Offer::trusting(&self.clients).config();
        TlsClient::connect(self.proxy.address_of(EDGE), config, HOST).unwrap()
    }

    fn token(&self, client: &str) -> String {
        let aud = "https://api.example.com";
        self.issuer.mint(json!({ "aud": aud, "client_id": client, "scope": "orders" }))
    }

    /// An answer over TLS.
    fn answer(&self, request: Request, token: &str) -> Answer {
        self.edge().exchange(&request.bearer(token))
    }

    /// What the service for orders received last.
    fn last_order(&self) -> Received {
        self.orders.requests().pop().unwrap()
    }
}

/// Small, on this machine, and with reasons in its answers.
const FOR_TESTS: &str = r#"
[server]
workers = 1
shutdown_grace = "0s"
drain_timeout = "1s"

[admin]
listen = "127.0.0.1:0"

[denials]
expose_reasons = true
"#;

/// An issuer whose keys are found by its metadata.
fn discovered(key_server: &KeyServer) -> Issuer {
    let issuer = Issuer::usual().named(&key_server.url(""));
    let metadata = json!({ "issuer": issuer.iss(), "jwks_uri": key_server.url("/keys") });
    key_server.serve("/.well-known/openid-configuration", Page::json(&metadata));
    key_server.serve("/keys", Page::json(&issuer.jwks()));
    issuer
}

fn exchanged() -> Page {
    let access_token: Value = "urn:ietf:params:oauth:token-type:access_token".into();
    Page::json(&json!({
        "access_token": "for-orders",
        "issued_token_type": access_token,
        "token_type": "Bearer",
        "expires_in": 300,
    }))
}

fn get(target: &str) -> Request {
    Request::to(HOST, "GET", target)
}

#[test]
fn plain_http_only_redirects_to_https() {
    let scene = Scene::start();
    for target in ["/", "/other", "/orders/7?all=1", "/files/a", "/healthz/x"] {
        let answer = scene.proxy.exchange(&get(target).bearer(&scene.token("web")));
        assert_eq!(answer.status, 308, "{target}");
        assert_eq!(answer.field("location"), Some(&*format!("https://{HOST}{target}")));
    }
    // What the edge has a public route for is not served in plain either.
    assert_eq!(scene.proxy.exchange(&get("/healthz")).reason().unwrap(), "route_unknown");
    assert_eq!(scene.orders.record().count(), 0);
    assert!(scene.files.iter().all(|instance| instance.count() == 0));
}

#[test]
fn orders_come_over_tls_at_the_services_own_path_and_with_its_own_token() {
    let scene = Scene::start();
    scene.orders.answer_by(|_| {
        Reply::with(303, &[("location", "/7/receipt"), ("server", "orders/1.0")], b"")
    });
    let token = scene.token("web");
    let answer = scene.answer(get("/orders/7?all=1"), &token);
    assert_eq!((answer.status, answer.field("location")), (303, Some("/orders/7/receipt")));
    assert_eq!(answer.field("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(answer.field("server"), None);

    let received = scene.last_order();
    assert_eq!(received.target(), "/7?all=1");
    let fields = ["authorization", "x-forwarded-prefix", "x-auth-subject", "x-auth-client"];
    let fields = fields.map(|name| received.head.field(name));
    assert_eq!(fields, [Some("Bearer for-orders"), Some("/orders"), Some("alice"), Some("web")]);
    let exchanged = scene.endpoint.visits("/token").pop().unwrap();
    assert_eq!(exchanged.parameter("audience"), Some("orders"));
    assert_eq!(exchanged.parameter("subject_token"), Some(&*token));
}

#[test]
fn the_edge_refuses_what_is_for_no_route_host_or_caller_of_it() {
    let scene = Scene::start();
    for (request, status) in [
        (get("/other"), 403),
        (Request::to("other.example.com", "GET", "/orders/7"), 403),
        (Request::to(HOST, "POST", "/orders/7").body(&vec![b'x'; 64 * 1024 + 1]), 413),
    ] {
        assert_eq!(scene.answer(request, &scene.token("web")).status, status);
    }
    let answer = scene.edge().exchange(&get("/orders/7"));
    assert_eq!(answer.status, 401);
    assert_eq!(answer.field("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(scene.orders.record().count(), 0);
}

#[test]
fn a_client_over_its_rate_waits_and_others_do_not() {
    let scene = Scene::start();
    let mut client = scene.edge();
    let mut status = |name| client.exchange(&get("/orders/7").bearer(&scene.token(name))).status;
    for _ in 0..BURST {
        assert_eq!(status("web"), 200);
    }
    assert_eq!(status("web"), 429);
    assert_eq!(status("mobile"), 200);
    assert_eq!(scene.orders.record().count(), BURST + 1);
}

#[test]
fn files_are_at_both_instances_and_at_the_one_that_is_left() {
    let mut scene = Scene::start();
    wait_until("checks", || scene.files.iter().all(|instance| instance.checks() > 0));
    let mut client = scene.edge();
    let mut status = |name: &str, token: &str| {
        let request = get(&format!("/files/{name}")).bearer(token);
        client.exchange(&request).status
    };
    for number in 0..BURST {
        assert_eq!(status("a", &scene.token("web")), 200, "{number}");
    }
    let counts = [scene.files[0].count(), scene.files[1].count()];
    assert_eq!(counts[0] + counts[1], BURST);
    assert!(0 < counts[0] && counts[0] < counts[1], "{counts:?}");
    scene.files[1].kill();
    for number in 0..BURST {
        assert_eq!(status("b", &scene.token("mobile")), 200, "{number}");
    }
    assert_eq!(scene.files[0].count(), counts[0] + BURST);
}
