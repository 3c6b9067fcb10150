//! Everything that the process logs, at every level: what a secret must not be in (INV-4).

use std::{
    collections::HashSet,
    fmt::Write as _,
    io,
    sync::{Mutex, Once, PoisonError},
    thread::{self, ThreadId},
};

use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

static LINES: Mutex<Vec<(ThreadId, String)>> = Mutex::new(Vec::new());
static INSTALLED: Once = Once::new();

/// Captures the process's logs from the first call on. Returns how many lines there are.
pub(crate) fn capture() -> usize {
    INSTALLED.call_once(|| {
        let layer = fmt::layer().with_ansi(false).with_writer(|| Sink);
        tracing_subscriber::registry().with(layer).init();
    });
    LINES.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// What was logged from that line on.
pub(crate) fn since(begin: usize) -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().skip(begin).map(|(_, line)| line.as_str()).collect()
}

/// Of that, what the workers of the proxy with this address have logged.
pub(crate) fn of_workers_since(begin: usize, address: &str) -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let introduction = format!("listen={address}\n");
    let is_introduction =
        |line: &str| line.contains("worker serves") && line.ends_with(&introduction);
    let (mut workers, mut logged) = (HashSet::new(), String::new());
    for (thread, line) in lines.iter().skip(begin) {
        if is_introduction(line) {
            workers.insert(*thread);
        }
        if workers.contains(thread) {
            logged.push_str(line);
        }
    }
    logged
}

/// What a refusal is about, by its line: in the words of `explain`.
pub(crate) fn subject_in(line: &str) -> Option<String> {
    let mut subject = field(line, "about")?.to_owned();
    for name in ["found", "expected", "setting"] {
        if let Some(value) = field(line, name) {
            let _ = write!(subject, "; {name}: {value}");
        }
    }
    Some(subject)
}

/// A field of a line, as it is written between its quotes. Values hold none.
pub(crate) fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, value) = line.split_once(&format!(" {name}=\""))?;
    value.split('"').next()
}

struct Sink;

/// Gets one line at a time.
impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = (thread::current().id(), String::from_utf8_lossy(bytes).into_owned());
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
