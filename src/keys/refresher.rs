//! One task per issuer that keeps its keys fresh.

mod report;

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    clock::{Clock, UnixTime, seconds},
    fetch::Schedule,
    keys::settings::KeyOwner,
};

use super::{
    KeyError, LiveKeySet,
    snapshot::Snapshot,
    source::{Content, Origin, Reading, Source},
};

/// What a refresher is made of.
#[derive(Debug)]
pub(super) struct Plan {
    keys: Arc<LiveKeySet>,
    settings: KeyOwner,
    clock: Arc<dyn Clock>,
}

/// The only one that fetches, replaces and confirms the keys of its issuer.
///
/// It plans by the monotonic clock, so that a jump of the wall clock neither stops it nor makes it
/// hurry; ages are measured by the wall clock, since they go on while the machine sleeps (threat
/// D-11).
#[derive(Debug)]
pub(super) struct Refresher<S> {
    keys: Arc<LiveKeySet>,
    source: S,
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    snapshot: Option<Snapshot>,
    due: Instant,
    confirmed: Option<Confirmed>,
}

/// The set's age by the monotonic clock: `age` seconds at `since`.
#[derive(Debug, Clone, Copy)]
struct Confirmed {
    since: Instant,
    age: i64,
}

/// How often a resting refresher looks whether its file has changed or the clock has jumped: a
/// `ConfigMap` swap is noticed within these seconds, for one `stat` each time.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before a refresher that panicked is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(10);

impl Plan {
    pub(super) fn new(keys: Arc<LiveKeySet>, settings: KeyOwner, clock: Arc<dyn Clock>) -> Self {
        Self { keys, settings, clock }
    }
}

/// Runs the plan's refresher for ever. A panic, which would be a defect, must not let the keys
/// of a running proxy grow old in silence: it is reported as a failure, and the refresher starts
/// afresh.
pub(super) async fn supervise(plan: Plan) {
    supervise_with(&plan, || Source::new(&plan.settings)).await;
}

pub(super) async fn supervise_with<S: Origin>(plan: &Plan, source: impl Fn() -> S) {
    loop {
        // Owned by this future: aborting it aborts the refresher.
        let mut task = JoinSet::new();
        task.spawn(Refresher::new(plan, source()).run());
        let Some(Err(error)) = task.join_next().await else {
            return;
        };
        let cause = error.to_string();
        tracing::error!(issuer = plan.keys.name(), cause, "the key refresher failed");
        plan.keys.failed(&KeyError::Internal { cause }, RESTART_PAUSE);
        sleep(RESTART_PAUSE).await;
    }
}

impl<S: Origin> Refresher<S> {
    pub(super) fn new(plan: &Plan, source: S) -> Self {
        Self {
            keys: Arc::clone(&plan.keys),
            source,
            clock: Arc::clone(&plan.clock),
            schedule: Schedule::new(plan.settings.keys.refresh, plan.settings.keys.max_stale),
            snapshot: Snapshot::of(&plan.settings),
            due: Instant::now(),
            confirmed: None,
        }
    }

    pub(super) async fn run(mut self) {
        self.start_from_snapshot().await;
        loop {
            self.refresh().await;
            self.rest().await;
        }
    }

    /// Keys of an earlier run serve until the source answers (threat K-13). Their age goes on
    /// counting from when the source last confirmed them.
    async fn start_from_snapshot(&mut self) {
        let Some(snapshot) = &self.snapshot else {
            return;
        };
        if self.keys.set().is_some() {
            return;
        }
        let now = self.clock.now();
        let name = self.keys.name();
        match snapshot.load(now).await {
            Ok(Some((keys, fetched_at))) => {
                let (_, set) = self.keys.replace(keys);
                let age = now.0.saturating_sub(fetched_at.0);
                self.confirm(fetched_at, age);
                self.keys.taken_from_snapshot();
                let keys = set.keys().len();
                tracing::info!(issuer = self.keys.name(), keys, age, "keys from the snapshot");
            }
            Ok(None) => tracing::debug!(issuer = name, "no snapshot yet"),
            Err(error) => tracing::warn!(issuer = name, %error, "the snapshot is ignored"),
        }
    }

    async fn refresh(&mut self) {
        let started = Instant::now();
        match self.source.read().await {
            Ok(reading) => self.succeed(started, reading).await,
            Err(error) => self.fail(&error),
        }
    }

    async fn succeed(&mut self, started: Instant, reading: Reading) {
        let now = self.clock.now();
        let replaced = reading.content.is_some_and(|content| self.take(content));
        self.confirm(now, 0);
        let wait = self.schedule.after_success(reading.max_age);
        self.due = started + wait;
        self.keys.answered(started, replaced, wait);
        // Last, so that nobody waits for the disk.
        if let Some(snapshot) = &mut self.snapshot
            && let Err(error) = snapshot.keep(now, replaced).await
        {
            tracing::warn!(issuer = self.keys.name(), %error, "the snapshot can't be written");
        }
    }

    /// Puts the content in place; whether that changed the keys.
    fn take(&mut self, content: Content) -> bool {
        if let (Some(snapshot), Some(document)) = (&mut self.snapshot, &content.document) {
            snapshot.remember(document, &content.keys);
        }
        let (old, new) = self.keys.replace(content.keys);
        report::changes(self.keys.name(), old.as_deref(), &new);
        old.is_none_or(|old| old.generation() != new.generation())
    }

    fn fail(&mut self, error: &KeyError) {
        let wait = self.schedule.after_failure(error.retry_after());
        self.due = Instant::now() + wait;
        self.keys.failed(error, wait);
        report::failure(&self.keys, error, wait, self.clock.now());
    }

    fn confirm(&mut self, at: UnixTime, age: i64) {
        self.keys.confirm(at);
        let since = Instant::now();
        self.confirmed = Some(Confirmed { since, age });
    }

    /// Until the next attempt is due, a request asks for one, or there is a reason to look.
    async fn rest(&mut self) {
        loop {
            let look = self.due.min(Instant::now() + LOOK_INTERVAL);
            tokio::select! {
                () = self.keys.refresh_gate().asked() => return,
                () = sleep_until(look) => {}
            }
            self.follow_clock_back();
            self.keys.count_usable();
            if Instant::now() >= self.due || self.is_outdated() || self.source.has_changed().await {
                return;
            }
        }
    }

    /// The wall clock was set back to before the keys were confirmed. Their age by the monotonic
    /// clock takes over; otherwise they would outlive `max_stale` by the size of the jump.
    fn follow_clock_back(&self) {
        let (Some(at), Some(confirmed)) = (self.keys.confirmed_at(), self.confirmed) else {
            return;
        };
        let now = self.clock.now();
        if now < at {
            let resting = seconds(confirmed.since.elapsed());
            let age = confirmed.age.saturating_add(resting);
            self.keys.confirm(UnixTime(now.0.saturating_sub(age)));
        }
    }

    /// The keys went stale though the source answers: the wall clock was set forward, or the
    /// machine slept. Nothing but a new answer can tell which.
    fn is_outdated(&self) -> bool {
        !self.schedule.is_failing() && self.keys.current(self.clock.now()).is_none()
    }
}
