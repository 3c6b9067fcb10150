use proptest::prelude::*;

use super::*;

const FOR: Duration = Duration::from_secs(10);

fn settings(at_most: f64) -> EjectSettings {
    EjectSettings { failures: 3, duration: FOR, at_most, on_status: Vec::new() }
}

fn target(number: usize) -> EndpointTarget {
    let url = UpstreamAddress::Http(format!("app{number}:80"));
    EndpointTarget { url, address: None, weight: 1 }
}

fn table(count: usize, at_most: f64) -> (EndpointTable, Vec<EndpointId>) {
    let mut table = EndpointTable::new(&settings(at_most));
    table.replace(&(0..count).map(target).collect::<Vec<_>>());
    let ids = table.targets().into_iter().map(|(id, _)| id).collect();
    (table, ids)
}

fn fail(table: &mut EndpointTable, id: EndpointId, times: usize, now: Instant) {
    for _ in 0..times {
        table.failed(id, EndpointFailure::Connect, now);
    }
}

/// The tenths of the endpoints that are used, by their ids.
fn shares(table: &EndpointTable, now: Instant) -> Vec<(EndpointId, u32)> {
    table.used(now).into_iter().map(|used| (used.id, used.candidate.tenths)).collect()
}

#[test]
fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let (mut table, ids) = table(3, 0.5);
    let now = Instant::now();
    fail(&mut table, ids[0], 2, now);
    assert!(table.used(now)[0].is_suspect.load(Ordering::Relaxed));
    assert_eq!(table.succeeded(ids[0], now), None);
    fail(&mut table, ids[0], 2, now);
    assert_eq!(table.used(now).len(), 3);
    let change = table.failed(ids[0], EndpointFailure::Status, now);
    assert_eq!(change, Some(StandingChange::Ejected(target(0), EndpointFailure::Status)));
    assert_eq!(shares(&table, now), [(ids[1], 10), (ids[2], 10)]);
    assert_eq!(table.failed(ids[0], EndpointFailure::Connect, now), None, "it was in flight");
}

#[test]
fn an_ejected_endpoint_is_tried_and_comes_back_slowly() {
    let (mut table, ids) = table(2, 0.5);
    let began = Instant::now();
    fail(&mut table, ids[0], 3, began);
    assert_eq!(table.next_change(began), Some(began + FOR));
    assert!(table.advance(began + FOR - Duration::from_millis(1)).is_empty());
    let tried = began + FOR;
    assert_eq!(table.advance(tried), [StandingChange::Tried(target(0))]);
    let used = table.used(tried);
    assert!(used[0].candidate.is_on_trial && used[0].is_suspect.load(Ordering::Relaxed));
    assert_eq!(table.succeeded(ids[0], tried), Some(StandingChange::Returned(target(0))));
    let mut grown = Vec::new();
    let mut now = tried;
    while let Some(next) = table.next_change(now) {
        grown.push(shares(&table, now)[0].1);
        now = next;
        table.advance(now);
    }
    assert_eq!(grown, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(now, tried + FOR);
    assert_eq!(shares(&table, now), [(ids[0], 10), (ids[1], 10)]);
}

#[test]
fn a_trial_that_fails_ejects_at_once() {
    let (mut table, ids) = table(2, 0.5);
    let began = Instant::now();
    fail(&mut table, ids[0], 3, began);
    table.advance(began + FOR);
    fail(&mut table, ids[0], 1, began + FOR);
    assert_eq!(table.counts(), EndpointCounts { used: 1, returning: 0, ejected: 1 });
}

#[test]
fn beyond_the_limit_what_cannot_be_reached_is_on_trial_and_what_answers_badly_stays() {
    let (mut table, ids) = table(3, 0.5);
    let now = Instant::now();
    fail(&mut table, ids[0], 3, now);
    fail(&mut table, ids[1], 3, now);
    assert_eq!(shares(&table, now), [(ids[1], 1), (ids[2], 10)]);
    for _ in 0..9 {
        table.failed(ids[2], EndpointFailure::Status, now);
    }
    assert_eq!(shares(&table, now), [(ids[1], 1), (ids[2], 10)]);
}

#[test]
fn one_endpoint_is_never_ejected() {
    let (mut table, ids) = table(1, 0.5);
    let now = Instant::now();
    fail(&mut table, ids[0], 9, now);
    assert_eq!(table.used(now).len(), 1);
}

#[test]
fn if_all_would_be_ejected_all_are_used() {
    let (mut table, ids) = table(2, 1.0);
    let now = Instant::now();
    fail(&mut table, ids[0], 3, now);
    assert_eq!(shares(&table, now), [(ids[1], 10)]);
    fail(&mut table, ids[1], 3, now);
    assert_eq!(shares(&table, now), [(ids[0], 10), (ids[1], 10)]);
}

#[test]
fn checks_take_an_endpoint_out_and_bring_it_back_slowly() {
    let (mut table, ids) = table(3, 0.5);
    let now = Instant::now();
    assert_eq!(table.checked(ids[0], false, now), None, "one may be lost");
    assert_eq!(table.checked(ids[0], false, now), Some(StandingChange::Down(target(0))));
    assert_eq!(shares(&table, now), [(ids[1], 10), (ids[2], 10)]);
    for _ in 0..2 {
        table.checked(ids[1], false, now);
    }
    assert_eq!(shares(&table, now), [(ids[1], 1), (ids[2], 10)], "no more than half are out");
    fail(&mut table, ids[2], 3, now);
    assert_eq!(table.counts().ejected, 1);
    assert_eq!(table.checked(ids[0], true, now), Some(StandingChange::Up(target(0))));
    assert_eq!(table.next_change(now), Some(now + FOR / 10));
}

#[test]
fn endpoints_that_stay_keep_what_is_known_of_them_and_others_begin_as_new() {
    let (mut table, ids) = table(4, 0.5);
    let now = Instant::now();
    fail(&mut table, ids[1], 3, now);
    assert!(!table.replace(&[target(0), target(1), target(2), target(3)]));
    assert!(table.replace(&[target(3), target(1), target(9), target(8)]));
    let after: Vec<_> = table.targets().into_iter().map(|(id, _)| id).collect();
    assert_eq!(after[..2], [ids[3], ids[1]]);
    assert!(!ids.contains(&after[2]) && !ids.contains(&after[3]));
    assert_eq!(table.counts().ejected, 1);
    assert_eq!(table.failed(ids[0], EndpointFailure::Connect, now), None, "it is gone");
}

proptest! {
    /// Whatever happens, no more than a half is out of use, and one is always used.
    #[test]
    fn u6_no_more_than_half_is_ever_ejected(
        count in 1_usize..9,
        steps in prop::collection::vec((0_usize..9, 0_u8..5, 0_u64..4000), 0..200),
    ) {
        let (mut table, ids) = table(count, 0.5);
        let mut now = Instant::now();
        for (endpoint, what, wait) in steps {
            now += Duration::from_millis(wait);
            let id = ids[endpoint % count];
            match what {
                0 => drop(table.failed(id, EndpointFailure::Connect, now)),
                1 => drop(table.failed(id, EndpointFailure::Status, now)),
                2 => drop(table.succeeded(id, now)),
                3 => drop(table.checked(id, wait % 2 == 0, now)),
                _ => drop(table.advance(now)),
            }
            let counts = table.counts();
            prop_assert!(counts.ejected <= count / 2);
            prop_assert_eq!(counts.used + counts.returning + counts.ejected, count);
            prop_assert_eq!(table.used(now).len(), count - counts.ejected);
        }
    }
}
