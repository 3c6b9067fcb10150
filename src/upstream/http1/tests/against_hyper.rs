//! Our HTTP/1.1 connection to the service beside hyper's client, over a generated corpus: both read
//! and write the same, or ours is stricter for a reason that stands in a table.
//!
//! With `COUNTERSIGN_CORPUS` set to a number of connections, the random part has as many.

mod answers;
mod differences;
mod hypers;
mod ours;
mod peer;
mod random;
mod requests;
mod service;
mod session;
mod uploads;

use std::{env, time::Duration};

use http::Method;
use tokio::task::LocalSet;

use answers::{AnswerCase, Variant, bodiless, framings, limits, variants};
use differences::{Difference, ROWS};
use peer::{Delivery, Peer};
use random::Choices;
use requests::CorpusRequest;
use session::{Exchange, Session};

/// The clock stands still while anything can go on: what takes as long waits forever.
const PATIENCE: Duration = Duration::from_millis(10);

/// Random connections in a run.
const CONNECTIONS: usize = 1_500;

/// Longer answers are cut once, and in random connections only.
const LONGEST_CUT: usize = 160;

/// The unexplained differences that are listed.
const SHOWN: usize = 20;

/// Shows whether the connection is used again, and whose answer the next request gets.
fn second() -> Delivery {
    Delivery::whole(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond")
}

/// What both make of these deliveries.
async fn sessions(deliveries: &[Delivery], requests: &[CorpusRequest]) -> (Session, Session) {
    let hypers = hypers::session(&Peer::new(deliveries.to_vec()), requests).await;
    let ours = ours::session(&Peer::new(deliveries.to_vec()), requests).await;
    (hypers, ours)
}

async fn compare(case: &AnswerCase, delivery: Delivery) -> Option<Difference> {
    let requests = [case.request.clone(), CorpusRequest::of(Method::GET)];
    let (hypers, ours) = sessions(&[delivery, second()], &requests).await;
    Difference::of(std::slice::from_ref(case), &hypers, &ours)
}

/// The ordinary answer, and all that are unusual in one thing.
fn alone() -> impl Iterator<Item = AnswerCase> {
    let unusual = variants().into_iter().map(|variant| AnswerCase::of(&[variant]));
    [AnswerCase::of(&[])].into_iter().chain(unusual)
}

/// Besides, those whose body has two rules to follow (RFC 9112 §6.3), and those at the limits.
fn cases() -> Vec<AnswerCase> {
    let (ends, framings) = (bodiless(), framings());
    let both = ends.iter().flat_map(|end| framings.iter().map(|framing| [*end, *framing]));
    alone().chain(both.map(|both| AnswerCase::of(&both))).chain(limits()).collect()
}

#[tokio::test(start_paused = true)]
async fn ordinary_answers_are_read_by_both_one_after_the_other() {
    let requests = ["GET", "POST", "GET"].map(|name| CorpusRequest::of(name.parse().unwrap()));
    let deliveries = [AnswerCase::of(&[]).byte_by_byte(), second(), second()];
    let (hypers, ours) = LocalSet::new().run_until(sessions(&deliveries, &requests)).await;
    assert_eq!(hypers, ours);
    assert_eq!(ours.iter().map(Exchange::outcome).collect::<Vec<_>>(), ["whole"; 3]);
}

#[tokio::test(start_paused = true)]
async fn f4_f12_an_answer_is_read_as_by_hyper_or_refused_for_a_reason() {
    let found = LocalSet::new().run_until(whole()).await;
    assert_explained(&found);
    assert_every_row_is_shown(&found);
}

#[tokio::test(start_paused = true)]
async fn f4_f12_an_answer_is_the_same_wherever_it_is_cut_and_broken_wherever_it_ends() {
    assert_explained(&LocalSet::new().run_until(cut_and_truncated()).await);
}

#[tokio::test(start_paused = true)]
async fn f12_several_answers_of_a_connection_do_not_mix() {
    assert_explained(&LocalSet::new().run_until(random_connections()).await);
}

async fn whole() -> Vec<Difference> {
    let mut found = Vec::new();
    for case in cases() {
        for delivery in [case.whole(), case.whole().then_close()] {
            found.extend(compare(&case, delivery).await);
        }
    }
    found
}

/// From where an answer begins to be unusual.
async fn cut_and_truncated() -> Vec<Difference> {
    let mut found = Vec::new();
    for case in alone().filter(|case| case.answer.len() <= LONGEST_CUT) {
        for at in case.first_unusual_byte()..case.answer.len() {
            found.extend(compare(&case, case.cut(at)).await);
            let truncated = Delivery::whole(&case.answer[..at]).then_close();
            found.extend(compare(&case, truncated).await);
        }
    }
    found
}

async fn random_connections() -> Vec<Difference> {
    let connections = env::var("COUNTERSIGN_CORPUS").ok();
    let connections = connections.map_or(CONNECTIONS, |number| number.parse().unwrap());
    let (mut found, variants) = (Vec::new(), variants());
    for seed in 0..connections {
        let mut choices = Choices::new(seed as u64);
        found.extend(random_connection(&mut choices, &variants).await);
    }
    found
}

/// Up to four answers, each with up to three things that are unusual, cut anywhere.
async fn random_connection(choices: &mut Choices, variants: &[Variant]) -> Option<Difference> {
    let exchanges = 1 + choices.below(4);
    let cases: Vec<_> = (0..exchanges).map(|_| random_case(choices, variants)).collect();
    let deliveries: Vec<_> = cases.iter().map(|case| random_delivery(choices, case)).collect();
    let requests: Vec<_> = cases.iter().map(|case| case.request.clone()).collect();
    let (hypers, ours) = sessions(&deliveries, &requests).await;
    Difference::of(&cases, &hypers, &ours)
}

fn random_case(choices: &mut Choices, variants: &[Variant]) -> AnswerCase {
    let mut chosen: Vec<Variant> = Vec::new();
    for _ in 0..choices.below(4) {
        let variant = choices.one_of(variants);
        if chosen.iter().all(|other| other.goes_with(variant)) {
            chosen.push(*variant);
        }
    }
    AnswerCase::of(&chosen)
}

fn random_delivery(choices: &mut Choices, case: &AnswerCase) -> Delivery {
    let delivery = match choices.below(4) {
        0 => case.whole(),
        1 | 2 => case.cut(choices.below(case.answer.len() + 1)),
        _ if case.answer.len() > LONGEST_CUT => case.whole(),
        _ => case.byte_by_byte(),
    };
    if choices.below(8) == 0 { delivery.then_close() } else { delivery }
}

/// Nothing differs without a reason, and nothing is read that hyper refuses.
fn assert_explained(found: &[Difference]) {
    let wrong = found.iter().filter(|one| one.is_laxer() || one.row().is_none());
    let wrong: Vec<_> = wrong.map(ToString::to_string).collect();
    let shown = wrong.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} not in the table:\n{shown}", wrong.len());
}

/// A row that explains nothing any more is out of date.
fn assert_every_row_is_shown(found: &[Difference]) {
    for row in ROWS {
        for hypers in row.hyper {
            let shows = |one: &&Difference| {
                one.hypers() == *hypers && one.row().is_some_and(|own| std::ptr::eq(own, row))
            };
            assert!(found.iter().any(|one| shows(&one)), "{hypers}: nothing shows {row}");
        }
    }
}
