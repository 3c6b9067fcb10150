//! What holds over everything that a proxy did, whatever the test was about.

use countersign::reason::Subject;

use super::{
    journal::Journal,
    logs::{field, subject_in},
    oracle::{fold, identity_of},
    proxy::Proxy,
    upstream::Record,
};

/// What clients write into headers that they forge: nothing that holds it may be said upstream in
/// the name of the proxy.
pub(crate) const FORGED: &str = "forged-by-the-client";

/// What docs/reasons.md says of every reason.
const REASONS: &str = include_str!("../../docs/reasons.md");

/// INV-1, INV-2 and INV-4, and that a refusal says its subject.
pub(super) fn check(proxy: &Proxy, journal: &Journal, upstream: &Record, unmatched_answers: bool) {
    no_forged_identity(upstream);
    if !unmatched_answers {
        every_request_upstream_has_its_answer(journal, upstream);
    }
    no_secret_is_shown(proxy, journal);
    every_refusal_says_its_subject(&proxy.logs());
    no_series_appears(proxy);
}

/// Whatever clients send, there are no more series than at the start: labels are names of the
/// configuration and fixed words, and every outcome is there before it happens. So nothing makes a
/// scrape grow, and the first failure of a kind is an increase.
fn no_series_appears(proxy: &Proxy) {
    /// What a key set skips is up to its provider, and a closed set, as the outcomes of logouts are.
    /// A worker shows itself once it runs, and readiness once it was looked at.
    const LATER: [&str; 4] = [
        "countersign_keys_skipped{",
        "countersign_worker_busy_seconds_total{",
        "countersign_logouts_total{",
        "countersign_dependency_up{",
    ];
    let new = proxy.new_series().unwrap_or_default();
    let is_expected = |series: &&String| LATER.iter().any(|family| series.starts_with(family));
    let new: Vec<_> = new.iter().filter(|series| !is_expected(series)).collect();
    assert!(new.is_empty(), "these series were not there when the proxy started: {new:#?}");
}

/// Every refusal that was logged has a subject where the table of docs/reasons.md says so, and only
/// there; and it is bounded and printable.
fn every_refusal_says_its_subject(logs: &str) {
    let (_, table) = REASONS.split_once("| code | subject |").unwrap();
    for line in logs.lines().filter(|line| line.contains(" denied reason=\"")) {
        let reason = field(line, "reason").unwrap();
        let row = table.lines().find_map(|row| row.strip_prefix(&format!("| `{reason}` | ")));
        let subject = subject_in(line);
        match (row, subject) {
            (None, None) => {}
            (Some(row), None) => assert!(row.starts_with("sometimes: "), "no subject: {line}"),
            (None, Some(_)) => panic!("docs/reasons.md names no subject: {line}"),
            (Some(_), Some(subject)) => {
                // The formatter of log lines doubles backslashes.
                assert!(subject.len() <= 2 * Subject::MAX_BYTES, "{line}");
                assert!(subject.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
            }
        }
    }
}

/// INV-1: every identity header is one that we write, once, by its own name, with a value that no
/// client chose; and requests of the public route have none.
fn no_forged_identity(upstream: &Record) {
    for received in upstream.since(0) {
        let identity = identity_of(&received);
        for (name, value) in &identity {
            assert_eq!(*name, fold(name), "INV-1: not our spelling: {received:?}");
            assert!(!value.contains(FORGED), "INV-1: forged: {received:?}");
        }
        let mut names: Vec<_> = identity.iter().map(|(name, _)| name).collect();
        names.dedup();
        assert_eq!(names.len(), identity.len(), "INV-1: twice: {received:?}");
        if received.target().starts_with("/public/") {
            assert!(identity.is_empty(), "INV-1: an identity on a public route: {received:?}");
        }
        let trailers = received.body.trailers.iter();
        let forged = trailers.filter(|(name, _)| fold(name).starts_with("x-auth-")).count();
        assert_eq!(forged, 0, "INV-1: an identity in the trailers: {received:?}");
    }
}

/// INV-2: as many answers from the upstream reached clients as it gave.
fn every_request_upstream_has_its_answer(journal: &Journal, upstream: &Record) {
    assert_eq!(journal.forwarded(), upstream.answered(), "INV-2: answers and requests differ");
}

/// INV-4: no token's signature part is in logs, metrics, admin pages or refusals.
fn no_secret_is_shown(proxy: &Proxy, journal: &Journal) {
    journal.assert_no_secret_in("a log line", &proxy.logs());
    journal.assert_no_secret_in("an answer", &journal.own_answers());
    for page in ["/metrics", "/keys", "/config", "/readyz"] {
        journal.assert_no_secret_in(page, &proxy.page(page));
    }
}
