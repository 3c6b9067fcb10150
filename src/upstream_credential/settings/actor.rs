//! The token of the party that acts for the caller (RFC 8693 §2.1).

use std::path::{Path, PathBuf};

use crate::{
    config::{
        node::{Node, Value},
        reader::Parsed,
        values::keyword,
        writer::{Writer, Written},
    },
    upstream_credential::settings::{TokenType, exchange::TOKEN_TYPES, key, secret::secret_file},
};

/// Who acts for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorSettings {
    /// The proxy itself, by a token that it gets from the same endpoint by client credentials.
    Client,
    /// Whose token is in a file.
    File {
        /// The file, such as the token of a Kubernetes service account.
        file: PathBuf,
        /// What the token is.
        token_type: TokenType,
    },
}

const CLIENT: &str = "client";
const EXPECTED: &str = "\"client\" or { file = \"/PATH\", type = \"jwt\" }";

impl ActorSettings {
    pub(super) fn read(node: &Node) -> Parsed<Self> {
        let table = match &node.value {
            Value::Text(text) if text == CLIENT => return Ok(Self::Client),
            Value::Table(table) => table,
            _ => return Err(node.mismatch(EXPECTED)),
        };
        let is_known = |name: &&String| [key::FILE, key::TYPE].contains(&name.as_str());
        if let Some(unknown) = table.keys().find(|name| !is_known(name)) {
            return Err(format!("unknown key {unknown:?}; expected {EXPECTED}"));
        }
        let file = node.member(key::FILE).ok_or_else(|| format!("no file; expected {EXPECTED}"))?;
        let token_type = node.member(key::TYPE).map(keyword(TOKEN_TYPES)).transpose()?;
        let token_type = token_type.unwrap_or(TokenType::AccessToken);
        Ok(Self::File { file: secret_file(file)?, token_type })
    }

    pub(super) fn write(&self) -> Written {
        match self {
            Self::Client => CLIENT.into(),
            Self::File { file, token_type } => Writer::default()
                .path(key::FILE, file)
                .keyword(key::TYPE, TOKEN_TYPES, token_type)
                .table(),
        }
    }

    pub(super) fn secret_file(&self) -> Option<(&'static str, &Path)> {
        match self {
            Self::Client => None,
            Self::File { file, .. } => Some((key::ACTOR, file)),
        }
    }

    /// What the actor's token is.
    pub(crate) fn token_type(&self) -> TokenType {
        match self {
            Self::Client => TokenType::AccessToken,
            Self::File { token_type, .. } => *token_type,
        }
    }
}
