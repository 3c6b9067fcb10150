//! What the clients of one proxy said and heard, for the invariants that hold over all of it.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{client::Answer, wire::latin1};

/// Kept by every client of one proxy.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    secrets: Mutex<BTreeSet<String>>,
    own_answers: Mutex<String>,
    forwarded: AtomicUsize,
}

/// Shorter texts behind a dot are no signatures.
const MIN_SECRET: usize = 24;

impl Journal {
    /// Notes everything in a request that can be a token's signature part.
    pub(crate) fn note_sent(&self, bytes: &[u8]) {
        let mut secrets = self.secrets.lock().unwrap();
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let runs = bytes.split(|&byte| !is_base64url(byte) && byte != b'.');
        for run in runs.filter(|run| run.contains(&b'.')) {
            let last = run.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
            if last.len() >= MIN_SECRET {
                secrets.insert(latin1(last));
            }
        }
    }

    pub(super) fn note_received(&self, answer: &Answer) {
        if answer.is_from_upstream() {
            self.forwarded.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let mut own = self.own_answers.lock().unwrap();
        write!(own, "{:?}{}", answer.head, latin1(&answer.body.bytes)).unwrap();
    }

    /// How many answers of the upstream have reached their clients.
    pub(crate) fn forwarded(&self) -> usize {
        self.forwarded.load(Ordering::SeqCst)
    }

    /// INV-4: no signature part of any token that was sent occurs in `text`, nor in any answer
    /// that the proxy made itself.
    pub(crate) fn assert_no_secret_in(&self, place: &str, text: &str) {
        for secret in self.secrets.lock().unwrap().iter() {
            assert!(!text.contains(secret), "INV-4: {place} shows the signature {secret}");
        }
    }

    /// The proxy's own answers, one after the other.
    pub(crate) fn own_answers(&self) -> String {
        self.own_answers.lock().unwrap().clone()
    }
}
