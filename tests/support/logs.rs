//! Everything that the process logs, at every level: what a secret must not be in (INV-4).

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};

use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static INSTALLED: Once = Once::new();

/// Captures the process's logs from the first call on. Returns how many bytes there are.
pub(crate) fn capture() -> usize {
    INSTALLED.call_once(|| {
        let layer = fmt::layer().with_ansi(false).with_writer(|| Sink);
        tracing_subscriber::registry().with(layer).init();
    });
    LINES.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// What was logged from that byte on.
pub(crate) fn since(begin: usize) -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(lines.get(begin..).unwrap_or_default()).into_owned()
}

struct Sink;

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
