//! From which sites a credential is taken that browsers add by themselves.

use crate::{
    config::{
        node::{Node, Value},
        reader::Parsed,
        writer::{Written, list_of},
    },
    policy::{WebOrigin, WebOriginError},
};

/// From which sites a cookie's credential is taken, with a method that may change something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CrossSite {
    /// From the request's own origin only.
    #[default]
    Refuse,
    /// And from these origins.
    From(Vec<WebOrigin>),
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
            Self::From(origins) => list_of(origins.iter().map(|origin| origin.as_str().into())),
        }
    }
}

fn origin(node: &Node) -> Parsed<WebOrigin> {
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    WebOrigin::parse(text)
        .map_err(|error: WebOriginError| format!("{} ({error})", node.mismatch(EXPECTED)))
}
