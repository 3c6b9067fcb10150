//! Concurrent requests about one token share one lookup.

use std::time::Duration;

use super::*;
use crate::introspection::{answer::IntrospectionAnswer, shared_answers::tests::settings};

const NOW: UnixTime = UnixTime(1_900_000_000);
const ASKED: &str = "url = \"https://idp.test/introspect\"\nclient_id = \"api\"\nwhen = \"hybrid\"\n\
     [issuers.corp.keys]\njwks_url = \"https://idp.test/jwks\"";

fn introspector() -> (Introspector, LookupQueue<TokenLookup>) {
    let memory = Arc::new(Memory::new([0; 32], &settings(ASKED)));
    Introspector::new(&settings(ASKED), memory, &SharedStore::default())
}

#[tokio::test]
async fn who_watches_a_token_hears_what_another_workers_question_brought() {
    let (introspector, mut queue) = introspector();
    let watching: Vec<_> = (0..3).map(|_| introspector.watch("token", NOW)).collect();
    let passes = |recheck| introspector.may_pass(recheck, "token", NOW);
    assert!(watching.iter().all(passes), "no response has come yet");
    queue.try_next().unwrap().answer(Some(Statement::Inactive));
    assert!(queue.try_next().is_none(), "one lookup for all");
    assert!(!watching.iter().any(passes));
}

#[tokio::test]
async fn a_token_that_was_ended_is_asked_about_before_it_passes_again() {
    let (introspector, mut queue) = introspector();
    let digest = digest_of("token");
    introspector.memory.keep(&digest, IntrospectionAnswer::Inactive, UnixTime(i64::MAX), NOW);
    // Long after the statement has ceased to count, and the verified token was forgotten.
    let later = UnixTime(NOW.0 + 1_000);
    let watching = introspector.watch("token", later);
    assert!(!introspector.may_pass(&watching, "token", later));
    let request = queue.try_next().expect("how things are now");
    let claims = crate::json::Object::default();
    let kept = introspector.memory.keep(
        &digest,
        IntrospectionAnswer::Active(claims),
        UnixTime(i64::MAX),
        later,
    );
    request.answer(Some(kept.statement));
    assert!(introspector.may_pass(&watching, "token", later));
}

#[tokio::test(start_paused = true)]
async fn i7_d11_a_response_counts_no_longer_though_the_clock_is_set_back() {
    const AN_HOUR_BACK: UnixTime = UnixTime(NOW.0 - 3600);
    let (introspector, _queue) = introspector();
    let (memory, digest) = (&introspector.memory, digest_of("token"));
    let claims = crate::json::Object::default();
    let active = IntrospectionAnswer::Active(claims);
    let Statement::Active(token) = memory.keep(&digest, active, UnixTime(i64::MAX), NOW).statement
    else {
        panic!("it is active");
    };
    let cache_ttl = introspector.settings().cache_ttl;
    tokio::time::advance(cache_ttl.saturating_sub(Duration::from_secs(1))).await;
    assert!(memory.find(&digest, AN_HOUR_BACK).is_some());
    assert!(!token.fresh_until().has_come(AN_HOUR_BACK), "in the caches of the workers");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(memory.find(&digest, AN_HOUR_BACK).is_none());
    assert!(token.fresh_until().has_come(AN_HOUR_BACK));
}

#[tokio::test]
async fn a_recheck_without_an_answer_changes_nothing() {
    let (introspector, mut queue) = introspector();
    let watching: Vec<_> = (0..2).map(|_| introspector.watch("token", NOW)).collect();
    drop(queue.try_next().unwrap());
    assert!(watching.iter().all(|recheck| introspector.may_pass(recheck, "token", NOW)));
}
