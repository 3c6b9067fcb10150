//! P-14 for targets that no other test has: what is admitted reaches the upstream in the one form
//! that policy has judged.

use std::cell::Cell;

use countersign::policy::CanonicalRequest;
use http::{HeaderMap, HeaderValue, Method, Uri, Version, header::HOST};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::paths::scene::{Fate, Scene};

const CASES: u32 = 300;
/// So many of them are admitted at least, or the test proves little.
const ADMITTED: u32 = 40;

/// Text that is dense in what the library drops, repairs or fills in.
fn target() -> impl Strategy<Value = String> {
    let beginning = prop::sample::select(vec!["", "/", "/a", "/public/", "http://api.test", "*"]);
    let piece = prop_oneof![
        prop::sample::select(vec![
            "/", "//", "?", "#", "*", "a", ":", "@", "..", "%2e", "%2F", "%41", "\\", "|",
        ])
        .prop_map(str::to_owned),
        "[!-~]{0,3}",
        any::<char>().prop_map(|c| c.to_string()),
    ];
    (beginning, prop::collection::vec(piece, 0..5))
        .prop_map(|(beginning, pieces)| format!("{beginning}{}", pieces.concat()))
}

/// What policy judges in place of that target.
fn judged(target: &Uri, version: Version) -> Option<String> {
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("api.test"))]);
    let request = CanonicalRequest::new(&Method::GET, target, version, &headers).ok()?;
    Some(request.target().as_str().to_owned())
}

/// Sends many targets; counts those that are sent on, and holds each against what policy judged.
fn assert_one_form(
    targets: impl Strategy<Value = String>,
    send: impl Fn(&str) -> Fate,
    judge: impl Fn(&str) -> Option<String>,
) {
    let admitted = Cell::new(0);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&targets, |target| {
        if let Fate::SentOn(received) = send(&target) {
            admitted.set(admitted.get() + 1);
            prop_assert!(received.starts_with('/'), "{received}");
            prop_assert_eq!(judge(&target), Some(received.clone()));
            let again = judged(&received.parse().unwrap(), Version::HTTP_11);
            prop_assert_eq!(again, Some(received));
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(admitted.get() >= ADMITTED, "{} of {CASES} were admitted", admitted.get());
}

#[test]
fn p14_an_admitted_target_reaches_the_upstream_as_it_was_judged() {
    // Blanks and line ends would end the target, and what follows be another request.
    let in_one_line = |target: &String| !target.contains(|c: char| c.is_control() || c == ' ');
    for scene in Scene::both() {
        assert_one_form(
            target().prop_filter("a request line", in_one_line),
            |target| scene.get(target),
            |target| judged(&target.parse().ok()?, Version::HTTP_11),
        );
    }
}

#[test]
fn p14_an_admitted_path_reaches_the_upstream_as_it_was_judged_over_http2() {
    for scene in Scene::both() {
        assert_one_form(
            target(),
            |path| scene.http2(&[(":path", Some(path))]),
            |path| {
                let uri = Uri::builder().scheme("http").authority("api.test").path_and_query(path);
                judged(&uri.build().ok()?, Version::HTTP_2)
            },
        );
    }
}
