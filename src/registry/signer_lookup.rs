//! The registry as a lookup: how its request is sent, and what of the response is cached.

use std::sync::Arc;

use crate::{
    clock::Clock,
    lookup::{Lookup, LookupFailure},
};

use super::{
    LookupError, Registered, entries::Entries, error::SourceError, health::RegistryHealth,
    snapshot_writer::Unwritten, source::RegistrySource,
};

/// The lookup of signers at one registry.
#[derive(Debug)]
pub(super) struct SignerLookup {
    pub(super) source: RegistrySource,
    pub(super) entries: Arc<Entries>,
    pub(super) health: Arc<RegistryHealth>,
    pub(super) unwritten: Arc<Unwritten>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The registry's response about a signer.
#[derive(Debug)]
pub(super) enum Response {
    Found(Registered),
    /// That there is no such signer, or no key of theirs that could be used.
    NoKey(SourceError),
}

/// What triggers a lookup of a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its entry is missing or stale.
    Refresh,
    /// A signature is wrong under its key: a list that was fetched for other signers will not do.
    Renewal,
}

impl Lookup for SignerLookup {
    type Key = String;
    type Request = Purpose;
    type Response = Response;
    type Answer = Result<Arc<Registered>, LookupError>;
    type Error = SourceError;

    async fn send(&self, signer: &String, purpose: &Purpose) -> Result<Response, SourceError> {
        match self.source.find(signer, *purpose == Purpose::Renewal).await {
            Ok(entry) => Ok(Response::Found(entry)),
            Err(error) if error.is_answer(self.entries.has_known(signer)) => {
                Ok(Response::NoKey(error))
            }
            Err(error) => Err(error),
        }
    }

    fn responded(&self, signer: &String, _: &Purpose, response: Response) -> Self::Answer {
        match response {
            Response::Found(entry) => {
                let entry = Arc::new(entry);
                let earlier = self.entries.know(signer, Arc::clone(&entry));
                self.unwritten.found(earlier.as_deref(), &entry);
                self.health.found(signer, earlier.as_deref(), &entry);
                Ok(entry)
            }
            Response::NoKey(cause) => {
                let was_known = self.entries.forget(signer, self.clock.now());
                if was_known {
                    self.unwritten.forgotten();
                }
                self.health.unknown(signer, was_known, &cause);
                Err(LookupError::Unknown)
            }
        }
    }

    /// The entry stands while it is not too old.
    fn failed(&self, signer: &String, _: &Purpose, error: &SourceError) -> Self::Answer {
        let now = self.clock.now();
        if !error.is_consequence() {
            self.entries.back_off(signer, now);
        }
        self.health.failed(error, now);
        self.entries.find(signer, now).entry().ok_or(LookupError::Unavailable)
    }

    /// A client can't invent a signer that the registry has known; a list does not depend on the
    /// name it is fetched for.
    fn is_known(&self, signer: &String) -> bool {
        self.source.is_list() || self.entries.has_known(signer)
    }
}
