//! One line of the journal.

use crate::{
    clock::UnixTime,
    json::{Json, Object},
};

use super::chain::ChainLink;

/// Bumped when the meaning of a line changes.
pub(super) const VERSION: i64 = 1;

/// The longest line in bytes, its line break included: the largest header block that can be
/// configured, escaped, and the other fields. A reader needs no larger buffer.
pub(super) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// The text of a line, without its line break.
pub(super) fn text(
    link: ChainLink,
    now: UnixTime,
    members: impl IntoIterator<Item = (&'static str, Json)>,
) -> String {
    let mut line = Object::default();
    line.insert("v", VERSION);
    line.insert("n", Json::Integer(link.number.into()));
    line.insert("prev", link.previous.to_text().as_str());
    line.insert("at", now.to_rfc3339());
    for (name, value) in members {
        line.insert(name, value);
    }
    line.to_text()
}

/// Every value takes two bytes of a line at least: the length of a line bounds them.
const MAX_NODES: usize = MAX_LINE_BYTES / 2;
/// What the claims of a token are in: the line, and its member `claims`.
const LEVELS_AROUND: usize = 2;

/// Number and hash that a line gives of itself and the one before, and its type.
pub(super) struct ParsedLine {
    pub(super) number: u64,
    pub(super) previous: String,
    pub(super) kind: String,
    pub(super) members: Object,
}

impl ParsedLine {
    /// Reads a line; `None` if it is none. A line may hold several claims, each as deep and as wide
    /// as a whole token may be: it is bounded by its length instead.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let Json::Object(members) = Json::parse_around(line, MAX_NODES, LEVELS_AROUND).ok()? else {
            return None;
        };
        if members.get("v") != Some(&Json::from(VERSION)) {
            return None;
        }
        let number = match members.get("n")? {
            Json::Integer(number) => u64::try_from(number.get()).ok()?,
            _ => return None,
        };
        let text = |name: &str| members.get(name).and_then(Json::as_str).map(str::to_owned);
        Some(Self { number, previous: text("prev")?, kind: text("type")?, members })
    }
}
