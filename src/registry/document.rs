//! Parses a registry's response about a signer: pure functions over the body.

use crate::{
    clock::UnixTime,
    json::{Json, Object},
    registry::settings::{RegistrySettings, SelectSettings},
};

use super::{Registered, error::SourceError, key_text};

/// The used parts of a registry's response about a signer: the key, and the fields that a
/// requirement names. Nothing else is kept (threats O-2).
#[derive(Debug, Clone, PartialEq)]
pub struct SignerRecord {
    key: Option<Json>,
    fields: Object,
}

/// The parts of every signer that is listed, by their names.
pub type SignerList = Vec<(String, SignerRecord)>;

/// A list of some 10,000 signers at 50 values each; the bytes have a bound of their own.
const MAX_NODES: usize = 500_000;

/// The answer's body: JSON, or a key that is the whole document.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub fn parse(body: &[u8]) -> Result<Json, String> {
    let is_json = body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'-');
    match std::str::from_utf8(body) {
        Ok(pem) if !is_json => Ok(Json::from(pem)),
        _ => Json::parse_large(body, MAX_NODES).map_err(|error| format!("the answer is {error}")),
    }
}

impl SignerRecord {
    /// Of an answer about one signer, or of an element of a list.
    pub fn of(document: &Json, settings: &RegistrySettings) -> Self {
        let key = match &settings.pointer {
            // A key that is present and `null` was withdrawn; that must not count as a response
            // without keys.
            Some(pointer) if pointer.leads_to_null(document) => Some(Json::Null),
            Some(pointer) => pointer.find(document).cloned(),
            None => Some(document.clone()).filter(is_key),
        };
        Self { key, fields: fields(document, settings) }
    }

    /// The entry that it makes.
    pub fn read(
        self,
        settings: &RegistrySettings,
        place: &str,
        now: UnixTime,
    ) -> Result<Registered, SourceError> {
        let key = self.key.ok_or_else(|| SourceError::NoKey { place: place.to_owned() })?;
        let keys = key_text::keys(&key, settings.format)
            .map_err(|cause| SourceError::NoUsableKey { place: place.to_owned(), cause })?;
        Ok(Registered::new(keys, self.fields, now, now))
    }
}

/// A response that is a key as a whole; other members in it are ignored.
fn is_key(document: &Json) -> bool {
    match document {
        Json::Object(object) => object.get("kty").is_some() || object.get("keys").is_some(),
        Json::String(_) => true,
        _ => false,
    }
}

/// All listed signers. An empty list is an error: an empty registry is broken or impersonated
/// (threats K-3).
pub fn list(
    document: &Json,
    select: &SelectSettings,
    settings: &RegistrySettings,
    place: &str,
) -> Result<SignerList, SourceError> {
    let elements = match &select.list {
        None => Some(document),
        Some(pointer) => pointer.find(document),
    };
    let elements = elements.and_then(Json::as_array).filter(|elements| !elements.is_empty());
    let elements = elements.ok_or_else(|| SourceError::Malformed {
        place: place.to_owned(),
        cause: "found no list of signers".to_owned(),
    })?;
    let named = elements.iter().filter_map(|element| {
        let name = select.member.find(element.as_object()?)?;
        Some((name.identifier()?.into_owned(), SignerRecord::of(element, settings)))
    });
    Ok(named.collect())
}

/// The one part that is the signer's. Two that differ are rejected: they could belong to different
/// signers.
pub fn find(list: &SignerList, signer: &str, place: &str) -> Result<SignerRecord, SourceError> {
    let mut found = list.iter().filter(|(name, _)| name == signer).map(|(_, part)| part);
    let Some(part) = found.next() else {
        return Err(SourceError::Unknown { place: place.to_owned() });
    };
    if found.any(|other| other != part) {
        return Err(SourceError::NoUsableKey {
            place: place.to_owned(),
            cause: "the signer is listed twice, with different keys or fields".to_owned(),
        });
    }
    Ok(part.clone())
}

fn fields(document: &Json, settings: &RegistrySettings) -> Object {
    let Some(document) = document.as_object() else {
        return Object::default();
    };
    let named = settings.require.iter().filter_map(|requirement| {
        let value = requirement.field.find(document)?;
        // Nothing that is nested is ever compared, or kept.
        let is_plain = !matches!(value, Json::Array(_) | Json::Object(_));
        is_plain.then(|| (requirement.field.as_str().to_owned(), value.clone()))
    });
    named.collect()
}
