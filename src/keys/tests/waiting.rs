//! Requests with an unknown `kid`. Time is paused: a test advances it.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    fetch::FetchError,
    keys::{
        KeyWait,
        refresh_gate::MAX_WAITERS,
        testing::{Rig, ScriptedRead, jwk},
        unknown_kids::MAX_UNKNOWN_KIDS,
    },
};

fn down() -> ScriptedRead {
    ScriptedRead::Fails(
        FetchError::Connect {
            place: "https://idp.example.com/jwks".into(),
            cause: "refused".into(),
        }
        .into(),
    )
}

/// A rig that has had its first answer and whose cooldown is over.
async fn rested(keys: &[String]) -> Rig {
    let rig = Rig::start(ScriptedRead::Keys(keys.to_vec()), |_| ());
    rig.pass(31).await;
    assert_eq!(rig.reads(), 1);
    rig
}

#[tokio::test(start_paused = true)]
async fn k8_a_new_kid_is_found_by_one_refresh() {
    let a = jwk("a");
    let rig = rested(std::slice::from_ref(&a)).await;
    rig.say(ScriptedRead::Keys(vec![a, jwk("new")]));
    assert_eq!(rig.keys.refresh_for("new").await, KeyWait::Refreshed);
    assert_eq!(rig.kids().unwrap(), ["a", "new"]);
    assert_eq!(rig.reads(), 2);
    // And again for a request that read the old set: no further fetch.
    assert_eq!(rig.keys.refresh_for("new").await, KeyWait::Refreshed);
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn k8_ten_thousand_random_kids_cost_one_fetch_per_cooldown() {
    let rig = rested(&[jwk("a")]).await;
    for second in 0..91 {
        for n in 0..110 {
            let kid = format!("{second}-{n}");
            assert_eq!(rig.keys.refresh_for(&kid).await, KeyWait::Unknown);
        }
        rig.pass(1).await;
    }
    // At 0, 30, 60 and 90 seconds, beside the one that was there before.
    assert_eq!(rig.reads(), 1 + 4);
    assert!(rig.keys.status().unknown_kids <= MAX_UNKNOWN_KIDS);
}

#[tokio::test(start_paused = true)]
async fn k8_the_legitimate_new_kid_works_after_the_cooldown_at_the_latest() {
    let a = jwk("a");
    let rig = rested(std::slice::from_ref(&a)).await;
    // Requested before the provider publishes it, amid a flood of others.
    assert_eq!(rig.keys.refresh_for("new").await, KeyWait::Unknown);
    rig.say(ScriptedRead::Keys(vec![a, jwk("new")]));
    for second in 0..29 {
        assert_eq!(rig.keys.refresh_for(&second.to_string()).await, KeyWait::Unknown);
        assert_eq!(rig.keys.refresh_for("new").await, KeyWait::Unknown);
        rig.pass(1).await;
    }
    rig.pass(1).await;
    assert_eq!(rig.keys.refresh_for("new").await, KeyWait::Refreshed);
}

#[tokio::test(start_paused = true)]
async fn k8_when_a_cooldown_ends_a_new_kid_comes_before_one_that_was_asked_for() {
    let a = jwk("a");
    let rig = rested(std::slice::from_ref(&a)).await;
    rig.take(Duration::from_millis(300));
    assert_eq!(rig.keys.refresh_for("old").await, KeyWait::Unknown);
    assert_eq!(rig.keys.status().unknown_kids, 1);
    // 30 s after that refresh began, 29.8 s after its answer.
    tokio::time::sleep(Duration::from_millis(29_800)).await;
    rig.say(ScriptedRead::Keys(vec![a, jwk("new")]));
    assert_eq!(rig.keys.refresh_for("old").await, KeyWait::Unknown);
    assert_eq!(rig.reads(), 2);
    assert_eq!(rig.keys.refresh_for("new").await, KeyWait::Refreshed);
    assert_eq!(rig.reads(), 3);
    assert_eq!(rig.keys.status().unknown_kids, 0, "the new set speaks for itself");
}

#[tokio::test(start_paused = true)]
async fn k8_a_periodic_refresh_answers_too() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |_| ());
    rig.pass(1).await;
    assert_eq!(rig.keys.refresh_for("x").await, KeyWait::Unknown);
    assert_eq!(rig.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn t16_a_kid_beyond_all_bounds_sends_no_request() {
    let rig = rested(&[jwk("a")]).await;
    assert_eq!(rig.keys.refresh_for(&"k".repeat(1 << 20)).await, KeyWait::Unknown);
    assert_eq!(rig.reads(), 1);
    assert_eq!(rig.keys.status().unknown_kids, 0);
}

#[tokio::test(start_paused = true)]
async fn k9_a_thousand_waiters_share_one_fetch_and_survive_a_cancelled_leader() {
    let a = jwk("a");
    let rig = rested(std::slice::from_ref(&a)).await;
    rig.say(ScriptedRead::Keys(vec![a, jwk("new")]));
    rig.take(Duration::from_millis(200));
    let mut waiters: Vec<_> = (0..MAX_WAITERS)
        .map(|_| {
            let keys = rig.keys.clone();
            tokio::spawn(async move { keys.refresh_for("new").await })
        })
        .collect();
    rig.pass(0).await;
    assert_eq!(rig.reads(), 2, "the fetch is under way");
    // The first one, which started it, and every third go away.
    for leaver in waiters.iter().step_by(3) {
        leaver.abort();
    }
    let mut refreshed = 0;
    for (n, waiter) in waiters.drain(..).enumerate() {
        match waiter.await {
            Ok(answer) => {
                assert_eq!(answer, KeyWait::Refreshed, "waiter {n}");
                refreshed += 1;
            }
            Err(error) => assert!(error.is_cancelled() && n % 3 == 0),
        }
    }
    assert_eq!(refreshed, 666);
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn k9_one_waiter_too_many_is_told_at_once_and_its_place_is_given_back() {
    let rig = rested(&[jwk("a")]).await;
    rig.take(Duration::from_millis(300));
    let ask = |kid: String| {
        let keys = rig.keys.clone();
        tokio::spawn(async move { keys.refresh_for(&kid).await })
    };
    let waiters: Vec<_> = (0..MAX_WAITERS).map(|n| ask(n.to_string())).collect();
    rig.settle().await;
    let began = Instant::now();
    assert_eq!(rig.keys.refresh_for("late").await, KeyWait::Unavailable);
    assert_eq!(began.elapsed(), Duration::ZERO);

    waiters[0].abort();
    rig.settle().await;
    assert_eq!(rig.keys.refresh_for("later").await, KeyWait::Unknown);
    for waiter in waiters.into_iter().skip(1) {
        assert_eq!(waiter.await.unwrap(), KeyWait::Unknown);
    }
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn k9_a_wait_ends_at_its_deadline() {
    let rig = rested(&[jwk("a")]).await;
    rig.take(Duration::from_hours(1));
    let began = Instant::now();
    assert_eq!(rig.keys.refresh_for("x").await, KeyWait::Unavailable);
    // The fetch's 400 ms and the margin.
    assert_eq!(began.elapsed(), Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn k3_while_the_source_is_down_keys_are_unavailable_and_it_is_not_asked_more() {
    let rig = rested(&[jwk("a")]).await;
    rig.say(down());
    assert_eq!(rig.keys.refresh_for("x").await, KeyWait::Unavailable);
    assert_eq!(rig.reads(), 2);
    for n in 0..1_000 {
        assert_eq!(rig.keys.refresh_for(&n.to_string()).await, KeyWait::Unavailable);
    }
    assert_eq!(rig.reads(), 2);
    // The current keys stay in use, and the backoff alone decides when the source is fetched.
    assert_eq!(rig.kids().unwrap(), ["a"]);
    rig.pass(600).await;
    let asked = rig.reads();
    assert!((12..40).contains(&asked), "{asked} attempts in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn k13_a_request_before_the_first_answer_waits_for_it() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |_| ());
    rig.take(Duration::from_millis(100));
    assert_eq!(rig.keys.refresh_for("a").await, KeyWait::Refreshed);
    assert_eq!(rig.reads(), 1);
}

/// Workers run on runtimes of their own; the answer must reach them there.
#[tokio::test]
async fn k9_waiters_on_other_threads_are_woken() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |settings| {
        settings.keys.cooldown = Duration::ZERO;
    });
    crate::keys::testing::eventually("the first answer", || rig.kids().is_some()).await;
    rig.say(ScriptedRead::Keys(vec![jwk("new")]));
    rig.take(Duration::from_millis(20));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let keys = rig.keys.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                runtime.unwrap().block_on(keys.refresh_for("new"))
            })
        })
        .collect();
    crate::keys::testing::eventually("all have their answer", || {
        workers.iter().all(std::thread::JoinHandle::is_finished)
    })
    .await;
    for worker in workers {
        assert_eq!(worker.join().unwrap(), KeyWait::Refreshed);
    }
}
