//! Why Countersign admits what another refuses. What is not in the table is a failure.

mod rows;

use std::fmt;

use countersign::jose::{Algorithm, CompactJws};

use super::judges::{Judged, Other, Verdict};

pub(crate) use rows::ROWS;

/// A difference that is on purpose.
pub(crate) struct Row {
    /// How the names of its cases begin; a `*` stands for anything.
    pub(crate) cases: &'static str,
    /// Who refuses them, and a part of what it says; nothing where that is up to what the library
    /// itself is built on.
    pub(crate) refused_by: &'static [(Other, &'static str)],
    /// Why they are admitted all the same, and where that is written.
    pub(crate) because: &'static str,
}

/// What depends on the version of a library's runtime, or is not made yet.
const PERHAPS_UNKNOWN: [Algorithm; 3] =
    [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];

/// The algorithms that a library does not know; about their tokens it is not asked.
pub(crate) struct Unknown(Vec<(Other, Algorithm)>);

/// Another verdict on a token that we admit.
pub(crate) struct Difference<'j> {
    judged: &'j Judged<'j>,
    other: Other,
    verdict: &'j Verdict,
}

impl Unknown {
    /// Out of verdicts on honest tokens, which every judge must admit that knows their algorithm.
    pub(crate) fn of(honest: &[Judged<'_>]) -> Self {
        let mut unknown = Vec::new();
        for judged in honest {
            let alg = algorithm(judged);
            assert!(judged.is_admitted(), "{alg}: {:?}", judged.ours);
            for (other, verdict) in judged.others() {
                if let Verdict::Refused(why) = verdict {
                    assert!(PERHAPS_UNKNOWN.contains(&alg), "{other:?} refuses {alg}: {why}");
                    unknown.push((other, alg));
                }
            }
        }
        Self(unknown)
    }

    /// What others object to a token that we admit: they refuse it, or read other claims in it.
    pub(crate) fn differences<'j>(&self, judged: &'j Judged<'j>) -> Vec<Difference<'j>> {
        if !judged.is_admitted() {
            return Vec::new();
        }
        let alg = algorithm(judged);
        let objecting = judged.others().filter(|(other, verdict)| {
            !self.0.contains(&(*other, alg)) && **verdict != judged.ours
        });
        objecting.map(|(other, verdict)| Difference { judged, other, verdict }).collect()
    }
}

impl Difference<'_> {
    /// The row that explains it: of the case, or of one of the defects that it has. None explains
    /// that another library reads other claims.
    pub(crate) fn row(&self) -> Option<&'static Row> {
        let named = |row: &Row| self.judged.case.defects().any(|name| begins_with(name, row.cases));
        ROWS.iter().find(|row| named(row) && row.refused_by.iter().any(|refusal| self.is(refusal)))
    }

    /// Whether it is a refusal by that library that says this.
    pub(crate) fn is(&self, (other, part): &(Other, &str)) -> bool {
        matches!(self.verdict, Verdict::Refused(why) if *other == self.other && why.contains(part))
    }
}

/// In one line; with `#` also the token and what it is judged under.
impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = self.judged.case;
        write!(f, "{}: we admit it, by {:?} it is {}", case.name, self.other, self.verdict)?;
        if f.alternate() {
            write!(f, "\n  token {}\n  under {}", case.token, case.terms)?;
        }
        Ok(())
    }
}

/// Whether a name begins as a pattern with at most one `*` says.
fn begins_with(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return name.starts_with(pattern);
    };
    name.strip_prefix(start).is_some_and(|name| name.contains(rest))
}

/// The algorithm of a token that we admit.
fn algorithm(judged: &Judged<'_>) -> Algorithm {
    CompactJws::parse(judged.case.token.as_bytes()).unwrap().algorithm()
}
