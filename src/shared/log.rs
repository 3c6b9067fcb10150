//! A log per kind: what every replica wants to hear of, read by each at its own pace.
//!
//! On the server it is a stream of bounded length. A replica continues from its position; with a
//! new connection it starts again, because the server may have lost the log, or be another one. So
//! delivery is at least once: entries must be idempotent.

use bytes::Bytes;
use redis::Cmd;

use super::link::RedisConnection;

/// How far one reader has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// Of the connection that it was read over.
    generation: u64,
    /// The first entry that has not been read.
    next: EntryId,
}

/// A part of a log, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogBatch {
    /// The entries that are ours and have not ended.
    pub entries: Vec<Bytes>,
    /// Whether there may be more of them right now.
    pub has_more: bool,
}

/// Milliseconds, and a sequence number within one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(u64, u64);

/// An entry as received: its id, then names and values of its fields.
pub(super) type StreamEntry = (String, Vec<Bytes>);

/// What one entry may have: three names of what it is about, and a little more.
pub(super) const MAX_ENTRY_BYTES: usize = 4 * 1024;

/// The entries that a log keeps, more or less: as many logouts as a replica remembers by default,
/// some 30 MiB of the server's memory as they usually are. A replica that starts hears of the
/// latest so many.
const MAX_ENTRIES: usize = 100_000;

/// The entries that are read at once.
pub(super) const BATCH: usize = 256;

/// What a batch may have at most, with all that surrounds it.
pub(super) const MAX_BATCH_BYTES: usize = BATCH * (MAX_ENTRY_BYTES + 256);

/// The one field of an entry.
const FIELD: &str = "e";

/// Adds an entry, and lets go of the oldest.
pub(super) fn append(name: &str, sealed: &[u8]) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(name).arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg("*").arg(FIELD).arg(sealed);
    command
}

/// The command that reads the next entries.
pub(super) fn read(name: &str, position: LogPosition) -> Cmd {
    let EntryId(millis, number) = position.next;
    let mut command = redis::cmd("XRANGE");
    command.arg(name).arg(format!("{millis}-{number}")).arg("+").arg("COUNT").arg(BATCH);
    command
}

/// The value of an entry, if it is of the form that we write.
pub(super) fn value((_, fields): &StreamEntry) -> Option<&Bytes> {
    match fields.as_slice() {
        [field, value] if field == FIELD => Some(value),
        _ => None,
    }
}

impl LogPosition {
    /// This position, or the beginning if it belongs to another connection.
    pub(super) fn on(self, connection: &RedisConnection) -> Self {
        let generation = connection.generation();
        if self.generation == generation { self } else { Self { generation, ..Self::default() } }
    }

    /// The position after the last of these entries. `None` if they are not in order.
    pub(super) fn after(self, entries: &[StreamEntry]) -> Option<Self> {
        let Some((last, _)) = entries.last() else {
            return Some(self);
        };
        let next = EntryId::parse(last)?.next();
        (next > self.next).then_some(Self { next, ..self })
    }
}

impl EntryId {
    fn parse(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-')?;
        Some(Self(millis.parse().ok()?, number.parse().ok()?))
    }

    fn next(self) -> Self {
        match self.1.checked_add(1) {
            Some(number) => Self(self.0, number),
            None => Self(self.0.saturating_add(1), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> StreamEntry {
        (id.to_owned(), vec![Bytes::from_static(b"e"), Bytes::from_static(b"x")])
    }

    fn at(millis: u64, number: u64) -> LogPosition {
        LogPosition { generation: 1, next: EntryId(millis, number) }
    }

    #[test]
    fn a_reader_goes_on_behind_the_last_entry() {
        assert_eq!(at(5, 1).after(&[]), Some(at(5, 1)));
        assert_eq!(at(0, 0).after(&[entry("5-0"), entry("5-1")]), Some(at(5, 2)));
        let last = format!("5-{}", u64::MAX);
        assert_eq!(at(0, 0).after(&[entry(&last)]), Some(at(6, 0)));
    }

    #[test]
    fn a_reader_never_goes_back_and_never_stays_where_it_was() {
        for id in ["4-9", "5-0", "", "5", "5-", "x-1", "5-1-1", "99999999999999999999-0"] {
            assert_eq!(at(5, 1).after(&[entry(id)]), None, "{id}");
        }
        assert_eq!(at(5, 1).after(&[entry("5-1")]), Some(at(5, 2)));
        let end = format!("{0}-{0}", u64::MAX);
        assert_eq!(at(u64::MAX, 0).after(&[entry(&end)]), None);
    }

    #[test]
    fn only_entries_of_our_form_have_a_value() {
        assert!(value(&entry("1-1")).is_some());
        for fields in [vec![], vec!["e"], vec!["f", "x"], vec!["e", "x", "e", "x"]] {
            let fields = fields.into_iter().map(Bytes::from).collect();
            assert_eq!(value(&("1-1".to_owned(), fields)), None);
        }
    }
}
