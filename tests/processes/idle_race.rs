//! Requests at the moment at which the upstream closes its idle connections.

use std::{
    collections::HashMap,
    env,
    io::{BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Barrier, Mutex},
    thread,
    time::Duration,
};

use crate::support::{
    bare,
    client::Request,
    listening::Listening,
    optional,
    wire::{Head, Unframed},
};

const KEEP_ALIVE: Duration = Duration::from_millis(150);
const BURSTS: usize = 30;
const CLIENTS: usize = 12;

/// How often each request was received, by its target.
type Received = Arc<Mutex<HashMap<String, usize>>>;

#[test]
fn f13_bursts_at_the_rhythm_of_the_keep_alive_time_lose_nothing_that_may_be_sent_twice() {
    let received = Received::default();
    let upstream = impatient_upstream(&received);
    let world = bare::in_front_of(&bare::url(&upstream), "idle_timeout = \"1m\"");
    let barrier = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for index in 0..CLIENTS {
            let (world, barrier) = (&world, &barrier);
            scope.spawn(move || {
                let mut client = world.proxy.client();
                let method = if index % 2 == 0 { "GET" } else { "POST" };
                for burst in 0..BURSTS {
                    barrier.wait();
                    let target = format!("/public/{method}-{burst}-{index}");
                    let status = client.exchange(&Request::new(method, &target)).status;
                    assert!(
                        status == 200 || (method, status) == ("POST", 502),
                        "{target} {status}"
                    );
                    // The kernel's timers are some milliseconds late.
                    thread::sleep(KEEP_ALIVE + Duration::from_millis(burst as u64 % 10));
                }
            });
        }
    });
    let received = received.lock().unwrap();
    for (target, count) in received.iter() {
        let allowed = if target.contains("POST") { 1 } else { 2 };
        assert!(*count <= allowed, "{target}: {count} times");
    }
    assert!(received.len() >= BURSTS * CLIENTS / 2);
}

/// Answers, and closes a connection that is idle for the keep-alive time.
fn impatient_upstream(received: &Received) -> Listening {
    let received = Arc::clone(received);
    Listening::start(move |stream: TcpStream| {
        stream.set_read_timeout(Some(KEEP_ALIVE)).unwrap();
        let mut reader = BufReader::new(&stream);
        while let Ok(Some(head)) = Head::read(&mut reader) {
            let target = head.start.split(' ').nth(1).unwrap().to_owned();
            *received.lock().unwrap().entry(target).or_default() += 1;
            head.read_body(&mut reader, Unframed::Empty).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if (&stream).write_all(answer).is_err() {
                return;
            }
        }
    })
}

#[test]
fn f13_real_upstreams_lose_no_more_than_behind_nginx() {
    for (program, version) in [("python3", "--version"), ("node", "--version"), ("nginx", "-v")] {
        let mut command = Command::new(program);
        command.arg(version).stdout(Stdio::null()).stderr(Stdio::null());
        if !command.status().is_ok_and(|status| status.success()) {
            return optional::skip(program, "it does not run");
        }
    }
    race(&[]);
}

/// Tickets come on connections that are not in use, and both ends say that they close.
#[test]
fn u4_f13_real_upstreams_over_tls_lose_no_more_than_behind_nginx() {
    for (program, version) in [("openssl", "version"), ("node", "--version"), ("nginx", "-v")] {
        if let Err(error) = Command::new(program).arg(version).output() {
            return optional::skip(program, &error.to_string());
        }
    }
    race(&["--tls"]);
}

/// A burst may meet the end of all its connections, behind nginx as well as here. A fault loses
/// requests each time.
const RACES: usize = 3;

fn race(options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("race.log");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/idle_race");
    let mut race = Command::new("python3");
    race.arg(script).arg(env!("CARGO_BIN_EXE_countersign")).args(options);
    race.args(["--upstream", "node", "--upstream", "nginx"]);
    race.args(["--keep-alive", "1", "--cell-seconds", "4"]);
    let mut races = (0..RACES).map(|_| optional::run(&mut race, &log, Duration::from_mins(1)));
    let lost: Vec<_> = races.by_ref().map_while(Result::err).collect();
    assert!(lost.len() < RACES, "{lost:#?}");
    println!("{}", std::fs::read_to_string(&log).unwrap());
}
