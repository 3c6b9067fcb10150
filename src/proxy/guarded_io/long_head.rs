//! Heads with more lines than hyper reads for free.
//!
//! hyper has room for 100 header lines on its stack, and allocates twice for every request where it
//! is to read more (1.5 % of the instructions of a request). So each connection begins with 100.
//! When a head has more, hyper answers 431 by itself. That answer is held back, and the head is
//! read again by a parser with room for as many lines as the setting allows, as are all later ones
//! of the connection. A client that pipelines such a head while it does not read the answer before
//! gets the 431: the two are written as one.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What hyper reads without an allocation.
const FREE_LINES: usize = 100;

/// How the answer begins that is held back.
const BEGIN: &[u8] = b"HTTP/1.";
const STATUS: &[u8] = b" 431 ";

/// Whether a connection has shown a long head.
#[derive(Debug, Default)]
pub(in crate::proxy) struct LongHeads(AtomicU8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum HeadWatch {
    /// Whatever is written goes out. The default.
    Off,
    /// hyper reads fewer lines than the setting allows, and what it writes now is its own.
    Watching,
    /// Likewise, but a request has begun, and hyper's buffer was not empty since its answer: what
    /// is written is that answer.
    Answering,
    /// A refusal is held back.
    Held,
    /// One was: hyper reads as many lines as the setting allows.
    Found,
}

impl LongHeads {
    /// How many lines hyper is to read from now on, of those that the setting allows.
    pub(in crate::proxy) fn lines(&self, allowed: usize) -> usize {
        let was_found = self.is(HeadWatch::Held) || self.is(HeadWatch::Found);
        let (state, lines) = match allowed {
            _ if was_found => (HeadWatch::Found, allowed),
            ..=FREE_LINES => (HeadWatch::Off, allowed),
            _ => (HeadWatch::Watching, FREE_LINES),
        };
        self.enter(state);
        lines
    }

    /// From now on, whatever is written goes out.
    pub(in crate::proxy) fn stop_watching(&self) {
        self.enter(HeadWatch::Off);
    }

    /// Whether a refusal is held back: hyper will not go on.
    pub(in crate::proxy) fn is_held(&self) -> bool {
        self.is(HeadWatch::Held)
    }

    pub(super) fn request_begins(&self) {
        if self.is(HeadWatch::Watching) {
            self.enter(HeadWatch::Answering);
        }
    }

    /// Everything that was to be written is out, and no request is being served: hyper has had the
    /// answer to the last one.
    pub(super) fn all_written(&self) {
        if self.is(HeadWatch::Answering) {
            self.enter(HeadWatch::Watching);
        }
    }

    /// Whether these bytes are hyper's own refusal of a head that may be read again.
    pub(super) fn holds_back(&self, written: &[u8]) -> bool {
        let state = self.0.load(Relaxed);
        if state == HeadWatch::Watching as u8 && is_refusal(written) {
            self.enter(HeadWatch::Held);
            return true;
        }
        // hyper may try to write it several times.
        state == HeadWatch::Held as u8
    }

    fn is(&self, state: HeadWatch) -> bool {
        self.0.load(Relaxed) == state as u8
    }

    fn enter(&self, state: HeadWatch) {
        self.0.store(state as u8, Relaxed);
    }
}

fn is_refusal(written: &[u8]) -> bool {
    let after = written.strip_prefix(BEGIN).and_then(|rest| rest.get(1..));
    after.is_some_and(|status| status.starts_with(STATUS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n";

    #[test]
    fn f14_only_what_hyper_writes_by_itself_is_held_back() {
        let heads = LongHeads::default();
        assert!(!heads.holds_back(REFUSAL), "not watching");
        assert_eq!(heads.lines(200), 100);
        assert!(!heads.holds_back(b"HTTP/1.1 400 Bad Request\r\n"));
        assert!(!heads.holds_back(b"HTTP/1.1 431"));
        heads.request_begins();
        assert!(!heads.holds_back(REFUSAL), "the answer of an upstream");
        heads.all_written();
        assert!(!heads.is_held());
        assert!(heads.holds_back(REFUSAL));
        assert!(heads.is_held());
        assert!(heads.holds_back(REFUSAL), "tried again");
    }

    #[test]
    fn f14_a_head_is_read_again_once() {
        let heads = LongHeads::default();
        assert_eq!(heads.lines(200), 100);
        assert!(heads.holds_back(REFUSAL));
        assert_eq!(heads.lines(200), 200);
        assert!(!heads.is_held());
        assert!(!heads.holds_back(REFUSAL), "more than the setting allows");
    }

    #[test]
    fn f14_a_setting_that_costs_nothing_needs_no_second_look() {
        let heads = LongHeads::default();
        assert_eq!(heads.lines(100), 100);
        assert!(!heads.holds_back(REFUSAL));
        assert_eq!(heads.lines(50), 50);
    }
}
