//! An upstream that leads back to the proxy: the request is refused when it comes in again.

use std::{
    io::{self, BufReader, Write},
    net::{SocketAddr, TcpStream},
    os::unix::{fs::symlink, net::UnixStream},
    sync::{Arc, OnceLock},
    thread,
};

use countersign::{lifecycle::Server, reason::Reason};
use serde_json::json;

use crate::support::{
    bare,
    client::Request,
    h2::{self, Frames, H2},
    listening::Listening,
    setup::Setup,
    upstream::Upstream,
    wire::{Head, Unframed},
    world::World,
};

const DETECTED: &str = r#"countersign_denials_total{issuer="",reason="loop_detected"}"#;

/// A load balancer that leads to a proxy, which starts after it: what no check of a configuration
/// sees through.
struct Relay {
    listening: Listening,
    target: Arc<OnceLock<SocketAddr>>,
}

impl Relay {
    fn start() -> Self {
        let target = Arc::<OnceLock<SocketAddr>>::default();
        let of_listener = Arc::clone(&target);
        let listening = Listening::start(move |from| {
            let to = TcpStream::connect(of_listener.wait()).unwrap();
            let back = [&to, &from].map(|stream| stream.try_clone().unwrap());
            thread::scope(|scope| {
                scope.spawn(|| pump(&from, &to));
                let [to, from] = &back;
                pump(to, from);
            });
        });
        Self { listening, target }
    }

    fn leads_to(&self, world: &World) {
        self.target.set(world.proxy.address()).unwrap();
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.listening.address())
    }
}

/// Everything until the end, and the end.
fn pump(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// A proxy whose upstream is itself.
fn looping(scheme: &str, forwarding: &str) -> (World, Relay) {
    let relay = Relay::start();
    let url = relay.url(scheme);
    let world = World::with_setup(|setup| {
        setup
            .with(&format!("[upstreams.other]\nurl = \"{url}\"\n[forwarding]\n{forwarding}"))
            .routes(
                "[[routes]]\npath = \"/**\"\nupstream = \"other\"\n\
                 [[routes]]\npath = \"/public/**\"\naccess = \"public\"\nupstream = \"other\"",
            )
    });
    relay.leads_to(&world);
    (world, relay)
}

#[test]
fn f15_a_loop_ends_with_its_second_connection() {
    for (scheme, header) in
        [("http", "cdn-loop"), ("h2c", "cdn-loop"), ("http", "via"), ("h2c", "via")]
    {
        let case = format!("{scheme} {header}");
        let (world, relay) = looping(scheme, &format!("loop_header = \"{header}\""));
        let token = world.issuer.mint(json!({}));
        let mut client = world.proxy.client();
        for request in [
            Request::get("/public/a"),
            // The credential is stripped: without the check it would be 401, as a riddle.
            Request::get("/b").bearer(&token),
            Request::new("POST", "/public/c").body(b"body"),
        ] {
            let answer = client.exchange(&request);
            assert_eq!(answer.status, 508, "{case}: {answer:?}");
            assert_eq!(answer.reason().as_deref(), Some("loop_detected"), "{case}");
        }
        assert_eq!(relay.listening.accepted(), 1, "{case}");
        assert!((world.proxy.metric(DETECTED) - 3.0).abs() < 0.5, "{case}");
    }
}

#[test]
fn f15_a_loop_is_found_for_http2_clients_and_calls_of_grpc() {
    let (world, relay) = looping("h2c", "");
    let client = H2::connect(world.proxy.address());
    let plain = h2::request("GET", "/public/a").body(Frames::default()).unwrap();
    let call = h2::request("POST", "/public/Service/Method")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Frames::default())
        .unwrap();
    // One after the other: each of two at once would open a connection.
    let answers = [plain, call].map(|request| client.all([request]).remove(0).unwrap());
    assert_eq!(answers[0].status, 508);
    assert_eq!((answers[1].status, answers[1].field("grpc-status")), (200, Some("13")));
    assert_eq!(relay.listening.accepted(), 1);
}

#[test]
fn f15_the_log_names_a_loop_once_a_minute_however_many_requests_go_round() {
    let (world, _relay) = looping("http", "");
    for _ in 0..5 {
        assert_eq!(world.proxy.get("/public/a-loop-to-be-found?secret", None).status, 508);
    }
    let logs = world.proxy.logs();
    let lines: Vec<_> = logs
        .lines()
        .filter(|line| line.contains("a loop: ") && line.contains("a-loop-to-be-found"))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("WARN") && !lines[0].contains("secret"), "{lines:?}");
}

#[test]
fn f15_a_gateway_in_front_of_a_sidecar_is_no_loop() {
    for header in ["cdn-loop", "via"] {
        let forwarding = format!("[forwarding]\nloop_header = \"{header}\"");
        let mut sidecar = World::with_setup(|setup| setup.with(&forwarding));
        let url = format!("http://{}", sidecar.proxy.address());
        let mut gateway = World::with_setup(|setup| {
            setup
                .with(&format!("[upstreams.sidecar]\nurl = \"{url}\"\n{forwarding}"))
                .routes("[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"sidecar\"")
        });
        // The sidecar's upstream answers what clients of the gateway read.
        sidecar.proxy.expect_unmatched_answers();
        gateway.proxy.expect_unmatched_answers();
        let before = sidecar.mark();
        // What hops before have written is kept, and no client makes us leave ours out.
        let request = Request::get("/public/a")
            .field(header, "1.1 first, 1.1 second")
            .field(header, "1.1 third")
            .field("connection", header);
        assert_eq!(gateway.proxy.exchange(&request).status, 200);
        let received = before.only_request(header);
        let hops: Vec<_> = received.head.all(header).flat_map(|line| line.split(", ")).collect();
        assert_eq!(hops[..3], ["1.1 first", "1.1 second", "1.1 third"]);
        let [gateway, sidecar] = hops[3..] else { panic!("{hops:?}") };
        assert_ne!(gateway, sidecar);
        for ours in [gateway, sidecar] {
            let id = if header == "via" { ours.strip_prefix("1.1 ").unwrap() } else { ours };
            assert!(id.starts_with("countersign-"), "{ours}");
        }
    }
}

#[test]
fn f15_a_client_that_sends_an_id_of_ours_refuses_itself_only() {
    let world = World::start();
    let before = world.mark();
    assert_eq!(world.proxy.get("/public/a", None).status, 200);
    let seen = before.only_request("first").head.field("cdn-loop").unwrap().to_owned();
    let before = world.mark();
    let request = Request::get("/public/a").field("cdn-loop", &seen);
    let answer = world.proxy.exchange(&request);
    crate::support::oracle::assert_refused("forged", &answer, Reason::LoopDetected, &before);
    assert_eq!(world.proxy.get("/public/a", None).status, 200);
}

#[test]
fn f15_two_replicas_that_lead_to_each_other_are_a_loop_when_the_first_id_comes_back() {
    let (to_one, to_other) = (Relay::start(), Relay::start());
    let one = bare::in_front_of(&to_other.url("http"), "");
    let other = bare::in_front_of(&to_one.url("http"), "");
    to_one.leads_to(&one);
    to_other.leads_to(&other);
    assert_eq!(one.proxy.get("/public/a", None).status, 508);
    assert_eq!((to_one.listening.accepted(), to_other.listening.accepted()), (1, 1));
    assert!((one.proxy.metric(DETECTED) - 1.0).abs() < 0.5);
    assert!(other.proxy.metric(DETECTED) < 0.5);
}

#[test]
fn f15_a_unix_socket_that_leads_back_is_a_loop() {
    let folder = tempfile::tempdir().unwrap();
    let [socket, link] = ["in.sock", "link"].map(|name| folder.path().join(name));
    symlink(&socket, &link).unwrap();
    let upstream = Upstream::start();
    let setup = Setup::new()
        .server(&format!("listen = \"unix:{}\"", socket.display()))
        .with(&format!("[upstreams.other]\nurl = \"unix:{}\"", link.display()))
        .routes("[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"other\"");
    let server = Server::start(setup.load(&upstream).unwrap()).unwrap();
    let mut client = BufReader::new(UnixStream::connect(&socket).unwrap());
    client.get_mut().write_all(&Request::get("/a").bytes()).unwrap();
    let head = Head::read(&mut client).unwrap().unwrap();
    assert_eq!(head.start.split(' ').nth(1), Some("508"), "{head:?}");
    head.read_body(&mut client, Unframed::UntilClose).unwrap();
    drop(client);
    server.stop();

    let direct = Setup::new()
        .server(&format!("listen = \"unix:{}\"", socket.display()))
        .with(&format!("[upstreams.other]\nurl = \"unix:{}\"", socket.display()));
    let mistakes = direct.load(&upstream).unwrap_err().to_string();
    assert!(mistakes.contains("upstreams.other.url"), "{mistakes}");
    assert!(mistakes.contains("is this proxy itself"), "{mistakes}");
}
