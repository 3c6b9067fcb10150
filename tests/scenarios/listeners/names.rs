//! Several certificates, and what is spoken after the handshake.

use crate::{
    support::{
        authority::{Authority, Identity},
        client::Request,
        world::World,
    },
    tls::client::{Offer, TlsClient},
};
use std::{fmt::Write as _, fs, io};

use super::scene::{request, world};

/// A listener with certificates for these names, in that order.
pub(crate) struct Certified {
    pub(crate) world: World,
    pub(crate) authority: Authority,
    pub(crate) files: tempfile::TempDir,
    certificates: Vec<Identity>,
}

impl Certified {
    pub(crate) fn start(names: &[&str], lines: &str) -> Self {
        Self::with(names, lines, "", None)
    }

    /// With further tables and other routes. `DIR` stands for the folder of the files, with the
    /// certificate of the authority in `ca.crt`.
    pub(crate) fn with(names: &[&str], lines: &str, more: &str, routes: Option<&str>) -> Self {
        Self::of(Authority::new("of all"), names, lines, |_, _| more.to_owned(), routes)
    }

    pub(crate) fn of(
        authority: Authority,
        names: &[&str],
        lines: &str,
        prepare: impl FnOnce(&Authority, &std::path::Path) -> String,
        routes: Option<&str>,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let folder = files.path().display().to_string();
        fs::write(files.path().join("ca.crt"), authority.pem()).unwrap();
        let more = prepare(&authority, files.path());
        let mut text = format!(
            "[[listeners]]\nname = \"certified\"\nlisten = \"127.0.0.1:0\"\n[listeners.tls]\n{lines}\n"
        );
        let mut certificates = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let identity = authority.server(name);
            fs::write(files.path().join(format!("{at}.crt")), &identity.certificate_pem).unwrap();
            fs::write(files.path().join(format!("{at}.key")), identity.key_pem()).unwrap();
            let _ = write!(
                text,
                "[[listeners.tls.certificates]]\ncertificate = \"DIR/{at}.crt\"\n\
                 private_key = \"DIR/{at}.key\"\n"
            );
            certificates.push(identity);
        }
        let mut world = world(&text.replace("DIR", &folder), routes, &more);
        world.proxy.expect_unmatched_answers();
        Self { world, authority, files, certificates }
    }

    pub(crate) fn offer(&self) -> Offer<'_> {
        Offer::trusting(&self.authority)
    }

    pub(crate) fn connect(&self, offer: &Offer<'_>, name: &str) -> io::Result<TlsClient> {
        TlsClient::connect(self.world.proxy.address_of(1), offer.config(), name)
    }

    /// The position of the certificate that a client of that name gets.
    fn shown_to(&self, name: &str) -> Option<usize> {
        let config = self.offer().config();
        let client = TlsClient::connect(self.world.proxy.address_of(1), config, name).ok()?;
        let shown = client.certificate();
        self.certificates.iter().position(|known| known.certificate == shown)
    }
}

#[test]
fn a_client_gets_the_certificate_of_the_name_that_it_requests() {
    let scene = Certified::start(&["a.test", "*.b.test", "x.b.test"], "");
    for (name, position) in [("a.test", 0), ("A.TEST", 0), ("y.b.test", 1), ("x.b.test", 2)] {
        assert_eq!(scene.shown_to(name), Some(position), "{name}");
    }
    let mut client = scene.connect(&scene.offer(), "y.b.test").unwrap();
    assert!(client.exchange(&request(&scene.world)).is_from_upstream());
    // It gets the first one, which is not for this name: the client itself refuses it.
    for name in ["b.test", "x.y.b.test", "c.test"] {
        let error = scene.connect(&scene.offer(), name).err().unwrap().to_string();
        assert!(error.contains("invalid peer certificate"), "{name}: {error}");
    }
}

#[test]
fn p12_the_requested_name_decides_no_policy() {
    let scene = Certified::with(
        &["a.test", "b.test"],
        "",
        "",
        Some("[[routes]]\npath = \"/**\"\nhosts = [\"a.test\"]\naccess = \"public\"\n"),
    );
    let mut client = scene.connect(&scene.offer(), "b.test").unwrap();
    assert!(client.exchange(&Request::to("a.test", "GET", "/")).is_from_upstream());
    let mut client = scene.connect(&scene.offer(), "a.test").unwrap();
    assert_eq!(client.exchange(&Request::to("b.test", "GET", "/")).status, 403);
}

#[test]
fn a_name_that_no_certificate_has_can_be_refused() {
    let scene = Certified::start(&["a.test", "*.b.test"], "unknown_name = \"refuse\"");
    assert_eq!(scene.shown_to("a.test"), Some(0));
    assert_eq!(scene.shown_to("y.b.test"), Some(1));
    for name in ["c.test", "b.test", "127.0.0.1"] {
        let error = scene.connect(&scene.offer(), name).err().unwrap().to_string();
        assert!(error.contains("AccessDenied"), "{name}: {error}");
    }
}

#[test]
fn a_certificate_beside_others_is_renewed_by_a_reload() {
    let scene = Certified::start(&["a.test", "b.test"], "");
    let renewed = scene.authority.server("b.test");
    fs::write(scene.files.path().join("1.crt"), &renewed.certificate_pem).unwrap();
    fs::write(scene.files.path().join("1.key"), renewed.key_pem()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    fs::write(&file, scene.world.proxy.page("/config")).unwrap();
    let sources = countersign::settings::Sources { file: Some(file), ..Default::default() };
    scene.world.proxy.server().reload(countersign::settings::load(&sources).unwrap()).unwrap();
    let client = scene.connect(&scene.offer(), "b.test").unwrap();
    assert!(client.certificate() == renewed.certificate);
    assert_eq!(scene.shown_to("a.test"), Some(0));
}

/// The preface of HTTP/2, and an empty SETTINGS frame.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn only_what_a_listener_offers_is_spoken_there() {
    let both = Certified::start(&["api.test"], "");
    let http1 = Certified::start(&["api.test"], "alpn = [\"http/1.1\"]");
    let http2 = Certified::start(&["api.test"], "alpn = [\"h2\"]");
    let negotiated = |scene: &Certified, alpn: &[&str]| {
        let client = scene.connect(&scene.offer().alpn(alpn), "api.test");
        client.map(|client| client.session().alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(negotiated(&both, &["http/1.1", "h2"]).unwrap().unwrap(), b"h2");
    assert_eq!(negotiated(&http1, &["http/1.1", "h2"]).unwrap().unwrap(), b"http/1.1");
    assert_eq!(negotiated(&http2, &["http/1.1", "h2"]).unwrap().unwrap(), b"h2");
    let error = negotiated(&http1, &["h2"]).unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
    // A client that negotiates nothing speaks what it likes, where both are offered.
    let mut silent = both.connect(&both.offer(), "api.test").unwrap();
    assert!(silent.exchange(&request(&both.world)).is_from_upstream());
    let before = (http1.world.mark(), http2.world.mark());
    let mut silent = http2.connect(&http2.offer(), "api.test").unwrap();
    assert!(silent.try_exchange(&request(&http2.world)).is_err());
    let mut silent = http1.connect(&http1.offer(), "api.test").unwrap();
    silent.send(HTTP2).unwrap();
    let answer = silent.end().unwrap_or_default();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    before.0.assert_untouched("HTTP/2 where it is not offered");
    before.1.assert_untouched("HTTP/1.1 where it is not offered");
}
