//! Requests that hyper refuses by itself: their heads never become a request that could be decided
//! on, and they are counted and logged all the same.

use std::{error::Error, io};

use http::{HeaderMap, StatusCode};

use super::Connection;
use crate::{
    decision::RequestArrival,
    gate::Peer,
    proxy::{settings::LimitSettings, worker::Worker},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    wire::frames::refused_heads::RefusedHeads,
};

impl Connection {
    /// Counts and logs what has ended the connection, if it was a refusal.
    pub(super) fn note_end(&self, error: &hyper::Error, limits: &LimitSettings) {
        tracing::debug!(%error, "connection ended");
        if let Some(cause) = cause_of(error, self.activity.awaits_head(), limits) {
            self.note_unserved(cause, answer_of_hyper(error));
        }
    }

    /// Counts and logs the requests that h2 has refused by itself since.
    pub(super) fn note_refused_heads(&self, heads: &RefusedHeads, limits: &LimitSettings) {
        (0..heads.malformed.take()).for_each(|_| self.note_unserved(malformed_stream(), None));
        let too_long = Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        (0..heads.too_long.take())
            .for_each(|_| self.note_unserved(long_header_list(limits), too_long));
    }

    fn note_unserved(&self, cause: Cause, answered: Option<StatusCode>) {
        note(&self.worker, &self.peer, self.listener, cause, answered);
    }
}

/// Counts and logs a request that was never served: `listener` is the position of that among those
/// of the process, `answered` what the client got all the same.
pub(super) fn note(
    worker: &Worker,
    peer: &Peer,
    listener: usize,
    cause: Cause,
    answered: Option<StatusCode>,
) {
    let (serving, headers) = (worker.serving(), HeaderMap::new());
    let arrival = RequestArrival { listener: serving.listener(listener), peer, headers: &headers };
    serving.engine.note_unserved(&arrival, cause, answered);
}

/// The refusal of a stream whose head is not HTTP: the client gets `RST_STREAM`.
fn malformed_stream() -> Cause {
    let found = Excerpt::own(format_args!("a header block that is malformed (RFC 9113, 8.1.1)"));
    Reason::HeadMalformed.about(Subject::new(Part::Head, Fault::Malformed).found(found))
}

/// The refusal of bytes that begin neither version of HTTP.
pub(super) fn foreign() -> Cause {
    let expected = Excerpt::own(format_args!("a request line, or the preface of HTTP/2"));
    let subject = Subject::new(Part::Connection, Fault::Malformed);
    Reason::ProtocolViolated.about(subject.expected(expected))
}

/// What hyper itself has answered to a head that it refuses (RFC 9110 §15.5.15, RFC 6585 §5).
fn answer_of_hyper(error: &hyper::Error) -> Option<StatusCode> {
    /// As hyper says it: there is no method that distinguishes it from a long header block.
    const LONG_TARGET: &str = "URI too long";
    if error.is_parse_too_large() {
        return Some(if error.to_string().contains(LONG_TARGET) {
            StatusCode::URI_TOO_LONG
        } else {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        });
    }
    error.is_parse().then_some(StatusCode::BAD_REQUEST)
}

/// `None`: the client went away, or took nothing of an answer.
fn cause_of(error: &hyper::Error, awaits_head: bool, limits: &LimitSettings) -> Option<Cause> {
    if error.is_parse_too_large() {
        return Some(too_long(limits));
    }
    if error.is_parse() {
        let found = Excerpt::quoted(&error.to_string());
        let subject = Subject::new(Part::Head, Fault::Malformed);
        return Some(Reason::HeadMalformed.about(subject.found(found)));
    }
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    for cause in causes {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return of_socket(error, awaits_head, limits);
        }
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            return match error.get_io() {
                Some(error) => of_socket(error, awaits_head, limits),
                None => of_frames(error),
            };
        }
    }
    None
}

fn of_socket(error: &io::Error, awaits_head: bool, limits: &LimitSettings) -> Option<Cause> {
    // Not a flood: that is of another kind, and has a counter and a line of its own.
    if error.kind() != io::ErrorKind::TimedOut || !awaits_head {
        return None;
    }
    let seconds = limits.header_timeout.as_secs_f64();
    let subject = Subject::new(Part::Head, Fault::Missing)
        .expected(Excerpt::own(format_args!("all of it within {seconds} s")));
    Some(Reason::HeadTimeout.about(subject.setting("server.limits.header_timeout")))
}

/// A violation that h2 has found, and not one that the client reports.
fn of_frames(error: &h2::Error) -> Option<Cause> {
    if error.is_remote() {
        return None;
    }
    let code = error.reason().filter(|code| *code != h2::Reason::NO_ERROR)?;
    let found = Excerpt::quoted(&format!("{code:?}"));
    let subject = Subject::new(Part::Connection, Fault::Malformed).found(found);
    Some(Reason::ProtocolViolated.about(subject))
}

/// hyper does not say which of its bounds it was.
fn too_long(limits: &LimitSettings) -> Cause {
    let (bytes, lines) = (limits.header_bytes, limits.header_lines);
    let expected = Excerpt::own(format_args!(
        "at most {bytes} bytes and {lines} lines, and a target of 64 KiB"
    ));
    let subject = Subject::new(Part::Head, Fault::TooLong).expected(expected);
    Reason::HeadTooLong
        .about(subject.setting("server.limits.header_bytes, server.limits.header_lines"))
}

/// h2 does not say which field it was: it has read no more of them.
fn long_header_list(limits: &LimitSettings) -> Cause {
    let bytes = limits.header_bytes;
    let expected = Excerpt::own(format_args!("at most {bytes} bytes of all fields"));
    let subject = Subject::new(Part::Head, Fault::TooLong).expected(expected);
    Reason::HeadTooLong.about(subject.setting("server.limits.header_bytes"))
}
