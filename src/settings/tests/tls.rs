//! `[server.tls]`: which files are accepted, and the errors for the others.

use aws_lc_rs::{
    encoding::AsDer,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd};

use super::*;
use crate::{clock::UnixTime, tls::settings::TlsSettings};

/// A workspace with `tls.crt` and `tls.key`, which belong together.
pub(super) fn workspace() -> Workspace {
    with_key(&KeyPair::generate().unwrap(), |_| ())
}

fn with_key(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Workspace {
    let workspace = Workspace::new();
    let mut params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    change(&mut params);
    workspace.write("tls.crt", params.self_signed(key).unwrap().pem());
    workspace.write("tls.key", key.serialize_pem());
    workspace
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

impl Workspace {
    /// The minimal configuration with that certificate and key, and further lines.
    pub(super) fn tls_text(&self, certificate: &str, key: &str, lines: &str) -> String {
        let folder = self.path().display();
        format!(
            "{MINIMAL}\n[server.tls]\ncertificate = \"{folder}/{certificate}\"\n\
             private_key = \"{folder}/{key}\"\n{lines}"
        )
    }

    fn tls(&self, lines: &str) -> TlsSettings {
        let text = self.tls_text("tls.crt", "tls.key", lines);
        let settings = self.load(&text).unwrap_or_else(|errors| panic!("{errors}"));
        settings.server.tls.unwrap()
    }

    #[track_caller]
    fn assert_tls_mistake(&self, certificate: &str, key: &str, lines: &str, message: &str) {
        let text = self.tls_text(certificate, key, lines);
        let message = format!("countersign.toml: server.tls.{message}");
        assert_eq!(self.mistakes(&text), [message]);
    }
}

#[test]
fn without_the_section_there_is_no_tls() {
    assert!(settings(MINIMAL).server.tls.is_none());
}

#[test]
fn every_form_of_private_key_is_read() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let elliptic = with_key(&key, |_| ());
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der());
    let sec1 = pair.unwrap().private_key().as_der().unwrap();
    // As `openssl ecparam -genkey` writes it: the parameters are passed over.
    let parameters = pem("EC PARAMETERS", &[6, 8, 42, 134, 72, 206, 61, 3, 1, 7]);
    let both = parameters + &pem("EC PRIVATE KEY", sec1.as_ref());
    elliptic.write("tls.key", both);
    elliptic.tls("").read_files().unwrap();

    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let rsa = with_key(&key, |_| ());
    rsa.tls("").read_files().unwrap();
    // The `RSAPrivateKey` is the octets after version, algorithm and tag (RFC 5208 §5).
    rsa.write("tls.key", pem("RSA PRIVATE KEY", &key.serialize_der()[26..]));
    rsa.tls("").read_files().unwrap();
}

#[test]
fn both_files_are_needed() {
    assert_eq!(
        mistakes_with("[server.tls]\n"),
        [
            "countersign.toml: server.tls.certificate: missing; expected the path of a PEM file \
             with the server's certificate",
            "countersign.toml: server.tls.private_key: missing; expected the path of a PEM file \
             with the certificate's private key",
        ]
    );
}

#[test]
fn a_file_that_is_no_certificate_is_told_by_key_and_name() {
    let workspace = workspace();
    workspace.assert_tls_mistake(
        "none.crt",
        "tls.key",
        "",
        "certificate: the file none.crt cannot be opened: No such file or directory (os error 2); \
         expected a file that can be read",
    );
    workspace.assert_tls_mistake(
        "tls.key",
        "tls.key",
        "",
        "certificate: the file tls.key holds no certificate; expected PEM with the \
         certificate first and its chain behind it",
    );
    workspace.write("bad.crt", pem("CERTIFICATE", b"no DER"));
    workspace.assert_tls_mistake(
        "bad.crt",
        "tls.key",
        "",
        "certificate: the file bad.crt holds a malformed certificate; expected PEM with \
         the certificate first and its chain behind it",
    );
}

#[test]
fn a_file_that_is_no_key_is_told_by_key_and_name() {
    const EXPECTED: &str = "expected PEM with one RSA, ECDSA or Ed25519 key that is not encrypted \
                            (PKCS#8, SEC1 or PKCS#1)";
    let workspace = workspace();
    let two = KeyPair::generate().unwrap().serialize_pem().repeat(2);
    for (content, problem) in [
        ("nonsense".to_owned(), "holds no private key"),
        (pem("ENCRYPTED PRIVATE KEY", b"x"), "holds no private key"),
        (pem("PRIVATE KEY", b"no DER"), "holds a private key of an unknown kind"),
        (two, "holds more than one private key"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n".to_owned(), "is not PEM"),
        ("x".repeat(2 << 20), "has more than 1048576 bytes"),
    ] {
        workspace.write("bad.key", content);
        workspace.assert_tls_mistake(
            "tls.crt",
            "bad.key",
            "",
            &format!("private_key: the file bad.key {problem}; {EXPECTED}"),
        );
    }
}

#[test]
fn a_key_of_another_certificate_is_a_mistake() {
    let workspace = workspace();
    let other = KeyPair::generate().unwrap().serialize_pem();
    workspace.write("other.key", &other);
    workspace.assert_tls_mistake(
        "tls.crt",
        "other.key",
        "",
        "private_key: the key in other.key is not the one of the first certificate in \
         server.tls.certificate; expected the key that it was made for",
    );
    // The settings were right once; the file changes later.
    let tls = workspace.tls("");
    workspace.write("tls.key", &other);
    let error = tls.read_files().unwrap_err().to_string();
    assert!(error.starts_with("server.tls.private_key: "), "{error}");
}

#[test]
fn o2_nothing_of_a_broken_key_is_shown() {
    let workspace = workspace();
    let secret = "hunter2hunter2";
    for content in [
        secret.to_owned(),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}!\n-----END PRIVATE KEY-----"),
        format!("-----BEGIN PRIVATE KEY {secret}\n"),
    ] {
        workspace.write("bad.key", content);
        let text = workspace.tls_text("tls.crt", "bad.key", "");
        let found = workspace.mistakes(&text).concat();
        assert!(found.contains("server.tls.private_key"), "{found}");
        assert!(!found.contains(secret), "{found}");
    }
}

/// a setting that could be meant to keep clients out never quietly lets them in.
#[test]
fn x2_authorities_of_clients_and_client_auth_go_together() {
    let workspace = workspace();
    let authorities = format!("client_ca = \"{}/tls.crt\"", workspace.path().display());
    workspace.assert_tls_mistake(
        "tls.crt",
        "tls.key",
        &authorities,
        "client_auth: missing; expected \"optional\" or \"required\" beside client_ca",
    );
    for word in ["optional", "required"] {
        let asked = format!("client_auth = \"{word}\"");
        workspace.assert_tls_mistake(
            "tls.crt",
            "tls.key",
            &asked,
            "client_ca: missing; client_auth needs a PEM file with the authorities of clients",
        );
        let client_auth = workspace.tls(&format!("{authorities}\n{asked}")).client_auth;
        assert_eq!(client_auth.unwrap().required, word == "required");
    }
    workspace.assert_tls_mistake(
        "tls.crt",
        "tls.key",
        "client_auth = \"maybe\"",
        "client_auth: found \"maybe\", expected \"none\" or \"optional\" or \"required\"",
    );
    // Set explicitly, no certificate is requested.
    let off = workspace.tls(&format!("{authorities}\nclient_auth = \"none\""));
    assert!(off.client_auth.is_none());
    assert!(off.read_files().unwrap().client_authorities.is_none());
}

#[test]
fn a_file_of_authorities_without_any_is_a_mistake() {
    let workspace = workspace();
    let folder = workspace.path().display();
    workspace.assert_tls_mistake(
        "tls.crt",
        "tls.key",
        &format!("client_ca = \"{folder}/tls.key\"\nclient_auth = \"required\""),
        "client_ca: the file tls.key holds no certificate; expected PEM with the certificates of \
         authorities",
    );
}

#[test]
fn what_is_printed_about_tls_loads_again_and_shows_no_key() {
    let workspace = workspace();
    let lines = format!(
        "client_ca = \"{}/tls.crt\"\nclient_auth = \"required\"",
        workspace.path().display()
    );
    let text = workspace.tls_text("tls.crt", "tls.key", &lines);
    let settings = workspace.load(&text).unwrap();
    let first = settings.to_toml();
    assert!(first.contains("client_auth = \"required\""), "{first}");
    assert_eq!(first, workspace.load(&first).unwrap().to_toml());

    let files = settings.server.tls.as_ref().unwrap().read_files().unwrap();
    let key = fs::read_to_string(workspace.path().join("tls.key")).unwrap();
    let secret: Vec<u8> = BASE64_STANDARD
        .decode(key.lines().filter(|line| !line.starts_with('-')).collect::<String>())
        .unwrap();
    // The private scalar of a P-256 key in PKCS#8 stands here.
    let secret = format!("{:?}", &secret[36..68]);
    let shown = format!("{settings:?}{files:?}");
    assert!(!shown.contains(secret.trim_matches(['[', ']'])), "{shown}");
}

#[test]
fn a_certificate_out_of_its_validity_is_a_warning_only() {
    let expired = with_key(&KeyPair::generate().unwrap(), |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    });
    let text = expired.tls_text("tls.crt", "tls.key", "");
    let warnings = expired.load(&text).unwrap().warnings();
    let warning = "server.tls.certificate: expired at 2020-02-01T00:00:00Z; clients will refuse it";
    assert!(warnings.iter().any(|found| found == warning), "{warnings:?}");

    let files = expired.tls("").read_files().unwrap();
    let validity_problem =
        |at| files.validity_problems(UnixTime(at)).map(|(_, problem)| problem).next();
    assert_eq!(validity_problem(1_579_000_000), None);
    assert_eq!(
        validity_problem(1_570_000_000).as_deref(),
        Some("not valid before 2020-01-01T00:00:00Z")
    );
}
