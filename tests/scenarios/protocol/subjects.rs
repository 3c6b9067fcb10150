//! A refusal for a header says which one.

use countersign::reason::Reason;

use crate::support::{client::Request, h2::RawH2, logs::subject_in, wait_until, world::World};

#[test]
fn a_refusal_for_the_framing_or_the_lines_of_a_head_names_the_header() {
    let routes = "[[routes]]\npath = \"/a\"\nmethods = [\"GET\", \"PUT\"]\naccess = \"public\"";
    let world = World::with_setup(|setup| {
        setup.routes(routes).server("[server.limits]\nheader_lines = 20")
    });
    let get = || Request::get("/a");
    let many = (0..30).fold(get(), |request, n| request.field(&format!("x-{n}"), "a"));
    for (request, reason, subject) in [
        (
            get().field("content-length", "+1"),
            Reason::HeadMalformed,
            "the head is malformed; found: 'invalid content-length parsed'",
        ),
        (
            get().field("content-length", "01").field("connection", "close"),
            Reason::FramingNotAllowed,
            "header 'content-length' is not allowed; expected: one plain number",
        ),
        (
            get().field("expect", "a-miracle"),
            Reason::ExpectationNotSupported,
            "header 'expect' is not allowed; expected: '100-continue'",
        ),
        (
            get().field("connection", "x-auth-subject"),
            Reason::HeaderNotAllowed,
            "header 'connection' is not allowed; expected: no name of a header that carries \
             identity",
        ),
        (
            Request::new("POST", "/a"),
            Reason::MethodNotAllowed,
            "the method is not allowed; expected: 'GET, HEAD, PUT'; setting: methods",
        ),
        (
            many,
            Reason::HeadTooLong,
            "the head is too long; expected: at most 65536 bytes and 20 lines",
        ),
    ] {
        let before = world.proxy.worker_logs().len();
        let mut client = world.proxy.client();
        client.send(&request.bytes());
        let answer = client.read();
        assert!(answer.status >= 400, "{reason}: {answer:?}");
        let said = format!("denied reason=\"{reason}\"");
        wait_until(subject, || world.proxy.worker_logs()[before..].contains(&said));
        let logs = world.proxy.worker_logs();
        let line = logs[before..].lines().find(|line| line.contains(&said)).unwrap();
        assert!(subject_in(line).is_some_and(|found| found.starts_with(subject)), "{line}");
    }
}

/// The `http` crate lets a name of HTTP/2 have a quote. The client has chosen the name.
#[test]
fn f11_a_name_that_is_no_token_is_shown_escaped() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let mut raw = RawH2::connect(world.proxy.address(), &[]);
    let fields: [(&str, &[u8]); 5] = [
        (":method", b"GET"),
        (":scheme", b"http"),
        (":path", b"/public/x"),
        (":authority", b"api.test"),
        ("x-\"-y", b"a"),
    ];
    raw.headers(1, &fields, true);
    raw.read_status(1).unwrap();
    let expected = r#"about="header 'x-\\u0022-y' is malformed""#;
    wait_until("the line", || world.proxy.worker_logs().contains(expected));
}
