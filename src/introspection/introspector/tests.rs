//! Those who ask about the same token at the same time hear the same.

use super::*;
use crate::introspection::{answer::IntrospectionAnswer, shared_answers::tests::settings};

const NOW: UnixTime = UnixTime(1_900_000_000);
const ASKED: &str = "url = \"https://idp.test/introspect\"\nclient_id = \"api\"\nwhen = \"hybrid\"\n\
     [issuers.corp.keys]\njwks_url = \"https://idp.test/jwks\"";

fn introspector() -> (Introspector, mpsc::Receiver<LookupRequest>) {
    let memory = Arc::new(Memory::new([0; 32], &settings(ASKED)));
    Introspector::new(&settings(ASKED), memory, &SharedStore::default())
}

#[tokio::test]
async fn who_watches_a_token_hears_what_another_workers_question_brought() {
    let (introspector, mut worker) = introspector();
    let watching: Vec<_> = (0..3).map(|_| introspector.watch("token", NOW)).collect();
    let passes = |recheck| introspector.may_pass(recheck, "token", NOW);
    assert!(watching.iter().all(passes), "nobody has said anything yet");
    worker.try_recv().unwrap().answer(Some(Statement::Inactive));
    assert!(worker.try_recv().is_err(), "one question for all");
    assert!(!watching.iter().any(passes));
}

#[tokio::test]
async fn a_token_that_was_ended_is_asked_about_before_it_passes_again() {
    let (introspector, mut worker) = introspector();
    let digest = digest_of("token");
    introspector.memory.keep(&digest, IntrospectionAnswer::Inactive, UnixTime(i64::MAX), NOW);
    // Long after the statement has ceased to count, and the verified token was forgotten.
    let later = UnixTime(NOW.0 + 1_000);
    let watching = introspector.watch("token", later);
    assert!(!introspector.may_pass(&watching, "token", later));
    let ask = worker.try_recv().expect("how things are now");
    let claims = crate::jose::Object::default();
    let kept = introspector.memory.keep(
        &digest,
        IntrospectionAnswer::Active(claims),
        UnixTime(i64::MAX),
        later,
    );
    ask.answer(Some(kept.statement));
    assert!(introspector.may_pass(&watching, "token", later));
}

#[tokio::test]
async fn a_question_that_nobody_answers_changes_nothing() {
    let (introspector, mut worker) = introspector();
    let watching: Vec<_> = (0..2).map(|_| introspector.watch("token", NOW)).collect();
    drop(worker.try_recv().unwrap());
    assert!(watching.iter().all(|recheck| introspector.may_pass(recheck, "token", NOW)));
}
