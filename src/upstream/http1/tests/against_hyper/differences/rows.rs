//! Every difference that is meant, with its reason.

use std::fmt;

/// A difference that is meant. `docs/security.md` says in a few lines what is stricter.
#[derive(Debug)]
pub(in super::super) struct Row {
    /// The kind of answers that makes the difference.
    pub(super) kind: &'static str,
    /// What hyper does, where an answer has nothing else that is unusual.
    pub(in super::super) hyper: &'static [&'static str],
    pub(super) ours: &'static str,
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

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} | {}: {}", self.kind, self.hyper, self.ours, self.because)
    }
}

/// All that are known: the kind of answers, what hyper does, what ours does, and why.
pub(in super::super) static ROWS: &[Row] = &[
    row(
        "204",
        &["whole"],
        "refused",
        "1xx and 204 have neither length nor coding (RFC 9110 §8.6, RFC 9112 §6.1); what follows \
         would be garbage to one reader and a body to another",
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
        "other content-length",
        "the number is written in its one canonical spelling (RFC 9110 §8.6)",
    ),
    row("equal lengths", &["whole"], "other content-length", "likewise, and once"),
    row("a list of equal lengths", &["whole"], "other content-length", "likewise"),
    row(
        "a length of 0",
        &["whole"],
        "other content-length",
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
        "lines of chunks end with CRLF (RFC 9112 §7.1): known at the LF, which hyper takes for a \
         trailer",
    ),
    row("LF behind a trailer", &["waits for more"], "broken", "likewise"),
    row("interim answers", &["whole"], "refused", "more than 100 of them are no sign of life"),
];
