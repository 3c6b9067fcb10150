//! Messages that may come once only.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};
use tokio::runtime::Handle;

use crate::{
    clock::{UnixTime, seconds},
    jose::{Json, Object},
    providers::Providers,
    reason::Reason,
    replay::{ReplayMemory, Sighting},
    shared::{Kind, SharedKey, SharedStore},
    signature::settings::{MessageField, SignatureSettings},
};

/// The compiled `replay`.
#[derive(Debug)]
pub(super) struct Replay {
    rules: String,
    id: MessageField,
    window: Duration,
    /// The most that are remembered.
    entries: usize,
    memory: ReplayMemory,
    shared: SharedStore,
}

/// The one time that a message may come. Until it is spent, nothing has come of the message: a mark
/// that is dropped before (the client went away while the proof was written) is taken back.
#[derive(Debug)]
pub(super) struct Mark {
    digest: [u8; 32],
    memory: ReplayMemory,
    /// Where the replicas know of it, if this one has told them.
    shared: Option<SharedStore>,
    is_spent: AtomicBool,
}

impl Mark {
    fn new(digest: [u8; 32], memory: &ReplayMemory) -> Self {
        Self { digest, memory: memory.clone(), shared: None, is_spent: AtomicBool::new(false) }
    }

    /// The message is about to be acted on, and must not come again.
    pub(super) fn spend(&self) {
        self.is_spent.store(true, Relaxed);
    }

    /// Nothing came of the message: its sender may try again.
    pub(super) async fn take_back(&self) {
        self.spend(); // there is nothing left to take back
        take_back(self.digest, &self.memory, self.shared.as_ref()).await;
    }
}

/// Here last: who comes again before the others have forgotten it is refused once more, and not
/// remembered anew behind a mark that nobody takes back.
async fn take_back(digest: [u8; 32], memory: &ReplayMemory, shared: Option<&SharedStore>) {
    let _here = ForgottenHere { digest, memory };
    if let Some(shared) = shared {
        shared.forget(&SharedKey::new(Kind::Replay, digest)).await;
    }
}

/// Forgets a message here when dropped: also when nobody waits for the others any more. They are
/// told once only, since a second time could take back what one of them has seen meanwhile.
struct ForgottenHere<'m> {
    digest: [u8; 32],
    memory: &'m ReplayMemory,
}

impl Drop for ForgottenHere<'_> {
    fn drop(&mut self) {
        self.memory.take_back(&self.digest);
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if *self.is_spent.get_mut() {
            return;
        }
        let (digest, memory) = (self.digest, self.memory.clone());
        match (self.shared.take(), Handle::try_current()) {
            (Some(shared), Ok(runtime)) => {
                runtime.spawn(async move { take_back(digest, &memory, Some(&shared)).await });
            }
            // Without a runtime the process ends, and other replicas forget it in time.
            _ => memory.take_back(&digest),
        }
    }
}

impl Replay {
    pub(super) fn new(settings: &SignatureSettings, providers: &Providers) -> Option<Self> {
        let replay = settings.replay.as_ref()?;
        Some(Self {
            rules: settings.name.clone(),
            id: replay.id.clone(),
            window: replay.window,
            entries: replay.entries,
            memory: providers.replays.memory(&settings.name),
            shared: providers.shared().clone(),
        })
    }

    /// What the header says that the message is called; `None` if the body says it.
    pub(super) fn id_in_header(&self, header: &Object) -> Result<Option<String>, Reason> {
        match &self.id {
            MessageField::Parameter(name) => id(header.get(name)).map(Some),
            MessageField::Body(_) => Ok(None),
        }
    }

    /// What the body says that the message is called; `None` if the header has said it.
    pub(super) fn id_in_body(&self, body: &Json) -> Result<Option<String>, Reason> {
        match &self.id {
            MessageField::Parameter(_) => Ok(None),
            MessageField::Body(place) => id(place.find(body)).map(Some),
        }
    }

    /// Remembers a message whose signature is right; only the first passes, here and, as far as
    /// the shared store can be asked, in any replica. When the memory is full of messages that may
    /// still be replayed, nobody can tell any more.
    pub(super) async fn first(
        &self,
        signer: &str,
        id: &str,
        now: UnixTime,
    ) -> Result<Mark, Reason> {
        let digest = self.digest(signer, id);
        let until = now.0.saturating_add(seconds(self.window));
        match self.memory.see(digest, now, UnixTime(until), self.entries) {
            Sighting::First => {}
            Sighting::Again => return Err(Reason::SignatureReplayed),
            Sighting::Full => return Err(Reason::ReplayMemoryFull),
        }
        let mut mark = Mark::new(digest, &self.memory);
        let key = SharedKey::new(Kind::Replay, digest);
        match self.shared.first(&key, self.window).await {
            // The other replica's mark stays, and so does ours.
            Some(false) => {
                mark.spend();
                return Err(Reason::SignatureReplayed);
            }
            Some(true) => mark.shared = Some(self.shared.clone()),
            None => {}
        }
        Ok(mark)
    }

    /// Lengths stand before the parts, so that no two messages have the same digest.
    fn digest(&self, signer: &str, id: &str) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        for part in ["signature", &self.rules, signer, id] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}

fn id(value: Option<&Json>) -> Result<String, Reason> {
    let text = value.and_then(Json::identifier).filter(|text| !text.is_empty());
    text.map(std::borrow::Cow::into_owned).ok_or(Reason::SignatureFieldMissing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn s8_only_a_message_that_something_came_of_may_not_come_again() {
        let memory = ReplayMemory::default();
        let see = || memory.see([1; 32], UnixTime(0), UnixTime(60), 10);
        assert_eq!(see(), Sighting::First);
        drop(Mark::new([1; 32], &memory));
        assert_eq!(see(), Sighting::First, "its client went away before");
        Mark::new([1; 32], &memory).take_back().await;
        assert_eq!(see(), Sighting::First, "it reached nobody");
        Mark::new([1; 32], &memory).spend();
        assert_eq!(see(), Sighting::Again);
    }

    #[tokio::test]
    async fn s8_who_goes_away_while_the_others_are_told_leaves_no_mark_here() {
        let memory = ReplayMemory::default();
        let see = || memory.see([1; 32], UnixTime(0), UnixTime(60), 10);
        assert_eq!(see(), Sighting::First);
        let waiting = async {
            let _here = ForgottenHere { digest: [1; 32], memory: &memory };
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = waiting => {}
            () = std::future::ready(()) => {}
        }
        assert_eq!(see(), Sighting::First);
    }

    #[tokio::test]
    async fn s8_a_mark_that_was_taken_back_takes_back_no_later_one() {
        let memory = ReplayMemory::default();
        let see = || memory.see([1; 32], UnixTime(0), UnixTime(60), 10);
        assert_eq!(see(), Sighting::First);
        let first = Mark::new([1; 32], &memory);
        first.take_back().await;
        assert_eq!(see(), Sighting::First);
        drop(first);
        assert_eq!(see(), Sighting::Again, "the second one stands");
    }
}
