//! Floods of each kind of frame that brings nothing forward (D-2), and clients that send many
//! frames for good reasons.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use super::Apart;
use crate::support::{
    client::Request,
    h2::{self, Frames, H2, RawH2, frame},
    h2_upstream::H2Upstream,
    optional,
    process::Process,
    upstream::Reply,
    wait_until,
};

/// The error code of the GOAWAY that a flooder gets.
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];

/// More frames than are allowed of any kind.
const FLOOD: usize = 2500;

/// A frame of each kind, by its label, on a connection that has begun one upload.
fn kinds() -> [(&'static str, Vec<u8>); 9] {
    let window = 1_u32.to_be_bytes();
    [
        ("ping", frame(h2::PING, 0, 0, &[0; 8])),
        ("settings", frame(h2::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("window_update", frame(h2::WINDOW_UPDATE, 0, 0, &window)),
        ("priority", frame(h2::PRIORITY, 0, 3, &[0, 0, 0, 0, 16])),
        ("empty_data", frame(h2::DATA, 0, 1, b"")),
        ("empty_data", frame(h2::DATA, h2::PADDED, 1, &[1, 0])),
        ("reset", frame(h2::RST_STREAM, 0, 1, &8_u32.to_be_bytes())),
        ("empty_headers", frame(h2::HEADERS, h2::END_HEADERS, 1, b"")),
        ("other", frame(0xfa, 0, 0, b"grease")),
    ]
}

/// The head of an upload without a token.
fn upload() -> Vec<u8> {
    let fields: [(&str, &[u8]); 4] =
        [(":method", b"POST"), (":scheme", b"http"), (":path", b"/"), (":authority", b"api.test")];
    frame(h2::HEADERS, h2::END_HEADERS, 1, &h2::block(&fields))
}

#[test]
fn d2_a_flood_of_each_kind_is_cut_with_goaway_and_takes_little() {
    let apart = Apart::start(|setup| setup);
    let process = &apart.process;
    let request = Request::get("/").bearer(&apart.token);
    let mut honest = process.client();
    for (kind, flooding) in kinds() {
        let series = format!("countersign_http2_floods_total{{frames=\"{kind}\"}}");
        let (counted, used) = (process.metric(&series), process.processor_time());
        let flood = [upload(), flooding.repeat(FLOOD)].concat();
        let mut flooders = [(); 4].map(|()| RawH2::connect(process.address(), &[]));
        for flooder in &mut flooders {
            flooder.write(&flood);
        }
        assert!(honest.exchange(&request).is_from_upstream(), "{kind}");
        for mut flooder in flooders {
            let last = flooder.read_to_end().pop().unwrap();
            assert_eq!((last.kind, &last.payload[4..8]), (h2::GOAWAY, &ENHANCE_YOUR_CALM[..]));
        }
        assert!((process.metric(&series) - counted - 4.0).abs() < 0.1, "{kind}: not by our bound");
        let used = process.processor_time().saturating_sub(used);
        // So many may be sent in ten seconds: a twentieth of a worker, of an unoptimised build.
        assert!(used < Duration::from_millis(500), "{kind}: {used:?}");
        let logged = format!("frames=\"{kind}\"");
        wait_until("the line in the log", || process.log().contains(&logged));
    }
}

/// No connection was closed for a flood.
#[track_caller]
fn assert_no_flood(process: &Process) {
    let metrics = String::from_utf8(process.admin("/metrics").body.bytes).unwrap();
    let floods: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("countersign_http2_floods_total{"))
        .collect();
    assert!(!floods.is_empty() && floods.iter().all(|line| line.ends_with(" 0")), "{floods:?}");
}

#[test]
fn thousands_of_requests_on_one_connection_are_no_flood() {
    const REQUESTS: &str = "5000";
    let Apart { process, .. } = &Apart::start(|setup| setup);
    let url = format!("http://{}/public/x", process.address());
    let load = Command::new("h2load")
        .args(["--clients=1", "--max-concurrent-streams=100", "--requests", REQUESTS, &url])
        .output();
    let load = match load {
        Ok(load) => String::from_utf8(load.stdout).unwrap(),
        Err(error) => return optional::skip("h2load", &error.to_string()),
    };
    let succeeded = format!("{REQUESTS} done, {REQUESTS} succeeded, 0 failed");
    assert!(load.contains(&succeeded), "{load}");
    assert_no_flood(process);
}

#[test]
fn thousands_of_messages_in_both_directions_are_no_flood() {
    /// A message of 100 bytes, with its prefix. The upstream's h2 would not take many more of
    /// these at once, and fewer of smaller ones.
    const MESSAGE: &[u8] = &[b'm'; 105];
    const MESSAGES: usize = 3000;
    let upstream = H2Upstream::start();
    let apart = Apart::start(|setup| {
        setup
            .with(&format!("[upstreams.grpc]\nurl = \"{}\"", upstream.url()))
            .routes("[[routes]]\npath = \"/**\"\nupstream = \"grpc\"")
    });
    let client = H2::connect(apart.process.address());
    let call = h2::request("POST", "/")
        .header("authorization", format!("Bearer {}", apart.token))
        .header("content-type", "application/grpc")
        .body(Frames::new(&vec![MESSAGE; MESSAGES], &[]))
        .unwrap();
    let answer = client.exchange(call).unwrap();
    assert_eq!(answer.body, MESSAGE.repeat(MESSAGES));
    assert_no_flood(&apart.process);
}

#[test]
fn an_upload_in_thousands_of_small_frames_is_no_flood() {
    const FRAMES: usize = 10_000;
    let apart = Apart::start(|setup| setup);
    let client = H2::connect(apart.process.address());
    let upload = h2::request("POST", "/")
        .header("authorization", format!("Bearer {}", apart.token))
        .body(Frames::new(&vec![b"x".as_slice(); FRAMES], &[]))
        .unwrap();
    assert_eq!(client.exchange(upload).unwrap().status, 200);
    assert_eq!(apart.upstream.requests()[0].body.bytes, [b'x'; FRAMES]);
    assert_no_flood(&apart.process);
}

#[test]
fn a_window_update_for_each_frame_of_a_long_answer_is_no_flood() {
    const LENGTH: usize = 16 * 1024 * 1024;
    let apart = Apart::start(|setup| setup);
    apart.upstream.answer_by(|_| Reply::with(200, &[], &vec![7; LENGTH]));
    let mut client = RawH2::connect(apart.process.address(), &[]);
    client.get(1, "/", &apart.token);
    let (mut received, since) = (0, Instant::now());
    while received < LENGTH {
        let data = client.read_until(h2::DATA, 1).expect("the whole answer");
        received += data.payload.len();
        // In two parts each, as by one who reads it in two.
        for part in data.payload.chunks(data.payload.len().div_ceil(2).max(1)) {
            let window = u32::try_from(part.len()).unwrap().to_be_bytes();
            client.send(h2::WINDOW_UPDATE, 0, 0, &window);
            client.send(h2::WINDOW_UPDATE, 0, 1, &window);
        }
        client.send(h2::PING, 0, 0, &[0; 8]);
    }
    assert!(since.elapsed() < Duration::from_secs(10), "else the allowance was refilled");
    assert_no_flood(&apart.process);
}
