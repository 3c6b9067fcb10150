//! Who gets a place, and that none is lost.

use std::{sync::Barrier, thread::scope};

use tokio::task::{JoinSet, yield_now};

use super::*;

fn is_ready(waiting: &mut Waiting) -> Option<Place> {
    match Pin::new(waiting).poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(place) => Some(place),
        Poll::Pending => None,
    }
}

#[test]
fn no_more_places_are_taken_than_there_are() {
    let places = SharedPlaces::new(2, 0);
    let (first, second) = (places.take().unwrap(), places.take().unwrap());
    assert!(places.take().is_none());
    assert!(places.wait().is_none(), "no waiters are allowed");
    drop(first);
    let third = places.take().unwrap();
    assert!(places.take().is_none());
    drop((second, third));
    assert_eq!((places.taken(), places.waiting()), (0, 0));
}

#[test]
fn a_line_is_served_in_its_order_and_is_not_jumped() {
    let places = SharedPlaces::new(1, 2);
    let taken = places.take().unwrap();
    let (mut first, mut second) = (places.wait().unwrap(), places.wait().unwrap());
    assert!(places.wait().is_none(), "the line is full");
    assert!(is_ready(&mut first).is_none() && is_ready(&mut second).is_none());
    drop(taken);
    assert!(places.take().is_none(), "who comes now is not the next");
    assert!(is_ready(&mut second).is_none());
    let place = is_ready(&mut first).unwrap();
    drop(place);
    assert!(is_ready(&mut second).is_some());
    assert_eq!((places.taken(), places.waiting()), (0, 0));
}

#[test]
fn who_leaves_gives_its_position_up_and_a_place_that_it_was_given() {
    let places = SharedPlaces::new(1, 2);
    let taken = places.take().unwrap();
    let (first, second) = (places.wait().unwrap(), places.wait().unwrap());
    drop(first);
    assert_eq!(places.waiting(), 1);
    let mut third = places.wait().unwrap();
    drop(taken);
    assert_eq!((places.taken(), places.waiting()), (1, 1), "the second has it and does not know");
    drop(second);
    assert!(is_ready(&mut third).is_some());
    assert_eq!((places.taken(), places.waiting()), (0, 0));
}

#[test]
fn a_place_stays_on_its_thread_unless_another_has_waited_for_long() {
    let places = SharedPlaces::new(1, 8);
    let mut taken = places.take();
    let mut elsewhere = scope(|scope| scope.spawn(|| places.wait().unwrap()).join().unwrap());
    let mut here = places.wait().unwrap();
    drop(taken.take());
    let place = is_ready(&mut here).unwrap();
    let mut again = places.wait().unwrap();
    thread::sleep(2 * OWN_THREAD_FIRST);
    drop(place);
    assert!(is_ready(&mut again).is_none());
    drop(is_ready(&mut elsewhere).unwrap());
    assert!(is_ready(&mut again).is_some());
}

/// Two threads, whose tasks take, wait and give up at every moment there is.
#[test]
fn nothing_is_lost_however_threads_meet() {
    const MAX: usize = 3;
    let places = SharedPlaces::new(MAX, 64);
    let (most, begin) = (AtomicUsize::new(0), Barrier::new(2));
    scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                begin.wait();
                runtime.block_on(churn(&places, &most));
            });
        }
    });
    assert!((1..=MAX).contains(&most.load(SeqCst)), "{most:?} at once");
    assert_eq!((places.taken(), places.waiting()), (0, 0));
    assert!(places.line.lock().by_thread.is_empty());
    assert_eq!(Arc::strong_count(&places), 1);
}

async fn churn(places: &Arc<SharedPlaces>, most: &AtomicUsize) {
    let mut tasks = JoinSet::new();
    for n in 0..2_000_usize {
        let places = Arc::clone(places);
        tasks.spawn(async move {
            let place = match places.take() {
                Some(place) => Some(place),
                None => match places.wait() {
                    // Some give up after as many turns of the runtime as it happens.
                    Some(waiting) if n % 3 == 0 => tokio::select! {
                        biased;
                        () = yield_now() => None,
                        place = waiting => Some(place),
                    },
                    Some(waiting) => Some(waiting.await),
                    None => None,
                },
            };
            let taken = places.taken();
            yield_now().await;
            drop(place);
            taken
        });
    }
    while let Some(taken) = tasks.join_next().await {
        most.fetch_max(taken.unwrap(), SeqCst);
    }
}
