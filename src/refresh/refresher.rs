//! The task that keeps one source fresh.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::clock::{Clock, UnixTime, seconds};

use super::{Confirmation, Look, Plan, Schedule, Source, Success};

/// The only task that reads, replaces and confirms what its source has.
#[derive(Debug)]
struct Refresher<S> {
    source: S,
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    due: Instant,
    confirmed: Option<Confirmation>,
}

/// The pause before a refresher that panicked is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(10);

/// Runs for ever, whatever happens to the refresher.
pub(crate) async fn keep_fresh<P: Plan>(plan: P) {
    loop {
        // Owned by this future: aborting it aborts the refresher.
        let mut task = JoinSet::new();
        task.spawn(Refresher::new(&plan).run());
        let Some(Err(error)) = task.join_next().await else {
            return;
        };
        plan.panicked(error.to_string(), RESTART_PAUSE);
        sleep(RESTART_PAUSE).await;
    }
}

impl<S: Source> Refresher<S> {
    fn new(plan: &impl Plan<Source = S>) -> Self {
        Self {
            source: plan.source(),
            clock: plan.clock(),
            schedule: plan.schedule(),
            due: Instant::now(),
            confirmed: None,
        }
    }

    async fn run(mut self) {
        self.confirmed = self.source.restore().await;
        loop {
            self.refresh().await;
            self.rest().await;
        }
    }

    async fn refresh(&mut self) {
        let started = Instant::now();
        match self.source.read().await {
            Ok(reading) => {
                let changed = reading.content.is_some_and(|new| self.source.replace(new));
                self.confirm(reading.confirmed);
                let wait = self.schedule.after_success(reading.max_age);
                self.due = started + wait;
                let confirmed_at = reading.confirmed.at;
                self.source.succeeded(Success { started, confirmed_at, changed, wait }).await;
            }
            Err(error) => {
                let wait = self.schedule.after_failure(S::retry_after(&error));
                self.due = Instant::now() + wait;
                self.source.failed(&error, wait);
            }
        }
    }

    fn confirm(&mut self, confirmed: Confirmation) {
        if let Some(freshness) = self.source.freshness() {
            freshness.confirm(confirmed.at);
        }
        self.confirmed = Some(confirmed);
    }

    /// Until the next reading is due, a request asks for one, or there is a reason to read.
    async fn rest(&mut self) {
        loop {
            let look = self.due.min(Instant::now() + S::LOOK_INTERVAL);
            tokio::select! {
                () = self.source.wanted() => return,
                () = sleep_until(look) => {}
            }
            self.follow_clock_back();
            // Before the look: what changes meanwhile may not show in it.
            let now = Confirmation::now(&*self.clock);
            match self.source.look().await {
                Look::Changed => return,
                Look::Same if !self.schedule.is_failing() => self.confirm(now),
                Look::Same | Look::Unknown => {}
            }
            if Instant::now() >= self.due || self.is_outdated() {
                return;
            }
        }
    }

    /// The wall clock was set back to before the content was confirmed. Its age by the monotonic
    /// clock takes over; otherwise it would outlive `max_stale` by the size of the jump.
    fn follow_clock_back(&self) {
        let (Some(freshness), Some(confirmed)) = (self.source.freshness(), self.confirmed) else {
            return;
        };
        let now = self.clock.now();
        if freshness.confirmed_at().is_some_and(|at| now < at) {
            let age = confirmed.age.saturating_add(seconds(confirmed.since.elapsed()));
            freshness.confirm(UnixTime(now.0.saturating_sub(age)));
        }
    }

    /// The content went stale though the source answers: the wall clock was set forward, or the
    /// machine slept. Only a new reading can tell which.
    fn is_outdated(&self) -> bool {
        let is_stale = |freshness: &super::Freshness| !freshness.is_fresh(self.clock.now());
        !self.schedule.is_failing() && self.source.freshness().is_some_and(is_stale)
    }
}
