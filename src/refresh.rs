//! Sources that are read again and again: key sets, revocation lists, certificates.
//!
//! One task per source reads it when it is due, when a request wants it, and when a cheap check
//! shows a change. A [`Refresh`] defines how it is read and how its content is applied; everything
//! else is here, once. Due times go by the monotonic clock, so that a jump of the wall clock
//! neither stops nor triggers a task; ages go by the wall clock, which advances while the machine
//! sleeps (threat D-11).

mod content_age;
mod file_snapshot;
mod refresher;
mod schedule;
pub(crate) mod settings;
mod watched_file;

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::clock::{Clock, UnixTime};

pub(crate) use content_age::ContentAge;
pub(crate) use file_snapshot::{FileChange, FileSnapshot};
pub(crate) use refresher::keep_fresh;
pub(crate) use schedule::Schedule;
pub(crate) use watched_file::{FileError, FileLimit, FileVersions, WatchedFile};

/// The parts of a refresher, which is rebuilt from them after a panic.
pub(crate) trait RefreshPlan: Send + Sync + 'static {
    /// What the refresher works with.
    type Refresh: Refresh;

    fn refresh(&self) -> Self::Refresh;

    fn schedule(&self) -> Schedule;

    fn clock(&self) -> Arc<dyn Clock>;

    /// The refresher panicked, which is a defect. It starts again after `pause`. Until then what is
    /// in place grows old, which must not go unnoticed.
    fn panicked(&self, cause: String, pause: Duration);
}

/// How one kind of source is read, and where its content is put.
pub(crate) trait Refresh: Send + 'static {
    type Content: Send;
    type Error: Send;

    /// How often an idle refresher checks for a reason to read.
    const LOOK_INTERVAL: Duration;

    /// How old the content in place is; `None`: it never goes stale.
    fn content_age(&self) -> Option<&ContentAge>;

    /// Applies and confirms the content of an earlier run, if there is one. Called once, before the
    /// first reading.
    fn restore(&mut self) -> impl Future<Output = Option<Confirmation>> + Send {
        async { None }
    }

    /// Reads it now. Every implementation bounds the time that this takes, and the bytes.
    fn read(
        &mut self,
    ) -> impl Future<Output = Result<Refreshed<Self::Content>, Self::Error>> + Send;

    /// Applies new content; returns whether that changed anything.
    fn replace(&mut self, content: Self::Content) -> bool;

    /// A reading succeeded; its content is in place and confirmed.
    fn succeeded(&mut self, _success: Success) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// A reading failed. The content in place stays; the next attempt is made after `wait`.
    fn failed(&mut self, error: &Self::Error, wait: Duration);

    /// The source's `Retry-After`.
    fn retry_after(_error: &Self::Error) -> Option<Duration> {
        None
    }

    /// Resolves when a request wants a refresh that may be made now.
    fn wanted(&mut self) -> impl Future<Output = ()> + Send {
        pending()
    }

    /// A cheap check whether reading is worth it before the next one is due.
    fn look(&mut self) -> impl Future<Output = SourceChange> + Send {
        async { SourceChange::Unknown }
    }
}

/// The result of a check for changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceChange {
    /// It is still what was read last, which confirms the content in place.
    Unchanged,
    /// Reading it again may be worth it.
    Changed,
    /// Unknown without reading it.
    Unknown,
}

/// The result of reading a source.
#[derive(Debug)]
pub(crate) struct Refreshed<C> {
    /// The whole content; `None`: not modified.
    pub(crate) content: Option<C>,
    /// How long the source itself takes it for fresh.
    pub(crate) max_age: Option<Duration>,
    /// The moment at which this was so.
    pub(crate) confirmed: Confirmation,
}

/// When a content was confirmed: at `at` by the wall clock, `age` seconds before `since` by the
/// monotonic one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confirmation {
    at: UnixTime,
    since: Instant,
    age: i64,
}

/// How a reading went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Success {
    /// When it began.
    pub(crate) started: Instant,
    /// When the content was confirmed.
    pub(crate) confirmed_at: UnixTime,
    /// Whether the content in place is another one now.
    pub(crate) changed: bool,
    /// From the beginning until the next reading.
    pub(crate) wait: Duration,
}

impl Confirmation {
    /// The content is as the source has it at this moment.
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { at: clock.now(), since: Instant::now(), age: 0 }
    }

    /// By the wall clock.
    pub(crate) fn at(self) -> UnixTime {
        self.at
    }

    /// The source confirmed the content at an earlier time.
    pub(crate) fn earlier(at: UnixTime, clock: &dyn Clock) -> Self {
        let age = clock.now().0.saturating_sub(at.0);
        Self { at, since: Instant::now(), age }
    }
}
