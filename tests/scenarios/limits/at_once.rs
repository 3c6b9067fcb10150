//! L-5: how many at once: a place is given back when the answer has ended, however it ends.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use countersign::reason::Reason;
use serde_json::json;

use super::{keys, token};
use crate::support::{
    bare,
    client::{Client, Request},
    h2::{self, RawH2},
    listening::Listening,
    wait_until,
    wire::{Head, Unframed},
    world::World,
};

/// A service that begins an answer and leaves the rest to the test.
struct Scene {
    world: World,
    services: Receiver<TcpStream>,
    _listening: Listening,
}

const LIMIT: &str = "key = { claim = \"client_id\" }\nconcurrency = 2";

const BEGUN: &[u8] = b"HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\nconnection: close\r\n\
    content-length: 4\r\n\r\nab";
const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nx-answered-by: upstream\r\n\
                        upgrade: websocket\r\nconnection: upgrade\r\n\r\n";

impl Scene {
    fn start(answer: &'static [u8]) -> Self {
        let (opened, services) = channel();
        let opened: Mutex<Sender<TcpStream>> = Mutex::new(opened);
        let listening = bare::upstream(move |_, mut reader| {
            reader.get_mut().write_all(answer).unwrap();
            // The test may be over.
            let _ = opened.lock().unwrap().send(reader.into_inner());
        });
        let url = bare::url(&listening);
        let mut world = World::with_setup(|setup| {
            setup
                .with(&format!("[upstreams.other]\nurl = \"{url}\"\n[limits.own]\n{LIMIT}"))
                .routes("[[routes]]\npath = \"/**\"\nupstream = \"other\"\nlimit = \"own\"")
        });
        world.proxy.expect_unmatched_answers();
        Self { world, services, _listening: listening }
    }

    /// A request whose answer has begun, and the service's end of it.
    fn begin(&self, token: &str) -> (Client, TcpStream) {
        let mut client = self.world.proxy.client();
        client.send(&Request::get("/").bearer(token).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        assert!(head.start.contains(" 200 "), "{head:?}");
        (client, self.services.recv().unwrap())
    }

    fn is_full(&self, token: &str) -> bool {
        let mut client = self.world.proxy.client();
        client.send(&Request::get("/").bearer(token).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        let is_full = head.start.contains(" 429 ");
        if is_full {
            let body = head.read_body(client.stream(), Unframed::Empty).unwrap();
            let body = String::from_utf8(body.bytes).unwrap();
            assert!(body.contains(Reason::ConcurrencyLimited.code()), "{body}");
            assert_eq!(head.field("retry-after"), Some("1"));
            assert_eq!(head.field("ratelimit"), Some("\"own:concurrency\";r=0"));
        } else {
            // Its place is given back, too.
            let mut service = self.services.recv().unwrap();
            service.write_all(b"cd").unwrap();
            let mut rest = [0; 4];
            client.stream().read_exact(&mut rest).unwrap();
        }
        is_full
    }

    /// Both places are free again, and there is no third.
    fn has_both_places(&self, token: &str) {
        wait_until("the places", || keys(&self.world) == 0);
        let _first = self.begin(token);
        assert!(!self.is_full(token));
        let _second = self.begin(token);
        assert!(self.is_full(token));
    }
}

#[test]
fn l5_a_place_is_free_when_the_answer_has_ended() {
    let scene = Scene::start(BEGUN);
    let app = token(&scene.world, "app");
    let (mut client, mut service) = scene.begin(&app);
    let _second = scene.begin(&app);
    assert!(scene.is_full(&app), "as long as a body is under way");
    assert!(!scene.is_full(&token(&scene.world, "other")), "each client has its own");
    service.write_all(b"cd").unwrap();
    let mut body = [0; 4];
    client.stream().read_exact(&mut body).unwrap();
    wait_until("the place", || !scene.is_full(&app));
}

#[test]
fn l5_clients_that_go_away_over_http1_leave_no_place_taken() {
    let scene = Scene::start(BEGUN);
    let app = token(&scene.world, "app");
    for _ in 0..10 {
        let (client, _service) = scene.begin(&app);
        drop(client);
        wait_until("the place", || keys(&scene.world) == 0);
    }
    scene.has_both_places(&app);
}

#[test]
fn l5_streams_that_are_reset_leave_no_place_taken() {
    let scene = Scene::start(BEGUN);
    let app = token(&scene.world, "app");
    let mut client = RawH2::connect(scene.world.proxy.address(), &[]);
    for number in 0..10 {
        let stream = 2 * number + 1;
        client.get(stream, "/", &app);
        client.read_until(h2::HEADERS, stream).unwrap();
        let _service = scene.services.recv().unwrap();
        client.send(h2::RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        wait_until("the place", || keys(&scene.world) == 0);
    }
    scene.has_both_places(&app);
}

#[test]
fn l5_services_that_break_off_leave_no_place_taken() {
    let scene = Scene::start(BEGUN);
    let app = token(&scene.world, "app");
    for _ in 0..5 {
        let (_client, service) = scene.begin(&app);
        drop(service);
        wait_until("the place", || keys(&scene.world) == 0);
    }
    scene.has_both_places(&app);
}

#[test]
fn l5_a_tunnel_has_its_place_until_it_ends() {
    let scene = Scene::start(AGREED);
    let app = token(&scene.world, "app");
    let open = || {
        let request = Request::get("/")
            .field("connection", "upgrade")
            .field("upgrade", "websocket")
            .field("sec-websocket-version", "13")
            .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .bearer(&app);
        let mut client = scene.world.proxy.client();
        client.send(&request.bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        (client, head.start)
    };
    let (first, start) = open();
    assert!(start.contains(" 101 "), "{start}");
    let (_second, start) = open();
    assert!(start.contains(" 101 "), "{start}");
    assert!(open().1.contains(" 429 "));
    drop(first);
    drop(scene.services.recv().unwrap());
    wait_until("the place", || open().1.contains(" 101 "));
}

#[test]
fn a_refused_request_takes_no_place() {
    let scene = Scene::start(BEGUN);
    let app = token(&scene.world, "app");
    let expired = scene.world.issuer.mint(json!({ "client_id": "app", "exp": 1 }));
    for _ in 0..5 {
        assert_eq!(scene.world.proxy.get("/", Some(&expired)).status, 401);
    }
    scene.has_both_places(&app);
}
