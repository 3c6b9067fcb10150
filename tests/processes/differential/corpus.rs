//! Every case, built the same way each time but for the keys.

use countersign::jose::Algorithm;
use serde_json::Value;

use super::{
    algorithms,
    case::{Case, Terms},
    defects::{self, Defect},
    draft::{Draft, Members},
    key_sets,
    keyring::{Keyring, set_of},
    kinds,
};

/// What a defect that has nothing to do with the algorithm is tried on.
const SOME: [Algorithm; 2] = [Algorithm::Es256, Algorithm::Rs256];

/// The whole corpus. `odd` are tokens that only another library can make.
pub(crate) fn cases(odd: &Value) -> Vec<Case> {
    let lists = [
        algorithms::cases(),
        of_defects(),
        without_skew(),
        kinds::cases(),
        key_sets::cases(),
        strange(odd),
    ];
    lists.into_iter().flatten().collect()
}

/// The claims for the odd tokens.
pub(crate) fn usual_claims() -> Value {
    let draft = Draft::of(Keyring::get().own(Algorithm::Es256));
    serde_json::from_str(&draft.claims.to_text()).unwrap()
}

pub(super) use algorithms::honest;

/// Each defect alone: those of signatures with every algorithm, the others with some.
fn of_defects() -> Vec<Case> {
    let usual = Terms::usual();
    let public = Algorithm::ALL.iter().copied().filter(|alg| !alg.is_symmetric());
    let mut cases = Vec::new();
    for alg in public {
        let tried = |defect: &&Defect| {
            (SOME.contains(&alg) || defect.name.starts_with("signature/")) && (defect.fits)(alg)
        };
        for defect in defects::all().iter().filter(tried) {
            let mut draft = Draft::of(Keyring::get().own(alg));
            defect.apply(&mut draft);
            cases.push(Case::new(format!("{} [{alg}]", defect.name), draft.token(), &usual));
        }
    }
    cases
}

/// Dates near the present once more, where no skew is granted.
fn without_skew() -> Vec<Case> {
    let terms = Terms::usual().with(|terms| terms.skew = 0);
    let all = defects::all();
    let dates = all.iter().filter(|defect| defect.name.contains(": now "));
    let case = |defect: &Defect| {
        let mut draft = Draft::of(Keyring::get().own(Algorithm::Es256));
        defect.apply(&mut draft);
        Case::new(format!("{} [no skew]", defect.name), draft.token(), &terms)
    };
    dates.map(case).collect()
}

fn strange(odd: &Value) -> Vec<Case> {
    let case = |odd: &Value| {
        let terms = Terms::of_set(set_of(&[Members::parse(&odd["jwk"].to_string())]));
        let text = |name: &str| odd[name].as_str().unwrap().to_owned();
        Case::new(format!("odd/{}", text("name")), text("token"), &terms)
    };
    odd.as_array().unwrap().iter().map(case).collect()
}
