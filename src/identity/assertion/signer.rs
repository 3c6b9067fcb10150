//! Signatures, a bounded number at a time.

use std::{sync::Arc, thread};

use http::HeaderValue;
use prometheus::IntCounter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PartEncoding;
use crate::{identity::assertion::settings::AssertionSettings, jose::SigningKey, json::Object};

/// Signs with the operator's key.
#[derive(Debug)]
pub(super) struct AssertionSigner {
    key: Arc<SigningKey>,
    encoding: PartEncoding,
    /// The first part, which is always the same.
    header: String,
    signature_bytes: usize,
    turns: Arc<Semaphore>,
    signed: IntCounter,
}

/// There is no assertion: the key can't sign, or the machine is overloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the assertion can't be signed in time")]
pub struct UnsignedAssertion;

/// Signatures at the same time: one for so many cores. So half of them are left to requests that
/// have what they need, however many tokens are new.
const CORES_PER_SIGNATURE: usize = 2;

impl AssertionSigner {
    pub(super) fn new(settings: &AssertionSettings, signed: IntCounter) -> Self {
        let key = Arc::clone(&settings.key);
        let mut header = Object::default();
        header.insert("typ", "JWT");
        header.insert("alg", key.algorithm().name());
        header.insert("kid", key.kid());
        let cores = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self {
            encoding: settings.encoding,
            header: settings.encoding.encode(header.to_text().as_bytes()),
            // That the key can sign was checked with the settings.
            signature_bytes: key.sign(b"").map_or(0, |signature| signature.len()),
            turns: Arc::new(Semaphore::new(cores.div_ceil(CORES_PER_SIGNATURE))),
            signed,
            key,
        }
    }

    /// How long an assertion is whose payload has so many bytes.
    pub(super) fn signed_bytes(&self, payload: usize) -> usize {
        const DOTS: usize = 2;
        let (payload, signature) =
            (self.encoding.length(payload), self.encoding.length(self.signature_bytes));
        self.header.len() + payload + signature + DOTS
    }

    /// Waits for a turn. Every waiter does so within a deadline, and is a request that counts in
    /// the bounds on connections and streams.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, UnsignedAssertion> {
        Arc::clone(&self.turns).acquire_owned().await.map_err(|_| UnsignedAssertion)
    }

    /// The compact JWS. Takes its time: not for a worker's thread.
    pub(super) fn sign(&self, payload: &str) -> Result<HeaderValue, UnsignedAssertion> {
        let mut text = format!("{}.{}", self.header, self.encoding.encode(payload.as_bytes()));
        let signature = self.key.sign(text.as_bytes()).map_err(|_| UnsignedAssertion)?;
        text.push('.');
        text.push_str(&self.encoding.encode(&signature));
        let mut value = HeaderValue::try_from(text).map_err(|_| UnsignedAssertion)?;
        value.set_sensitive(true);
        self.signed.inc();
        Ok(value)
    }
}
