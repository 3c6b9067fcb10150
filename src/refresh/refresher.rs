//! The task that keeps one source fresh.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::clock::{Clock, UnixTime, seconds};

use super::{Confirmation, ContentAge, Refresh, RefreshPlan, Schedule, SourceChange, Success};

/// The only task that reads, replaces and confirms what its source has.
#[derive(Debug)]
struct Refresher<R> {
    work: R,
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    due: Instant,
    confirmed: Option<Confirmation>,
}

/// The pause before a refresher that panicked is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(10);

/// Runs for ever, also after a panic of the refresher.
pub(crate) async fn keep_fresh<P: RefreshPlan>(plan: P) {
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

impl<R: Refresh> Refresher<R> {
    fn new(plan: &impl RefreshPlan<Refresh = R>) -> Self {
        Self {
            work: plan.refresh(),
            clock: plan.clock(),
            schedule: plan.schedule(),
            due: Instant::now(),
            confirmed: None,
        }
    }

    async fn run(mut self) {
        self.confirmed = self.work.restore().await;
        loop {
            self.refresh().await;
            self.rest().await;
        }
    }

    async fn refresh(&mut self) {
        let started = Instant::now();
        match self.work.read().await {
            Ok(reading) => {
                let changed = reading.content.is_some_and(|new| self.work.replace(new));
                self.confirm(reading.confirmed);
                let wait = self.schedule.after_success(reading.max_age);
                self.due = started + wait;
                let confirmed_at = reading.confirmed.at;
                self.work.succeeded(Success { started, confirmed_at, changed, wait }).await;
            }
            Err(error) => {
                let wait = self.schedule.after_failure(R::retry_after(&error));
                self.due = Instant::now() + wait;
                self.work.failed(&error, wait);
            }
        }
    }

    fn confirm(&mut self, confirmed: Confirmation) {
        if let Some(age) = self.work.content_age() {
            age.confirm(confirmed.at);
        }
        self.confirmed = Some(confirmed);
    }

    /// Waits until the next reading is due, a request wants one, or the source has changed.
    async fn rest(&mut self) {
        loop {
            let look = self.due.min(Instant::now() + R::LOOK_INTERVAL);
            tokio::select! {
                () = self.work.wanted() => return,
                () = sleep_until(look) => {}
            }
            self.follow_clock_back();
            // Before the check: a change during it may be missed by it.
            let now = Confirmation::now(&*self.clock);
            match self.work.look().await {
                SourceChange::Changed => return,
                SourceChange::Unchanged if !self.schedule.is_failing() => self.confirm(now),
                SourceChange::Unchanged | SourceChange::Unknown => {}
            }
            if Instant::now() >= self.due || self.is_outdated() {
                return;
            }
        }
    }

    /// The wall clock was set back to before the content was confirmed. Its age by the monotonic
    /// clock takes over; otherwise it would outlive `max_stale` by the size of the jump.
    fn follow_clock_back(&self) {
        let (Some(content), Some(confirmed)) = (self.work.content_age(), self.confirmed) else {
            return;
        };
        let now = self.clock.now();
        if content.confirmed_at().is_some_and(|at| now < at) {
            let age = confirmed.age.saturating_add(seconds(confirmed.since.elapsed()));
            content.confirm(UnixTime(now.0.saturating_sub(age)));
        }
    }

    /// The content went stale though the source responds: the wall clock was set forward, or the
    /// machine slept. Only a new reading shows whether it still holds.
    fn is_outdated(&self) -> bool {
        let is_stale = |age: &ContentAge| !age.is_fresh(self.clock.now());
        !self.schedule.is_failing() && self.work.content_age().is_some_and(is_stale)
    }
}
