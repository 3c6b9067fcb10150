//! The task that keeps the list fresh.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    clock::{Clock, UnixTime, seconds},
    fetch::{FetchError, Schedule},
    revocation::settings::ListSettings,
};

use super::{
    Denylist, ListError,
    list::List,
    revocations::Process,
    source::{Look, Source},
};

/// The only one that reads, replaces and confirms the list. It plans by the monotonic clock; ages
/// are measured by the wall clock, since they go on while the machine sleeps.
#[derive(Debug)]
struct Watcher {
    list: Arc<List>,
    process: Arc<Process>,
    clock: Arc<dyn Clock>,
    source: Source,
    schedule: Schedule,
    due: Instant,
    confirmed: Instant,
}

/// How often a file is looked at, for one `stat`: a revocation is noticed within a second.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How often old logouts are forgotten: often enough that it is never many at once.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before a watcher that panicked is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(10);

/// Watches for ever. A panic, which would be a defect, must not let the list of a running proxy
/// grow old in silence: it is reported as a failure, and the watcher starts afresh.
pub(super) async fn supervise(
    list: Arc<List>,
    settings: ListSettings,
    process: Arc<Process>,
    clock: Arc<dyn Clock>,
) {
    loop {
        let watcher = Watcher {
            list: Arc::clone(&list),
            process: Arc::clone(&process),
            clock: Arc::clone(&clock),
            source: Source::new(&settings),
            schedule: Schedule::new(settings.refresh, settings.max_stale),
            due: Instant::now(),
            confirmed: Instant::now(),
        };
        // Owned by this future: aborting it aborts the watcher.
        let mut task = JoinSet::new();
        task.spawn(watcher.run());
        let Some(Err(error)) = task.join_next().await else {
            return;
        };
        let cause = error.to_string();
        tracing::error!(cause, "the watcher of the revocation list failed");
        list.failed(&FetchError::Internal { cause }.into());
        sleep(RESTART_PAUSE).await;
    }
}

impl Watcher {
    async fn run(mut self) {
        loop {
            self.read().await;
            self.rest().await;
        }
    }

    async fn read(&mut self) {
        // Before reading: what is revoked meanwhile may not be in it.
        let (now, started) = (self.clock.now(), Instant::now());
        match self.source.read(now).await {
            Ok(list) => {
                let changed = list.is_some_and(|list| self.take(list));
                self.confirm(now, started);
                self.list.succeeded(changed);
                self.due = started + self.schedule.after_success(None);
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Puts the list in place; whether that changed anything.
    fn take(&self, list: Denylist) -> bool {
        let entries = list.len();
        let changed = self.list.replace(list);
        if changed {
            self.process.changed();
            tracing::info!(entries, "the revocation list has changed");
        }
        changed
    }

    fn fail(&mut self, error: &ListError) {
        let wait = self.schedule.after_failure(error.retry_after());
        self.due = Instant::now() + wait;
        self.list.failed(error);
        let code = error.code();
        if self.list.is_fresh(self.clock.now()) {
            tracing::warn!(code, %error, ?wait, "the revocation list can't be read; the last one is used");
        } else {
            tracing::error!(code, %error, ?wait, "there is no fresh revocation list");
        }
    }

    fn confirm(&mut self, at: UnixTime, since: Instant) {
        self.list.confirm(at);
        self.confirmed = since;
    }

    /// Until the next reading is due, or there is a reason to read.
    async fn rest(&mut self) {
        loop {
            sleep_until(self.due.min(Instant::now() + LOOK_INTERVAL)).await;
            self.follow_clock_back();
            let (now, since) = (self.clock.now(), Instant::now());
            match self.source.look().await {
                Look::Changed => return,
                Look::Same if !self.schedule.is_failing() => self.confirm(now, since),
                Look::Same | Look::Unknown => {}
            }
            if Instant::now() >= self.due || self.is_outdated() {
                return;
            }
        }
    }

    /// The wall clock was set back to before the list was confirmed. Its age by the monotonic
    /// clock takes over; otherwise it would outlive `max_stale` by the size of the jump.
    fn follow_clock_back(&self) {
        let now = self.clock.now();
        if self.list.confirmed_at().is_some_and(|at| now < at) {
            let age = seconds(self.confirmed.elapsed());
            self.list.confirm(UnixTime(now.0.saturating_sub(age)));
        }
    }

    /// The list went stale though the source answers: the wall clock was set forward, or the
    /// machine slept. Nothing but a new answer can tell which.
    fn is_outdated(&self) -> bool {
        !self.schedule.is_failing() && !self.list.is_fresh(self.clock.now())
    }
}
