//! What a registry answers about a signer. The input is how the answer is read, the name of one of
//! [`SETTINGS`], and the answer on the lines after it.

use std::sync::OnceLock;

use countersign::{
    clock::UnixTime,
    jose::{Algorithm, JwkSet, KeyLimits},
    keys::KeyLookup,
    registry::{Registered, document, settings::RegistrySettings},
};
use serde_json::Value;

use super::config::load_text;

const SETTINGS: [(&str, &str); 5] = [
    ("whole", "url = \"https://registry.test/{signer}\""),
    ("at /publicKey", "url = \"https://registry.test/{signer}\"\npointer = \"/publicKey\""),
    (
        "hex /publicKey",
        "url = \"https://registry.test/{signer}\"\npointer = \"/publicKey\"\nformat = \"hex\"",
    ),
    (
        "ed25519 /publicKey",
        "url = \"https://registry.test/{signer}\"\npointer = \"/publicKey\"\nformat = \"ed25519\"",
    ),
    (
        "list /publicKey",
        "url = \"https://registry.test/all\"\npointer = \"/publicKey\"\n\
         select = { list = \"/data\", member = \"id\" }",
    ),
];

/// Every name that is looked for in a list.
const SIGNERS: [&str; 2] = ["org-1", "3051"];

/// A signer is found only if the answer names them once and holds a key at the one place for it,
/// and they are approved only if the answer says so of them.
pub fn check(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let name = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let place = SETTINGS.iter().position(|(other, _)| other.as_bytes() == name);
    let Some(settings) = place.and_then(|place| settings().get(place)) else { return false };
    let mut is_accepted = false;
    for signer in SIGNERS {
        if let Some(found) = read(body, signer, settings) {
            assert_has_key(&found);
            assert_said(&found, body, signer, settings);
            is_accepted = true;
        }
    }
    is_accepted
}

fn settings() -> &'static [RegistrySettings] {
    static ALL: OnceLock<Vec<RegistrySettings>> = OnceLock::new();
    ALL.get_or_init(|| SETTINGS.iter().map(|(_, lines)| registry(lines)).collect())
}

fn registry(lines: &str) -> RegistrySettings {
    let text = format!(
        "[upstreams.app]\nurl = \"http://127.0.0.1:3000\"\n\
         [issuers.corp]\nissuer = \"https://idp.example.com\"\naudiences = [\"a\"]\n\
         [signatures.partner]\ncaller = \"unrelated\"\n\
         [signatures.partner.keys.registry]\n{lines}\n\
         require = {{ status = \"ACTIVE\" }}\n\
         [[routes]]\npath = \"/**\"\nsignature = \"partner\"\n"
    );
    let settings = load_text(text.as_bytes(), "toml").unwrap_or_else(|errors| panic!("{errors}"));
    settings.signatures.iter().next().unwrap().registry().expect("a registry").clone()
}

fn read(body: &[u8], signer: &str, settings: &RegistrySettings) -> Option<Registered> {
    let answer = document::parse(body).ok()?;
    let part = match &settings.select {
        Some(select) => {
            let list = document::list(&answer, select, settings, "the registry").ok()?;
            document::find(&list, signer, "the registry").ok()?
        }
        None => document::SignerRecord::of(&answer, settings),
    };
    part.read(settings, "the registry", UnixTime(0)).ok()
}

fn assert_has_key(found: &Registered) {
    let fits = |algorithm: &Algorithm| {
        !matches!(found.key_for(None, *algorithm), KeyLookup::NoSuitableKey | KeyLookup::UnknownKid)
    };
    assert!(Algorithm::ALL.iter().any(fits), "an entry without a key");
}

/// What a lenient reader finds in the answer.
fn assert_said(found: &Registered, body: &[u8], signer: &str, settings: &RegistrySettings) {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        assert!(body.trim_ascii_start().starts_with(b"-----BEGIN"), "neither JSON nor PEM");
        return;
    };
    let element = match &settings.select {
        Some(_) => only(&answer["data"], signer),
        None => &answer,
    };
    let is_approved = found.check(&settings.require, None).is_ok();
    assert_eq!(is_approved, element["status"] == "ACTIVE", "{element}");
    let key = if settings.pointer.is_some() { &element["publicKey"] } else { element };
    assert!(key.is_object() || key.is_string(), "{key}");
    if key.is_object() {
        let keys = JwkSet::parse(key.to_string().as_bytes(), &KeyLimits::default());
        assert!(keys.is_ok_and(|set| !set.keys.is_empty()));
    }
}

fn only<'v>(list: &'v Value, signer: &str) -> &'v Value {
    let elements = list.as_array().expect("a list").iter();
    let name = |element: &Value| match &element["id"] {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut named = elements.filter(|element| name(element).as_deref() == Some(signer));
    let element = named.next().expect("no signer of that name");
    assert!(named.next().is_none(), "several of one name");
    element
}
