//! What a signed message says of itself: when it was made, and the id by which it counts once.

use super::{
    SignatureRules,
    replay::{MessageId, ReplayRule},
};
use crate::{
    clock::UnixTime,
    json::{Json, Object},
    reason::{Cause, Fault, Part, Reason, Subject},
};

/// Checks the signed message's age. Returns by what it counts once, where it may be used only once.
/// The body is parsed only now that it is known to be the signer's.
pub(super) fn check(
    rules: &SignatureRules,
    id: Option<String>,
    header: Option<&Object>,
    in_memory: Option<&[u8]>,
    now: UnixTime,
) -> Result<Option<MessageId>, Cause> {
    // Once more, at the very moment at which it is looked up whether the message was here before:
    // while a slow body came, it may have been forgotten.
    let mut issued = None;
    if let (Some(freshness), Some(header)) = (&rules.freshness, header) {
        issued = freshness.check_header(header, now)?;
    }
    let body = if rules.reads_body { Some(json(in_memory)?) } else { None };
    if let (Some(freshness), Some(body)) = (&rules.freshness, &body) {
        issued = freshness.check_body(body, now)?.or(issued);
    }
    let Some(replay) = &rules.replay else {
        return Ok(None);
    };
    let id = match (id, &body) {
        (None, Some(body)) => ReplayRule::id_in_body(replay, body)?,
        (id, _) => id,
    };
    let id = id.ok_or(Reason::SignatureFieldMissing)?;
    Ok(Some(MessageId { id, issued }))
}

fn json(body: Option<&[u8]>) -> Result<Json, Cause> {
    let body = body.and_then(|body| Json::parse(body).ok());
    body.ok_or_else(|| {
        Reason::SignatureFieldMissing.about(Subject::new(Part::Body, Fault::NotJson))
    })
}
