//! `[signatures.NAME.respond]`: signed responses.

use http::HeaderName;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{header_name, size},
        writer::{Writer, Written},
    },
    identity::{HeaderUse, check_header_name},
    jose::Dialect,
    keys::private_key::{self, PrivateKey, private_key},
    signature::settings::{form::dialect, key},
};

/// `[signatures.NAME.respond]`
#[derive(Debug, Clone)]
pub struct RespondSettings {
    /// What signs.
    pub key: PrivateKey,
    /// The header that carries the signature.
    pub header: HeaderName,
    /// How it is written; `None`: as the request's is.
    pub dialect: Option<Dialect>,
    /// The largest answer that is signed, in bytes; a larger one is 502.
    pub max_bytes: usize,
}

/// Acknowledgements and messages; it is held in memory.
const DEFAULT_MAX_BYTES: usize = 1024 * 1024;
const MAX_MAX_BYTES: usize = 64 * 1024 * 1024;

impl RespondSettings {
    /// `None` where there is no such table: answers are not signed. `carriers` are the headers of
    /// requests.
    pub(super) fn read(section: &mut Section<'_>, carriers: &[HeaderName]) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let key = section.required(key::KEY, private_key::EXPECTED, private_key);
        let header = section.optional(key::HEADER, answer_header);
        let header = header.or_else(|| carriers.first().cloned());
        let dialect = section.optional(key::DIALECT, dialect);
        let max_bytes = section.or(key::MAX_BYTES, DEFAULT_MAX_BYTES, size(0..=MAX_MAX_BYTES));
        Some(Self { key: key?, header: header?, dialect, max_bytes })
    }

    pub(super) fn write(&self) -> Written {
        Writer::default()
            .path(key::KEY, &self.key.file)
            .text(key::HEADER, &self.header)
            .optional(key::DIALECT, self.dialect)
            .size(key::MAX_BYTES, self.max_bytes)
            .table()
    }
}

fn answer_header(node: &Node) -> Parsed<HeaderName> {
    let name = header_name(node)?;
    let refused = match name.as_str() {
        "set-cookie" => Err("it is set by the upstream"),
        _ => check_header_name(&name, HeaderUse::Answer),
    };
    refused.map_err(|reason| format!("{name} can't carry a signature: {reason}"))?;
    Ok(name)
}
