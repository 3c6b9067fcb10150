//! How long a body may take, and what it takes meanwhile.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::*;
use crate::config::HeldBodySettings;

/// Brings so many bytes each second, and never ends.
struct Drip {
    bytes: usize,
    announced: u64,
    ticks: Interval,
}

impl Drip {
    fn of(bytes: usize, announced: u64) -> Self {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { bytes, announced, ticks }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        ready!(self.ticks.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(vec![b'a'; self.bytes].into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

const STALL: Duration = Duration::from_secs(10);

fn rules() -> HoldRules {
    HoldRules {
        max_bytes: 10_000,
        memory_bytes: 100_000,
        stall_after: STALL,
        bytes_per_second: 100,
        folder: None,
    }
}

fn budget(bytes: usize) -> Arc<BodyBudget> {
    let metrics = crate::telemetry::Metrics::new().unwrap();
    let settings = HeldBodySettings {
        body_bytes: 0,
        body_memory: 0,
        buffer_bytes: bytes,
        body_rate: 0,
        buffer_folder: None,
    };
    BodyBudget::new(&settings, &metrics)
}

#[tokio::test(start_paused = true)]
async fn s3_a_body_that_drips_meets_its_deadline() {
    let budget = budget(100_000);
    let begun = Instant::now();
    let read = HeldBody::read(Drip::of(1, 1_000), &rules(), &budget, |_| ()).await;
    assert!(matches!(read, Err(HoldError::Slow(100))), "{read:?}");
    assert_eq!(begun.elapsed().as_secs(), STALL.as_secs());
    assert_eq!(budget.left(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_to_its_rate_is_read_however_long_it_takes() {
    let budget = budget(100_000);
    let begun = Instant::now();
    let read = HeldBody::read(Drip::of(100, 1_000), &rules(), &budget, |_| ()).await;
    assert!(matches!(read, Err(HoldError::TooLarge(_))), "only its size ends it: {read:?}");
    assert!(begun.elapsed() > 5 * STALL);
    let unbounded = HoldRules { bytes_per_second: 0, max_bytes: 100, ..rules() };
    let read = HeldBody::read(Drip::of(1, 100), &unbounded, &budget, |_| ()).await;
    assert!(matches!(read, Err(HoldError::TooLarge(_))), "{read:?}");
}
