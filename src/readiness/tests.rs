//! Guards wake waiters, and nothing else does.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;

/// Polls once.
fn is_done(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[tokio::test]
async fn the_last_guard_that_is_released_wakes_those_who_wait() {
    let readiness = Readiness::default();
    readiness.ready().await;
    let (keys, list) = (readiness.guard("keys"), readiness.guard("list"));
    assert_eq!(readiness.pending(), ["keys", "list"]);
    let waiting = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.ready().await }
    });
    tokio::task::yield_now().await;
    keys.release();
    keys.release();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    assert_eq!(readiness.pending(), ["list"]);
    drop(list);
    waiting.await.unwrap();
    assert!(readiness.is_ready());
}

#[test]
fn a_guard_that_is_dropped_later_releases_no_other() {
    let readiness = Readiness::default();
    let first = readiness.guard("keys");
    first.release();
    let second = readiness.guard("keys");
    drop(first);
    assert_eq!(readiness.pending(), ["keys"]);
    assert!(!second.is_released());
}

#[test]
fn one_guard_is_waited_for_whatever_the_others_do() {
    let readiness = Readiness::default();
    let (keys, _list) = (readiness.guard("keys"), readiness.guard("list"));
    let mut released = pin!(keys.released());
    assert!(!is_done(released.as_mut()));
    keys.release();
    assert!(is_done(released));
}

#[test]
fn a_source_that_failed_was_tried_and_one_that_is_usable_was_too() {
    let sources = SourceReadiness::default();
    let (failed, good) = (sources.source("failed"), sources.source("good"));
    failed.mark_read();
    assert_eq!(sources.first_read().pending(), ["good"]);
    good.is_usable();
    assert!(sources.first_read().is_ready());
    assert_eq!(sources.usable().pending(), ["failed"]);
}
