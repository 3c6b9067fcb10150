//! What a registry's answer says of a signer.

use crate::{
    clock::UnixTime,
    config::{RegistrySettings, SelectSettings},
    jose::{Json, JwkSet, Object},
};

use super::{Registered, error::SourceError, key_text};

/// Reads the answer: the signer's part of it, their key, and the fields that are asked for.
pub(super) fn read(
    document: &Json,
    signer: &str,
    settings: &RegistrySettings,
    place: &str,
    now: UnixTime,
) -> Result<Registered, SourceError> {
    let part = match &settings.select {
        None => document,
        Some(select) => element(document, select, signer, place)?,
    };
    let keys = keys(part, settings)
        .map_err(|cause| SourceError::NoUsableKey { place: place.to_owned(), cause })?;
    Ok(Registered::new(keys, fields(part, settings), now))
}

fn keys(part: &Json, settings: &RegistrySettings) -> Result<JwkSet, String> {
    let value = match &settings.pointer {
        None => Some(part),
        Some(pointer) => pointer.find(part),
    };
    key_text::keys(value.ok_or("found no key")?, settings.format)
}

/// The one element of the list that is the signer's. Two are none: they could belong to different
/// ones.
fn element<'d>(
    document: &'d Json,
    select: &SelectSettings,
    signer: &str,
    place: &str,
) -> Result<&'d Json, SourceError> {
    let list = match &select.list {
        None => Some(document),
        Some(pointer) => pointer.find(document),
    };
    let list = list.and_then(Json::as_array).ok_or_else(|| SourceError::Malformed {
        place: place.to_owned(),
        cause: "found no list of signers".to_owned(),
    })?;
    let is_signers = |element: &&Json| {
        let name = element.as_object().and_then(|element| select.member.find(element));
        match name {
            Some(Json::String(name)) => name == signer,
            Some(number @ Json::Integer(_)) => number.to_text() == signer,
            _ => false,
        }
    };
    let mut found = list.iter().filter(is_signers);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(SourceError::Unknown { place: place.to_owned() }),
        (Some(_), Some(_)) => Err(SourceError::NoUsableKey {
            place: place.to_owned(),
            cause: "the signer is listed twice".to_owned(),
        }),
    }
}

/// Of everything that the registry says, what a requirement names.
fn fields(part: &Json, settings: &RegistrySettings) -> Object {
    let Some(part) = part.as_object() else {
        return Object::default();
    };
    let named = settings.require.iter().filter_map(|requirement| {
        let value = requirement.field.find(part)?;
        // Nothing that is nested is ever compared, or kept.
        let is_plain = !matches!(value, Json::Array(_) | Json::Object(_));
        is_plain.then(|| (requirement.field.as_str().to_owned(), value.clone()))
    });
    named.collect()
}
