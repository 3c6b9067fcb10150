//! Keys inside of a document that is no key set itself, such as `{"version":"1.0","data":{…}}`.

use bytes::Bytes;

use crate::{
    json::{Json, JsonPointer},
    keys::KeyError,
};

/// How a place inside of a document is called.
pub(super) fn place(document: &str, pointer: &JsonPointer) -> String {
    format!("{document} at {pointer}")
}

/// The JWKS, or the JWK, that the pointer leads to: a JSON object, or a string that holds the text
/// of one. Nothing else in the document is read.
pub(super) fn unwrap(
    document: &[u8],
    pointer: &JsonPointer,
    place: &str,
) -> Result<Bytes, KeyError> {
    let malformed = |cause: String| KeyError::Malformed { place: place.to_owned(), cause };
    let document = Json::parse(document)
        .map_err(|error| malformed(format!("the document around the key is {error}")))?;
    match pointer.find(&document) {
        Some(Json::Object(keys)) => Ok(keys.to_text().into()),
        Some(Json::String(text)) => Ok(text.to_string().into()),
        found => Err(malformed(format!(
            "found {}, expected a JWK, a JWKS, or a string that holds one",
            kind(found)
        ))),
    }
}

fn kind(found: Option<&Json>) -> &'static str {
    match found {
        None => "nothing",
        Some(Json::Null) => "null",
        Some(Json::Bool(_)) => "a truth value",
        Some(Json::Integer(_) | Json::Float(_)) => "a number",
        Some(Json::String(_)) => "a string",
        Some(Json::Array(_)) => "an array",
        Some(Json::Object(_)) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrapped(document: &str, pointer: &str) -> Result<String, String> {
        let pointer = JsonPointer::parse(pointer).unwrap();
        let keys = unwrap(document.as_bytes(), &pointer, "there");
        keys.map(|keys| String::from_utf8(keys.to_vec()).unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn an_object_or_the_text_of_one_is_taken() {
        for (document, pointer) in [
            (r#"{"ok":true,"data":{"kty":"EC","x":"\u0041"}}"#, "/data"),
            (r#"{"data":"{\"kty\":\"EC\",\"x\":\"A\"}"}"#, "/data"),
            (r#"[{"jwk":[{"kty":"EC","x":"A"}]}]"#, "/0/jwk/0"),
        ] {
            let keys = unwrapped(document, pointer).unwrap();
            assert_eq!(keys, r#"{"kty":"EC","x":"A"}"#, "{document}");
        }
    }

    #[test]
    fn k3_anything_else_is_told_by_what_was_found() {
        for (document, found) in [
            ("{}", "found nothing"),
            (r#"{"data":null}"#, "found nothing"),
            (r#"{"data":7}"#, "found a number"),
            (r#"{"data":[{"kty":"EC"}]}"#, "found an array"),
            (r#"{"Data":{"kty":"EC"}}"#, "found nothing"),
            ("<html>", "the document around the key is not valid JSON"),
            (r#"{"data":{},"data":{}}"#, "a member name occurs twice"),
        ] {
            let error = unwrapped(document, "/data").unwrap_err();
            assert!(error.starts_with("there: ") && error.contains(found), "{document}: {error}");
        }
    }
}
