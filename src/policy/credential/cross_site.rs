//! From which sites a credential is taken that browsers add by themselves.

use crate::config::{
    node::{Node, Value},
    reader::Parsed,
    writer::Written,
};

/// From which sites a cookie's credential is taken, with a method that may change something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CrossSite {
    /// From the request's own origin only.
    #[default]
    Refuse,
    /// And from these origins.
    From(Vec<String>),
    /// From any site: the service has a protection of its own.
    Allow,
}

const EXPECTED: &str = "\"refuse\", \"allow\", or a list of origins as browsers send them, such as \
                        [\"https://app.example.com\"]";
const REFUSE: &str = "refuse";
const ALLOW: &str = "allow";

impl CrossSite {
    pub(super) fn read(node: &Node) -> Parsed<Self> {
        match &node.value {
            Value::Text(text) if text == REFUSE => Ok(Self::Refuse),
            Value::Text(text) if text == ALLOW => Ok(Self::Allow),
            Value::List(list) if !list.is_empty() => {
                list.iter().map(origin).collect::<Parsed<_>>().map(Self::From)
            }
            _ => Err(node.mismatch(EXPECTED)),
        }
    }

    pub(super) fn write(&self) -> Written {
        match self {
            Self::Refuse => REFUSE.into(),
            Self::Allow => ALLOW.into(),
            Self::From(origins) => origins.clone().into(),
        }
    }
}

/// An origin in the one form that browsers send (RFC 6454 §6.2): it is compared byte for byte.
fn origin(node: &Node) -> Parsed<String> {
    let text = node.as_text().filter(|text| is_serialized_origin(text));
    text.map(str::to_owned).ok_or_else(|| node.mismatch(EXPECTED))
}

fn is_serialized_origin(text: &str) -> bool {
    let (authority, default_port) = match text.split_once("://") {
        Some(("https", authority)) => (authority, ":443"),
        Some(("http", authority)) => (authority, ":80"),
        _ => return false,
    };
    let is_host =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    let parsed = authority.parse::<http::uri::Authority>();
    parsed.is_ok()
        && authority.bytes().all(is_host)
        && !authority.ends_with(default_port)
        && !authority.ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_form() {
        for origin in ["https://app.test", "http://localhost:3000", "https://[::1]:8443"] {
            assert!(is_serialized_origin(origin), "{origin}");
        }
        for other in [
            "null",
            "*",
            "app.test",
            "https://",
            "https://app.test/",
            "https://App.test",
            "https://app.test:443",
            "http://app.test:80",
            "https://app.test:",
            "https://u@app.test",
            "https://*.app.test",
            "ftp://app.test",
            "https://app.test?x",
        ] {
            assert!(!is_serialized_origin(other), "{other}");
        }
    }
}
