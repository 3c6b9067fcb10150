//! What is remembered: verified tokens, signers, ids, revocations, callers.

use super::{super::whole::key, MemoryPart, Settings};
use crate::{
    introspection::settings::key as of_introspection,
    limits::settings::{BUCKET_BYTES, key as of_limit},
    registry::settings::{ENTRY_BYTES, key as of_registry},
    replay::ID_BYTES,
    revocation::settings::{LIST_ENTRY_BYTES, LOGOUT_BYTES, key as of_revocation},
    signature::settings::{SignatureSettings, key as of_signature},
    token::{cache::settings::key as of_cache, issuer::settings::key as of_issuer},
    upstream_credential::settings::{UpstreamCredentialSource, key as of_credential},
};

impl Settings {
    pub(super) fn cache_memory(&self, workers: usize) -> Vec<MemoryPart> {
        let setting = [key::CACHE, of_cache::BYTES];
        let tokens = (workers, self.cache.most_bytes());
        let basis = "verified and rejected tokens, for each worker";
        let mut parts = vec![MemoryPart::each(&setting, tokens, basis)];
        parts.extend(self.introspection_caches());
        parts.extend(self.exchange_caches());
        parts.extend(self.signatures.iter().flat_map(signature_caches));
        parts.extend(self.revocations());
        parts.extend(self.caller_limits());
        parts
    }

    fn introspection_caches(&self) -> impl Iterator<Item = MemoryPart> {
        self.issuers.iter().filter_map(|issuer| {
            let introspection = issuer.introspection.as_ref()?;
            let setting = [
                key::ISSUERS,
                &issuer.name,
                of_issuer::INTROSPECTION,
                of_introspection::CACHE_BYTES,
            ];
            let basis = "answers to introspection";
            Some(MemoryPart::new(&setting, introspection.cache_bytes, basis))
        })
    }

    fn exchange_caches(&self) -> impl Iterator<Item = MemoryPart> {
        self.upstream_credentials.iter().filter_map(|credential| {
            let UpstreamCredentialSource::Exchange(exchange) = &credential.source else {
                return None;
            };
            let setting = [key::UPSTREAM_CREDENTIALS, &credential.name, of_credential::CACHE_BYTES];
            Some(MemoryPart::new(&setting, exchange.cache_bytes, "exchanged tokens"))
        })
    }

    fn revocations(&self) -> impl Iterator<Item = MemoryPart> {
        let list = self.revocation.list.as_ref().map(|list| {
            // The document and the list of it are there side by side while it is read.
            let bytes = list.max_entries.saturating_mul(LIST_ENTRY_BYTES) + list.max_bytes;
            let setting = [key::REVOCATION, of_revocation::MAX_ENTRIES];
            MemoryPart::new(&setting, bytes, "the revocation list, and its document (max_bytes)")
        });
        let has_logout = self.issuers.iter().any(|issuer| issuer.backchannel_logout.is_some());
        let logouts = has_logout.then(|| {
            let setting = [key::REVOCATION, of_revocation::MAX_LOGOUTS];
            let logouts = (self.revocation.max_logouts, LOGOUT_BYTES);
            MemoryPart::each(&setting, logouts, "back-channel logouts")
        });
        list.into_iter().chain(logouts)
    }

    fn caller_limits(&self) -> impl Iterator<Item = MemoryPart> {
        self.limits.iter().map(|limit| {
            let setting = [key::LIMITS, &limit.name, of_limit::MAX_KEYS];
            // By their identity, and so many by their address.
            let callers = limit.max_keys.saturating_mul(2);
            MemoryPart::each(&setting, (callers, BUCKET_BYTES), "callers that are counted")
        })
    }
}

fn signature_caches(signature: &SignatureSettings) -> impl Iterator<Item = MemoryPart> {
    let name = signature.name.as_str();
    let signers = signature.registry().map(|registry| {
        let setting = [
            key::SIGNATURES,
            name,
            of_signature::KEYS,
            of_signature::REGISTRY,
            of_registry::ENTRIES,
        ];
        MemoryPart::each(&setting, (registry.entries, ENTRY_BYTES), "signers of the registry")
    });
    let replayed = signature.replay.as_ref().map(|replay| {
        let setting = [key::SIGNATURES, name, of_signature::REPLAY, of_signature::ENTRIES];
        MemoryPart::each(&setting, (replay.entries, ID_BYTES), "ids of messages that come once")
    });
    signers.into_iter().chain(replayed)
}
