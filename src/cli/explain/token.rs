//! The token on the command line: how it is read, and what may be shown of it.

use std::{
    convert::Infallible,
    fmt::{self, Write},
    io::Read,
    str::FromStr,
};

use crate::{
    cli::{CommandError, printable::printable},
    jose::base64url,
    json::{Json, Object},
};

/// A token as an argument, or where to read it. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenArg(String);

/// Line breaks and spaces around a token that is pasted or piped.
const WHITE_SPACE: u64 = 16;

impl TokenArg {
    /// The token's bytes, without white space around them. Of standard input no more is read than
    /// shows that the token is longer than `max_bytes`.
    pub(in crate::cli) fn read(
        &self,
        max_bytes: usize,
        input: &mut impl Read,
    ) -> Result<Vec<u8>, CommandError> {
        let mut token = Vec::new();
        match self.0.as_str() {
            "-" => {
                let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX);
                let mut input = input.take(limit.saturating_add(WHITE_SPACE));
                input.read_to_end(&mut token).map_err(|error| {
                    CommandError::Runtime(format!("cannot read standard input: {error}"))
                })?;
            }
            text => token.extend_from_slice(text.as_bytes()),
        }
        match token.trim_ascii() {
            [] => Err(CommandError::Usage("there is no token, only white space".to_owned())),
            token => Ok(token.to_vec()),
        }
    }
}

impl FromStr for TokenArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for TokenArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenArg({} bytes)", self.0.len())
    }
}

/// Header and claims, a member a line, as JSON. The signature is left out.
pub(super) fn shown(token: &[u8]) -> String {
    let mut parts = token.split(|byte| *byte == b'.');
    let mut text = String::new();
    for title in ["header", "claims"] {
        let object = parts.next().and_then(|part| {
            let decoded = base64url::decode(part).ok()?;
            Object::parse(&decoded).ok()
        });
        text.push_str(title);
        match object {
            Some(object) => write_members(&mut text, &object),
            None => text.push_str(" can't be read\n"),
        }
    }
    text
}

fn write_members(text: &mut String, object: &Object) {
    text.push_str(", as the token has them\n");
    for (name, value) in object.iter() {
        let name = Json::from(name).to_text();
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {}: {}", printable(&name), printable(&value.to_text()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arg: &str, input: &str) -> Result<String, String> {
        let token: TokenArg = arg.parse().unwrap();
        let token = token.read(10, &mut input.as_bytes());
        token.map(|token| String::from_utf8(token).unwrap()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn white_space_around_a_token_is_dropped() {
        assert_eq!(read(" a.b.c\n", "").unwrap(), "a.b.c");
        assert_eq!(read("-", "a.b.c\r\n").unwrap(), "a.b.c");
        assert!(read("-", " \n").unwrap_err().contains("no token"));
    }

    #[test]
    fn standard_input_is_read_up_to_a_bound() {
        let read = read("-", &"a".repeat(1_000)).unwrap();
        assert_eq!(read.len(), 26);
    }

    #[test]
    fn debug_output_holds_no_token() {
        let token: TokenArg = "header.claims.signature".parse().unwrap();
        assert_eq!(format!("{token:?}"), "TokenArg(23 bytes)");
    }

    #[test]
    fn the_signature_is_not_shown_and_what_is_shown_is_escaped() {
        let part = |json: &str| base64url::encode(json.as_bytes());
        let token = format!("{}.{}.c2ln", part(r#"{"alg":"ES256"}"#), part("{\"a\u{202e}\":[1]}"));
        assert_eq!(
            shown(token.as_bytes()),
            "header, as the token has them\n  \"alg\": \"ES256\"\n\
             claims, as the token has them\n  \"a\\u202e\": [1]\n"
        );
        assert_eq!(shown(b"x"), "header can't be read\nclaims can't be read\n");
    }
}
