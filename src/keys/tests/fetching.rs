//! A hostile or broken source, over a real socket.

use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::keys::{
    KeyError, KeySet, probe,
    settings::KeyOwner,
    testing::{KeyServer, Manner, Reply, from_url, jwk, jwks},
};

const JWKS: &str = "/jwks";

/// What a probe of a server makes of this answer.
async fn outcome(reply: Reply) -> Result<KeySet, KeyError> {
    let server = KeyServer::start().await;
    server.answer(JWKS, reply);
    probe(&from_url(&server.url(JWKS))).await
}

async fn code(reply: Reply) -> &'static str {
    outcome(reply).await.map_or_else(|error| error.code(), |_| "ok")
}

/// A good set, to be spoilt.
fn good() -> String {
    jwks(&[jwk("a")])
}

#[tokio::test]
async fn a_good_set_is_taken_whatever_its_content_type() {
    for content_type in ["application/json", "application/jwk-set+json", "text/html", "?"] {
        let reply = Reply::ok(good()).header("content-type", content_type);
        let set = outcome(reply).await.unwrap();
        assert_eq!(set.keys()[0].kid(), Some("a"), "{content_type}");
    }
    assert_eq!(code(Reply::ok(good()).manner(Manner::Well)).await, "ok");
}

#[tokio::test]
async fn the_request_says_who_asks_and_accepts_no_encoding() {
    let server = KeyServer::start().await;
    server.answer("/jwks?tenant=7", Reply::ok(good()));
    probe(&from_url(&server.url("/jwks?tenant=7"))).await.unwrap();
    let head = &server.requests("/jwks?tenant=7")[0];
    let agent = format!("user-agent: countersign/{}\r\n", env!("CARGO_PKG_VERSION"));
    assert!(head.contains(&agent), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    for absent in ["cookie", "authorization", "if-none-match"] {
        assert!(!head.contains(absent), "{head}");
    }
}

#[tokio::test]
async fn k1_a_document_beyond_the_byte_limit_is_refused() {
    let huge = vec![b' '; 256 * 1024 + 1];
    assert_eq!(code(Reply::ok(huge)).await, "too_large");
    assert_eq!(code(Reply::ok("").manner(Manner::EndlessChunks)).await, "too_large");
    let mut largest = good().into_bytes();
    largest.resize(256 * 1024, b' ');
    assert_eq!(code(Reply::ok(largest)).await, "ok");
}

#[tokio::test]
async fn k1_an_encoded_answer_is_refused_unread() {
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, identity"] {
        let reply = Reply::ok(good()).header("content-encoding", encoding);
        assert_eq!(code(reply).await, "encoded", "{encoding}");
    }
    let reply = Reply::ok(good()).header("content-encoding", "Identity");
    assert_eq!(code(reply).await, "ok");
}

#[tokio::test]
async fn k1_depth_and_number_are_bounded() {
    let deep = format!(r#"{{"keys":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(code(Reply::ok(deep)).await, "malformed");

    let keys: Vec<String> = (0..120).map(|n| jwk(&n.to_string())).collect();
    let set = outcome(Reply::ok(jwks(&keys))).await.unwrap();
    assert_eq!(set.keys().len(), 100);
    assert_eq!(set.skipped().len(), 20);
}

#[tokio::test]
async fn k2_whatever_never_ends_ends_at_the_deadline() {
    for manner in [Manner::Hang, Manner::DripHeaders, Manner::DripBody] {
        let began = Instant::now();
        let error = outcome(Reply::ok(good()).manner(manner)).await.unwrap_err();
        assert_eq!(error.code(), "timeout", "{manner:?}: {error}");
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(390), "{manner:?} took {took:?}");
        assert!(took < Duration::from_secs(5), "{manner:?} took {took:?}");
    }
}

#[tokio::test]
async fn k2_headers_without_end_are_cut_off() {
    assert_eq!(code(Reply::ok("").manner(Manner::EndlessHeaders)).await, "interrupted");
}

#[tokio::test]
async fn k2_a_tls_handshake_that_never_answers_ends_at_the_deadline() {
    let server = KeyServer::start().await;
    // The server waits for a request that this client never sends: it waits for TLS.
    let url = server.url(JWKS).replace("http://", "https://");
    assert_eq!(probe(&from_url(&url)).await.unwrap_err().code(), "timeout");
}

#[tokio::test]
async fn k3_an_answer_that_is_no_key_set_is_an_error_never_an_empty_set() {
    let (whole, half) = (good(), good()[..40].to_owned());
    let wrong = [
        (Reply::new(500, whole.clone()), "status"),
        (Reply::new(503, whole.clone()), "status"),
        (Reply::new(429, whole.clone()), "status"),
        (Reply::new(404, whole.clone()), "status"),
        (Reply::new(401, whole.clone()), "status"),
        (Reply::new(201, whole.clone()), "status"),
        (Reply::new(206, whole.clone()), "status"),
        (Reply::new(304, ""), "status"),
        (Reply::ok("<html>please log in</html>"), "malformed"),
        (Reply::ok(""), "malformed"),
        (Reply::ok("{}"), "malformed"),
        (Reply::ok("[]"), "malformed"),
        (Reply::ok("null"), "malformed"),
        (Reply::ok(r#"{"keys":{}}"#), "malformed"),
        (Reply::ok(half), "malformed"),
        (Reply::ok([&[0xef, 0xbb, 0xbf], whole.as_bytes()].concat()), "malformed"),
        (Reply::ok(r#"{"keys":[]}"#), "no_usable_keys"),
        (Reply::ok(r#"{"keys":[1,{},{"kty":"oct","k":"AAAA"}]}"#), "no_usable_keys"),
        (Reply::ok(whole.clone()).manner(Manner::Truncated), "interrupted"),
        (Reply::ok(whole).manner(Manner::Close), "interrupted"),
    ];
    for (reply, expected) in wrong {
        let told = format!("{reply:?}");
        assert_eq!(code(reply).await, expected, "{told}");
    }
}

#[tokio::test]
async fn k3_retry_after_is_heard_from_a_429_and_a_503_only() {
    for (status, heard) in [(429, Some(7)), (503, Some(7)), (500, None), (404, None)] {
        let error = outcome(Reply::new(status, "").header("retry-after", "7")).await.unwrap_err();
        assert_eq!(error.retry_after(), heard.map(Duration::from_secs), "{status}");
    }
}

#[tokio::test]
async fn k3_an_error_names_the_place_and_what_was_found() {
    let server = KeyServer::start().await;
    let url = server.url(JWKS);
    let error = probe(&from_url(&url)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{url}: status 404, expected 200"));

    server.answer(JWKS, Reply::ok(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#));
    let text = probe(&from_url(&url)).await.unwrap_err().to_string();
    assert!(text.contains("1 left out; the first: shared secrets"), "{text}");
    assert!(!text.contains("c2VjcmV0"), "{text}");
}

#[tokio::test]
async fn k4_no_redirect_is_followed() {
    let (server, other) = (KeyServer::start().await, KeyServer::start().await);
    other.answer(JWKS, Reply::ok(good()));
    server.answer("/moved", Reply::ok(good()));
    for status in [301, 302, 303, 307, 308] {
        for target in [other.url(JWKS), server.url("/moved"), "/moved".into(), "//x".into()] {
            server.answer(JWKS, Reply::new(status, good()).header("location", &target));
            let error = probe(&from_url(&server.url(JWKS))).await.unwrap_err();
            assert_eq!(error.code(), "redirect");
            assert!(error.to_string().contains(&format!("{target:?}")), "{error}");
        }
    }
    assert!(other.requests(JWKS).is_empty());
    assert!(server.requests("/moved").is_empty());
}

#[tokio::test]
async fn k13_a_closed_port_is_a_failure_to_connect() {
    // Bound, but not listening: no other process gets the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/jwks", socket.local_addr().unwrap());
    let error = probe(&from_url(&url)).await.unwrap_err();
    assert_eq!(error.code(), "connect");
    assert!(error.to_string().starts_with(&format!("{url}: can't connect: ")), "{error}");
}

/// A certificate authority, its certificate in a file, and what it issues.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        Self::named("an authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, file }
    }

    /// A server with a certificate for that name.
    async fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> KeyServer {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let server = KeyServer::start_tls(config).await;
        server.answer(JWKS, Reply::ok(good()));
        server
    }

    fn trusted_for(&self, url: &str) -> KeyOwner {
        let mut settings = from_url(url);
        settings.keys.timeout = Duration::from_secs(5);
        settings.keys.ca_file = Some(self.file.path().to_owned());
        settings
    }
}

async fn tls_failure(settings: &KeyOwner) -> String {
    let error = probe(settings).await.unwrap_err();
    assert_eq!(error.code(), "tls", "{error}");
    error.to_string()
}

#[tokio::test]
async fn k14_the_authority_of_the_ca_file_is_trusted() {
    let authority = Authority::new();
    let server = authority.server("localhost", |_| ()).await;
    let url = server.url_at("localhost", JWKS);
    assert!(probe(&authority.trusted_for(&url)).await.is_ok());
    let by_address = authority.server("127.0.0.1", |_| ()).await;
    assert!(probe(&authority.trusted_for(&by_address.url(JWKS))).await.is_ok());
}

#[tokio::test]
async fn k14_an_unknown_authority_is_refused() {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    let server = authority.server("localhost", |_| ()).await;
    let url = server.url_at("localhost", JWKS);
    let error = tls_failure(&other.trusted_for(&url)).await;
    assert!(error.contains("UnknownIssuer"), "{error}");
    // Not even one with the same name.
    let impostor = Authority::new();
    let error = tls_failure(&impostor.trusted_for(&url)).await;
    assert!(error.contains("BadSignature"), "{error}");
    // Nor is it one of the system's.
    let mut settings = from_url(&url);
    settings.keys.timeout = Duration::from_secs(5);
    tls_failure(&settings).await;
    assert!(server.requests(JWKS).is_empty());
}

#[tokio::test]
async fn k14_a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    for name in ["idp.example.com", "localhost.example.com", "127.0.0.1"] {
        let server = authority.server(name, |_| ()).await;
        let error = tls_failure(&authority.trusted_for(&server.url_at("localhost", JWKS))).await;
        assert!(error.contains("not valid for name"), "{name}: {error}");
    }
}

#[tokio::test]
async fn k14_an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let expire = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    };
    let server = authority.server("localhost", expire).await;
    let error = tls_failure(&authority.trusted_for(&server.url_at("localhost", JWKS))).await;
    assert!(error.contains("expired"), "{error}");
}

#[tokio::test]
async fn k14_a_ca_file_that_is_none_fails_by_name_and_trusts_no_server() {
    let authority = Authority::new();
    let server = authority.server("localhost", |_| ()).await;
    let mut settings = authority.trusted_for(&server.url_at("localhost", JWKS));
    for content in
        ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        std::fs::write(authority.file.path(), content).unwrap();
        let error = probe(&settings).await.unwrap_err();
        assert_eq!(error.code(), "authorities", "{content:?}: {error}");
        assert!(error.to_string().contains(authority.file.path().to_str().unwrap()), "{error}");
    }
    settings.keys.ca_file = Some("/nowhere/ca.pem".into());
    assert_eq!(probe(&settings).await.unwrap_err().code(), "authorities");
}

#[tokio::test]
async fn k14_plain_http_behind_an_https_url_is_refused() {
    let server = KeyServer::start().await;
    server.answer(JWKS, Reply::ok(good()));
    let url = server.url(JWKS).replace("http://", "https://");
    let code = probe(&from_url(&url)).await.unwrap_err().code();
    assert!(["tls", "timeout"].contains(&code), "{code}");
}
