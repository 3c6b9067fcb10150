//! what local files hold is judged when the configuration is loaded, and not by the first
//! token.

use super::*;

const BOM: &str = "\u{feff}";

fn public_pem(algorithm: Algorithm) -> String {
    SigningKey::generate(algorithm, None).unwrap().public_pem().unwrap()
}

fn self_signed() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["client".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// The only mistake of an issuer with that file for a key source.
#[track_caller]
fn mistake_of(source: &str, content: &str, algorithms: &str) -> String {
    let workspace = Workspace::new();
    let file = workspace.write("file", content);
    let lines = format!("algorithms = [{algorithms}]\nkeys.{source} = \"{file}\"");
    let found = workspace.mistakes(&with_issuer(&lines));
    let [mistake] = found.as_slice() else {
        panic!("{source} {content}: {found:?}");
    };
    let start = format!("countersign.toml: issuers.corp.keys.{source}: the file file ");
    mistake.strip_prefix(&start).unwrap_or_else(|| panic!("{mistake}")).to_owned()
}

#[test]
fn x8_a_key_file_that_is_of_no_use_is_a_mistake() {
    let rsa = public_pem(Algorithm::Rs256);
    let private = private_jwk(Algorithm::Es256);
    let (certificate, private_pem) = self_signed();
    let encryption = public_jwk(Algorithm::Es256).replace("\"sig\"", "\"enc\"");
    for (source, content, algorithms, problem) in [
        (
            "pem_file",
            &*rsa,
            "\"ES256\"",
            "holds no key for the algorithms ES256, but RSA 2048 (for",
        ),
        (
            "pem_file",
            &certificate,
            "\"RS256\"",
            "holds no key for the algorithms RS256, but EC P-256",
        ),
        ("pem_file", &private_pem, "\"ES256\"", "is not usable: a private key where only public"),
        ("pem_file", &public_jwk(Algorithm::Es256), "\"ES256\"", "is not usable: no PUBLIC KEY or"),
        ("pem_file", "-----BEGIN PUBLIC KEY-----\n", "\"ES256\"", "is not usable: not PEM"),
        ("jwks_file", &rsa, "\"RS256\"", "is not usable: the key set is not valid JSON"),
        ("jwks_file", "{}", "\"RS256\"", "is not usable: the key set has no \"keys\" array"),
        ("jwks_file", "{\"keys\":[]}", "\"RS256\"", "holds no key; expected a JWKS"),
        ("jwks_file", &private, "\"ES256\"", "holds no usable key: it holds private members"),
        ("jwks_file", &encryption, "\"ES256\"", "holds no usable key: its \"use\" is not \"sig\""),
        (
            "jwks_file",
            &public_jwk(Algorithm::EdDsa),
            "\"ES256\"",
            "holds no key for the algorithms",
        ),
        (
            "secret_file",
            &"s".repeat(31),
            "\"HS256\"",
            "is not usable: the secret has 31 bytes, needed",
        ),
        (
            "secret_file",
            &"s".repeat(40),
            "\"HS256\", \"HS512\"",
            "is not usable: the secret has 40 bytes, needed are at least 64",
        ),
        (
            "secret_file",
            &rsa,
            "\"HS256\"",
            "is not usable: it holds PEM, which is no shared secret",
        ),
        ("secret_file", &private, "\"HS256\"", "is not usable: it holds a JWK, which is no shared"),
    ] {
        let mistake = mistake_of(source, content, algorithms);
        assert!(mistake.starts_with(problem), "{source}: {mistake}");
        assert!(mistake.contains("; expected "), "{mistake}");
    }
    for (source, content, algorithms) in [
        ("pem_file", &*rsa, "\"ES256\", \"PS256\""),
        ("pem_file", &certificate, "\"ES256\""),
        ("jwks_file", &public_jwk(Algorithm::EdDsa), "\"EdDSA\""),
        ("secret_file", &format!("{}\n", "s".repeat(64)), "\"HS512\""),
    ] {
        let workspace = Workspace::new();
        let file = workspace.write("file", content);
        let lines = format!("algorithms = [{algorithms}]\nkeys.{source} = \"{file}\"");
        assert_eq!(workspace.mistakes(&with_issuer(&lines)), [""; 0]);
    }
}

#[test]
fn x8_a_signers_key_file_is_judged_as_well() {
    let workspace = Workspace::new();
    let file = workspace.write("signers.pem", public_pem(Algorithm::Rs256));
    let found = workspace.mistakes(&format!(
        "{MINIMAL}signature = \"partner\"\n\
         [signatures.partner]\nheader = \"x-jws\"\nsigner = \"kid\"\ncaller = \"unrelated\"\n\
         algorithms = [\"ES256\"]\nkeys.pem_file = \"{file}\""
    ));
    assert_eq!(found.len(), 1, "{found:?}");
    let start = "countersign.toml: signatures.partner.keys.pem_file: the file signers.pem holds no \
                 key for the algorithms ES256, but RSA 2048";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn x8_a_clients_secret_or_key_that_is_none_is_a_mistake() {
    let rsa = public_pem(Algorithm::Rs256);
    let (certificate, _) = self_signed();
    let by_key = "auth = \"private_key_jwt\"\nclient_id = \"api\"\nprivate_key_file";
    let by_secret = "client_id = \"api\"\nclient_secret_file";
    let by_password = "auth = \"basic\"\nusername = \"api\"\npassword_file";
    for (lines, content, problem) in [
        (by_key, rsa.as_bytes(), "holds PEM, which is no private JWK"),
        (by_key, b"s3cret", "is no private JWK"),
        (by_key, public_jwk(Algorithm::Es256).as_bytes(), "holds no usable key: "),
        (by_secret, rsa.as_bytes(), "holds PEM, which is no secret"),
        (by_secret, private_jwk(Algorithm::Es256).as_bytes(), "holds a JWK, which is no secret"),
        (by_secret, b"\n", "has 0 bytes, expected 1 to 65536"),
        (by_secret, b"\xff\xfe", "is not UTF-8"),
        (by_password, certificate.as_bytes(), "holds PEM, which is no secret"),
    ] {
        let workspace = Workspace::new();
        let file = workspace.write("file", content);
        let lines = format!("[issuers.corp.introspection]\n{lines} = \"{file}\"");
        let found = workspace.mistakes(&format!("{MINIMAL}\n{lines}"));
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        assert!(found[0].contains(&format!("_file: the file file {problem}")), "{found:?}");
        assert!(!found[0].contains("s3cret"), "{found:?}");
    }
}

#[test]
fn x8_a_client_certificate_and_key_that_do_not_belong_together_are_a_mistake() {
    let ((certificate, key), (_, other)) = (self_signed(), self_signed());
    let with = |certificate: &str, key: &str| {
        let workspace = Workspace::new();
        let (certificate, key) =
            (workspace.write("tls.crt", certificate), workspace.write("tls.key", key));
        let lines = format!(
            "[issuers.corp.introspection]\nauth = \"tls_client_auth\"\n\
             client_certificate = \"{certificate}\"\nclient_key = \"{key}\""
        );
        workspace.mistakes(&format!("{MINIMAL}\n{lines}"))
    };
    assert_eq!(with(&certificate, &key), [""; 0]);
    for (certificate, key, problem) in [
        (&*certificate, &*other, "client_key: the key in tls.key is not the one of the first"),
        (&certificate, &certificate, "client_key: the file tls.key holds no private key"),
        (&key, &key, "client_certificate: the file tls.crt holds no certificate"),
    ] {
        let found = with(certificate, key);
        assert_eq!(found.len(), 1, "{found:?}");
        let start = format!("countersign.toml: issuers.corp.introspection.{problem}");
        assert!(found[0].starts_with(&start), "{found:?}");
    }
}

/// IDP-15: with a `client_id` it was taken for a client that proves nothing.
#[test]
fn x8_tls_client_auth_needs_a_certificate_wherever_it_is_written() {
    let message = "is tls_client_auth, which needs client_certificate and client_key";
    for id in ["", "client_id = \"api\"\n"] {
        let auth = format!("auth = \"tls_client_auth\"\n{id}");
        assert_mistake(
            &format!("[issuers.corp.introspection]\n{auth}"),
            &format!("countersign.toml: issuers.corp.introspection.auth: {message}"),
        );
        let found = mistakes(&format!(
            "{MINIMAL}signature = \"partner\"\n\
             [signatures.partner]\nheader = \"x-jws\"\nsigner = \"kid\"\ncaller = \"unrelated\"\n\
             [signatures.partner.keys.registry]\nurl = \"https://registry.test/{{signer}}\"\n{auth}"
        ));
        let expected =
            format!("countersign.toml: signatures.partner.keys.registry.auth: {message}");
        assert_eq!(found, [expected]);
    }
}

#[test]
fn x8_a_byte_order_mark_is_refused_in_every_file() {
    let marked = "starts with a byte order mark (BOM): save it as UTF-8 without one";
    let (certificate, key) = self_signed();
    let secret = "s".repeat(64);
    let jwk = public_jwk(Algorithm::Es256);
    let private = private_jwk(Algorithm::Es256);
    let asked = "[issuers.corp.introspection]\nclient_id = \"api\"\n";
    for (content, setting) in [
        (&secret, "[issuers.corp]\nalgorithms = [\"HS256\"]\nkeys.secret_file".to_owned()),
        (&jwk, "[issuers.corp]\nkeys.jwks_file".to_owned()),
        (&certificate, "[issuers.corp]\nkeys.pem_file".to_owned()),
        (&certificate, "[issuers.corp]\nkeys.ca_file".to_owned()),
        (&secret, format!("{asked}client_secret_file")),
        (&private, format!("{asked}auth = \"private_key_jwt\"\nprivate_key_file")),
        (&certificate, format!("{asked}auth = \"none\"\nclient_certificate")),
        (&key, format!("{asked}auth = \"none\"\nclient_key")),
        (&key, "[identity.assertion]\nissuer = \"a\"\nprivate_key_file".to_owned()),
        (&jwk, "[identity.assertion]\nissuer = \"a\"\nprevious_keys_file".to_owned()),
        (&private, "[evidence]\ndirectory = \"/tmp\"\nkey_file".to_owned()),
        (&secret, "[shared]\nurl = \"redis://localhost\"\nintegrity_key_file".to_owned()),
        (&secret, "[shared]\nurl = \"redis://localhost\"\npassword_file".to_owned()),
        (&certificate, "[server.tls]\ncertificate".to_owned()),
        (&key, "[server.tls]\nprivate_key".to_owned()),
        (&"{\"revoked\":[]}".to_owned(), "[revocation]\nfile".to_owned()),
    ] {
        let workspace = Workspace::new();
        let file = workspace.write("file", format!("{BOM}{content}"));
        let text = match setting.strip_prefix("[issuers.corp]\n") {
            Some(lines) => with_issuer(&format!("{lines} = \"{file}\"")),
            None => format!("{MINIMAL}\n{setting} = \"{file}\""),
        };
        let name = setting.rsplit(['\n', '.']).next().unwrap_or_default();
        let found = workspace.mistakes(&text);
        let is_reported =
            |mistake: &String| mistake.contains(&format!("{name}: the file file {marked}"));
        assert!(found.iter().any(is_reported), "{setting}: {found:?}");
    }
}

#[test]
fn x8_a_byte_order_mark_is_refused_in_a_configuration_of_each_format() {
    let json = "{\"upstreams\": {\"app\": {\"url\": \"http://127.0.0.1:3000\"}}}";
    for (name, content) in [("a.toml", MINIMAL), ("a.json", json), ("a.yaml", "upstreams: {}")] {
        let workspace = Workspace::new();
        let file = workspace.write(name, format!("{BOM}{content}"));
        let errors = load(&Sources { file: Some(file.into()), ..Sources::default() }).unwrap_err();
        let expected = format!(
            "{name}: cannot be read: starts with a byte order mark (BOM): save it as UTF-8 \
             without one"
        );
        assert_eq!(workspace.lines(&errors), [expected]);
    }
}

/// Mistakes in several files are reported at once.
#[test]
fn x8_all_files_are_judged_at_once() {
    let workspace = Workspace::new();
    let (pem, short) =
        (workspace.write("a.pem", public_pem(Algorithm::Rs256)), workspace.write("s", "short"));
    let second = format!(
        "[issuers.other]\nissuer = \"https://b\"\naudiences = [\"b\"]\nalgorithms = [\"HS256\"]\n\
         keys.secret_file = \"{short}\"\n\
         [issuers.other.introspection]\nurl = \"https://b/introspect\"\n\
         auth = \"private_key_jwt\"\nclient_id = \"api\"\nprivate_key_file = \"{pem}\""
    );
    let first = with_issuer(&format!("algorithms = [\"ES256\"]\nkeys.pem_file = \"{pem}\""));
    let found = workspace.mistakes(&format!("{first}\n{second}"));
    let reported = |key: &str| found.iter().any(|mistake| mistake.contains(key));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(reported("issuers.corp.keys.pem_file: the file a.pem"), "{found:?}");
    assert!(reported("issuers.other.keys.secret_file: the file s "), "{found:?}");
    assert!(reported("issuers.other.introspection.private_key_file: the file a.pem"), "{found:?}");
}
