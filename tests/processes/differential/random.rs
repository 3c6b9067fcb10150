//! Several defects at once, chosen at random and always the same.

use std::cell::{Cell, RefCell};

use countersign::jose::Algorithm;
use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use super::{
    case::{Case, Terms},
    defects::{self, Defect},
    draft::Draft,
    explained::Unknown,
    judges::Judges,
    keyring::Keyring,
};

/// What the tokens are signed with.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Ps384,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
];

const SEED: [u8; 32] = *b"countersign, differential, 2030.";

/// Batches, each one question to every library.
const BATCHES: u32 = 25;
const LARGEST_BATCH: usize = 100;

/// Combinations that must be admitted, so that there is something to compare.
const LEAST_ADMITTED: usize = 100;

/// Attempts to make a failing batch smaller.
const MAX_SHRINKS: u32 = 300;

/// By their places in the lists: an algorithm and its defects.
type Combination = (usize, Vec<usize>);

/// Judges combinations until one has a difference that no row explains, and shrinks that one.
pub(crate) fn try_combinations(judges: &mut Judges, unknown: &Unknown) {
    let defects = defects::all();
    let combination = (0..ALGORITHMS.len(), vec(0..defects.len(), 1..=3));
    let batches = vec(combination, 1..=LARGEST_BATCH);
    let config = Config {
        cases: BATCHES,
        max_shrink_iters: MAX_SHRINKS,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let (judges, admitted) = (RefCell::new(judges), Cell::new(0));
    let result = TestRunner::new_with_rng(config, rng).run(&batches, |batch| {
        let cases: Vec<_> = batch.iter().map(|combination| case(&defects, combination)).collect();
        let judged = judges.borrow_mut().judge(&cases);
        let ours = judged.iter().filter(|judged| judged.is_admitted()).count();
        admitted.set(admitted.get() + ours);
        let mut differences = judged.iter().flat_map(|judged| unknown.differences(judged));
        match differences.find(|difference| difference.row().is_none()) {
            Some(unexplained) => Err(TestCaseError::fail(format!("{unexplained:#}"))),
            None => Ok(()),
        }
    });
    match result {
        Ok(()) => assert!(admitted.get() >= LEAST_ADMITTED, "only {} admitted", admitted.get()),
        Err(TestError::Fail(unexplained, _)) => panic!("not in the table: {unexplained}"),
        Err(abort) => panic!("{abort}"),
    }
}

fn case(defects: &[Defect], (alg, chosen): &Combination) -> Case {
    let alg = ALGORITHMS[*alg];
    let mut draft = Draft::of(Keyring::get().own(alg));
    let fitting = chosen.iter().map(|place| &defects[*place]).filter(|defect| (defect.fits)(alg));
    let fitting: Vec<_> = fitting.collect();
    for defect in &fitting {
        defect.apply(&mut draft);
    }
    let names: Vec<_> = fitting.iter().map(|defect| defect.name.as_str()).collect();
    Case::new(format!("{} [{alg}]", names.join(" + ")), draft.token(), &Terms::usual())
}
