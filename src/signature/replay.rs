//! Replay protection of messages: which id of a message counts, and for how long.

use super::freshness::{field_missing, untimely};
use std::time::Duration;

use crate::{
    clock::UnixTime,
    json::{Json, Object},
    providers::Providers,
    reason::{Cause, Fault, Reason},
    replay::{
        ReplayCheck, ReplayId, ReplayLimits, ReplayReservation, ReplayState, ReplayStore,
        ReplicatedStore,
    },
    signature::settings::{MessageField, ReplaySettings, SignatureSettings},
};

/// The compiled `replay`.
#[derive(Debug)]
pub(super) struct ReplayRule {
    rules: String,
    id: MessageField,
    /// Where the time of a message is, if it has one.
    issued: Option<MessageField>,
    store: ReplicatedStore,
}

/// By what a message counts once.
#[derive(Debug)]
pub(super) struct MessageId {
    pub(super) id: String,
    /// When the message was signed, if that is checked.
    pub(super) issued: Option<UnixTime>,
}

impl ReplayRule {
    pub(super) fn new(settings: &SignatureSettings, providers: &Providers) -> Option<Self> {
        let ReplaySettings { id, window, entries } = settings.replay.as_ref()?;
        // Of a message without a time nothing is known but when it came.
        let timed = settings.freshness.as_ref().filter(|freshness| freshness.issued.is_some());
        let clock_skew = timed.map_or(Duration::ZERO, |freshness| freshness.clock_skew);
        let limits = ReplayLimits { window: *window, clock_skew, max_entries: *entries };
        let (rules, shared) = (settings.name.clone(), providers.shared().clone());
        let store = providers.replays.replicated(&format!("signature:{rules}"), limits, shared);
        let issued = timed.and_then(|freshness| freshness.issued.clone());
        Some(Self { rules, id: id.clone(), issued, store })
    }

    /// The message's id by its header; `None` if the id is in the body.
    pub(super) fn id_in_header(&self, header: &Object) -> Result<Option<String>, Cause> {
        match &self.id {
            MessageField::Parameter(name) => id(&self.id, header.get(name)).map(Some),
            MessageField::Body(_) => Ok(None),
        }
    }

    /// The message's id by its body; `None` if the id is in the header.
    pub(super) fn id_in_body(&self, body: &Json) -> Result<Option<String>, Cause> {
        match &self.id {
            MessageField::Parameter(_) => Ok(None),
            MessageField::Body(place) => id(&self.id, place.find(body)).map(Some),
        }
    }

    /// Reserves the id of a message whose signature is verified. The signer is a part of it, so
    /// that no signer can use up the ids of another.
    pub(super) async fn reserve(
        &self,
        signer: &str,
        message: &MessageId,
        now: UnixTime,
    ) -> Result<ReplayReservation, Cause> {
        let name = self.name_of(signer, &message.id);
        match self.store.check_and_insert(name, message.issued, now).await {
            ReplayCheck::New(reservation) => Ok(reservation),
            ReplayCheck::Replayed => Err(self.replayed()),
            ReplayCheck::TooOld => Err(self.too_old(message, now)),
            ReplayCheck::Full => Err(self.full()),
            ReplayCheck::Unavailable => {
                let subject = self.id.subject(Fault::Unavailable);
                Err(Reason::ReplayUnavailable.about(subject.setting("shared.replay.on_failure")))
            }
        }
    }

    /// Whether this process has seen the id; reserves nothing.
    pub(super) fn check(
        &self,
        signer: &str,
        message: &MessageId,
        now: UnixTime,
    ) -> Result<(), Cause> {
        let name = self.name_of(signer, &message.id);
        match self.store.check_in_memory(name, message.issued, now) {
            ReplayState::New => Ok(()),
            ReplayState::Replayed => Err(self.replayed()),
            ReplayState::TooOld => Err(self.too_old(message, now)),
            ReplayState::Full => Err(self.full()),
        }
    }

    /// Whether other replicas know of ids that this process has not seen.
    pub(super) fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn name_of(&self, signer: &str, id: &str) -> ReplayId {
        ReplayId::new(&["signature", &self.rules, signer, id])
    }

    fn replayed(&self) -> Cause {
        let subject = self.id.subject(Fault::Duplicate);
        Reason::SignatureReplayed.about(subject.setting("replay.window"))
    }

    fn too_old(&self, message: &MessageId, now: UnixTime) -> Cause {
        let field = self.issued.as_ref().unwrap_or(&self.id);
        untimely(field, message.issued.unwrap_or(now), now, "replay.window")
    }

    fn full(&self) -> Cause {
        let subject = self.id.subject(Fault::Unavailable);
        Reason::ReplayMemoryFull.about(subject.setting("replay.entries"))
    }
}

fn id(field: &MessageField, value: Option<&Json>) -> Result<String, Cause> {
    let text = value.and_then(Json::identifier).filter(|text| !text.is_empty());
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| field_missing(field, value))
}
