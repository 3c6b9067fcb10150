//! How long a body may take, and what it takes meanwhile.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::*;

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
        copies: 1,
        folder: None,
    }
}

fn store(bytes: usize) -> BodyStore {
    let settings = HeldBodySettings {
        body_bytes: 0,
        body_memory: 0,
        buffer_bytes: bytes,
        body_rate: 0,
        buffer_folder: None,
    };
    BodyStore::new(&settings, None)
}

#[tokio::test(start_paused = true)]
async fn s3_a_body_that_drips_meets_its_deadline() {
    let store = store(100_000);
    let begun = Instant::now();
    let read = HeldBody::read(Drip::of(1, 1_000), &rules(), &store, |_| ()).await;
    assert!(matches!(read, Err(HoldError::Slow(100))), "{read:?}");
    assert_eq!(begun.elapsed().as_secs(), STALL.as_secs());
    assert_eq!(store.budget.left(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_to_its_rate_is_read_however_long_it_takes() {
    let store = store(100_000);
    let begun = Instant::now();
    let read = HeldBody::read(Drip::of(100, 1_000), &rules(), &store, |_| ()).await;
    assert!(matches!(read, Err(HoldError::TooLarge(_))), "only its size ends it: {read:?}");
    assert!(begun.elapsed() > 5 * STALL);
    let unbounded = HoldRules { bytes_per_second: 0, max_bytes: 100, ..rules() };
    let read = HeldBody::read(Drip::of(1, 100), &unbounded, &store, |_| ()).await;
    assert!(matches!(read, Err(HoldError::TooLarge(_))), "{read:?}");
}

#[tokio::test]
async fn d5_a_body_takes_its_room_until_its_proof_is_written() {
    let store = store(100_000);
    let body = http_body_util::Full::new(Bytes::from_static(b"proof"));
    let body = body.map_err(|never| match never {});
    let held = HeldBody::read(body, &rules(), &store, |_| ()).await.unwrap();
    let evidence = held.evidence();
    drop(held.into_reader());
    assert_eq!(store.budget.left(), 100_000 - 5);
    drop(evidence);
    assert_eq!(store.budget.left(), 100_000);
}

#[tokio::test]
async fn d5_a_body_that_the_algorithm_reads_twice_takes_room_for_what_is_kept_of_it() {
    let store = store(14);
    let read = async |bytes: &'static [u8]| {
        let rules = HoldRules { copies: 3, ..rules() };
        let body = http_body_util::Full::new(Bytes::from_static(bytes));
        HeldBody::read(body.map_err(|never| match never {}), &rules, &store, |_| ()).await
    };
    let held = read(b"four").await.unwrap();
    assert_eq!(store.budget.left(), 2);
    drop(held);
    assert!(matches!(read(b"fives").await, Err(HoldError::BudgetSpent)));
}
