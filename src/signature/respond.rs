//! Answers that are signed in turn.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use prometheus::IntCounter;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    jose::{Dialect, SigningKey},
    json::Object,
    signature::settings::SignatureSettings,
};

use super::Metrics;

/// The operator's key for answers.
#[derive(Debug)]
pub struct AnswerSigner {
    key: Arc<SigningKey>,
    header: HeaderName,
    dialect: Option<Dialect>,
    max_bytes: usize,
    signed: IntCounter,
}

/// For a signature, the wait for a thread included: as for assertions, far more than the slowest
/// key needs.
const SIGNING_DEADLINE: Duration = Duration::from_secs(10);

impl AnswerSigner {
    pub(super) fn new(settings: &SignatureSettings, metrics: &Metrics) -> Option<Arc<Self>> {
        let respond = settings.respond.as_ref()?;
        Some(Arc::new(Self {
            key: Arc::clone(&respond.key.key),
            header: respond.header.clone(),
            dialect: respond.dialect,
            max_bytes: respond.max_bytes,
            signed: metrics.answers_signed(&settings.name),
        }))
    }

    /// The header that carries the signature.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The largest answer that is signed, in bytes.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Signs an answer's body, in the form of the request's signature unless configured otherwise.
    /// Takes a thread beside the workers: an RSA signature costs half a millisecond.
    ///
    /// `None` if the key can't sign, which was checked when the configuration was loaded, or no
    /// thread was free in time.
    pub async fn sign(
        self: Arc<Self>,
        body: bytes::Bytes,
        as_request: Dialect,
    ) -> Option<HeaderValue> {
        let signed = self.signed.clone();
        let signature = spawn_blocking(move || {
            let dialect = self.dialect.unwrap_or(as_request);
            self.key.sign_detached(dialect, &Object::default(), &body).ok()
        });
        let signature = timeout(SIGNING_DEADLINE, signature).await.ok()?.ok()??;
        let value = HeaderValue::try_from(signature).ok()?;
        signed.inc();
        Some(value)
    }
}
