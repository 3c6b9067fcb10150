//! The way of a line through the queue to the disk: when it is written, with which others, and
//! what becomes of its request if it is not.

use super::*;

#[test]
fn a_line_that_comes_alone_waits_for_nobody_and_those_that_come_after_it_are_one_group() {
    let mut scene = Scene::new();
    scene.settings.gather = Duration::from_hours(1);
    let (orders, queue) = sync_channel(100);
    let (first, mut alone) = scene.order(b"alone");
    orders.send(first).unwrap();
    let writer = scene.writer();
    let synchronised = || scene.metrics.evidence_fsync.get_sample_count();
    let before = synchronised();
    let mut orders = Some(orders);
    let mut later = Vec::new();
    let mut groups = Vec::new();
    writer.run(&queue, |rest| {
        assert!(!rest.is_zero() && rest <= scene.settings.gather, "{rest:?}");
        groups.push(synchronised() - before);
        let Some(orders) = orders.take() else { return };
        assert_eq!(alone.try_recv(), Ok(Ok(())), "on disk before anybody rests");
        for number in 0..20 {
            let (order, outcome) = scene.order(format!("a{number}").as_bytes());
            orders.send(order).unwrap();
            later.push(outcome);
        }
    });
    assert_eq!(groups, [1, 2]);
    assert!(later.iter_mut().all(|outcome| outcome.try_recv() == Ok(Ok(()))));
    assert_eq!(scene.assert_sound().requests, 21);
}

#[test]
fn without_gathering_nobody_rests() {
    let scene = Scene::new();
    let (orders, queue) = sync_channel(1);
    orders.send(scene.order(b"a").0).unwrap();
    drop(orders);
    let mut rests = Vec::new();
    scene.writer().run(&queue, |rest| rests.push(rest));
    assert_eq!(rests, [Duration::ZERO]);
}

#[tokio::test]
async fn a_full_queue_refuses_or_is_counted() {
    for (on_failure, expected) in
        [(EvidenceFailure::Refuse, Err(NotRecorded)), (EvidenceFailure::Continue, Ok(()))]
    {
        let mut scene = Scene::new();
        scene.settings.on_failure = on_failure;
        // Nobody takes anything out of it.
        let (orders, _queue) = sync_channel(1);
        let journal = Journal::new(&scene.settings, orders, &scene.metrics);
        journal.put(scene.entry(b"fills it"));
        let lines = |outcome| scene.metrics.evidence_lines.with_label_values(&[outcome]).get();
        assert_eq!(lines("dropped"), 0);
        assert_eq!(journal.record(scene.entry(b"too many")).await, expected);
        assert_eq!(lines("dropped"), 1);
    }
}

#[tokio::test]
async fn a_line_that_is_not_on_disk_in_time_refuses_its_request() {
    let mut scene = Scene::new();
    scene.settings.timeout = Duration::from_millis(10);
    let (orders, _queue) = sync_channel(1);
    let journal = Journal::new(&scene.settings, orders, &scene.metrics);
    assert_eq!(journal.record(scene.entry(b"a")).await, Err(NotRecorded));
}

#[tokio::test]
async fn a_closed_journal_records_nothing_and_lets_nothing_pass() {
    let scene = Scene::new();
    let journal = scene.open();
    journal.close();
    assert_eq!(journal.record(scene.entry(b"too late")).await, Err(NotRecorded));
    assert_eq!(scene.assert_sound().requests, 0);
}

#[tokio::test]
async fn other_settings_take_over_without_a_gap_and_a_wrong_one_changes_nothing() {
    let scene = Scene::new();
    let first = scene.open();
    first.record(scene.entry(b"first")).await.unwrap();
    let clock = || Arc::clone(&scene.clock) as _;
    let smaller = EvidenceSettings { rotate_bytes: 64 * 1024, ..scene.settings.clone() };
    let second = Journal::succeed(&first, &smaller, clock(), &scene.metrics).unwrap();
    // A request that began before still has the earlier journal.
    for journal in [&first, &second] {
        journal.record(scene.entry(b"after")).await.unwrap();
    }
    let nowhere = Some(scene.settings.folder.join("no such key"));
    let wrong = EvidenceSettings { key_file: nowhere, ..smaller };
    let error = Journal::succeed(&second, &wrong, clock(), &scene.metrics).unwrap_err();
    assert!(error.to_string().contains("evidence.key_file"), "{error}");
    second.record(scene.entry(b"goes on")).await.unwrap();
    drop(first);
    second.record(scene.entry(b"still")).await.unwrap();
    second.close();
    assert_eq!(scene.assert_sound().requests, 5);
}

#[test]
fn lines_are_signed_when_it_is_time_though_none_follows() {
    for (checkpoint_every, checkpoints) in [(Duration::ZERO, 2), (Duration::from_hours(1), 1)] {
        let mut scene = Scene::new();
        scene.settings.checkpoint_every = checkpoint_every;
        let (orders, queue) = sync_channel(1);
        orders.send(scene.order(b"first").0).unwrap();
        let mut orders = Some(orders);
        scene.writer().run(&queue, |_| {
            if let Some(orders) = orders.take() {
                orders.send(scene.order(b"second").0).unwrap();
            }
        });
        let report = scene.assert_sound();
        // The last one closes the journal.
        assert_eq!((report.requests, report.checkpoints), (2, checkpoints));
    }
}
