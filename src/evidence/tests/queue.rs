//! The way of a line through the queue to the disk: when it is written, with which others, and
//! how its request ends if it is not.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{
    super::{health::JournalHealth, journal::JournalThread},
    *,
};

#[test]
fn a_line_that_comes_alone_does_not_wait_and_those_that_come_after_it_are_one_group() {
    let mut scene = Scene::new();
    scene.settings.gather = Duration::from_hours(1);
    let (requests, queue) = sync_channel(100);
    let (first, mut alone) = scene.request(b"alone");
    requests.send(first).unwrap();
    let mut writer = scene.writer();
    let synchronised = || Metrics::register(&scene.metrics).fsync().get_sample_count();
    let before = synchronised();
    let mut requests = Some(requests);
    let mut later = Vec::new();
    let mut groups = Vec::new();
    writer.run(&queue, |rest| {
        assert!(!rest.is_zero() && rest <= scene.settings.gather, "{rest:?}");
        groups.push(synchronised() - before);
        let Some(requests) = requests.take() else { return };
        assert_eq!(alone.try_recv(), Ok(Ok(())), "on disk before the thread rests");
        for number in 0..20 {
            let (request, outcome) = scene.request(format!("a{number}").as_bytes());
            requests.send(request).unwrap();
            later.push(outcome);
        }
    });
    assert_eq!(groups, [1, 2]);
    assert!(later.iter_mut().all(|outcome| outcome.try_recv() == Ok(Ok(()))));
    assert_eq!(scene.assert_sound().requests, 21);
}

#[test]
fn without_gathering_no_thread_rests() {
    let scene = Scene::new();
    let (requests, queue) = sync_channel(1);
    requests.send(scene.request(b"a").0).unwrap();
    drop(requests);
    let mut rests = Vec::new();
    scene.writer().run(&queue, |rest| rests.push(rest));
    assert_eq!(rests, [Duration::ZERO]);
}

#[test]
fn a_request_that_has_given_up_costs_the_disk_nothing() {
    let scene = Scene::new();
    let (requests, queue) = sync_channel(3);
    for (body, is_awaited) in [(b"given up", true), (b"no hurry", false)] {
        let (mut request, outcome) = scene.request(body);
        request.is_awaited = is_awaited;
        drop(outcome);
        requests.send(request).unwrap();
    }
    drop(requests);
    scene.writer().run(&queue, |_| {});
    assert_eq!(scene.assert_sound().requests, 1);
    assert_eq!(scene.counted("dropped"), 1);
}

#[tokio::test]
async fn a_full_queue_refuses_or_is_counted() {
    for (on_failure, expected) in
        [(EvidenceFailure::Refuse, Err(NotRecorded)), (EvidenceFailure::Continue, Ok(()))]
    {
        let mut scene = Scene::new();
        scene.settings.on_failure = on_failure;
        // Nothing receives from it.
        let (requests, _queue) = sync_channel(1);
        let journal = Journal::new(
            &scene.settings,
            JournalThread::new(requests, JournalHealth::default()),
            &scene.metrics,
        );
        journal.send(scene.entry(b"fills it"), false);
        assert_eq!(scene.counted("dropped"), 0);
        assert_eq!(journal.record(scene.entry(b"too many")).await, expected);
        assert_eq!(scene.counted("dropped"), 1);
    }
}

#[tokio::test]
async fn a_line_that_is_not_on_disk_in_time_refuses_its_request() {
    let mut scene = Scene::new();
    scene.settings.timeout = Duration::from_millis(10);
    let (requests, _queue) = sync_channel(1);
    let journal = Journal::new(
        &scene.settings,
        JournalThread::new(requests, JournalHealth::default()),
        &scene.metrics,
    );
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
async fn other_settings_take_over_without_a_gap() {
    let scene = Scene::new();
    let first = scene.open();
    first.record(scene.entry(b"first")).await.unwrap();
    let smaller = EvidenceSettings { rotate_bytes: 64 * 1024, ..scene.settings.clone() };
    let second = first.succeed(&smaller, &scene.metrics);
    // A request that began before still has the earlier journal.
    for journal in [&first, &second] {
        journal.record(scene.entry(b"after")).await.unwrap();
    }
    drop(first);
    let third = second.succeed(&scene.settings, &scene.metrics);
    third.record(scene.entry(b"still")).await.unwrap();
    third.close();
    assert_eq!(second.record(scene.entry(b"too late")).await, Err(NotRecorded));
    assert_eq!(scene.assert_sound().requests, 4);
}

#[test]
fn lines_that_wait_while_others_take_over_and_over_are_written_in_turn() {
    let scene = Scene::new();
    let first = scene.open();
    let mut outcomes = vec![first.send(scene.entry(b"a"), true).unwrap()];
    let mut journals = vec![first];
    for _ in 0..20 {
        let next = journals.last().unwrap().succeed(&scene.settings, &scene.metrics);
        outcomes.push(next.send(scene.entry(b"b"), true).unwrap());
        journals.push(next);
    }
    drop(journals);
    assert!(outcomes.iter_mut().all(|outcome| outcome.try_recv() == Ok(Ok(()))));
    assert_eq!(scene.assert_sound().requests, 21);
}

#[test]
fn a_request_never_falls_between_two_journals() {
    let scene = Scene::new();
    let journal = scene.open();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = Arc::clone(&journal);
            while !done.load(Relaxed) {
                last = last.succeed(&scene.settings, &scene.metrics);
                std::thread::yield_now();
            }
        });
        let outcomes: Vec<_> = (0..50).map(|_| journal.send(scene.entry(b"a"), true)).collect();
        done.store(true, Relaxed);
        assert!(outcomes.iter().all(Option::is_some));
    });
}

#[tokio::test]
async fn another_key_signs_what_comes_after_it_took_over() {
    let scene = Scene::new();
    let journal = scene.open();
    journal.record(scene.entry(b"of the earlier one")).await.unwrap();
    let key = SigningKey::generate(Algorithm::Es256, Some("next auditor")).unwrap();
    let settings = EvidenceSettings { key: Some(private_key(&key)), ..scene.settings.clone() };
    let next = journal.succeed(&settings, &scene.metrics);
    next.record(scene.entry(b"of the next one")).await.unwrap();
    next.close();
    let by = |key: &SigningKey| {
        let jwk = key.public_jwk().unwrap().to_text();
        let keys = JwkSet::parse(jwk.as_bytes(), &KeyLimits::default()).unwrap();
        verify(&scene.files(), &Against { keys: Some(keys), body: None }).unwrap()
    };
    for (key, foreign) in [(&scene.checkpoint_key, 5), (&key, 3)] {
        let report = by(key);
        assert_eq!((report.requests, report.checkpoints), (2, 1));
        let lines: Vec<_> = report.findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [foreign], "the checkpoint of the other one");
    }
}

#[test]
fn lines_are_signed_when_it_is_time_though_none_follows() {
    for (checkpoint_every, checkpoints) in [(Duration::ZERO, 2), (Duration::from_hours(1), 1)] {
        let mut scene = Scene::new();
        scene.settings.checkpoint_every = checkpoint_every;
        let (requests, queue) = sync_channel(1);
        requests.send(scene.request(b"first").0).unwrap();
        let mut requests = Some(requests);
        scene.writer().run(&queue, |_| {
            if let Some(requests) = requests.take() {
                requests.send(scene.request(b"second").0).unwrap();
            }
        });
        let report = scene.assert_sound();
        // The last one closes the journal.
        assert_eq!((report.requests, report.checkpoints), (2, checkpoints));
    }
}

#[tokio::test]
async fn a_folder_to_which_a_reload_returns_still_has_its_one_writer() {
    let scene = Scene::new();
    let shelf = Journals::default();
    let clock = Arc::clone(&scene.clock) as Arc<dyn Clock>;
    let journal =
        |settings: &EvidenceSettings| shelf.journal(settings, &clock, &scene.metrics).unwrap();
    let elsewhere = scene.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let other = EvidenceSettings { folder: elsewhere, ..scene.settings.clone() };
    let first = journal(&scene.settings);
    first.record(scene.entry(b"a")).await.unwrap();
    let between = journal(&other);
    // An idle worker still has the first.
    let again = journal(&scene.settings);
    assert!(Arc::ptr_eq(&first, &again));
    again.record(scene.entry(b"b")).await.unwrap();
    let changed = EvidenceSettings { gather: Duration::ZERO, ..scene.settings.clone() };
    journal(&changed).record(scene.entry(b"c")).await.unwrap();
    // When they are dropped they end, and the folder is free.
    drop((first, again, between));
    shelf.release();
    drop(scene.writer());
    assert_eq!(scene.assert_sound().requests, 3);
}
