//! `[identity.assertion]`: which keys are accepted, and the error for everything else.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use super::*;
use crate::{
    identity::{AssertedClaims, PartEncoding, assertion::settings::AssertionSettings},
    jose::{Algorithm, JwkSet, KeyLimits, SigningKey},
    json::{Json, Object},
};

const EXPECTED: &str = "expected PEM with one private key that is not encrypted (PKCS#8, \"BEGIN \
                        PRIVATE KEY\"), or one private JWK";

/// A workspace with that key in `key`.
fn with_key(content: impl AsRef<[u8]>) -> Workspace {
    let workspace = Workspace::new();
    workspace.write("key", content);
    workspace
}

fn key(alg: Algorithm, kid: Option<&str>) -> SigningKey {
    SigningKey::generate(alg, kid).unwrap()
}

/// An ES256 key, which takes no time to make, as a JWK.
fn elliptic() -> Workspace {
    with_key(key(Algorithm::Es256, Some("ec")).private_jwk().to_text())
}

impl Workspace {
    /// The minimal configuration with an assertion by `key`, and further lines.
    fn assertion_text(&self, lines: &str) -> String {
        let folder = self.path().display();
        let issuer = if lines.contains("issuer") { "" } else { "issuer = \"gateway\"" };
        format!(
            "{MINIMAL}\n[identity.assertion]\nprivate_key_file = \"{folder}/key\"\n{issuer}\n{lines}"
        )
    }

    #[track_caller]
    fn assertion(&self, lines: &str) -> AssertionSettings {
        let settings = self.load(&self.assertion_text(lines));
        settings.unwrap_or_else(|errors| panic!("{errors}")).identity.assertion.unwrap()
    }

    #[track_caller]
    fn assert_assertion_mistake(&self, lines: &str, message: &str) {
        let message = format!("countersign.toml: identity.assertion.{message}");
        assert_eq!(self.mistakes(&self.assertion_text(lines)), [message], "{lines}");
    }

    /// A JWKS of these keys in `previous`, as a line of the section.
    fn previous(&self, keys: &[Object]) -> String {
        let keys = keys.iter().cloned().map(Json::Object).collect();
        let set: Object = [("keys".to_owned(), Json::Array(keys))].into_iter().collect();
        format!("previous_keys_file = \"{}\"", self.write("previous", set.to_text()))
    }
}

#[test]
fn without_the_section_nothing_is_asserted() {
    assert!(settings(MINIMAL).identity.assertion.is_none());
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let rsa = key(Algorithm::Rs256, None);
    let assertion = with_key(rsa.private_pem().unwrap()).assertion("");
    assert_eq!(assertion.header, "x-jwt-assertion");
    assert_eq!(assertion.key.algorithm(), Algorithm::Rs256);
    assert_eq!(assertion.key.kid(), rsa.kid(), "the thumbprint");
    assert_eq!(assertion.lifetime, Duration::from_mins(5));
    assert_eq!(assertion.audience, None);
    assert_eq!(assertion.claims, AssertedClaims::All);
    assert_eq!(assertion.encoding, PartEncoding::Base64Url);
    // The same key, for another algorithm of its kind and under another name.
    let other = with_key(rsa.private_pem().unwrap());
    let other = other.assertion("algorithm = \"PS512\"\nkid = \"mine\"");
    assert_eq!((other.key.algorithm(), other.key.kid()), (Algorithm::Ps512, "mine"));
}

#[test]
fn a_jwk_is_named_by_itself_unless_the_configuration_names_it() {
    let workspace = elliptic();
    let named = |lines: &str| {
        let lines = format!("algorithm = \"ES256\"\n{lines}");
        workspace.assertion(&lines).key.kid().to_owned()
    };
    assert_eq!(named(""), "ec");
    assert_eq!(named("kid = \"other\""), "other");
}

#[test]
fn every_asymmetric_algorithm_is_possible() {
    for alg in [Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa, Algorithm::MlDsa44] {
        let workspace = with_key(key(alg, None).private_jwk().to_text());
        let assertion = workspace.assertion(&format!("algorithm = \"{alg}\""));
        assert_eq!(assertion.key.algorithm(), alg);
    }
}

#[test]
fn a_key_for_another_algorithm_is_a_mistake() {
    elliptic().assert_assertion_mistake(
        "",
        &format!(
            "private_key_file: the file key holds a JWK whose \"alg\" is not the \
             identity.assertion.algorithm RS256; {EXPECTED}"
        ),
    );
    let pem = with_key(key(Algorithm::Es256, None).private_pem().unwrap());
    pem.assert_assertion_mistake(
        "",
        &format!(
            "private_key_file: the file key holds no key for RS256: the document holds no private \
             key that fits the algorithm; {EXPECTED}"
        ),
    );
    for (found, why) in [
        ("HS256", "a service that checks a shared secret could sign with it as well"),
        ("none", "not a known one"),
    ] {
        pem.assert_assertion_mistake(
            &format!("algorithm = \"{found}\""),
            &format!(
                "algorithm: found \"{found}\", expected the name of a signature algorithm such as \
                 \"RS256\" or \"ES256\" ({why})"
            ),
        );
    }
}

#[test]
fn a_file_that_is_no_key_is_told_by_key_and_name() {
    let pem = key(Algorithm::Es256, None).private_pem().unwrap();
    let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    for (content, problem) in [
        ("nonsense".to_owned(), "holds no private key"),
        (block("ENCRYPTED PRIVATE KEY"), "holds no private key"),
        (block("PUBLIC KEY"), "holds no private key"),
        (
            block("RSA PRIVATE KEY"),
            "holds a key in another form (`openssl pkcs8 -topk8 -nocrypt` changes it)",
        ),
        (pem.repeat(2), "holds more than one private key"),
        (pem.replace("-----END", "----"), "is not PEM"),
        ("{".to_owned(), "holds no JWK: not valid JSON"),
        (
            "{\"kty\":\"EC\",\"crv\":\"P-256\"}".to_owned(),
            "holds no key for ES256: the JWK has no \"x\"",
        ),
        ("x".repeat(300 << 10), "has more than 262144 bytes"),
    ] {
        with_key(content).assert_assertion_mistake(
            "algorithm = \"ES256\"",
            &format!("private_key_file: the file key {problem}; {EXPECTED}"),
        );
    }
}

#[test]
fn o2_nothing_of_a_broken_key_is_shown() {
    let secret = "hunter2hunter2";
    for content in [
        secret.to_owned(),
        format!("{{\"kty\":\"EC\",\"d\":\"{secret}\"}}"),
        format!("{{\"kty\":\"EC\",\"d\":\"{secret}"),
        format!("{{\"kty\":\"{secret}\",\"alg\":\"ES256\",\"kid\":\"{secret}\"}}"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}!\n-----END PRIVATE KEY-----"),
    ] {
        let workspace = with_key(content);
        let found = workspace.mistakes(&workspace.assertion_text("algorithm = \"ES256\"")).concat();
        assert!(found.contains("private_key_file"), "{found}");
        assert!(!found.contains(secret), "{found}");
    }
}

#[test]
fn what_is_missing_is_told_at_once() {
    assert_eq!(
        mistakes_with("[identity.assertion]\n"),
        [
            "countersign.toml: identity.assertion.private_key_file: missing; expected the path of \
             a file with a private key: PEM (PKCS#8) or a JWK as `countersign keygen` writes it",
            "countersign.toml: identity.assertion.issuer: missing; expected the \"iss\" of \
             assertions, such as \"https://gateway.example.com\"",
        ]
    );
}

#[test]
fn h1_the_header_is_for_nothing_else() {
    let workspace = elliptic();
    let lines = |header: &str| format!("algorithm = \"ES256\"\nheader = \"{header}\"");
    for (header, more, problem) in [
        ("x-auth-subject", "", "the header \"x-auth-subject\" carries a claim as well"),
        ("x_auth.subject", "", "the header \"x_auth.subject\" carries a claim as well"),
        (
            "x-a",
            "[credential]\nsources = [{ header = \"x-a\" }]",
            "the header \"x-a\" is where credential.sources reads the token from, and what \
             clients send in the header of the assertion is removed",
        ),
        (
            "x-a",
            "[forwarding]\nkeep = [\"x-a\"]",
            "the header \"x-a\" is one that forwarding.keep lets clients send",
        ),
        (
            "host",
            "",
            "found \"host\", which can't carry it: it says where the request goes or how long it is",
        ),
    ] {
        let lines = format!("{}\n{more}", lines(header));
        workspace.assert_assertion_mistake(&lines, &format!("header: {problem}"));
    }
}

#[test]
fn claims_and_mapping_say_what_goes_in() {
    let workspace = elliptic();
    let assertion = |lines: &str| workspace.assertion(&format!("algorithm = \"ES256\"\n{lines}"));
    assert_eq!(assertion("claims = \"all\"").claims, AssertedClaims::All);
    assert_eq!(assertion("claims = \"none\"").claims, AssertedClaims::Listed(Vec::new()));
    let listed = assertion("claims = [\"sub\"]").claims;
    assert_eq!(listed, AssertedClaims::Listed(vec!["sub".to_owned()]));
    let mapping = assertion("mapping = { \"http://wso2.org/claims/enduser\" = \"sub\" }").mapping;
    assert_eq!(mapping[0].0, "http://wso2.org/claims/enduser");

    let about = |name: &str| {
        format!(
            "\"{name}\" would be about the assertion, not about the token; expected another name \
             for it in identity.assertion.mapping"
        )
    };
    for (lines, message) in [
        ("claims = [\"sub\", \"exp\"]", format!("claims[1]: {}", about("exp"))),
        ("mapping = { \"jti\" = \"jti\" }", format!("mapping.jti: {}", about("jti"))),
        ("claims = [\"a\", \"a\"]", "claims: names \"a\" twice".to_owned()),
        ("claims = \"some\"", "claims: found \"some\", expected \"all\" or \"none\"".to_owned()),
        (
            "claims = []",
            "claims: found an empty list, expected \"all\", \"none\" or a list of claim names \
             such as [\"sub\", \"scope\"]"
                .to_owned(),
        ),
        (
            "lifetime = \"2h\"",
            "lifetime: found \"2h\", expected a duration from 10s to 1h, such as \"10s\""
                .to_owned(),
        ),
        (
            "encoding = \"hex\"",
            "encoding: found \"hex\", expected \"base64url\" or \"base64\"".to_owned(),
        ),
    ] {
        workspace.assert_assertion_mistake(&format!("algorithm = \"ES256\"\n{lines}"), &message);
    }
}

#[test]
fn the_keys_of_before_are_served_behind_the_present_one() {
    let workspace = elliptic();
    let es256 = "algorithm = \"ES256\"";
    let before = key(Algorithm::EdDsa, Some("before")).public_jwk().unwrap();
    let own = workspace.assertion(es256).key.public_jwk().unwrap();
    let lines = format!("{es256}\n{}", workspace.previous(&[before, own]));
    let served = workspace.assertion(&lines).jwks;
    let set = JwkSet::parse(served.as_bytes(), &KeyLimits::default()).unwrap();
    let kids: Vec<_> = set.keys.iter().map(|key| key.kid().unwrap()).collect();
    assert_eq!((kids, set.skipped.len()), (vec!["ec", "before"], 0), "{served}");
    assert!(!served.contains("\"d\""), "{served}");
}

#[test]
fn an_earlier_key_that_is_unusable_is_a_mistake() {
    let workspace = elliptic();
    let private = key(Algorithm::Es256, Some("before"));
    let nameless = private.public_jwk().unwrap().into_iter().filter(|(name, _)| name != "kid");
    let other = key(Algorithm::Es256, Some("ec")).public_jwk().unwrap();
    let expected = "expected a JWKS with the public keys of before";
    for (jwk, problem) in [
        (
            private.private_jwk(),
            format!(
                "the file previous holds an unusable key, keys[0]: it holds private members: this key was published and must be replaced; {expected}"
            ),
        ),
        (
            nameless.collect(),
            format!("the file previous holds a key without \"kid\", keys[0]; {expected}"),
        ),
        (
            other,
            "holds another key with the \"kid\" \"ec\" of private_key_file; expected one name for \
             one key"
                .to_owned(),
        ),
    ] {
        let lines = format!("algorithm = \"ES256\"\n{}", workspace.previous(&[jwk]));
        workspace.assert_assertion_mistake(&lines, &format!("previous_keys_file: {problem}"));
    }
}

#[test]
fn what_is_printed_about_assertions_loads_again_and_shows_no_key() {
    let workspace = elliptic();
    let before = key(Algorithm::EdDsa, Some("before")).public_jwk().unwrap();
    for more in ["claims = \"none\"", "claims = [\"sub\"]\nmapping = { \"a.b\" = \"/c/d\" }"] {
        let lines = format!(
            "algorithm = \"ES256\"\nissuer = \"g\"\naudience = \"app\"\nencoding = \"base64\"\n\
             {}\n{more}",
            workspace.previous(std::slice::from_ref(&before))
        );
        let settings = workspace.load(&workspace.assertion_text(&lines)).unwrap();
        let first = settings.to_toml();
        assert!(first.contains("kid = \"ec\"") && first.contains("\"base64\""), "{first}");
        assert_eq!(first, workspace.load(&first).unwrap().to_toml());
        assert_in_the_complete_example(&first);
        let jwk = settings.identity.assertion.as_ref().unwrap().key.private_jwk();
        let secret = jwk.get("d").and_then(Json::as_str).unwrap();
        assert!(!format!("{settings:?}{first}").contains(secret), "{first}");
    }
}

/// Each setting of the section that is printed is named there.
fn assert_in_the_complete_example(printed: &str) {
    let example = include_str!("../../../config/countersign.toml");
    let section = |text: &str| text.split("[identity.assertion]").nth(1).unwrap().to_owned();
    let named = section(example);
    let printed = section(printed);
    for line in printed.lines().skip(1).take_while(|line| !line.is_empty()) {
        let (name, _) = line.split_once(" = ").unwrap();
        assert!(named.contains(&format!("\n# {name} ")), "{name} is missing");
    }
}

#[test]
fn a_key_that_others_can_read_and_a_cache_that_is_off_are_warnings() {
    let workspace = elliptic();
    let path = workspace.path().join("key");
    let warnings = |mode: u32, lines: &str| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let text = workspace.assertion_text(&format!("algorithm = \"ES256\"\n{lines}"));
        workspace.load(&text).unwrap().warnings()
    };
    assert_eq!(warnings(0o600, ""), [""; 0]);
    assert_eq!(
        warnings(0o644, ""),
        ["identity.assertion.private_key_file: every user of the machine can get at the file"]
    );
    assert_eq!(
        warnings(0o600, "[cache]\nentries = 0"),
        ["identity.assertion: with cache.entries = 0 an assertion is signed for every request"]
    );
}
