//! Countersign beside three libraries that share no line with it: npm's `jose`, and `jwcrypto` and
//! `joserfc` of Python, each with its strict options. All four judge a generated corpus. What
//! Countersign admits and another refuses stands in a table with the reason, or is a failure; what
//! it refuses beyond the others is counted.
//!
//! Where Node or Python is absent these tests say that they are skipped; under `CI=true` they fail.

mod algorithms;
mod case;
mod corpus;
mod defects;
mod draft;
mod explained;
mod judges;
mod key_sets;
mod keyring;
mod kinds;
mod ours;
mod random;

use std::collections::BTreeMap;

use explained::{Difference, ROWS, Unknown};
use judges::{Judged, Judges, Other, Verdict};

use crate::independent_signers::library::Library;

/// The unexplained differences that are listed.
const SHOWN: usize = 50;

/// The judges, and what they do not know.
fn judges() -> Option<(Judges, Unknown)> {
    let mut judges = Judges::start()?;
    let honest = corpus::honest();
    let unknown = Unknown::of(&judges.judge(&honest));
    Some((judges, unknown))
}

#[test]
fn what_we_admit_and_another_refuses_is_explained() {
    let Some((mut judges, unknown)) = judges() else { return };
    let odd = Library::python("odd.py", "").unwrap().ask(&corpus::usual_claims());
    let cases = corpus::cases(&odd);
    let judged = judges.judge(&cases);
    let differences: Vec<_> = judged.iter().flat_map(|one| unknown.differences(one)).collect();

    let unexplained: Vec<_> = differences.iter().filter(|one| one.row().is_none()).collect();
    let summary = summary(&judged);
    if let Some(first) = unexplained.first() {
        let lines: Vec<_> = unexplained.iter().take(SHOWN).map(ToString::to_string).collect();
        let (count, lines) = (unexplained.len(), lines.join("\n"));
        panic!("{count} not in the table:\n{lines}\n\nThe first: {first:#}\n\n{summary}");
    }
    assert_every_row_is_hit(&differences);
    eprintln!("{summary}");
}

#[test]
fn several_defects_at_once_make_no_difference_that_one_of_them_does_not_explain() {
    let Some((mut judges, unknown)) = judges() else { return };
    random::try_combinations(&mut judges, &unknown);
}

/// A row that explains nothing any more is out of date.
fn assert_every_row_is_hit(differences: &[Difference<'_>]) {
    for row in ROWS {
        let its = |one: &&Difference<'_>| one.row().is_some_and(|own| std::ptr::eq(own, row));
        for refusal in row.refused_by {
            let hits = differences.iter().filter(its).filter(|one| one.is(refusal)).count();
            assert!(hits > 0, "{refusal:?} of {:?} explains nothing", row.cases);
            eprintln!("{}: {hits} refused by {:?}: {}", row.cases, refusal.0, row.because);
        }
    }
}

/// By families: how many cases we admit, and how many we refuse that others admit.
fn summary(judged: &[Judged<'_>]) -> String {
    let mut families: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    for one in judged {
        let counts = families.entry(one.case.family()).or_default();
        counts[0] += 1;
        let admits = |verdict: &Verdict| matches!(verdict, Verdict::Admitted(_));
        if one.is_admitted() {
            counts[1] += 1;
        } else {
            for (count, (_, verdict)) in counts[2..].iter_mut().zip(one.others()) {
                *count += usize::from(admits(verdict));
            }
        }
    }
    let rows = families.iter().map(|(family, [cases, ours, others @ ..])| {
        let others =
            Other::ALL.iter().zip(others).map(|(other, count)| format!("{other:?} {count}"));
        let others: Vec<_> = others.collect();
        format!(
            "{family}: {cases} cases, admitted {ours}, refused but admitted by {}",
            others.join(", ")
        )
    });
    rows.collect::<Vec<_>>().join("\n")
}
