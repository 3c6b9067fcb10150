use proptest::prelude::*;

use super::*;

const WHOLE: Candidate = Candidate { weight: 1, tenths: 10, is_on_trial: false };

/// How many of `requests` each gets that all stay in flight, or all end at once.
fn counts(choices: &Choices, requests: usize, stay: bool) -> Vec<usize> {
    let mut got = vec![0; choices.candidates.len()];
    for _ in 0..requests {
        let chosen = choices.pick(|position| if stay { got[position] } else { 0 }).unwrap();
        got[chosen] += 1;
    }
    got
}

fn weighted(weights: &[u32], rule: BalanceRule) -> Choices {
    let candidates = weights.iter().map(|weight| Candidate { weight: *weight, ..WHOLE });
    Choices::new(candidates.collect(), rule)
}

#[test]
fn round_robin_follows_the_weights_exactly_and_interleaves() {
    let choices = weighted(&[5, 1, 1], BalanceRule::RoundRobin);
    let order: Vec<_> = (0..7).map(|_| choices.pick(|_| 0).unwrap()).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(counts(&choices, 700, false), [500, 100, 100]);
}

#[test]
fn two_choices_follow_the_weights_whether_requests_are_slow_or_not() {
    let choices = weighted(&[3, 1, 1], BalanceRule::TwoChoices);
    for stay in [false, true] {
        let got = counts(&choices, 10_000, stay);
        assert!((5_000..=6_600).contains(&got[0]), "{got:?}");
    }
}

#[test]
fn an_endpoint_that_keeps_its_requests_gets_next_to_none() {
    let choices = weighted(&[1; 3], BalanceRule::TwoChoices);
    let mut got = [0; 3];
    for _ in 0..1_000 {
        got[choices.pick(|position| if position == 1 { 50 } else { 1 }).unwrap()] += 1;
    }
    assert_eq!(got[1], 0, "two that are drawn are never the same");
}

#[test]
fn an_endpoint_that_comes_back_gets_its_part_and_no_more_though_it_is_idle() {
    for (tenths, most) in [(1, 130), (5, 560)] {
        let back = Candidate { tenths, ..WHOLE };
        let choices = Choices::new(vec![WHOLE, back], BalanceRule::TwoChoices);
        let picks = (0..1_000).map(|_| choices.pick(|position| [1, 0][position]).unwrap());
        let got = picks.filter(|position| *position == 1).count();
        assert!((1..=most).contains(&got), "{tenths}: {got}");
    }
}

#[test]
fn one_on_trial_takes_a_single_request() {
    let trial = Candidate { tenths: 1, is_on_trial: true, ..WHOLE };
    for rule in [BalanceRule::TwoChoices, BalanceRule::RoundRobin] {
        let choices = Choices::new(vec![WHOLE, trial, WHOLE], rule);
        let got = counts(&choices, 1_000, true);
        assert_eq!(got[1], 1, "{rule:?}: {got:?}");
        assert!(choices.pick(|_| 1).is_some());
        let all = Choices::new(vec![trial, trial], rule);
        assert!(all.pick(|_| 1).is_some(), "one has to take it");
    }
}

#[test]
fn another_is_the_least_loaded_that_was_not_tried() {
    let choices = weighted(&[1; 4], BalanceRule::TwoChoices);
    let load = |position: usize| [9, 3, 1, 2][position];
    assert_eq!(choices.other(load, |tried| tried == 2), Some(3));
    assert_eq!(choices.other(load, |tried| tried != 0), Some(0));
    assert_eq!(choices.other(load, |_| true), None);
    assert_eq!(weighted(&[], BalanceRule::TwoChoices).pick(|_| 0), None);
}

proptest! {
    #[test]
    fn what_is_chosen_is_there(
        weights in prop::collection::vec((1_u32..=65_535, 1_u32..=10, any::<bool>()), 1..=64),
        load in prop::collection::vec(0_usize..1_000, 64),
        rule in prop::sample::select(vec![BalanceRule::TwoChoices, BalanceRule::RoundRobin]),
    ) {
        let candidates = weights.iter().map(|(weight, tenths, is_on_trial)| Candidate {
            weight: *weight,
            tenths: *tenths,
            is_on_trial: *is_on_trial,
        });
        let choices = Choices::new(candidates.collect(), rule);
        for _ in 0..50 {
            prop_assert!(choices.pick(|position| load[position]).unwrap() < weights.len());
        }
    }
}
