//! Fuzzing on stable Rust: every target gets all of its seeds, and then mutations of them.
//!
//! Why `proptest` with a kept corpus, and not `bolero`: away from its own `cargo bolero`, `bolero`
//! gives a target bytes at random, which no parser here lets past its first character, and the
//! kept inputs as they are. What finds mistakes is a good input that is a little wrong, so the
//! mutations are ours either way; `proptest` applies them, shrinks what fails to the fewest of
//! them, and is here already. What guides itself by coverage is `fuzz/`, which runs the same
//! targets under libFuzzer.
//!
//! The cases of a run are the same each time, so that a failure is the change's. With
//! `COUNTERSIGN_FUZZ_CASES` set to a number of cases for each target, a run begins elsewhere each
//! time. A failing input is printed; it becomes a file in `tests/code/fuzzing/corpus/TARGET`.

mod mutation;
mod seeds;
mod targets;

use std::{cell::Cell, collections::BTreeSet, env, fs, path::Path};

use mutation::mutated;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Few enough for all targets to take some seconds in a debug build.
const CASES: u32 = 1_000;

macro_rules! fuzz {
    ($($target:ident),* $(,)?) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        $(
            #[test]
            fn $target() {
                fuzz(stringify!($target), targets::$target::check);
            }
        )*
    };
}

fuzz! {
    answer_http1,
    claim_path,
    config,
    credential,
    detached_jws,
    introspection_answer,
    json,
    jwk_set,
    jws,
    path,
    proxy_header,
    registry_answer,
    request_target,
    revocation_list,
}

/// Without seeds a target is given little that it accepts, and without its file in `fuzz/` it never
/// runs under libFuzzer.
#[test]
fn every_target_has_seeds_and_a_place_in_fuzz() {
    let targets: BTreeSet<String> = TARGETS.iter().map(ToString::to_string).collect();
    assert_eq!(names(Path::new(seeds::CORPUS)), targets);
    assert_eq!(names(Path::new("fuzz/fuzz_targets")), targets);
    let manifest: toml::Table = fs::read_to_string("fuzz/Cargo.toml").unwrap().parse().unwrap();
    let programs = manifest["bin"].as_array().unwrap().iter();
    let programs = programs.map(|program| program["name"].as_str().unwrap().to_owned());
    assert_eq!(programs.collect::<BTreeSet<_>>(), targets);
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn fuzz(target: &str, check: fn(&[u8]) -> bool) {
    let seeds = seeds::of(target);
    let accepted = seeds.iter().filter(|seed| {
        // Shown only where the seed fails.
        println!("seed {}", seed.name);
        check(&seed.bytes)
    });
    let (accepted, all) = (accepted.count(), seeds.len());
    assert!(0 < accepted && accepted < all, "{accepted} of {all} seeds are accepted");

    let accepted = Cell::new(0_u32);
    let outcome = runner().run(&mutated(seeds), |input| {
        accepted.set(accepted.get() + u32::from(check(&input.0)));
        Ok::<_, TestCaseError>(())
    });
    outcome.unwrap_or_else(|failure| panic!("{target}: {failure}"));
    assert!(accepted.get() > 0, "no mutation is accepted");
}

fn runner() -> TestRunner {
    let cases = env::var("COUNTERSIGN_FUZZ_CASES").ok();
    let cases = cases.map(|cases| cases.parse().expect("COUNTERSIGN_FUZZ_CASES is a number"));
    let config =
        Config { cases: cases.unwrap_or(CASES), failure_persistence: None, ..Config::default() };
    match cases {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}
