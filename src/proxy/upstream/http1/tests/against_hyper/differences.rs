//! Where our connection and hyper's client differ, and why that is right.

use std::fmt;

use super::{
    answers::AnswerCase,
    session::{Exchange, Session},
};

/// A difference that is meant. `docs/security.md` says in a few lines what is stricter.
#[derive(Debug)]
pub(super) struct Row {
    /// The kind of answers that makes the difference.
    kind: &'static str,
    /// What hyper does, where an answer has nothing else that is unusual.
    pub(super) hyper: &'static [&'static str],
    ours: &'static str,
    because: &'static str,
}

const fn row(
    kind: &'static str,
    hyper: &'static [&'static str],
    ours: &'static str,
    because: &'static str,
) -> Row {
    Row { kind, hyper, ours, because }
}

/// All that are known: the kind of answers, what hyper does, what ours does, and why.
pub(super) static ROWS: &[Row] = &[
    row(
        "204",
        &["whole"],
        "refused",
        "1xx and 204 have neither length nor coding (RFC 9110 §8.6, RFC 9112 §6.1); what follows would be garbage to one reader and a body to another",
    ),
    row(
        "101",
        &["switched"],
        "refused",
        "likewise; what follows would be the tunnel to one reader and a body to another",
    ),
    row(
        "HTTP/1.0",
        &["whole"],
        "refused",
        "HTTP/1.0 has no transfer codings (RFC 9112 §6.1), whatever the status",
    ),
    row(
        "a length and a coding",
        &["whole", "waits for more"],
        "refused",
        "one of the two is wrong, and it is not known which (RFC 9112 §6.3, rule 3)",
    ),
    row(
        "a coding and chunked",
        &["whole"],
        "refused",
        "we send no TE (RFC 9112 §7.4), and the body would go on without the name of its coding",
    ),
    row(
        "a coding behind chunked",
        &["whole", "waits for more"],
        "refused",
        "likewise; hyper reads up to the end of the connection (RFC 9112 §6.3, rule 4)",
    ),
    row("another coding", &["whole", "waits for more"], "refused", "likewise"),
    row("chunked twice", &["whole"], "refused", "a sender must not apply it twice (RFC 9112 §6.1)"),
    row(
        "a list of chunked and nothing",
        &["whole", "waits for more"],
        "refused",
        "whether chunked is last depends on who reads the list; one spelling is enough",
    ),
    row(
        "a length beyond 63 bits",
        &["waits for more", "broken", "whole"],
        "refused",
        "negative where numbers are signed",
    ),
    row(
        "what is no length",
        &["whole"],
        "refused",
        "no answer may have it, with a body or without (RFC 9110 §8.6)",
    ),
    row("a list with nothing in it", &["whole"], "refused", "likewise"),
    row("two lengths", &["whole"], "refused", "likewise (RFC 9112 §6.3, rule 5)"),
    row(
        "zeros ahead of a length",
        &["whole"],
        "other fields",
        "the number is written in its one canonical spelling (RFC 9110 §8.6)",
    ),
    row("equal lengths", &["whole"], "other fields", "likewise, and once"),
    row("a list of equal lengths", &["whole"], "other fields", "likewise"),
    row(
        "a length of 0",
        &["whole"],
        "other fields",
        "left out of a 204, which must have none (RFC 9110 §8.6)",
    ),
    row(
        "more than 16 digits",
        &["whole"],
        "broken",
        "no size of 64 bits has more; readers differ in when they overflow (RFC 9112 §7.1)",
    ),
    row(
        "a control byte in an extension",
        &["whole"],
        "broken",
        "neither a token nor a quoted string (RFC 9112 §7.1.1)",
    ),
    row(
        "LF behind the last chunk",
        &["waits for more"],
        "broken",
        "lines of chunks end with CRLF (RFC 9112 §7.1): known at the LF, which hyper takes for a trailer",
    ),
    row("LF behind a trailer", &["waits for more"], "broken", "likewise"),
];

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

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} | {}: {}", self.kind, self.hyper, self.ours, self.because)
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
