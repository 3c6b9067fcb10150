//! The refresher over hours and days, which pass at once.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    clock::Clock,
    fetch::FetchError,
    keys::testing::{NOW, Rig, ScriptedRead, jwk},
};

const HOUR: u64 = 3_600;

fn down() -> ScriptedRead {
    ScriptedRead::Fails(
        FetchError::Status {
            place: "https://idp.example.com/jwks".into(),
            status: 500,
            retry_after: None,
        }
        .into(),
    )
}

/// How often a metric's line counts.
fn metric(rig: &Rig, line: &str) -> i64 {
    let text = rig.metrics.render();
    let found = text.lines().find_map(|l| l.strip_prefix(line));
    found.unwrap_or_else(|| panic!("no {line} in\n{text}")).trim().parse().unwrap()
}

fn outcome(rig: &Rig, outcome: &str) -> i64 {
    let labels = format!(r#"{{issuer="corp",outcome="{outcome}"}}"#);
    metric(rig, &format!("countersign_key_refreshes_total{labels}"))
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_at_their_interval() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |_| ());
    rig.settle().await;
    assert_eq!(rig.kids().unwrap(), ["a"]);
    rig.pass(535).await;
    assert_eq!(rig.reads(), 1);
    rig.pass(130).await;
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_sources_own_max_age_decides_where_there_is_one() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |_| ());
    rig.max_age(Duration::from_secs(5));
    rig.pass(53).await;
    assert_eq!(rig.reads(), 1);
    rig.pass(14).await;
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn k9_a_key_that_is_removed_is_gone_with_the_next_refresh() {
    let (a, b) = (jwk("a"), jwk("b"));
    let rig = Rig::start(ScriptedRead::Keys(vec![a, b.clone()]), |_| ());
    rig.settle().await;
    let before = rig.keys.current(NOW).unwrap();
    rig.say(ScriptedRead::Keys(vec![b]));
    rig.pass(660).await;
    assert_eq!(rig.kids().unwrap(), ["b"]);
    let after = rig.keys.current(rig.clock.now()).unwrap();
    assert!(after.generation() > before.generation());
    assert!(!after.contains(&before.keys()[0].thumbprint()));
    assert!(after.contains(&before.keys()[1].thumbprint()));
    assert_eq!(rig.keys.generation_now(rig.clock.now()), Some(after.generation()));
}

#[tokio::test(start_paused = true)]
async fn unchanged_keys_keep_their_generation_and_are_confirmed() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |_| ());
    rig.settle().await;
    let generation = rig.keys.generation_now(NOW).unwrap();
    rig.pass(660).await;
    rig.say(ScriptedRead::NotModified);
    rig.pass(660).await;
    assert!(rig.reads() >= 3);
    assert_eq!(rig.keys.generation_now(rig.clock.now()), Some(generation));
    assert!(rig.keys.confirmed_at().unwrap().0 > NOW.0 + 660);
    assert_eq!(outcome(&rig, "changed"), 1);
    assert!(outcome(&rig, "unchanged") >= 2);
}

#[tokio::test(start_paused = true)]
async fn k3_keys_outlive_a_broken_source_up_to_max_stale_and_no_longer() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |settings| {
        settings.keys.max_stale = Duration::from_secs(HOUR);
    });
    rig.settle().await;
    rig.say(down());
    let end = NOW.0 + 3_600;
    rig.pass(HOUR).await;
    assert_eq!(rig.clock.now().0, end);
    assert_eq!(rig.kids().unwrap(), ["a"], "the last second counts");
    assert_eq!(rig.keys.pending(rig.clock.now()), None);
    rig.pass(10).await;
    assert_eq!(rig.kids(), None);
    assert_eq!(rig.keys.generation_now(rig.clock.now()), None);
    let pending = rig.keys.pending(rig.clock.now()).unwrap();
    assert_eq!(
        pending,
        "issuer corp: keys last confirmed 3610 s ago, more than max_stale = 3600 s; \
         https://idp.example.com/jwks: status 500, expected 200"
    );
    assert_eq!(metric(&rig, r#"countersign_keys{issuer="corp"}"#), 0);
    let status = rig.keys.status();
    assert!(!status.usable);
    assert_eq!(status.usable_until, Some(end));
    assert_eq!(status.last_error.unwrap().code, "status");

    // And back without a restart.
    rig.say(ScriptedRead::NotModified);
    rig.pass(61).await;
    assert_eq!(rig.kids().unwrap(), ["a"]);
    assert!(rig.keys.status().last_error.is_none());
    assert_eq!(metric(&rig, r#"countersign_keys{issuer="corp"}"#), 1);
}

#[tokio::test(start_paused = true)]
async fn k13_a_cold_start_without_a_source_recovers_when_it_comes() {
    let rig = Rig::start(down(), |_| ());
    rig.pass(HOUR).await;
    assert_eq!(rig.kids(), None);
    let pending = rig.keys.pending(rig.clock.now()).unwrap();
    assert!(pending.starts_with("issuer corp: no keys yet; "), "{pending}");
    let attempts = rig.reads();
    assert!((60..=140).contains(&attempts), "{attempts} attempts in an hour");
    assert!(outcome(&rig, "status") >= 60);

    rig.say(ScriptedRead::Keys(vec![jwk("a")]));
    rig.pass(60).await;
    assert_eq!(rig.kids().unwrap(), ["a"]);
    assert_eq!(rig.keys.pending(rig.clock.now()), None);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_keys_are_woken_by_the_attempt_that_ends_their_wait() {
    let rig = Rig::start(down(), |_| ());
    timeout(Duration::from_millis(1), rig.keys.first_read())
        .await
        .expect("a failed attempt is one");
    timeout(Duration::from_secs(5), rig.keys.usable()).await.expect_err("there are no keys");
    rig.say(ScriptedRead::Keys(vec![jwk("a")]));
    let (keys, clock) = (&rig.keys, &rig.clock);
    tokio::join!(rig.pass(60), async {
        keys.usable().await;
        assert!(keys.current(clock.now()).is_some(), "woken when they are in place");
    });
}

#[tokio::test(start_paused = true)]
async fn k13_before_the_first_answer_it_is_said_what_is_waited_for() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |_| ());
    let pending = rig.keys.pending(NOW).unwrap();
    assert_eq!(
        pending,
        "issuer corp: no keys yet; waiting for the first answer of https://idp.example.com/jwks"
    );
}

#[tokio::test(start_paused = true)]
async fn d11_a_clock_set_forward_costs_one_refresh_not_an_outage() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |_| ());
    rig.settle().await;
    let days = i64::try_from(10 * 24 * HOUR).unwrap();
    rig.clock.advance(days);
    assert_eq!(rig.kids(), None, "who knows how old they are");
    rig.pass(6).await;
    assert_eq!(rig.kids().unwrap(), ["a"]);
    rig.pass(60).await;
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn d11_a_clock_set_back_does_not_make_keys_live_longer() {
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), |settings| {
        settings.keys.max_stale = Duration::from_secs(HOUR);
    });
    rig.settle().await;
    rig.say(down());
    let years = i64::try_from(3 * 365 * 24 * HOUR).unwrap();
    rig.clock.advance(-years);
    rig.pass(HOUR - 10).await;
    assert_eq!(rig.kids().unwrap(), ["a"]);
    rig.pass(20).await;
    assert_eq!(rig.kids(), None);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_that_is_told_and_survived() {
    let rig = Rig::start(ScriptedRead::Panics, |_| ());
    rig.pass(1).await;
    assert_eq!(rig.keys.status().last_error.unwrap().code, "internal");
    rig.say(ScriptedRead::Keys(vec![jwk("a")]));
    rig.pass(10).await;
    assert_eq!(rig.kids().unwrap(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn the_metrics_tell_keys_skipped_keys_and_outcomes() {
    let skipped = jwk("enc").replace(r#""use":"sig""#, r#""use":"enc""#);
    let line = r#"countersign_keys_skipped{issuer="corp",reason="use_not_sig"}"#;
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a"), skipped]), |_| ());
    rig.settle().await;
    assert_eq!(metric(&rig, line), 1);
    assert_eq!(metric(&rig, r#"countersign_keys{issuer="corp"}"#), 1);
    let confirmed = r#"countersign_keys_confirmed_timestamp_seconds{issuer="corp"}"#;
    assert_eq!(metric(&rig, confirmed), 1_800_000_000);
    assert_eq!(outcome(&rig, "changed"), 1);
    assert_eq!(outcome(&rig, "timeout"), 0);

    rig.say(ScriptedRead::Keys(vec![jwk("b"), jwk("c")]));
    rig.pass(660).await;
    assert_eq!(metric(&rig, line), 0);
    assert_eq!(metric(&rig, r#"countersign_keys{issuer="corp"}"#), 2);
}
