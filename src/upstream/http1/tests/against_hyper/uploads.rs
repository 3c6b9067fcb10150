//! Requests: what the service reads of them, whichever client wrote them.

use http::Method;
use tokio::task::LocalSet;

use super::{
    hypers, ours,
    peer::{Delivery, Peer},
    requests::{CorpusBody, CorpusRequest},
    second,
    service::ReceivedRequest,
    session::Session,
};

/// A kind of requests that the service reads otherwise from us, and why that is right.
struct Row {
    kind: &'static str,
    because: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        kind: "an absolute target",
        because: "a server that is no proxy gets the origin form (RFC 9112 §3.2.1)",
    },
    Row {
        kind: "a GET with a body of no length",
        because: "it is sent in chunks; hyper leaves the body out, and sends another request",
    },
    Row { kind: "announced trailers", because: "trailers are dropped (threats H-4)" },
    Row {
        kind: "a body shorter than its length",
        because: "it fails at once; over hyper, the service waits for the rest",
    },
    Row {
        kind: "a body longer than its length",
        because: "it fails; hyper sends the beginning as if it were all",
    },
];

fn get() -> CorpusRequest {
    CorpusRequest::of(Method::GET)
}

fn post(body: CorpusBody) -> CorpusRequest {
    CorpusRequest { body, ..CorpusRequest::of(Method::POST) }
}

fn hello() -> CorpusBody {
    CorpusBody::of(&[b"hel", b"lo"])
}

/// Of every method.
fn methods() -> Vec<(&'static str, CorpusRequest)> {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "M-SEARCH"];
    let of = |name: &str| CorpusRequest::of(name.parse().unwrap());
    methods.iter().map(|name| ("a method", of(name))).collect()
}

/// To every target.
fn targets() -> Vec<(&'static str, CorpusRequest)> {
    let long = format!("/{}?{}", "a".repeat(20_000), "b=c&".repeat(2_000));
    let targets = ["/", "/a%20b?c=d", "/?", "//a/../b", "/a?b?c#", "/a;b=c/'()*,~", "*", &long];
    let of = |target: &str| CorpusRequest { target: target.to_owned(), ..get() };
    let mut requests: Vec<_> = targets.iter().map(|target| ("a target", of(target))).collect();
    requests.push(("an absolute target", of("http://elsewhere.test/a?b")));
    requests
}

/// With every kind of header lines.
fn headers() -> Vec<(&'static str, CorpusRequest)> {
    let mut many = get();
    for number in 0..500 {
        many = many.with(&format!("x-{number}"), b"1");
    }
    let cookies = get().with("cookie", b"a=b").with("x-a", b"1").with("cookie", b"c=d; e=f");
    vec![
        ("a value beyond ASCII", get().with("x-a", b"\xff\xc3\xa9\tb")),
        ("an empty value", get().with("x-a", b"").with("x-b", b" \t")),
        ("spaces around a value", get().with("x-a", b"  a  b ")),
        ("a long value", get().with("x-a", &vec![b'a'; 100_000])),
        ("equal names", get().with("x-a", b"2").with("x-b", b"3").with("x-a", b"1")),
        ("two cookie fields", cookies),
        ("many lines", many),
        ("an upgrade", get().with("connection", b"upgrade").with("upgrade", b"websocket")),
        ("trailers are accepted", get().with("te", b"trailers")),
        ("a date", get().with("date", b"Sun, 06 Nov 1994 08:49:37 GMT")),
    ]
}

/// With every kind of bodies, of a length that is known, stated, both or neither.
fn bodies() -> Vec<(&'static str, CorpusRequest)> {
    let large = || CorpusBody::of(&[&vec![b'a'; 70_000], &vec![b'b'; 70_000], b"c"]);
    let stated = |body, length: &[u8]| post(body).with("content-length", length);
    let coded = |body| post(body).with("transfer-encoding", b"chunked");
    let expect = |body: CorpusBody| post(body).with("expect", b"100-continue");
    vec![
        ("nothing", post(CorpusBody::default().sized())),
        ("nothing, stated", stated(CorpusBody::default().sized(), b"0")),
        ("nothing, coded", coded(CorpusBody::default().sized())),
        ("a length", post(hello().sized())),
        ("a length", post(large().sized())),
        ("a stated length", stated(hello(), b"5")),
        ("a stated length", stated(hello().sized(), b"5")),
        ("a stated length", stated(large(), b"140001")),
        ("no length", post(hello())),
        ("no length", post(large())),
        ("a coding", coded(hello())),
        ("a coding", coded(hello().sized())),
        ("a coding and a length", coded(hello()).with("content-length", b"5")),
        ("empty pieces", post(CorpusBody::of(&[b"", b"hel", b"", b"lo", b""]))),
        ("empty pieces", post(CorpusBody::of(&[b"", b"hel", b"", b"lo", b""]).sized())),
        ("only empty pieces", post(CorpusBody::of(&[b"", b""]))),
        ("a GET with a body", CorpusRequest { body: hello().sized(), ..get() }),
        ("a GET with a coded body", {
            CorpusRequest { body: hello(), ..get().with("transfer-encoding", b"chunked") }
        }),
        ("a GET with a body of no length", CorpusRequest { body: hello(), ..get() }),
        ("an expectation", expect(hello().sized())),
        ("an expectation", expect(hello())),
        ("trailers", coded(hello().with_trailer("x-t", "1"))),
        ("announced trailers", coded(hello().with_trailer("x-t", "1")).with("trailer", b"x-t")),
        ("a body shorter than its length", stated(hello(), b"6")),
        ("a body longer than its length", stated(hello(), b"4")),
    ]
}

/// What the service has read, and the answers.
async fn exchanged(of_hyper: bool, request: &CorpusRequest) -> (Vec<ReceivedRequest>, Session) {
    let first = Delivery::whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let peer = Peer::new([first, second()]);
    let requests = [request.clone(), get()];
    let session = if of_hyper {
        hypers::session(&peer, &requests).await
    } else {
        ours::session(&peer, &requests).await
    };
    (peer.received(), session)
}

#[tokio::test(start_paused = true)]
async fn a_request_reaches_the_service_as_from_hyper_or_differs_for_a_reason() {
    let differ = LocalSet::new().run_until(differing()).await;
    for Row { kind, because } in ROWS {
        assert!(differ.contains(kind), "nothing shows that {kind}: {because}");
    }
}

/// The kinds of requests that differ.
async fn differing() -> Vec<&'static str> {
    let mut differ = Vec::new();
    for (kind, request) in [methods(), targets(), headers(), bodies()].concat() {
        let (hypers, ours) = (exchanged(true, &request).await, exchanged(false, &request).await);
        if hypers != ours {
            let row = ROWS.iter().find(|row| row.kind == kind);
            assert!(row.is_some(), "{kind}: {hypers:?} by hyper, {ours:?} by us");
            differ.push(kind);
        }
    }
    differ
}
