//! A single key: written in the configuration, or somewhere in a document.

use super::*;
use crate::keys::settings::KeySource;

/// The development key of ubirch's token manager.
const P256: &str = "2e09fc73de8b067c4c38292e8d683ed3abaef220c9b8a6b85935a055359139a7\
                    0f17b2e76543518a113fba84863db6060bb0224fc45104ca0ac8a8279b0d744a";
/// RFC 8037, Appendix A.2.
const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn with_keys(lines: &str) -> String {
    format!("{MINIMAL}\n[issuers.corp.keys]\n{lines}")
}

fn source(lines: &str) -> KeySource {
    first(&settings(&with_keys(lines)).issuers).keys.as_ref().unwrap().source.clone()
}

#[test]
fn a_public_key_can_be_written_in_hex() {
    let kind = |hex: &str| match source(&format!("hex = \"{hex}\"")) {
        KeySource::Hex(key) => key.key().kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(P256), "EC P-256");
    assert_eq!(kind(&format!("04{}", P256.to_uppercase())), "EC P-256");
    assert_eq!(kind(ED25519), "OKP Ed25519");
}

#[test]
fn a_wrong_hex_key_is_told_by_its_length_and_never_quoted() {
    let expected = "expected a public key in hex: 64 bytes (P-256, X then Y), 65 bytes (the same \
                    after 04) or 32 bytes (Ed25519)";
    for (hex, found) in [
        (P256[2..].to_owned(), "63 bytes"),
        (format!("02{}", &P256[..64]), "33 bytes"),
        (P256.replace('2', "x"), "the character at position 1 is no hex digit"),
        (P256.replace("2e09", "2e08"), "64 bytes, and its point is not a sound point of the curve"),
    ] {
        assert_eq!(
            mistakes(&with_keys(&format!("hex = \"{hex}\""))),
            [format!("countersign.toml: issuers.corp.keys.hex: found {found}; {expected}")]
        );
    }
    assert_eq!(mistakes(&with_keys("hex = 64")).len(), 1);
}

#[test]
fn x1_a_key_that_is_written_here_is_neither_fetched_nor_read_again() {
    let found = mistakes(&with_keys(&format!(
        "hex = \"{P256}\"\nrefresh = \"1m\"\ntimeout = \"1s\"\nmax_rsa_bits = 2048"
    )));
    let no_effect = |name: &str| {
        format!(
            "countersign.toml: issuers.corp.keys.{name}: has no effect on a key that is written \
             here (hex); expected it to be absent"
        )
    };
    assert_eq!(found, ["timeout", "refresh", "max_rsa_bits"].map(no_effect));
    let two = mistakes(&with_keys(&format!("hex = \"{P256}\"\njwk_url = \"https://a/jwk\"")));
    assert_eq!(two.len(), 1, "{two:?}");
    assert!(two[0].contains("expected exactly one key source"), "{two:?}");
}

#[test]
fn a_key_can_be_inside_of_a_document() {
    let KeySource::JwkUrl { url, pointer } =
        source("jwk_url = \"https://token.example.com/api/jwk\"\npointer = \"/data\"")
    else {
        panic!("another source");
    };
    assert_eq!(url, "https://token.example.com/api/jwk");
    assert_eq!(pointer.unwrap().as_str(), "/data");
    let bare = source("jwk_url = \"http://127.0.0.1:1/jwk\"");
    assert!(matches!(bare, KeySource::JwkUrl { pointer: None, .. }));
}

#[test]
fn wrong_pointers() {
    let url = "jwk_url = \"https://token.example.com/jwk\"";
    for (lines, problem) in [
        (
            format!("{url}\npointer = \"data\""),
            "pointer: found \"data\", expected a JSON pointer to the key, such as \"/data\" (a \
             JSON pointer starts with `/`)",
        ),
        (format!("{url}\npointer = \"/a~\""), "`~` is written `~0`"),
        (
            "jwks_url = \"https://token.example.com/jwks\"\npointer = \"/data\"".to_owned(),
            "pointer: has no effect on any source but jwk_url; expected it to be absent",
        ),
    ] {
        let found = mistakes(&with_keys(&lines));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(problem), "{found:?}");
    }
}

#[test]
fn k11_a_jwk_over_plain_http_needs_permission() {
    let remote = "jwk_url = \"http://token.example.com/jwk\"";
    assert_eq!(mistakes(&with_keys(remote)).len(), 1);
    let allowed = settings(&with_keys(&format!("{remote}\nallow_http = true")));
    assert_eq!(allowed.warnings().len(), 1);
}

#[test]
fn what_is_printed_of_a_single_key_loads_again() {
    for lines in [
        format!("hex = \"{P256}\""),
        "jwk_url = \"http://token.example.com/jwk\"\npointer = \"/a~1b\"\nallow_http = true"
            .to_owned(),
        "jwk_url = \"https://token.example.com/jwk\"\nrefresh = \"1m\"".to_owned(),
    ] {
        let first = settings(&with_keys(&lines)).to_toml();
        assert_eq!(first, settings(&first).to_toml(), "{lines}");
        let source = lines.lines().next().unwrap();
        assert!(first.contains(source), "{first}");
    }
}
