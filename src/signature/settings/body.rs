//! What is signed where a request has no body.

use crate::{
    config::{
        node::{Node, Value, only_member},
        reader::{Parsed, Section},
        values::{switch, text},
        writer::{Writer, Written},
    },
    signature::settings::key,
};

/// How a request without a body is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodilessSettings {
    /// It is refused.
    Refused,
    /// Its path is what is signed, if its method is one that usually has no body.
    Path(SignedPath),
}

/// How a path is written where it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignedPath {
    /// Left out at its beginning, if it is there: `/v4.0.0alpha`.
    pub prefix: Option<String>,
    /// Whether `?` and the query follow.
    pub with_query: bool,
}

const REQUIRED: &str = "required";
const EXPECTED: &str =
    "\"required\", \"path\" or { path = { strip_prefix = \"/v1\", query = true } }";

impl BodilessSettings {
    pub(super) fn read(section: &mut Section<'_>, signs_paths: bool) -> Self {
        let default = if signs_paths { Self::Path(SignedPath::default()) } else { Self::Refused };
        section.or(key::BODY, default, |node| match node.as_text() {
            Some(REQUIRED) => Ok(Self::Refused),
            Some(key::PATH) => Ok(Self::Path(SignedPath::default())),
            Some(_) => Err(node.mismatch(EXPECTED)),
            None => match only_member(node, EXPECTED)? {
                (key::PATH, path) => signed_path(path).map(Self::Path),
                _ => Err(node.mismatch(EXPECTED)),
            },
        })
    }

    pub(super) fn write(&self) -> Written {
        match self {
            Self::Refused => REQUIRED.into(),
            Self::Path(path) => Writer::default().value(key::PATH, path.write()).table(),
        }
    }
}

impl SignedPath {
    fn write(&self) -> Written {
        Writer::default()
            .optional(key::STRIP_PREFIX, self.prefix.as_ref())
            .switch(key::QUERY, self.with_query)
            .table()
    }
}

fn signed_path(node: &Node) -> Parsed<SignedPath> {
    let Value::Table(table) = &node.value else {
        return Err(node.mismatch(EXPECTED));
    };
    let known = [key::STRIP_PREFIX, key::QUERY];
    if let Some(unknown) = table.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("unknown key {unknown:?}; expected {EXPECTED}"));
    }
    let prefix = node.member(key::STRIP_PREFIX).map(prefix).transpose()?;
    let with_query = node.member(key::QUERY).map(switch).transpose()?.unwrap_or_default();
    Ok(SignedPath { prefix, with_query })
}

fn prefix(node: &Node) -> Parsed<String> {
    let prefix = text(node)?;
    let is_path = prefix.starts_with('/') && !prefix.ends_with('/');
    if is_path && !prefix.contains(['?', '#', ' ']) {
        Ok(prefix)
    } else {
        Err(node
            .mismatch("the beginning of a path, such as \"/v4.0.0alpha\", without a / at its end"))
    }
}
