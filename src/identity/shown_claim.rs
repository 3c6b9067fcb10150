//! What of a claim may be shown where a token is refused.

use crate::{json::Json, reason::Excerpt};

/// Claims that say where a token comes from, what it is for and when it holds. Every other one may
/// name a person or hold a secret, and is shown by its type and its length only.
const SHOWN: &[&str] = &[
    "acr",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "exp",
    "iat",
    "iss",
    "nbf",
    "scope",
    "scp",
    "tid",
    "token_type",
    "token_use",
    "typ",
    "ver",
];

/// The value of a claim in the words of a refusal.
pub fn shown_claim(claim: &str, value: Option<&Json>) -> Excerpt {
    match value {
        None => Excerpt::own(format_args!("nothing")),
        Some(value) if !SHOWN.contains(&claim) => Excerpt::own(format_args!("{}", value.kind())),
        Some(Json::String(text)) => Excerpt::quoted(text),
        Some(Json::Array(values)) if values.iter().all(|value| value.as_str().is_some()) => {
            Excerpt::list(values.iter().filter_map(Json::as_str))
        }
        Some(number @ (Json::Integer(_) | Json::Float(_) | Json::Bool(_))) => {
            Excerpt::own(format_args!("{}", number.to_text()))
        }
        Some(value) => Excerpt::own(format_args!("{}", value.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(claim: &str, value: &str) -> String {
        shown_claim(claim, Some(&Json::parse(value.as_bytes()).unwrap())).as_str().to_owned()
    }

    #[test]
    fn o2_only_what_says_where_a_token_is_from_and_for_is_shown() {
        for (claim, value, expected) in [
            ("aud", r#""api""#, "'api'"),
            ("aud", r#"["a","b"]"#, "'a', 'b'"),
            ("aud", r#"["a",1]"#, "an array of 2"),
            ("exp", r#""soon""#, "'soon'"),
            ("exp", "1.5", "1.5"),
            ("exp", "true", "true"),
            ("iss", r#"{"a":1}"#, "an object of 1 members"),
            ("sub", r#""alice""#, "a string of 5 bytes"),
            ("email", r#""alice@example.com""#, "a string of 17 bytes"),
            ("groups", r#"["staff"]"#, "an array of 1"),
            ("age", "42", "a number"),
        ] {
            assert_eq!(shown(claim, value), expected, "{claim}: {value}");
        }
        assert_eq!(shown_claim("sub", None).as_str(), "nothing");
    }
}
