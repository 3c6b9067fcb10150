//! How the proxy stops and how it changes its mind: drain, signals, reload.

use std::{
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use countersign::{
    clock::{ManualClock, UnixTime},
    lifecycle::Server,
    listener::settings::ListenAddress,
    settings::{self, Sources},
};
use serde_json::json;

use crate::support::{
    DEADLINE, NOW,
    client::{Answer, Client, Request},
    h2::{self, RawH2},
    issuer::Issuer,
    setup::Setup,
    signalled::Process,
    upstream::{Reply, Upstream},
    wait_until,
    wire::{Head, Unframed},
    world::World,
};

/// A proxy that is about to be stopped.
struct Stopping {
    server: Option<Server>,
    address: SocketAddr,
    admin: SocketAddr,
    upstream: Upstream,
    token: String,
    _folder: tempfile::TempDir,
}

/// The configuration of a proxy with a key file, and these deadlines.
fn toml(folder: &tempfile::TempDir, issuer: &Issuer, upstream: &Upstream) -> String {
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, issuer.jwks().to_string()).unwrap();
    Setup::new()
        .issuer_from("corp", issuer, "", &format!("jwks_file = '{}'", jwks.display()))
        .toml(upstream)
}

impl Stopping {
    fn start(grace: &str, drain: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (issuer, upstream) = (Issuer::usual(), Upstream::start());
        let toml = toml(&folder, &issuer, &upstream)
            .replace("shutdown_grace = \"0s\"", &format!("shutdown_grace = \"{grace}\""))
            .replace("drain_timeout = \"1s\"", &format!("drain_timeout = \"{drain}\""));
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, toml).unwrap();
        let sources = Sources { file: Some(file), ..Sources::default() };
        let settings = settings::load(&sources).unwrap();
        let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
        let server = Server::start_at(settings, clock).unwrap();
        let stopping = Self {
            address: tcp(server.address()),
            admin: tcp(server.admin_address()),
            server: Some(server),
            upstream,
            token: issuer.mint(json!({})),
            _folder: folder,
        };
        wait_until("readiness", || stopping.readiness() == Some(200));
        stopping
    }

    fn client(&self) -> Client {
        Client::connect(self.address, &Arc::default())
    }

    fn get(&self, target: &str) -> Request {
        Request::get(target).bearer(&self.token)
    }

    /// The status of `/readyz`; `None` when there is no answer any more.
    fn readiness(&self) -> Option<u16> {
        ask(self.admin, "/readyz").ok().map(|answer| answer.status)
    }

    /// Stops in the background; ends when the server has stopped.
    fn stop(&mut self) -> JoinHandle<Duration> {
        let server = self.server.take().unwrap();
        thread::spawn(move || {
            let started = Instant::now();
            server.stop();
            started.elapsed()
        })
    }

    fn refuses_connections(&self) -> bool {
        TcpStream::connect(self.address).is_err()
    }
}

fn tcp(address: &ListenAddress) -> SocketAddr {
    match address {
        ListenAddress::Tcp(address) => *address,
        other => panic!("not TCP: {other}"),
    }
}

fn ask(address: SocketAddr, page: &str) -> io::Result<Answer> {
    drop(TcpStream::connect(address)?);
    let mut client = Client::connect(address, &Arc::default());
    client.send(&Request::get(page).field("connection", "close").bytes());
    client.try_read()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Makes the upstream answer `/slow` only when told to.
fn hold_slow_requests(upstream: &Upstream) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    upstream.answer_by(move |received| {
        if received.target() == "/slow" {
            let _ = released.lock().unwrap().recv();
        }
        Reply::ok()
    });
    release
}

#[test]
fn readiness_is_gone_at_once_and_requests_are_served_during_the_grace() {
    let mut proxy = Stopping::start("600ms", "5s");
    let mut old = proxy.client();
    assert!(old.exchange(&proxy.get("/")).is_from_upstream());
    let stopped = proxy.stop();
    wait_until("unreadiness", || proxy.readiness() == Some(503));
    assert!(old.exchange(&proxy.get("/")).is_from_upstream());
    assert!(proxy.client().exchange(&proxy.get("/")).is_from_upstream());
    assert!(!stopped.is_finished(), "the grace is over already");
    let lasted = stopped.join().unwrap();
    assert!(lasted >= Duration::from_millis(600), "{lasted:?}");
    assert!(lasted < DEADLINE / 4, "{lasted:?}");
    assert!(old.is_closed());
    assert!(proxy.refuses_connections());
}

#[test]
fn d10_what_is_in_flight_is_finished_and_what_is_idle_is_closed() {
    let mut proxy = Stopping::start("0s", "10s");
    let release = hold_slow_requests(&proxy.upstream);
    let mut idle = proxy.client();
    assert!(idle.exchange(&proxy.get("/")).is_from_upstream());
    let mut busy = proxy.client();
    busy.send(&proxy.get("/slow").bytes());
    wait_until("the slow request", || proxy.upstream.requests().len() == 2);
    let stopped = proxy.stop();
    assert!(idle.is_closed());
    wait_until("no new connections", || proxy.refuses_connections());
    assert!(!stopped.is_finished());
    release.send(()).unwrap();
    let answer = busy.read();
    assert!(answer.is_from_upstream());
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(busy.is_closed());
    let lasted = stopped.join().unwrap();
    assert!(lasted < Duration::from_secs(5), "{lasted:?}");
}

#[test]
fn d10_http2_clients_receive_goaway_and_their_streams_finish() {
    let mut proxy = Stopping::start("0s", "10s");
    let release = hold_slow_requests(&proxy.upstream);
    let mut idle = RawH2::connect(proxy.address, &[]);
    assert!(idle.read_until(h2::SETTINGS, 0).is_some());
    let mut busy = RawH2::connect(proxy.address, &[]);
    busy.get(1, "/slow", &proxy.token);
    wait_until("the slow request", || proxy.upstream.requests().len() == 1);
    let stopped = proxy.stop();
    assert!(idle.read_until(h2::GOAWAY, 0).is_some());
    idle.read_to_end();
    assert!(busy.read_until(h2::GOAWAY, 0).is_some());
    release.send(()).unwrap();
    assert_eq!(busy.read_status(1), Some(200));
    let body = busy.read_until(h2::DATA, 1).unwrap();
    assert_eq!(body.payload, b"ok");
    busy.read_to_end();
    let lasted = stopped.join().unwrap();
    assert!(lasted < Duration::from_secs(5), "{lasted:?}");
}

#[test]
fn d10_a_request_that_does_not_end_is_cut_at_the_deadline() {
    let mut proxy = Stopping::start("0s", "300ms");
    let _release = hold_slow_requests(&proxy.upstream);
    let mut busy = proxy.client();
    busy.send(&proxy.get("/slow").bytes());
    wait_until("the slow request", || proxy.upstream.requests().len() == 1);
    let stopped = proxy.stop();
    let mut rest = Vec::new();
    let _ = busy.stream().read_to_end(&mut rest);
    assert!(rest.is_empty(), "no answer that was not given");
    let lasted = stopped.join().unwrap();
    assert!(lasted >= Duration::from_millis(300), "{lasted:?}");
    assert!(lasted < Duration::from_secs(5), "{lasted:?}");
}

#[test]
fn d10_connections_that_say_nothing_do_not_hold_up_the_stop() {
    let mut proxy = Stopping::start("0s", "15s");
    let mut silent = proxy.client();
    let mut half = proxy.client();
    half.send(b"PRI * HTT");
    // An exchange behind them: the proxy has accepted them.
    assert!(proxy.client().exchange(&proxy.get("/")).is_from_upstream());
    let lasted = proxy.stop().join().unwrap();
    assert!(lasted < Duration::from_secs(5), "{lasted:?}");
    assert!(silent.is_closed() && half.is_closed());
}

#[test]
fn dropping_a_server_stops_it_without_a_grace() {
    let mut proxy = Stopping::start("1h", "1h");
    drop(proxy.server.take());
    wait_until("no new connections", || proxy.refuses_connections());
}

/// The binary in front of an upstream, with these lines for routes.
struct Binary {
    process: Process,
    folder: tempfile::TempDir,
    issuer: Issuer,
    upstream: Upstream,
}

const PROTECTED: &str = "[[routes]]\npath = \"/**\"\n";

impl Binary {
    fn start(grace: &str, drain: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (issuer, upstream) = (Issuer::usual(), Upstream::start());
        let listen = format!(
            "listen = \"127.0.0.1:0\"\nworkers = 1\n\
             shutdown_grace = \"{grace}\"\ndrain_timeout = \"{drain}\"\n"
        );
        let binary = Self { process: Process::none(), folder, issuer, upstream };
        binary.configure(&listen, PROTECTED);
        let process = Process::run(&binary.file());
        Self { process, ..binary }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("countersign.toml")
    }

    /// Writes the configuration.
    fn configure(&self, server: &str, routes: &str) {
        let toml = toml(&self.folder, &self.issuer, &self.upstream);
        let tables = toml.split("[upstreams.app]").nth(1).unwrap();
        let (tables, _) = tables.split_once("[[routes]]").unwrap();
        let text = format!("[server]\n{server}\n[upstreams.app]{tables}\n{routes}");
        std::fs::write(self.file(), text).unwrap();
    }

    /// A token that is good now.
    fn token(&self) -> String {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        self.issuer.mint(json!({ "iat": now - 10, "exp": now + 600 }))
    }

    fn status(&self, target: &str, token: &str) -> u16 {
        let request = Request::get(target).bearer(token);
        self.client().exchange(&request).status
    }

    fn client(&self) -> Client {
        Client::connect(self.process.address(), &Arc::default())
    }
}

#[test]
fn d10_sigterm_finishes_what_is_in_flight_and_exits_with_0() {
    let mut proxy = Binary::start("200ms", "10s");
    let release = hold_slow_requests(&proxy.upstream);
    let token = proxy.token();
    assert_eq!(proxy.status("/", &token), 200);
    let mut busy = proxy.client();
    busy.send(&Request::get("/slow").bearer(&token).bytes());
    wait_until("the slow request", || proxy.upstream.requests().len() == 2);
    proxy.process.signal("TERM");
    let admin = proxy.process.admin();
    wait_until("unreadiness", || ask(admin, "/readyz").is_ok_and(|answer| answer.status == 503));
    assert_eq!(ask(admin, "/livez").unwrap().status, 200);
    release.send(()).unwrap();
    assert!(busy.read().is_from_upstream());
    assert_eq!(proxy.process.exit_code(), Some(0));
}

#[test]
fn d10_a_second_sigterm_exits_at_once() {
    let mut proxy = Binary::start("1h", "1h");
    proxy.process.signal("TERM");
    let admin = proxy.process.admin();
    wait_until("unreadiness", || ask(admin, "/readyz").is_ok_and(|answer| answer.status == 503));
    proxy.process.signal("INT");
    assert_eq!(proxy.process.exit_code(), Some(1));
}

#[test]
fn x3_sighup_puts_another_configuration_to_work() {
    let mut proxy = Binary::start("0s", "1s");
    let token = proxy.token();
    let mut client = proxy.client();
    let request = Request::get("/new/x").bearer(&token);
    // The token is in the cache when its rules change.
    assert_eq!(client.exchange(&request).status, 200);
    let listen = "listen = \"127.0.0.1:0\"\nworkers = 1";
    let routes = format!(
        "[[routes]]\npath = \"/new/**\"\nscopes = [\"admin\"]\n\
         [[routes]]\npath = \"/open/**\"\naccess = \"public\"\n{PROTECTED}"
    );
    proxy.configure(listen, &routes);
    proxy.process.signal("HUP");
    wait_until("the new rules", || client.exchange(&request).status == 403);
    assert_eq!(client.exchange(&Request::get("/open/x")).status, 200);
    assert_eq!(client.exchange(&Request::get("/").bearer(&token)).status, 200);

    // A broken one is refused as a whole: what is in use stays in use.
    proxy.configure(listen, "[[routes]]\npath = \"/open\"\naccess = \"all\"");
    proxy.process.signal("HUP");
    wait_until("the complaint", || {
        proxy.process.logs().contains("the new configuration is not used")
    });
    assert_eq!(client.exchange(&request).status, 403);
    assert_eq!(client.exchange(&Request::get("/open/x")).status, 200);
    proxy.process.signal("TERM");
    assert_eq!(proxy.process.exit_code(), Some(0));
}

#[test]
fn x3_sigterm_does_not_wait_for_a_reload_that_hangs() {
    let mut proxy = Binary::start("0s", "1s");
    let text = std::fs::read_to_string(proxy.file()).unwrap();
    // Keys that never come: the reload waits for them until its own deadline.
    let hanging = crate::support::listening::Listening::start(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let url = format!("jwks_url = \"http://{}/\"", hanging.address());
    let line = text.lines().find(|line| line.starts_with("jwks_file")).unwrap();
    std::fs::write(proxy.file(), text.replace(line, &url)).unwrap();
    proxy.process.signal("HUP");
    wait_until("the keys to be asked for", || hanging.accepted() > 0);
    let since = Instant::now();
    proxy.process.signal("TERM");
    assert_eq!(proxy.process.exit_code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[test]
fn x3_a_reload_that_another_one_supersedes_is_no_error() {
    let world = World::start();
    let hanging = crate::support::listening::Listening::start(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let setup = || Setup::new().issuer("corp", &world.issuer, &world.key_server, "", "");
    let without_keys = setup()
        .rewritten(&world.key_server.url("/corp/jwks"), &format!("http://{}/", hanging.address()));
    let earlier = without_keys.load(&world.upstream).unwrap();
    let later = setup().load(&world.upstream).unwrap();
    thread::scope(|scope| {
        let superseded = scope.spawn(|| world.proxy.server().reload(earlier));
        wait_until("the keys to be asked for", || hanging.accepted() > 0);
        world.proxy.server().reload(later).unwrap();
        let outcome = superseded.join().unwrap().unwrap_err();
        assert!(outcome.contains("superseded by a later reload or stop"), "{outcome}");
    });
    let logs = world.proxy.logs();
    let line = logs.lines().find(|line| line.contains("takes the place of a reload"));
    assert!(line.is_some_and(|line| line.contains(" INFO ")), "{line:?}");
}

#[test]
fn x3_a_reload_through_the_library_changes_every_worker() {
    let mut world = World::with_setup(|s| s.server("[server.limits]\nidle_timeout = \"1m\""));
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    assert!(client.exchange(&Request::get("/a").bearer(&token)).is_from_upstream());
    let setup = Setup::new()
        .issuer("corp", &world.issuer, &world.key_server, "", "")
        .routes("[[routes]]\npath = \"/a\"\nscopes = [\"none-has-it\"]");
    let settings = setup.load(&world.upstream).unwrap();
    assert!(!world.proxy.page("/config").contains("none-has-it"));
    world.proxy.server().reload(settings).unwrap();
    assert!(world.proxy.page("/config").contains("none-has-it"), "the operator sees it too");
    let answer = client.exchange(&Request::get("/a").bearer(&token));
    assert_eq!(answer.status, 403);
    assert_eq!(client.exchange(&Request::get("/public/x")).status, 403);
}

#[test]
fn d8_no_request_makes_a_new_label() {
    const MARK: &str = "hostile-mark";
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let hostile = |n: usize| {
        let path = format!("/{MARK}-{n}");
        let subject = world.issuer.mint(json!({ "sub": format!("{MARK}-{n}") }));
        let kid = json!({ "kid": format!("{MARK}-{n}") });
        let kid = world.issuer.mint_with(kid, json!({}));
        let iss = json!({ "iss": format!("https://{MARK}-{n}") });
        let iss = world.issuer.mint(iss);
        for token in [&subject, &kid, &iss, MARK] {
            let request = Request::get(&path).bearer(token);
            let request = request.field("x-any", MARK).field("user-agent", MARK);
            world.proxy.exchange(&request);
        }
        world.proxy.exchange(&Request::new("HOSTILE-MARK", &path));
        let mut client = world.proxy.client();
        client.send(format!("GET {path} HTTP/1.1\r\nhost: {MARK}\r\n\r\n").as_bytes());
        let _ = Head::read(client.stream());
        let metrics = world.proxy.metrics().to_lowercase();
        assert!(!metrics.contains(MARK), "{metrics}");
        metrics.lines().filter(|line| !line.starts_with('#')).count()
    };
    let series = hostile(0);
    for n in 1..30 {
        assert_eq!(hostile(n), series, "request {n} made a new series");
    }
    for page in ["/keys", "/config", "/readyz"] {
        assert!(!world.proxy.page(page).contains(MARK), "{page}");
    }
}

#[test]
fn a_unix_socket_is_listened_on_and_a_stale_one_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("in.sock");
    // Left over from a process that was killed: the file is there without a listener.
    drop(UnixListener::bind(&socket).unwrap());
    let (issuer, upstream) = (Issuer::usual(), Upstream::start());
    let listen = format!("listen = \"unix:{}\"", socket.display());
    let toml = toml(&folder, &issuer, &upstream);
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, toml.replacen("listen = \"127.0.0.1:0\"", &listen, 1)).unwrap();
    let sources = Sources { file: Some(file), ..Sources::default() };
    let settings = settings::load(&sources).unwrap();
    let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
    let server = Server::start_at(settings.clone(), clock).unwrap();
    assert_eq!(server.address(), &ListenAddress::Unix(socket.clone()));
    let admin = tcp(server.admin_address());
    wait_until("readiness", || ask(admin, "/readyz").is_ok_and(|a| a.status == 200));

    let mut client = BufReader::new(UnixStream::connect(&socket).unwrap());
    let request = Request::get("/").bearer(&issuer.mint(json!({})));
    for (request, status) in [(request, "200"), (Request::get("/"), "401")] {
        client.get_mut().write_all(&request.bytes()).unwrap();
        let head = Head::read(&mut client).unwrap().unwrap();
        assert_eq!(head.start.split(' ').nth(1), Some(status), "{head:?}");
        head.read_body(&mut client, Unframed::UntilClose).unwrap();
    }
    // No address is known there, so none is claimed (H-9).
    let received = &upstream.requests()[0];
    assert_eq!(received.head.field("x-forwarded-for"), None);
    assert_eq!(received.head.field("x-auth-subject"), Some("alice"));

    // One that is in use is not taken away.
    let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
    let error = Server::start_at(settings, clock).unwrap_err().to_string();
    assert!(error.contains("server.listen"), "{error}");
    drop(client);
    server.stop();
}
