use std::{
    sync::atomic::AtomicBool,
    task::{Context, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use crate::{telemetry::MetricRegistry, wire::timer::Timer};

use super::*;

const KIB: usize = 1024;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// A budget, and the body of a connection within it.
fn budget(max: usize, of_connection: usize) -> (Arc<MemoryBudget>, Arc<Flow>) {
    let budget = MemoryBudget::new(max, of_connection, &MetricRegistry::default());
    let flow = Flow::new(&budget, &Arc::default());
    (budget, flow)
}

fn frame(bytes: usize) -> Bytes {
    Bytes::from(vec![b'x'; bytes])
}

fn room(pace: &mut Pace) -> Result<usize, WaitsFor> {
    pace.room(&Context::from_waker(Waker::noop()))
}

#[test]
fn d12_a_frame_counts_until_its_last_part_is_dropped() {
    let (budget, flow) = budget(1000 * KIB, 100 * KIB);
    let mut frame = flow.hold(frame(10 * KIB));
    let part = frame.split_to(KIB);
    drop(frame);
    // What any answer may read is a part of its request's.
    assert_eq!((flow.waiting(), budget.metrics.waiting_bytes.get()), (10 * KIB, 2 * 1024));
    drop(part);
    assert_eq!(
        (flow.waiting(), budget.metrics.waiting_bytes.get(), budget.held.load(Relaxed)),
        (0, 0, 0)
    );
}

#[test]
fn d12_the_reader_is_woken_when_some_is_taken() {
    let (_budget, flow) = budget(1000 * KIB, 100 * KIB);
    let (first, _second) = (flow.hold(frame(KIB)), flow.hold(frame(KIB)));
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    assert_eq!(flow.wait(&Context::from_waker(&waker)), 2 * KIB);
    drop(first);
    assert!(woken.0.load(Relaxed));
    assert_eq!(flow.waiting(), KIB);
}

#[test]
fn d12_all_bodies_of_a_connection_share_its_room_and_all_connections_the_memory() {
    let (budget, first) = budget(1000 * KIB, 100 * KIB);
    let of_connection = Arc::default();
    let (second, third) = (Flow::new(&budget, &of_connection), Flow::new(&budget, &of_connection));
    let _second = second.hold(frame(MIN_READ + 60 * KIB));
    assert!(!third.has_room(41 * KIB) && third.has_room(40 * KIB));
    assert!(first.has_room(100 * KIB), "another connection");
    // Three quarters are for bodies.
    let _others: Vec<_> = (0..7).map(|_| first.hold(frame(95 * KIB + 1))).collect();
    assert!(!third.has_room(40 * KIB) && third.has_room(10 * KIB));
}

#[test]
fn d12_what_is_read_at_once_grows_with_what_comes_at_once() {
    let (budget, flow) = budget(1000 * KIB, 1000 * KIB);
    let mut pace = Pace::new(Arc::clone(&flow));
    for expected in [16 * KIB, 32 * KIB, 64 * KIB, 64 * KIB] {
        assert_eq!(room(&mut pace), Ok(expected));
        pace.came(expected);
    }
    // The last piece of a burst.
    pace.came(32 * KIB);
    assert_eq!(room(&mut pace), Ok(64 * KIB));
    // A trickle.
    for expected in [32 * KIB, 16 * KIB, 8 * KIB, 8 * KIB] {
        pace.came(1);
        assert_eq!(room(&mut pace), Ok(expected));
    }
    assert_eq!(budget.held.load(Relaxed), 0, "and reserves nothing");
}

#[test]
fn d12_without_room_the_least_is_read_and_only_once_nothing_waits() {
    let (_budget, flow) = budget(1000 * KIB, 1);
    let mut pace = Pace::new(flow);
    assert_eq!(room(&mut pace), Ok(MIN_READ));
    let held = pace.hold(frame(MIN_READ));
    assert_eq!(room(&mut pace), Err(WaitsFor::Receiver { moves: false }));
    drop(held);
    assert_eq!(room(&mut pace), Ok(MIN_READ));
}

#[test]
fn d12_a_slow_receiver_is_distinguished_from_one_that_takes_nothing() {
    let (_budget, flow) = budget(1000 * KIB, 1);
    let mut pace = Pace::new(Arc::clone(&flow));
    let context = Context::from_waker(Waker::noop());
    assert_eq!(pace.before(&context), None);
    let (first, _second) = (pace.hold(frame(KIB)), pace.hold(frame(KIB)));
    assert_eq!(pace.before(&context), Some(WaitsFor::Receiver { moves: false }));
    assert_eq!(pace.before(&context), Some(WaitsFor::Receiver { moves: false }));
    drop(first);
    assert_eq!(pace.before(&context), Some(WaitsFor::Receiver { moves: true }));
}

#[test]
fn d12_requests_in_flight_count_and_the_last_room_is_for_known_connections() {
    let (budget, _) = budget(8 * REQUEST_BYTES, 1);
    for _ in 0..7 {
        assert!(budget.enter(false));
    }
    // One that is refused counts until it is answered.
    assert!(!budget.enter(false));
    budget.leave(REQUEST_BYTES);
    assert!(budget.enter(true));
    assert!(!budget.enter(true));
    budget.leave(REQUEST_BYTES);
    budget.leave(REQUEST_BYTES);
    budget.leave(REQUEST_BYTES);
    assert!(budget.enter(false));
}

#[tokio::test(start_paused = true)]
async fn d12_a_client_that_takes_nothing_is_cut_off_early_while_memory_is_short() {
    let (budget, flow) = budget(100 * KIB, 100 * KIB);
    let patience = Patience { memory: Some(&budget), allowed: Duration::from_mins(1) };
    let seconds = async || {
        let (since, mut timer) = (Instant::now(), Timer::default());
        let poll = std::future::poll_fn(|cx| patience.poll(cx, &mut timer, since));
        timeout(Duration::from_hours(1), poll).await.unwrap();
        since.elapsed().as_secs()
    };
    assert_eq!((seconds().await, budget.metrics.shed.get()), (60, 0));
    let held = flow.hold(frame(90 * KIB));
    assert_eq!((seconds().await, budget.metrics.shed.get()), (5, 1));
    drop(held);
    assert_eq!((seconds().await, budget.metrics.shed.get()), (60, 1));
}

#[test]
fn d12_other_bounds_count_from_now_on() {
    let (budget, flow) = budget(1024 * 1024, 64 * 1024);
    assert!(budget.enter(true) && budget.enter(false));
    budget.adjust(REQUEST_BYTES, 10);
    assert!(!budget.enter(true), "what is held stays, and nothing is added");
    budget.leave(3 * REQUEST_BYTES);
    assert!(budget.enter(true));
    drop(flow);
}
