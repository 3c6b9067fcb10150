//! A tunnel's descriptors are closed with the tunnel, and both sides notice at once.

use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;

use crate::support::{
    DEADLINE, bare,
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    listening::Listening,
    process::Process,
    setup::Setup,
    upstream::Upstream,
    wait_until,
    wire::Head,
    world::JWKS,
};

/// More than what the process opens or closes of itself meanwhile. Each has two descriptors.
const TUNNELS: usize = 10;

/// On a busy machine. Every deadline of the proxy but the tested one is longer.
const AT_ONCE: Duration = Duration::from_millis(900);

/// The proxy, and a service that agrees to every handshake and leaves the rest to the test.
struct Scene {
    process: Process,
    services: Receiver<TcpStream>,
    _listening: Listening,
}

/// Both ends of a tunnel.
struct Tunnel {
    client: TcpStream,
    service: TcpStream,
}

impl Scene {
    fn start(stream_timeout: &str) -> Self {
        let (opened, services) = sync_channel(TUNNELS);
        let listening = bare::upstream(move |_, mut reader| {
            let agreed = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                           connection: upgrade\r\n\r\n";
            reader.get_mut().write_all(agreed).unwrap();
            opened.send(reader.into_inner()).unwrap();
        });
        let url = bare::url(&listening);
        let (upstream, key_server, issuer) =
            (Upstream::start(), KeyServer::start(), Issuer::usual());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", "")
            .with(&format!(
                "[upstreams.other]\nurl = \"{url}\"\nstream_timeout = \"{stream_timeout}\"\n\
                 [log]\nlevel = \"info\"\nformat = \"json\""
            ))
            .routes("[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"other\"");
        let process = Process::start(&setup, &upstream);
        Self { process, services, _listening: listening }
    }

    fn open(&self) -> Tunnel {
        let mut client = TcpStream::connect(self.process.address()).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        let handshake = Request::get("/")
            .field("connection", "upgrade")
            .field("upgrade", "websocket")
            .field("sec-websocket-version", "13")
            .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        client.write_all(&handshake.bytes()).unwrap();
        let head = Head::read(&mut BufReader::with_capacity(1, &client)).unwrap().unwrap();
        assert!(head.start.contains(" 101 "), "{head:?}");
        Tunnel { client, service: self.services.recv_timeout(DEADLINE).unwrap() }
    }

    /// Opens tunnels and ends them by `end`, which returns what it leaves open. What the proxy
    /// needed for them is free at once.
    fn assert_closed_at_once<E>(&self, case: &str, end: impl Fn(Tunnel) -> E) {
        let tunnels: Vec<_> = (0..TUNNELS).map(|_| self.open()).collect();
        let open = self.process.descriptors();
        let _left_open: Vec<_> = tunnels.into_iter().map(end).collect();
        let ended = Instant::now();
        wait_until(case, || self.process.descriptors() + 2 * TUNNELS <= open);
        assert!(ended.elapsed() < AT_ONCE, "{case}: {:?} later", ended.elapsed());
    }
}

/// The end, by whatever kind of close.
#[track_caller]
fn assert_ended(mut stream: &TcpStream) {
    let read = stream.read(&mut [0; 8]);
    assert!(read.as_ref().map_or(true, |count| *count == 0), "{read:?}");
}

/// Closes so that the other side gets an RST.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn w6_descriptors_are_closed_with_their_tunnel_by_either_side() {
    let scene = Scene::start("5m");
    scene.assert_closed_at_once("the client, then the service", |Tunnel { client, service }| {
        drop(client);
        assert_ended(&service);
    });
    scene.assert_closed_at_once("the service, then the client", |Tunnel { client, service }| {
        drop(service);
        assert_ended(&client);
    });
    scene.assert_closed_at_once("a client that is gone", |Tunnel { client, service }| {
        reset(client);
        assert_ended(&service);
        service
    });
    scene.assert_closed_at_once("a service that is gone", |Tunnel { client, service }| {
        reset(service);
        assert_ended(&client);
        client
    });
}

#[test]
fn w6_half_a_tunnel_goes_on_and_its_descriptors_go_with_the_other_half() {
    fn close_in_turn(first: TcpStream, mut second: TcpStream) -> [TcpStream; 2] {
        first.shutdown(Shutdown::Write).unwrap();
        assert_ended(&second);
        second.write_all(b"bye").unwrap();
        second.shutdown(Shutdown::Write).unwrap();
        let mut rest = String::new();
        (&first).read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bye");
        [first, second]
    }
    let scene = Scene::start("5m");
    scene.assert_closed_at_once("the client first", |Tunnel { client, service }| {
        close_in_turn(client, service)
    });
    scene.assert_closed_at_once("the service first", |Tunnel { client, service }| {
        close_in_turn(service, client)
    });
}

#[test]
fn w6_both_sides_of_a_silent_tunnel_end_at_the_same_time() {
    let scene = Scene::start("400ms");
    scene.assert_closed_at_once("silence", |Tunnel { client, service }| {
        let [client_ended, service_ended] = thread::scope(|scope| {
            let both = [&client, &service].map(|side| {
                scope.spawn(move || {
                    assert_ended(side);
                    Instant::now()
                })
            });
            both.map(|side| side.join().unwrap())
        });
        let apart = client_ended.max(service_ended) - client_ended.min(service_ended);
        assert!(apart < AT_ONCE, "{apart:?} apart");
        [client, service]
    });
}
