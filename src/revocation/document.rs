//! The list as it is written: one JSON document.
//!
//! ```json
//! {"revoked": [
//!   {"jti": "8f14e45f"},
//!   {"sub": "alice", "iss": "https://idp.example.com", "before": 1900000000},
//!   {"sid": "c3a1", "until": 1900003600},
//!   {"client_id": "old-app"}
//! ]}
//! ```
//!
//! One document and not a line per entry, since half of a document is no document: a list that
//! is read while it is being written must not be taken for a shorter one.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::error::Category;

use crate::clock::UnixTime;

use super::denylist::{Denylist, RevocationEntry, RevokedBy};

/// Why a document is no list. Its content is never shown: it holds users' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum DocumentError {
    /// Not JSON.
    #[error("not valid JSON at line {line}, column {column}")]
    Syntax { line: usize, column: usize },
    /// JSON that breaks off, or nothing at all.
    #[error("the JSON breaks off at line {line}, column {column}")]
    Incomplete { line: usize, column: usize },
    /// A member that is unknown, of the wrong type, there twice, or missing.
    #[error(
        "line {line}, column {column}: expected {{\"revoked\": […]}} of entries with one of jti, \
         sub, sid and client_id, and if need be iss, before and until"
    )]
    Form { line: usize, column: usize },
    /// An entry that names nothing, or several things.
    #[error(
        "revoked[{position}] has {found} of jti, sub, sid and client_id, expected exactly one that \
         is not empty"
    )]
    Names { position: usize, found: usize },
    /// More entries than allowed.
    #[error("{found} entries, expected at most {limit}")]
    TooMany { found: usize, limit: usize },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    revoked: Vec<AsObject<Line>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    jti: Option<String>,
    sub: Option<String>,
    sid: Option<String>,
    client_id: Option<String>,
    iss: Option<String>,
    before: Option<i64>,
    until: Option<i64>,
}

/// Something written as an object. A derived reader would take an array of the members' values as
/// well, and `[[]]` for a list that revokes nothing.
struct AsObject<T>(T);

impl Denylist {
    /// Reads a document as a whole or not at all. What has expired is left out.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn parse(
        document: &[u8],
        max_entries: usize,
        now: UnixTime,
    ) -> Result<Self, DocumentError> {
        let AsObject(Document { revoked }) = serde_json::from_slice(document)?;
        if revoked.len() > max_entries {
            return Err(DocumentError::TooMany { found: revoked.len(), limit: max_entries });
        }
        let mut list = Self::default();
        for (position, AsObject(line)) in revoked.into_iter().enumerate() {
            let (kind, name, entry) = line.entry(position)?;
            if !entry.has_expired(now) {
                list.add(kind, name, entry);
            }
        }
        Ok(list)
    }
}

impl Line {
    fn entry(
        self,
        position: usize,
    ) -> Result<(RevokedBy, Arc<str>, RevocationEntry), DocumentError> {
        let entry = RevocationEntry {
            iss: self.iss.map(Arc::from),
            without_sid: false,
            before: self.before,
            until: self.until,
        };
        let named = [
            (RevokedBy::Jti, self.jti),
            (RevokedBy::Sub, self.sub),
            (RevokedBy::Sid, self.sid),
            (RevokedBy::ClientId, self.client_id),
        ];
        let named = named.into_iter().filter_map(|(kind, name)| Some((kind, name?)));
        let mut named: Vec<_> = named.collect();
        match (named.pop(), named.len()) {
            (Some((kind, name)), 0) if !name.is_empty() => Ok((kind, name.into(), entry)),
            (Some((_, name)), others) if !name.is_empty() => {
                Err(DocumentError::Names { position, found: others + 1 })
            }
            (_, others) => Err(DocumentError::Names { position, found: others }),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AsObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = AsObject<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AsObject<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(AsObject)
    }
}

impl From<serde_json::Error> for DocumentError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            Category::Data => Self::Form { line, column },
            Category::Eof => Self::Incomplete { line, column },
            Category::Syntax | Category::Io => Self::Syntax { line, column },
        }
    }
}
