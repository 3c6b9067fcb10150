//! A load at a constant rate, by h2load, with a look at each request.

use std::{
    fmt, fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::optional;

/// What clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    /// With prior knowledge.
    Http2,
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) speaks: Speaks,
    pub(crate) requests: usize,
    /// Requests a second of all clients together.
    pub(crate) rate: usize,
    /// Each has a connection of its own.
    pub(crate) clients: usize,
    pub(crate) token: Option<String>,
    /// Makes it POSTs.
    pub(crate) body: Option<&'static str>,
}

/// A load that is under way; stopped when dropped.
#[derive(Debug)]
pub(crate) struct RunningLoad {
    child: Option<Child>,
    speaks: Speaks,
    requests: usize,
    folder: tempfile::TempDir,
}

/// What was answered.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many were to be sent.
    requests: usize,
    /// In the order of their ends.
    exchanges: Vec<LoadExchange>,
    /// What h2load printed.
    text: String,
}

/// One request that came to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadExchange {
    /// When it was sent, since 1970.
    pub(crate) began: Duration,
    /// -1 if there was no answer.
    pub(crate) status: i32,
    /// Until the end of the answer.
    pub(crate) took: Duration,
}

/// HTTP/2 streams of a client at once.
const STREAMS: usize = 8;

/// Loads at the same time would take the processor from each other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time since 1970, as h2load's log has it.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

impl Speaks {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];
}

impl Load {
    /// `None`, with a notice, where there is no h2load.
    pub(crate) fn start(&self, url: &str) -> Option<RunningLoad> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("h2load");
        command
            .arg(format!("--clients={}", self.clients))
            .arg(format!("--requests={}", self.requests))
            .arg(format!("--rps={}", self.rate / self.clients))
            .arg("--log-file")
            .arg(folder.path().join("requests"));
        match self.speaks {
            Speaks::Http1 => command.arg("--h1"),
            Speaks::Http2 => command.arg(format!("--max-concurrent-streams={STREAMS}")),
        };
        if let Some(token) = &self.token {
            command.arg(format!("--header=authorization: Bearer {token}"));
        }
        if let Some(body) = self.body {
            let file = folder.path().join("body");
            fs::write(&file, body).unwrap();
            command.arg("--data").arg(file);
        }
        let output = fs::File::create(folder.path().join("text")).unwrap();
        match command.arg(url).stdin(Stdio::null()).stdout(output).spawn() {
            Ok(child) => {
                let Self { speaks, requests, .. } = *self;
                Some(RunningLoad { child: Some(child), speaks, requests, folder })
            }
            Err(error) => {
                optional::skip("h2load", &error.to_string());
                None
            }
        }
    }
}

impl RunningLoad {
    pub(crate) fn speaks(&self) -> Speaks {
        self.speaks
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Outcome {
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
        let log = fs::read_to_string(self.file("requests")).unwrap();
        let exchanges = log.lines().map(LoadExchange::parse).collect();
        let text = fs::read_to_string(self.file("text")).unwrap();
        Outcome { requests: self.requests, exchanges, text }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for RunningLoad {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl LoadExchange {
    /// A line of h2load's log: microseconds since 1970, status, microseconds.
    fn parse(line: &str) -> Self {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap();
        let began = Duration::from_micros(next().parse().unwrap());
        let status = next().parse().unwrap();
        Self { began, status, took: Duration::from_micros(next().parse().unwrap()) }
    }
}

impl Outcome {
    /// Both together.
    #[must_use]
    pub(crate) fn and(mut self, mut other: Self) -> Self {
        self.requests += other.requests;
        self.exchanges.append(&mut other.exchanges);
        self.text.push_str(&other.text);
        self
    }

    /// Those that were sent in that time.
    pub(crate) fn between(&self, from: Duration, until: Duration) -> Self {
        let within = |exchange: &&LoadExchange| (from..until).contains(&exchange.began);
        let exchanges: Vec<_> = self.exchanges.iter().filter(within).copied().collect();
        Self { requests: exchanges.len(), exchanges, text: String::new() }
    }

    /// How many were answered.
    pub(crate) fn count(&self) -> usize {
        self.exchanges.len()
    }

    /// How many have that status.
    pub(crate) fn with_status(&self, status: i32) -> usize {
        self.exchanges.iter().filter(|exchange| exchange.status == status).count()
    }

    /// How many are not answered by 200, or not at all.
    pub(crate) fn failed(&self) -> usize {
        self.requests - self.with_status(200)
    }

    /// How many took longer than that.
    pub(crate) fn longer_than(&self, time: Duration) -> usize {
        self.exchanges.iter().filter(|exchange| exchange.took > time).count()
    }

    /// From the first that was sent to the last.
    pub(crate) fn elapsed(&self) -> Duration {
        let began = self.exchanges.iter().map(|exchange| exchange.began);
        let (first, last) = (began.clone().min(), began.max());
        last.unwrap_or_default().saturating_sub(first.unwrap_or_default())
    }

    /// Requests a second that were sent.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.count()).unwrap()) / self.elapsed().as_secs_f64()
    }

    /// So many hundredths took at most that.
    pub(crate) fn percentile(&self, hundredths: usize) -> Duration {
        let mut times: Vec<_> = self.exchanges.iter().map(|exchange| exchange.took).collect();
        times.sort();
        times[(times.len() - 1) * hundredths / 100]
    }

    #[track_caller]
    pub(crate) fn assert_nothing_failed(&self, case: &str) {
        assert_eq!(self.failed(), 0, "{case}: {self}\n{}", self.text);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, failed, rate) = (self.count(), self.failed(), self.rate());
        let [median, p99] = [50, 99].map(|hundredths| self.percentile(hundredths));
        write!(f, "{count} requests, {rate:.0}/s, {failed} not 200, p50 {median:?}, p99 {p99:?}")
    }
}
