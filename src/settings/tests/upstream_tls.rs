//! `[upstreams.NAME.tls]`: what it means, and every mistake in it at once.

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::tls::settings::{Http2Offer, TlsVersion, UpstreamTlsSettings, UpstreamVerification};

const PIN: &str = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// A configuration whose upstream has that URL, and these lines in its `tls`.
fn with(url: &str, lines: &str) -> String {
    let text = MINIMAL.replace("http://127.0.0.1:3000", url);
    format!("{text}\n[upstreams.app.tls]\n{lines}")
}

fn tls(settings: &Settings) -> UpstreamTlsSettings {
    (**first(&settings.upstreams).tls.as_ref().unwrap()).clone()
}

#[test]
fn https_alone_verifies_everything() {
    let settings = settings(&MINIMAL.replace("http://127", "https://127"));
    assert_eq!(tls(&settings), UpstreamTlsSettings::default());
    assert_eq!(tls(&settings).verification, UpstreamVerification::Full);
    assert_eq!(tls(&settings).min_version, TlsVersion::Tls12);
    assert_eq!(tls(&settings).http2, Http2Offer::Auto);
    assert!(settings.warnings().iter().all(|warning| !warning.contains("tls")));
}

#[test]
fn u1_pinned_keys_are_warned_of_and_nothing_verifies_less() {
    let text = with("https://app", &format!("verify = {{ spki = [\"{PIN}\"] }}"));
    let settings = settings(&text);
    let UpstreamVerification::Pinned(pins) = tls(&settings).verification else { panic!() };
    assert_eq!(pins[0].to_string(), PIN);
    let warnings = settings.warnings();
    assert!(
        warnings.iter().any(|text| text.starts_with("upstreams.app.tls.verify: pinned keys; ")),
        "{warnings:?}"
    );
    for word in ["none", "off", "false", "insecure", "ca", ""] {
        let found = mistakes(&with("https://app", &format!("verify = \"{word}\"")));
        assert_eq!(
            found,
            [format!(
                "countersign.toml: upstreams.app.tls.verify: found \"{word}\", expected \"full\" \
                 or {{ spki = [\"sha256/…\"] }}"
            )]
        );
    }
}

#[test]
fn x1_every_mistake_is_reported_at_once() {
    let workspace = Workspace::new();
    let (one, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    let crt = workspace.write("tls.crt", certificate.self_signed(&one).unwrap().pem());
    let key = workspace.write("tls.key", other.serialize_pem());
    let broken = workspace.write("broken.pem", "broken");
    let found = workspace.mistakes(&with(
        "https://app",
        &format!(
            "ca_file = \"{broken}\"\nclient_certificate = \"{crt}\"\nclient_key = \"{key}\"\n\
             server_name = \"a..b\"\nmin_version = \"1.1\"\nhttp2 = \"h2\"\nverfy = \"full\"\n\
             verify = {{ spki = [\"sha256/abc\", \"md5/abc\"], pin = 1 }}"
        ),
    ));
    let expected = [
        "ca_file: has no effect beside pinned keys",
        "ca_file: the file ",
        "client_key: the key in ",
        "server_name: found \"a..b\", expected a DNS name or an IP address",
        "min_version: found \"1.1\", expected \"1.2\" or \"1.3\"",
        "http2: found \"h2\", expected ",
        "verfy: unknown key; did you mean ",
        "verify.spki[0]: found \"sha256/abc\", expected \"sha256/\" and the base64 of",
        "verify.spki[1]: found \"md5/abc\", expected ",
        "verify.pin: unknown key; ",
    ];
    for text in expected {
        let line = format!("countersign.toml: upstreams.app.tls.{text}");
        assert!(found.iter().any(|found| found.starts_with(&line)), "{line}\n{found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn x1_what_has_no_effect_is_a_mistake() {
    for url in ["http://app", "h2c://app", "unix:/run/app.sock"] {
        let found = mistakes(&with(url, "min_version = \"1.3\""));
        let expected = "countersign.toml: upstreams.app.tls: has no effect without https://; \
                        expected it to be absent";
        assert_eq!(found, [expected]);
    }
    for pins in ["[]", "\"sha256/a\"", &format!("[{}]", format!("\"{PIN}\",").repeat(17))] {
        let found = mistakes(&with("https://app", &format!("verify = {{ spki = {pins} }}")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("expected a list of 1 to 16 hashes"), "{found:?}");
    }
    let found = mistakes(&with("https://app", "verify = {}"));
    assert!(found[0].contains("verify.spki: missing; expected a list of 1 to 16"), "{found:?}");
    let only = with("https://app", "http2 = \"only\"");
    let only = only.replace("[issuers", "upgrades = [\"tcp\"]\n[issuers");
    let found = mistakes(&only);
    assert!(found[0].contains("upgrades: has no effect with h2c:// or http2"), "{found:?}");
}

#[test]
fn u1_a_host_that_no_certificate_can_name_is_a_mistake() {
    let found = mistakes(&MINIMAL.replace("http://127.0.0.1:3000", "https://a..b"));
    assert!(found[0].contains("expected a host that a certificate can name"), "{found:?}");
}
