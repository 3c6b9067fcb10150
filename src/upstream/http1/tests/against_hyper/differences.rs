//! Where our connection and hyper's client differ, and why that is right.

mod rows;

use std::fmt;

use super::{
    answers::AnswerCase,
    session::{Exchange, Session},
};

use rows::Row;

pub(super) use rows::ROWS;

/// A difference that an answer makes.
#[derive(Debug)]
pub(super) struct Difference {
    kinds: Vec<&'static str>,
    inputs: Vec<Vec<u8>>,
    hypers: Exchange,
    ours: Exchange,
}

impl Difference {
    /// The first exchange of a connection in which both differ.
    pub(super) fn of(cases: &[AnswerCase], hypers: &Session, ours: &Session) -> Option<Self> {
        let place = hypers.iter().zip(ours).position(|(one, other)| !one.is_same_as(other))?;
        // Whether a connection is used again is due to the answer before.
        let due_to: Vec<_> = cases.iter().skip(place.saturating_sub(1)).take(2).collect();
        Some(Self {
            kinds: due_to.iter().flat_map(|case| case.kinds.clone()).collect(),
            inputs: due_to.iter().map(|case| case.answer.clone()).collect(),
            hypers: hypers[place].clone(),
            ours: ours[place].clone(),
        })
    }

    /// The row that explains it; where several things are unusual, one of them does.
    pub(super) fn row(&self) -> Option<&'static Row> {
        let ours = self.words();
        ROWS.iter().find(|row| {
            let hypers = self.hypers.outcome();
            // Where an answer is truncated, hyper finds out in its body.
            let is_known =
                self.kinds.len() > 1 || hypers == "broken" || row.hyper.contains(&hypers);
            self.kinds.contains(&row.kind) && row.ours == ours && is_known
        })
    }

    pub(super) fn hypers(&self) -> &'static str {
        self.hypers.outcome()
    }

    /// What ours does: the outcome, and what is different if hyper's is the same.
    fn words(&self) -> String {
        let outcome = self.ours.outcome();
        if outcome == self.hypers.outcome() {
            format!("other {}", self.ours.first_difference(&self.hypers))
        } else {
            outcome.to_owned()
        }
    }

    /// Whether ours reads something that hyper does not.
    pub(super) fn is_laxer(&self) -> bool {
        let reads = |exchange: &Exchange| matches!(exchange.outcome(), "whole" | "switched");
        reads(&self.ours) && !reads(&self.hypers)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}: {} | {}", self.kinds, self.hypers.outcome(), self.words())?;
        for input in &self.inputs {
            writeln!(f, "  input: \"{}\"", shortened(input))?;
        }
        writeln!(f, "  hyper: {}", self.hypers)?;
        write!(f, "  ours:  {}", self.ours)
    }
}

/// Readable, and the end of what is too long for a message.
fn shortened(bytes: &[u8]) -> impl fmt::Display {
    const SHOWN: usize = 1_000;
    bytes[bytes.len().saturating_sub(SHOWN)..].escape_ascii()
}
