//! HTTP over TLS, from the handshake to the upstream and back.

use std::io::{Read, Write};

use countersign::reason::Reason;
use rustls::{
    HandshakeKind, ProtocolVersion,
    version::{TLS12, TLS13},
};

use crate::{
    support::{
        authority::Authority,
        client::Request,
        h2::{PREFACE, get, request},
        oracle::{assert_admitted, assert_refused},
        upstream::{Received, Reply},
        world::identity,
    },
    tls::{
        client::{Offer, TlsClient, h2},
        scene::{NAME, Scene},
    },
};

#[test]
fn http1_is_served_with_the_tokens_identity() {
    let scene = Scene::start();
    let token = scene.token();
    let identity = identity(&token);
    let identity: Vec<_> =
        identity.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut client = scene.connect(&scene.offer().alpn(&["h2c", "http/1.1"]));
    let alpn = client.session().alpn_protocol();
    assert_eq!(alpn, Some(b"http/1.1".as_slice()));
    for _ in 0..3 {
        let before = scene.world.mark();
        let answer = client.exchange(&Request::get("/").bearer(&token));
        let received = assert_admitted("over TLS", &answer, &before, &identity);
        assert_eq!(received.head.field("x-forwarded-proto"), Some("https"));
        let before = scene.world.mark();
        let answer = client.exchange(&Request::get("/"));
        assert_refused("over TLS", &answer, Reason::CredentialMissing, &before);
    }
}

#[test]
fn http2_is_preferred_where_the_client_has_it() {
    let scene = Scene::start();
    let offer = scene.offer().alpn(&["http/1.1", "h2"]);
    let client = h2(&offer, scene.world.proxy.address());
    let token = scene.token();
    let answers = client.all((0..10).map(|_| get("/", &token)));
    for answer in answers {
        assert_eq!(answer.unwrap().status, 200);
    }
    for received in scene.world.upstream.requests() {
        assert_eq!(received.head.field("x-forwarded-proto"), Some("https"));
        assert_eq!(received.head.field("x-auth-subject"), Some("alice"));
    }
    let refused = request("GET", "/").body(crate::support::h2::Frames::default());
    assert_eq!(client.exchange(refused.unwrap()).unwrap().status, 401);
}

#[test]
fn without_alpn_the_client_begins_with_what_it_speaks() {
    let scene = Scene::start();
    let token = scene.token();
    let answer = scene.client().exchange(&Request::get("/").bearer(&token));
    assert!(answer.is_from_upstream());
    let client = h2(&scene.offer(), scene.world.proxy.address());
    assert_eq!(client.exchange(get("/", &token)).unwrap().status, 200);
}

#[test]
fn p12_what_was_agreed_on_is_what_is_read() {
    let scene = Scene::start();
    let token = scene.token();
    let before = scene.world.mark();
    let mut client = scene.connect(&scene.offer().alpn(&["h2"]));
    client.send(&Request::get("/").bearer(&token).bytes()).unwrap();
    let end = client.end().unwrap();
    assert!(!end.starts_with(b"HTTP/"), "{end:?}");

    let mut client = scene.connect(&scene.offer().alpn(&["http/1.1"]));
    client.send(PREFACE).unwrap();
    let end = client.end().unwrap();
    assert!(end.is_empty() || end.starts_with(b"HTTP/1.1 400 "), "{end:?}");
    before.assert_untouched("not what was agreed on");
}

#[test]
fn a_client_with_other_protocols_only_is_refused() {
    let scene = Scene::start();
    let offer = scene.offer().alpn(&["smtp"]);
    let refused = offer.connect(scene.world.proxy.address()).err().unwrap();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[test]
fn tls_1_2_and_1_3_are_served() {
    let scene = Scene::start();
    let token = scene.token();
    for (version, name) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut client = scene.connect(&scene.offer().versions(&[version]));
        assert_eq!(client.session().protocol_version(), Some(name));
        let answer = client.exchange(&Request::get("/").bearer(&token));
        assert!(answer.is_from_upstream());
    }
}

#[test]
fn bodies_of_any_size_pass_unchanged() {
    const SIZE: usize = 3_000_001;
    let scene = Scene::start();
    let echo = |received: &Received| Reply::with(200, &[], &received.body.bytes);
    scene.world.upstream.answer_by(echo);
    let body: Vec<u8> = (0_u32..).map(|n| n.to_le_bytes()[0]).take(SIZE).collect();
    let request = Request::new("POST", "/").bearer(&scene.token());
    let mut client = scene.client();
    for size in [0, 1, 16_384, 65_537, SIZE] {
        let answer = client.exchange(&request.clone().body(&body[..size]));
        assert_eq!(answer.body.bytes.len(), size);
        assert!(answer.body.bytes == body[..size], "{size} bytes differ");
    }
}

/// What ends without a `close_notify` may have been cut off on the way (RFC 8446 §6.1).
#[test]
fn a_connection_ends_with_a_word() {
    let scene = Scene::start();
    let request = Request::get("/public/x").field("connection", "close");
    for version in [&TLS12, &TLS13] {
        let mut client = scene.connect(&scene.offer().versions(&[version]));
        assert!(client.exchange(&request).is_from_upstream());
        let mut rest = Vec::new();
        client.stream().read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
    }
}

#[test]
fn a_client_that_trusts_another_authority_does_not_connect() {
    let scene = Scene::start();
    let stranger = Authority::new("of servers");
    let offer = Offer::trusting(&stranger);
    let refused = offer.connect(scene.world.proxy.address()).err().unwrap();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    let token = scene.token();
    let answer = scene.client().exchange(&Request::get("/").bearer(&token));
    assert!(answer.is_from_upstream(), "and disturbs no other");
}

/// P-12: which name a client asks for in the handshake opens nothing. Policy goes by the host of
/// the request.
#[test]
fn p12_the_server_name_of_the_handshake_decides_nothing() {
    let routes = "[[routes]]\npath = \"/**\"\nhosts = [\"open.test\"]\naccess = \"public\"\n\
                  [[routes]]\npath = \"/**\"\nhosts = [\"api.test\"]\n";
    let scene = Scene::with("", |setup| setup.routes(routes));
    // A certificate for another name, so that clients can ask for it.
    scene.install(&scene.authority.server("open.test"));
    scene.world.proxy.server().reload(scene.settings()).unwrap();
    let address = scene.world.proxy.address();
    let mut client = TlsClient::connect(address, scene.offer().config(), "open.test").unwrap();
    let before = scene.world.mark();
    let answer = client.exchange(&Request::get("/"));
    assert_refused("host api.test", &answer, Reason::CredentialMissing, &before);
    // Nor does asking for no name at all.
    scene.install(&scene.authority.server("127.0.0.1"));
    scene.world.proxy.server().reload(scene.settings()).unwrap();
    let mut client = TlsClient::connect(address, scene.offer().config(), "127.0.0.1").unwrap();
    let answer = client.exchange(&Request::get("/"));
    assert_refused("host api.test", &answer, Reason::CredentialMissing, &before);
    let answer = client.exchange(&Request::get("/").bearer(&scene.token()));
    assert!(answer.is_from_upstream());
}

#[test]
fn sessions_resume_on_any_connection() {
    let scene = Scene::start();
    let token = scene.token();
    for version in [&TLS12, &TLS13] {
        let config = scene.offer().versions(&[version]).config();
        let kinds: Vec<_> = (0..2)
            .map(|_| {
                let address = scene.world.proxy.address();
                let mut client = TlsClient::connect(address, config.clone(), NAME).unwrap();
                let answer = client.exchange(&Request::get("/").bearer(&token));
                assert!(answer.is_from_upstream());
                client.session().handshake_kind()
            })
            .collect();
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
    }
}

/// The example of RFC 6455 §1.3.
const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn a_tunnel_passes_bytes_both_ways() {
    let upstream = crate::support::bare::upstream(|_, mut reader| {
        let stream = reader.get_mut();
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                      connection: Upgrade\r\n\
                      sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            reader.get_mut().write_all(&buffer[..count]).unwrap();
        }
    });
    let url = crate::support::bare::url(&upstream);
    let scene = Scene::with("", |setup| {
        setup
            .with(&format!("[upstreams.echo]\nurl = \"{url}\""))
            .routes("[[routes]]\npath = \"/**\"\nupstream = \"echo\"")
    });
    let mut client = scene.client();
    let request = Request::get("/")
        .bearer(&scene.token())
        .field("connection", "Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", WEBSOCKET_KEY);
    client.send(&request.bytes()).unwrap();
    let head = crate::support::wire::Head::read(client.stream()).unwrap();
    assert!(head.unwrap().start.contains(" 101 "));
    for text in [b"one".to_vec(), vec![0; 100_000]] {
        client.send(&text).unwrap();
        let mut found = vec![1; text.len()];
        client.stream().read_exact(&mut found).unwrap();
        assert!(found == text);
    }
}
