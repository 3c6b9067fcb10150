//! Listeners that a reload adds, moves and removes, under connections.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
};

use super::scene::{OPEN, Scene, exchange};
use crate::support::{
    client::{Client, Request},
    setup::LOG_LEVEL,
    upstream::{Reply, Upstream},
    wait_until,
};

/// A port that is free now.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// The configuration that listens there, with this many workers.
fn listening_at(text: &str, address: SocketAddr, workers: usize) -> String {
    text.replacen("listen = \"127.0.0.1:0\"", &format!("listen = \"{address}\""), 1)
        .replace("workers = 1", &format!("workers = {workers}"))
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

fn connect(address: SocketAddr) -> Client {
    Client::connect(address, &Arc::default())
}

fn refuses_connections(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}

#[test]
fn x11_a_listener_moves_and_what_is_in_flight_on_the_old_one_is_finished() {
    let (old, new) = (free_address(), free_address());
    let scene = Scene::start_with(|text| listening_at(&text, old, 2));
    let at = |address| listening_at(&scene.text(OPEN), address, 2);
    scene.write(&at(old));
    assert_eq!(scene.reload().0, 200);
    let release = hold_slow_requests(&scene.upstream);
    let (mut idle, mut busy) = (connect(old), connect(old));
    assert_eq!(idle.exchange(&Request::get("/a")).status, 200);
    busy.send(&Request::get("/slow").bytes());
    wait_until("the slow request", || scene.upstream.requests().len() == 2);

    scene.write(&at(new));
    let (status, verdict) = scene.reload();
    assert_eq!((status, &verdict["restart_required"]), (200, &serde_json::json!([])));
    let mut moved = connect(new);
    assert!(idle.is_closed(), "between requests");
    wait_until("the old port to be free", || refuses_connections(old));
    release.send(()).unwrap();
    let answer = busy.read();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert!(busy.is_closed());
    assert_eq!(moved.exchange(&Request::get("/b")).status, 200);
}

#[test]
fn x11_an_address_that_can_not_be_bound_refuses_the_whole_reload() {
    let scene = Scene::start();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = taken.local_addr().map(|at| (at, taken)).unwrap();
    let listeners = format!(
        "[[listeners]]\nname = \"a\"\nlisten = \"{}\"\n\
         [[listeners]]\nname = \"b\"\nlisten = \"{}\"\n",
        free_address(),
        taken.0
    );
    scene.write(&(scene.text(OPEN) + &listeners));
    let (status, verdict) = scene.reload();
    assert_eq!(status, 409, "{verdict}");
    let error = verdict["errors"][0].as_str().unwrap();
    assert!(error.contains(&format!("cannot listen on {}", taken.0)), "{error}");
    assert_eq!(scene.status(), 401, "the routes are the old ones as well");
    drop(taken);
    assert_eq!(scene.reload().0, 200);
    assert_eq!(scene.status(), 200);
}

#[test]
fn x11_listeners_come_and_go_and_the_others_keep_their_connections() {
    let scene = Scene::start_with(|text| text.replace("workers = 1", "workers = 2"));
    let base = scene.text(OPEN).replace("workers = 1", "workers = 2");
    let mut kept = scene.client();
    for round in 0..3 {
        let further = free_address();
        let listener = format!("[[listeners]]\nname = \"a\"\nlisten = \"{further}\"\n");
        scene.write(&(base.clone() + &listener));
        assert_eq!(scene.reload().0, 200, "{round}");
        for _ in 0..4 {
            assert_eq!(connect(further).exchange(&Request::get("/a")).status, 200);
        }
        scene.write(&base);
        assert_eq!(scene.reload().0, 200);
        wait_until("the port to be free", || refuses_connections(further));
        assert_eq!(kept.exchange(&Request::get("/b")).status, 200, "{round}");
    }
    let series = "countersign_listener_connections{listener=\"a\"}";
    wait_until("no connection to be left", || scene.metric(series).as_deref() == Some("0"));
}

#[test]
fn x11_the_operators_listeners_move_and_the_verdict_still_arrives() {
    let scene = Scene::start();
    let admin = free_address();
    let (old_socket, new_socket) = (scene.socket(), scene.path("other.sock"));
    let text = scene
        .text(OPEN)
        .replace("control.sock", "other.sock")
        .replace("[admin]\nlisten = \"127.0.0.1:0\"", &format!("[admin]\nlisten = \"{admin}\""));
    scene.write(&text);
    let old_admin = scene.process.admin();
    assert_eq!(scene.reload().0, 200);
    wait_until("the old admin port to be free", || refuses_connections(old_admin));
    let livez = Request::get("/livez").field("connection", "close");
    assert_eq!(connect(admin).exchange(&livez).status, 200);
    let (status, _) = exchange(&new_socket, &Request::to("localhost", "GET", "/"));
    assert_eq!(status, 200);
    wait_until("the old socket to be closed", || {
        std::os::unix::net::UnixStream::connect(&old_socket).is_err()
    });
}

#[test]
fn x11_limits_and_the_log_level_change_without_a_restart() {
    let level = format!("level = \"{LOG_LEVEL}\"");
    let info = |text: String| text.replace(&level, "level = \"info\"");
    let scene = Scene::start_with(info);
    let mut first = scene.client();
    assert_eq!(first.exchange(&Request::get("/a")).status, 401);
    assert!(!scene.process.logs().contains(" DEBUG "), "{}", scene.process.logs());
    let ended_badly = "DEBUG countersign::proxy";

    let limits = "drain_timeout = \"2s\"\n[server.limits]\nconnections = 1\n";
    scene.write(&scene.text(OPEN).replace("drain_timeout = \"1s\"\n", limits));
    assert_eq!(scene.reload().1["restart_required"], serde_json::json!([]));
    assert_eq!(first.exchange(&Request::get("/a")).status, 200, "what is open stays");
    assert!(scene.client().is_closed(), "one connection is open, and one may be");
    first.send(b"no request\r\n\r\n");
    wait_until("lines of the new level", || scene.process.logs().contains(ended_badly));

    scene.write(&info(scene.text(OPEN)));
    assert_eq!(scene.reload().0, 200);
    assert_eq!(scene.client().exchange(&Request::get("/b")).status, 200);
}

#[test]
fn what_takes_a_restart_is_named_by_every_verdict_until_then() {
    let scene = Scene::start();
    let workers = scene.text(OPEN).replace("workers = 1", "workers = 2");
    scene.write(&workers);
    for _ in 0..2 {
        let (status, verdict) = scene.reload();
        assert_eq!(status, 200);
        assert_eq!(verdict["restart_required"], serde_json::json!(["server.workers"]));
        assert_eq!(scene.status(), 200, "the rest is in force");
    }
    assert!(scene.process.logs().contains("takes a restart to have an effect"));
    scene.write(&scene.text(OPEN));
    assert_eq!(scene.reload().1["restart_required"], serde_json::json!([]));
}

#[test]
fn x11_after_many_reloads_descriptors_and_threads_are_where_they_were() {
    let scene = Scene::start();
    let further = free_address();
    let base = scene.text(OPEN);
    let more = base.clone() + &format!("[[listeners]]\nname = \"a\"\nlisten = \"{further}\"\n");
    let round = || {
        for text in [&more, &base] {
            scene.write(text);
            assert_eq!(scene.reload().0, 200);
            assert_eq!(scene.status(), 200);
        }
    };
    // The first has its threads for files started.
    round();
    let before = scene.process.descriptors_and_threads();
    (0..20).for_each(|_| round());
    wait_until("what the rounds have opened to be closed", || {
        let after = scene.process.descriptors_and_threads();
        after.0 <= before.0 && after.1 <= before.1 + 1
    });
}
