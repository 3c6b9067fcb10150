//! Steps of the machine's clock. Tokens are judged by it, so that after a step good ones are
//! refused, or expired ones pass, and each refusal alone looks like the client's fault.

use std::{sync::Arc, time::Duration};

use prometheus::IntCounter;
use tokio::time::{Instant, sleep};

use crate::{
    clock::{Clock, UnixTime, seconds},
    readiness::ProcessReadiness,
    telemetry::{MetricRegistry, NO_LABELS},
};

/// Compares the wall clock with the monotonic one.
#[derive(Debug)]
pub(super) struct ClockWatch {
    steps: IntCounter,
}

/// One comparison of both clocks costs two system calls.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Less is rounding, or the slewing of NTP, and within what issuers' clocks may differ.
const SMALLEST_STEP: i64 = 5;
/// How long `/readyz` has a note of a step: as long as most tokens live.
const NOTED: Duration = Duration::from_hours(1);
/// What `/readyz` calls it.
const NOTE: &str = "clock";

impl ClockWatch {
    pub(super) fn register(metrics: &MetricRegistry) -> Self {
        let help = "Steps of the clock of the host, forwards or back, by 5 s or more.";
        let steps = metrics.counters("clock_steps_total", help, NO_LABELS);
        Self { steps: steps.with_label_values(NO_LABELS) }
    }

    /// Watches until it is dropped.
    pub(super) async fn run(self, clock: Arc<dyn Clock>, readiness: Arc<ProcessReadiness>) {
        let mut last = (clock.now(), Instant::now());
        let mut noted_until = None;
        loop {
            sleep(LOOK_INTERVAL).await;
            let now = (clock.now(), Instant::now());
            let step = step(last.0, now.0, now.1 - last.1);
            if step.abs() >= SMALLEST_STEP {
                self.say(step, now.0, &readiness);
                noted_until = Some(now.1 + NOTED);
            } else if noted_until.is_some_and(|until| until < now.1) {
                readiness.note(NOTE, None);
                noted_until = None;
            }
            last = now;
        }
    }

    fn say(&self, step: i64, now: UnixTime, readiness: &ProcessReadiness) {
        self.steps.inc();
        let (step, now) = (format!("{step:+} s"), now.to_rfc3339());
        tracing::warn!(
            step,
            now,
            hint = "compare it with true time; if it is wrong, correct it and its synchronisation",
            "the clock of this host has jumped"
        );
        let note = format!("jumped by {step} to {now}; tokens are judged by it");
        readiness.note(NOTE, Some(note));
    }
}

/// By how many seconds more the wall clock has moved than time has passed.
fn step(earlier: UnixTime, later: UnixTime, passed: Duration) -> i64 {
    later.0.saturating_sub(earlier.0).saturating_sub(seconds(passed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[tokio::test(start_paused = true)]
    async fn a_step_in_either_direction_is_counted_and_noted_for_an_hour() {
        let clock = Arc::new(ManualClock::at(UnixTime(1_900_000_000)));
        let (metrics, readiness) = (MetricRegistry::default(), Arc::<ProcessReadiness>::default());
        let watch = ClockWatch::register(&metrics);
        let steps = watch.steps.clone();
        let task = tokio::spawn(watch.run(Arc::clone(&clock) as _, Arc::clone(&readiness)));
        let pass = async |wall: i64| {
            clock.advance(wall);
            sleep(LOOK_INTERVAL).await;
        };
        tokio::task::yield_now().await;
        for wall in [1, 0, 2, 1] {
            pass(wall).await;
        }
        assert_eq!((steps.get(), readiness.notes()), (0, vec![]), "rounding is no step");
        pass(3600).await;
        pass(1).await;
        assert_eq!(steps.get(), 1);
        let note = readiness.notes().pop().unwrap();
        assert!(note.starts_with("clock: jumped by +3599 s to 2030-03-17T18:46"), "{note}");
        pass(-60).await;
        pass(1).await;
        assert_eq!(steps.get(), 2);
        assert!(readiness.notes()[0].contains("by -61 s"), "{:?}", readiness.notes());
        for _ in 0..=NOTED.as_secs() {
            pass(1).await;
        }
        assert_eq!((steps.get(), readiness.notes()), (2, vec![]), "an hour later");
        task.abort();
    }
}
