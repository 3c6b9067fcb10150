//! The assertion: verified claims as a JWT of our own, for upstreams that check a signature rather
//! than trust headers (WSO2's `X-JWT-Assertion`).
//!
//! An RSA signature takes longer than all the rest of a request. So an assertion is signed once
//! for a verified token, kept beside the token's claim headers, and signed again only when it is
//! about to end; and that happens off the worker's thread, so that no request waits for the
//! signature of another token.

mod life;
mod parts;
mod payload;
pub mod settings;
mod signer;
mod slot;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use tokio::{task::spawn_blocking, time::timeout};

use self::{life::Life, payload::Payload, signer::AssertionSigner, slot::Assertion};
use super::{Metrics, headers::Unrenderable};
use crate::{
    clock::{UnixTime, seconds},
    identity::assertion::settings::AssertionSettings,
    json::Object,
    telemetry::MetricRegistry,
};

pub use self::{
    parts::PartEncoding,
    payload::{AssertedClaims, NOT_COPIED},
    signer::UnsignedAssertion,
    slot::AssertionSlot,
};

/// The compiled `[identity.assertion]`. Shared by all workers.
#[derive(Debug)]
pub struct Assertions {
    settings: AssertionSettings,
    payload: Payload,
    lifetime: i64,
    max_bytes: usize,
    signer: Arc<AssertionSigner>,
}

/// The verified token an assertion is about, of any kind.
#[derive(Debug, Clone, Copy)]
pub struct AssertedToken<'t> {
    /// The `iss` of its issuer.
    pub issuer: &'t str,
    /// Its verified claims.
    pub claims: &'t Object,
    /// When it ends, and with it the assertion.
    pub ends: UnixTime,
}

/// What one assertion may have at least, in bytes. `forwarding.max_header_bytes` is about a single
/// claim and may be smaller than any signature; this is what nginx and most servers accept of one
/// header line.
const MIN_MAX_BYTES: usize = 8 * 1024;

/// How long a request waits for its signature, its turn included: a thousand times what signing
/// takes. Beyond it the machine is overloaded.
const SIGNING_DEADLINE: Duration = Duration::from_secs(2);

/// Has as many digits as any date until the year 2286.
const SOME_DATE: UnixTime = UnixTime(9_999_999_999);

impl Assertions {
    /// Compiles the section. `max_header_bytes` raises the bound on one assertion, but never lowers
    /// it below 8 KiB.
    pub fn compile(
        settings: &AssertionSettings,
        max_header_bytes: usize,
        metrics: &MetricRegistry,
    ) -> Self {
        Self {
            settings: settings.clone(),
            payload: Payload::new(settings),
            lifetime: seconds(settings.lifetime),
            max_bytes: max_header_bytes.max(MIN_MAX_BYTES),
            signer: Arc::new(AssertionSigner::new(
                settings,
                Metrics::register(metrics).assertions_signed(),
            )),
        }
    }

    /// The header that carries it.
    pub fn header(&self) -> &HeaderName {
        &self.settings.header
    }

    /// What it was compiled from.
    pub fn settings(&self) -> &AssertionSettings {
        &self.settings
    }

    /// Reserves a slot for the assertion about these claims of a token of that `iss`. It is signed
    /// on first use.
    ///
    /// # Errors
    /// It would be longer than a header may be. It is never truncated.
    pub fn reserve(&self, issuer: &str, claims: &Object) -> Result<AssertionSlot, Unrenderable> {
        let any_life = Life::new(SOME_DATE, 0, SOME_DATE);
        let payload = self.payload.write(any_life, issuer, claims);
        let bytes = self.signer.signed_bytes(payload.len());
        if bytes > self.max_bytes {
            return Err(Unrenderable {
                header: self.settings.header.clone(),
                claim: None,
                bytes: Some(bytes),
                max_bytes: self.max_bytes,
            });
        }
        Ok(AssertionSlot::new(bytes))
    }

    /// The assertion about a token at `now`: the one in the slot while it is valid, else a new one,
    /// which replaces it. Concurrent requests share one signature.
    ///
    /// # Errors
    /// [`UnsignedAssertion`] if there is none in time.
    pub async fn value(
        &self,
        slot: &AssertionSlot,
        token: AssertedToken<'_>,
        now: UnixTime,
    ) -> Result<HeaderValue, UnsignedAssertion> {
        let life = Life::new(now, self.lifetime, token.ends);
        match slot.value_for(life) {
            Some(value) => Ok(value),
            // Boxed: the state of what is rare must not make the future of every request larger.
            None => Box::pin(self.renew_in_time(slot, token, life)).await,
        }
    }

    async fn renew_in_time(
        &self,
        slot: &AssertionSlot,
        token: AssertedToken<'_>,
        life: Life,
    ) -> Result<HeaderValue, UnsignedAssertion> {
        timeout(SIGNING_DEADLINE, self.renew(slot, token, life))
            .await
            .map_err(|_| UnsignedAssertion)?
    }

    async fn renew(
        &self,
        slot: &AssertionSlot,
        token: AssertedToken<'_>,
        life: Life,
    ) -> Result<HeaderValue, UnsignedAssertion> {
        let mut current = slot.lock().await;
        // Another request may have had it signed while this one waited.
        if let Some(value) = slot::good(current.as_ref(), life) {
            return Ok(value);
        }
        let turn = self.signer.turn().await?;
        let payload = self.payload.write(life, token.issuer, token.claims);
        let signer = Arc::clone(&self.signer);
        // The thread holds the slot, not the request: if the client disconnects, the signature is
        // kept for the next request, which does not compute it again.
        let signed = spawn_blocking(move || {
            let value = signer.sign(&payload)?;
            *current = Some(Assertion { life, value: value.clone() });
            drop(turn);
            Ok(value)
        });
        signed.await.map_err(|_| UnsignedAssertion)?
    }
}
