//! What of the answers of nginx, Node and uvicorn reaches clients over either version of HTTP.

mod scene;
mod services;

use std::{fs, process::Command, sync::Arc};

use scene::{Scene, VERSIONS};
use services::{ServiceKind, TEXT};

use crate::support::{
    client::{Answer, Client, Request},
    h2::{self, Frames, H2, H2Answer},
    optional,
    wire::Head,
};

const ALL: [ServiceKind; 4] =
    [ServiceKind::Nginx, ServiceKind::Node, ServiceKind::NodeHttp2, ServiceKind::Uvicorn];

/// What sends interim answers and trailers, and refuses every `Expect` by itself.
const NODES: [ServiceKind; 2] = [ServiceKind::Node, ServiceKind::NodeHttp2];

/// The proxy in front of each of them that the machine has.
fn scenes(kinds: &[ServiceKind]) -> impl Iterator<Item = Scene> {
    kinds.iter().filter_map(|kind| Scene::start(*kind))
}

#[test]
fn what_a_service_compresses_arrives_byte_for_byte() {
    const ACCEPTED: &str = "gzip, br;q=0.5";
    for scene in scenes(&ALL) {
        let accepting = ["--header", &format!("accept-encoding: {ACCEPTED}")];
        let expected = scene.curl_service("/text", &accepting);
        assert_eq!(expected.field("content-encoding"), Some("gzip"));
        for version in VERSIONS {
            let case = format!("{:?} {version}", scene.service.kind);
            let compressed = scene.curl("/text", &[&[version], &accepting[..]].concat());
            assert_eq!(compressed.body, expected.body, "{case}");
            assert_eq!(compressed.field("x-accepted"), Some(ACCEPTED), "{case}");
            for name in ["content-encoding", "vary", "etag", "content-type"] {
                assert_eq!(compressed.field(name), expected.field(name), "{case}");
            }
            let plain = scene.curl("/text", &[version]);
            assert_eq!(plain.body, TEXT.as_bytes(), "{case}");
            assert_eq!(plain.field("content-encoding"), None, "{case}");
        }
    }
}

#[test]
fn early_hints_are_left_out_and_the_answer_comes_once() {
    for scene in scenes(&NODES) {
        assert_eq!(scene.curl_service("/hints", &[]).statuses(), [103, 200]);
        for version in VERSIONS {
            let answer = scene.curl("/hints", &[version]);
            assert_eq!(answer.statuses(), [200], "{:?} {version}", scene.service.kind);
            assert_eq!((&answer.body[..], answer.field("link")), (&b"whole"[..], None));
        }
    }
}

/// curl sends no body over HTTP/1.1 before it has seen `100`. Over HTTP/2, where none is sent, it
/// does not wait.
#[test]
fn an_upload_that_waits_for_100_continue_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload").display().to_string();
    let body: Vec<u8> =
        (0..1 << 20).map(|n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    fs::write(&file, &body).unwrap();
    for scene in scenes(&ALL) {
        for (version, statuses) in VERSIONS.into_iter().zip([&[100, 201][..], &[201]]) {
            let case = format!("{:?} {version}", scene.service.kind);
            let path = format!("/kept/{version}");
            let upload =
                scene.curl(&path, &[version, "--header", "expect: 100-continue", "-T", &file]);
            assert_eq!(upload.statuses(), statuses, "{case}");
            let told = NODES.contains(&scene.service.kind).then_some("none");
            assert_eq!(upload.field("x-expect"), told, "{case}");
            assert!(scene.curl_service(&path, &[]).body == body, "{case}: other bytes");
        }
    }
}

/// nghttp waits for a second, since no 100 comes.
#[test]
fn an_upload_that_waits_for_100_over_http2_arrives_after_a_timeout_of_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload");
    fs::write(&file, vec![b'x'; 1 << 20]).unwrap();
    let Some(scene) = Scene::start(ServiceKind::Node) else { return };
    let url = format!("http://{}/kept/waited", scene.process.address());
    let done = Command::new("nghttp")
        .args(["--verbose", "--timeout=8", "--expect-continue", "--header=:method: PUT"])
        .args([url.as_ref(), "--data".as_ref(), file.as_os_str()])
        .output();
    let done = match done {
        Ok(done) => done,
        Err(error) => return optional::skip("nghttp", &error.to_string()),
    };
    let frames = String::from_utf8(done.stdout).unwrap();
    assert_eq!(frames.matches(":status: ").count(), 1, "{frames}");
    assert!(frames.contains(":status: 201"), "{frames}");
    assert!(scene.curl_service("/kept/waited", &[]).body == vec![b'x'; 1 << 20]);
}

/// nginx takes no more of the body than it has to, and closes.
#[test]
fn an_early_413_of_nginx_arrives() {
    const TIMES: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload").display().to_string();
    fs::write(&file, vec![b'x'; 4 << 20]).unwrap();
    let Some(scene) = Scene::start(ServiceKind::Nginx) else { return };
    for version in VERSIONS {
        for framing in ["content-length: 4194304", "transfer-encoding: chunked"] {
            let at_once = [version, "--header", "expect:", "--header", framing, "-T", &file];
            for _ in 0..TIMES {
                let answer = scene.curl("/kept/large", &at_once);
                assert_eq!(answer.statuses(), [413], "{version} {framing}");
                assert!(answer.body.ends_with(b"</html>\r\n"), "{version} {framing}");
            }
        }
    }
}

fn put(expect: &str) -> Request {
    Request::new("PUT", "/kept/tea").field("expect", expect)
}

fn put_over_http2(expect: &str, path: &str) -> http::Request<Frames> {
    let request = h2::request("PUT", path).header("expect", expect);
    request.body(Frames::new(&[b"leaves"], &[])).unwrap()
}

/// `Expect` is between the client and the proxy. Node refuses all of it here, and is never asked.
#[test]
fn an_expectation_is_met_or_refused_without_the_service() {
    let Some(scene) = Scene::start(ServiceKind::Node) else { return };
    for expect in ["100-continue", "tea"] {
        let mut direct = Client::connect(scene.service.address(), &Arc::default());
        assert_eq!(refused_by_node(&direct.exchange(&put(expect).body(b"leaves"))), Some(417));
    }

    let refused = scene.process.client().exchange(&put("tea").body(b"leaves"));
    assert_eq!((refused.status, refused_by_node(&refused)), (417, None));
    assert_eq!(refused.reason().as_deref(), Some("expectation_not_supported"));
    let http2 = H2::connect(scene.process.address());
    let refused = http2.exchange(put_over_http2("tea", "/kept/tea")).unwrap();
    assert_eq!((refused.status, refused.field("x-why")), (417, None));

    let mut client = scene.process.client();
    client.send(&put("100-continue").field("content-length", "6").bytes());
    assert_eq!(client.read().status, 100);
    client.send(b"leaves");
    assert_eq!(client.read().status, 201);
    let admitted = http2.exchange(put_over_http2("100-continue", "/kept/tea")).unwrap();
    assert_eq!(admitted.status, 201);
}

/// The status, where Node has refused the expectation.
fn refused_by_node(answer: &Answer) -> Option<u16> {
    (answer.field("x-why") == Some("expectation")).then_some(answer.status)
}

#[test]
fn a_417_of_the_service_arrives_as_any_other_answer() {
    for scene in scenes(&NODES) {
        let mut client = scene.process.client();
        let head = Request::new("PUT", "/417").field("expect", "100-continue");
        client.send(&head.field("content-length", "6").bytes());
        assert_eq!(client.read().status, 100);
        client.send(b"leaves");
        let answer = client.read();
        assert_eq!((answer.status, answer.field("x-why")), (417, Some("no tea")));
        assert_eq!(answer.body.bytes, b"not so");
        let http2 = H2::connect(scene.process.address());
        let answer = http2.exchange(put_over_http2("100-continue", "/417")).unwrap();
        assert_eq!((answer.status, answer.field("x-why")), (417, Some("no tea")));
        assert_eq!(answer.body, b"not so");
    }
}

/// A client of HTTP/1.1 has to want them, and gets those that the service names in `Trailer`.
#[test]
fn trailers_of_answers_arrive() {
    let wanting = ["--header", "te: trailers"];
    let both = ["x-sum: 7", "x-unnamed: 8"];
    for scene in scenes(&NODES) {
        assert_eq!(scene.curl_service("/trailers", &[]).trailers, both);
        for (version, wanted, trailers) in [
            (VERSIONS[0], &[][..], &[][..]),
            (VERSIONS[0], &wanting, &both[..1]),
            (VERSIONS[1], &[], &both),
            (VERSIONS[1], &wanting, &both),
        ] {
            let case = format!("{:?} {version} {wanted:?}", scene.service.kind);
            let answer = scene.curl("/trailers", &[&[version], wanted].concat());
            assert_eq!(answer.trailers, trailers, "{case}");
            assert_eq!(answer.body, b"whole", "{case}");
        }
    }
}

/// A body of one byte with a trailer: what Node says of it.
fn trailers_over_http1(mut client: Client) -> Answer {
    let head = Request::new("PUT", "/kept/sum").field("transfer-encoding", "chunked");
    let head = head.field("trailer", "x-sum");
    client.send(&[head.bytes(), b"1\r\nx\r\n0\r\nx-sum: 7\r\n\r\n".to_vec()].concat());
    client.read()
}

fn trailers_over_http2(client: &H2) -> H2Answer {
    let request = h2::request("PUT", "/kept/sum").header("trailer", "x-sum");
    client.exchange(request.body(Frames::new(&[b"x"], &[("x-sum", "7")])).unwrap()).unwrap()
}

#[test]
fn trailers_of_requests_are_dropped() {
    const RECEIVED: Option<&str> = Some(r#"{"x-sum":"7"}"#);
    for scene in scenes(&NODES) {
        let (proxy, service) = (scene.process.address(), scene.service.address());
        if scene.service.kind == ServiceKind::NodeHttp2 {
            let direct = trailers_over_http2(&H2::connect(service));
            assert_eq!(direct.field("x-trailers"), RECEIVED);
        } else {
            let direct = trailers_over_http1(Client::connect(service, &Arc::default()));
            assert_eq!(direct.field("x-trailers"), RECEIVED);
        }
        let over_http1 = trailers_over_http1(scene.process.client());
        assert_eq!((over_http1.status, over_http1.field("x-trailers")), (201, Some("{}")));
        let over_http2 = trailers_over_http2(&H2::connect(proxy));
        assert_eq!((over_http2.status, over_http2.field("x-trailers")), (201, Some("{}")));
    }
}

#[test]
fn answers_without_a_body_have_none_and_the_next_answer_is_the_next() {
    for scene in scenes(&ALL) {
        let not_modified = if scene.service.kind == ServiceKind::Nginx { "/text" } else { "/304" };
        let mut client = scene.process.client();
        let http2 = H2::connect(scene.process.address());
        let etag = client.exchange(&Request::get("/text")).field("etag").map(str::to_owned);
        let etag = etag.unwrap_or_default();
        for (method, path, status) in
            [("HEAD", "/text", 200), ("GET", "/204", 204), ("GET", not_modified, 304)]
        {
            let case = format!("{:?} {method} {path}", scene.service.kind);
            let tag = if status == 304 { &etag } else { "" };
            let request = Request::new(method, path).field("if-none-match", tag);
            client.send(&request.bytes());
            let head = Head::read(client.stream()).unwrap().unwrap();
            assert!(head.start.starts_with(&format!("HTTP/1.1 {status} ")), "{case} {head:?}");
            let next = client.exchange(&Request::get("/text"));
            assert_eq!(next.body.bytes, TEXT.as_bytes(), "{case}");
            let request = h2::request(method, path).header("if-none-match", tag);
            let answer = http2.exchange(request.body(Frames::default()).unwrap()).unwrap();
            assert_eq!((answer.status, answer.body.len()), (status, 0), "{case}");
            for name in ["content-length", "etag"] {
                assert_eq!(head.field(name), answer.field(name), "{case} {name}");
            }
            if method == "HEAD" && scene.service.kind == ServiceKind::Nginx {
                assert_eq!(head.field("content-length"), Some(&*TEXT.len().to_string()));
            }
        }
    }
}
