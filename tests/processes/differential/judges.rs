//! Who judges: Countersign in this process, and three libraries in processes of their own.

use std::{collections::HashMap, fmt, sync::Arc};

use serde_json::Value;

use super::{
    case::{Case, Terms},
    ours::Countersign,
};
use crate::independent_signers::library::Library;

/// What a judge says of a token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Admitted with these claims, as [`claims`] gives them.
    Admitted(Value),
    /// Refused, and why.
    Refused(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admitted(claims) => write!(f, "admitted with {claims}"),
            Self::Refused(why) => write!(f, "refused: {why:?}"),
        }
    }
}

/// A library that shares no line with Countersign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    Jose,
    Jwcrypto,
    Joserfc,
}

impl Other {
    pub(crate) const ALL: [Self; 3] = [Self::Jose, Self::Jwcrypto, Self::Joserfc];

    fn start(self) -> Option<Library> {
        match self {
            Self::Jose => Library::jose("judge.mjs"),
            Self::Jwcrypto => Library::python("judge.py", "jwcrypto"),
            Self::Joserfc => Library::python("judge.py", "joserfc"),
        }
    }
}

/// A case and all verdicts on it.
pub(crate) struct Judged<'c> {
    pub(crate) case: &'c Case,
    pub(crate) ours: Verdict,
    /// In the order of [`Other::ALL`].
    pub(crate) others: [Verdict; 3],
}

impl Judged<'_> {
    /// Whether Countersign admits the token.
    pub(crate) fn is_admitted(&self) -> bool {
        matches!(self.ours, Verdict::Admitted(_))
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = (Other, &Verdict)> {
        Other::ALL.into_iter().zip(&self.others)
    }
}

/// All of them at work.
pub(crate) struct Judges {
    ours: Countersign,
    others: [Library; 3],
}

impl Judges {
    /// `None`, with a notice, where one of the libraries can't be had.
    pub(crate) fn start() -> Option<Self> {
        let [jose, jwcrypto, joserfc] = Other::ALL.map(Other::start);
        Some(Self { ours: Countersign::new(), others: [jose?, jwcrypto?, joserfc?] })
    }

    /// Every case before every judge, with one question for the cases of the same terms.
    pub(crate) fn judge<'c>(&mut self, cases: &'c [Case]) -> Vec<Judged<'c>> {
        let mut by_terms: HashMap<&Arc<Terms>, Vec<&'c Case>> = HashMap::new();
        for case in cases {
            by_terms.entry(&case.terms).or_default().push(case);
        }
        by_terms.into_iter().flat_map(|(terms, cases)| self.judge_under(terms, &cases)).collect()
    }

    fn judge_under<'c>(&mut self, terms: &Terms, cases: &[&'c Case]) -> Vec<Judged<'c>> {
        let question = terms.question(cases.iter().map(|case| case.token.as_str()));
        self.others.iter_mut().for_each(|library| library.send(&question));
        let ours = self.ours.judge(terms, cases);
        let mut others = self.others.each_mut().map(|library| verdicts(&library.receive()));
        assert_eq!(others.each_ref().map(Vec::len), [cases.len(); 3]);
        let mut judged = Vec::new();
        for (case, ours) in cases.iter().zip(ours).rev() {
            let others = others.each_mut().map(|verdicts| verdicts.pop().unwrap());
            judged.push(Judged { case, ours, others });
        }
        judged
    }
}

fn verdicts(answer: &Value) -> Vec<Verdict> {
    let verdict = |answer: &Value| match answer["refused"].as_str() {
        Some(why) => Verdict::Refused(why.to_owned()),
        None => Verdict::Admitted(claims(answer["claims"].as_str().unwrap())),
    };
    answer.as_array().unwrap().iter().map(verdict).collect()
}

/// Claims in a form in which they can be compared. What is no JSON to us stays the text that it is.
pub(crate) fn claims(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| Value::from(text), with_doubles)
}

/// `jose` knows no other numbers than doubles.
fn with_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(elements) => elements.into_iter().map(with_doubles).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, with_doubles(value))).collect()
        }
        other => other,
    }
}
