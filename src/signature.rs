//! Request signatures: a detached JWS over the body, checked against the sender's own key before
//! the upstream sees a byte.
//!
//! The steps of one signed request: [`SignatureRules::begin`] checks everything that is known
//! before the body (the header, the signer, the key, the algorithm), the body goes into
//! [`PendingSignature::update`] as it arrives, and [`PendingSignature::finish`] gives the
//! [`VerifiedSignature`] without which nothing is forwarded.

mod aside;
mod carrier;
mod content;
mod freshness;
mod header_rules;
mod metrics;
mod payload;
mod pending;
mod replay;
mod respond;
pub mod settings;
mod signed_path;
mod signer;
mod signer_key;
mod verified;

use std::sync::Arc;

use http::HeaderMap;

use self::{
    carrier::Carrier, freshness::Freshness, header_rules::HeaderRules, pending::ClaimedSignature,
    replay::ReplayRule, signed_path::Bodiless, signer::Signers, verified::SignatureReport,
};
use crate::{
    clock::{Clock, UnixTime},
    jose::{Algorithm, AlgorithmSet, DetachedError, DetachedJws, Dialect, DialectSet},
    json::Object,
    policy::ids::{PerSignature, SignatureId},
    providers::{LiveSignerKeys, Providers},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    signature::settings::{SignatureSettings, key},
    telemetry::MetricRegistry,
};

pub(crate) use self::metrics::Metrics;
pub use self::{
    aside::AsideSignature, payload::PayloadFacts, pending::PendingSignature, respond::AnswerSigner,
    verified::VerifiedSignature,
};

/// The compiled `[signatures.NAME]`.
#[derive(Debug)]
pub struct SignatureRules {
    id: SignatureId,
    name: String,
    carrier: Carrier,
    understood: Vec<String>,
    dialects: DialectSet,
    algorithms: AlgorithmSet,
    header: HeaderRules,
    signers: Signers,
    keys: LiveSignerKeys,
    bodiless: Bodiless,
    freshness: Option<Freshness>,
    replay: Option<ReplayRule>,
    report: SignatureReport,
    reads_body: bool,
    clock: Arc<dyn Clock>,
}

/// What stands where a request carries its signature.
#[derive(Debug, Clone, Copy)]
pub struct Received<'h> {
    /// It, if it is written like a detached JWS. A client that sends an access token there by
    /// mistake must not find it in anything that is kept.
    pub jws: Option<&'h str>,
}

impl SignatureRules {
    /// Every `[signatures.NAME]`.
    pub fn compile_all(
        settings: &PerSignature<SignatureSettings>,
        providers: &Providers,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> PerSignature<Arc<Self>> {
        let metrics = Metrics::register(metrics);
        settings.map_with_ids(|id, signature| {
            Arc::new(Self::new(id, signature, providers, clock, &metrics))
        })
    }

    fn new(
        id: SignatureId,
        settings: &SignatureSettings,
        providers: &Providers,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        Self {
            id,
            name: settings.name.clone(),
            carrier: Carrier::new(settings),
            understood: settings.understood(),
            dialects: settings.dialects,
            algorithms: settings.algorithms,
            header: HeaderRules::new(settings),
            signers: Signers::new(settings),
            keys: providers.signer_keys(id).clone(),
            bodiless: Bodiless::new(&settings.bodiless),
            freshness: settings.freshness.clone().map(Freshness::new),
            replay: ReplayRule::new(settings, providers),
            report: SignatureReport::new(settings, metrics),
            reads_body: settings.reads_body(),
            clock: Arc::clone(clock),
        }
    }

    /// Which ones they are.
    pub fn id(&self) -> SignatureId {
        self.id
    }

    /// The name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a request carries as its signature; `None` if there is not exactly one.
    pub fn received<'h>(&self, headers: &'h HeaderMap) -> Option<Received<'h>> {
        let text = self.carrier.find(headers).ok()?;
        let jws = match DetachedJws::parse(text, &self.understood) {
            Ok(_) | Err(DetachedError::Algorithm | DetachedError::Critical) => Some(text),
            Err(_) => None,
        };
        Some(Received { jws })
    }

    /// Adds a signature in the header where requests carry it. Returns whether that is possible.
    pub fn carry(&self, headers: &mut HeaderMap, signature: &str) -> bool {
        self.carrier.carry(headers, signature)
    }

    /// Checks everything that does not need the body, so that a request that can't pass costs no
    /// more than its headers (threats S-12). `claims` are those of the verified token, if the route
    /// requires one.
    ///
    /// # Errors
    /// The reason of the first check that fails.
    pub async fn begin(
        &self,
        headers: &HeaderMap,
        claims: Option<&Object>,
    ) -> Result<PendingSignature<'_>, Cause> {
        let now = self.clock.now();
        let (claimed, jws, id) = self.claimed(headers, claims, now)?;
        let key = signer_key::find(&self.keys, &claimed, &self.signers, claims, now).await;
        let key = key.map_err(|reason| claimed.cause(reason, self))?;
        Ok(PendingSignature::new(self, claimed, jws, key, id))
    }

    /// What a request says of its signature, as far as it can be checked without a key; and the
    /// message's id from the header, where one is required.
    fn claimed(
        &self,
        headers: &HeaderMap,
        claims: Option<&Object>,
        now: UnixTime,
    ) -> Result<(ClaimedSignature, DetachedJws, Option<String>), Cause> {
        let text = self.carrier.find(headers).map_err(|reason| self.carrier.cause(reason))?;
        let jws = self.read(text)?;
        let signer = self.signers.identify(&jws, claims)?;
        self.header.check(&jws, claims)?;
        if let Some(freshness) = &self.freshness {
            freshness.check_header(jws.header().members(), now)?;
        }
        let id = self
            .replay
            .as_ref()
            .map(|replay| replay.id_in_header(jws.header().members()))
            .transpose()?;
        let claimed = ClaimedSignature::new(text, &jws, signer, self.signers.kid_matters());
        Ok((claimed, jws, id.flatten()))
    }

    /// The signature, written in an allowed dialect with an allowed algorithm.
    fn read(&self, text: &str) -> Result<DetachedJws, Cause> {
        let jws =
            DetachedJws::parse(text, &self.understood).map_err(|error| self.malformed(error))?;
        self.check_dialect(jws.dialect())?;
        self.check_algorithm(jws.algorithm())?;
        Ok(jws)
    }

    fn check_dialect(&self, dialect: Dialect) -> Result<(), Cause> {
        if self.dialects.contains(dialect) {
            Ok(())
        } else {
            let allowed: Vec<_> = self.dialects.iter().map(|dialect| dialect.to_string()).collect();
            let subject = Subject::new(Part::Signature, Fault::NotAllowed)
                .found(Excerpt::quoted(&dialect.to_string()))
                .expected(Excerpt::list(allowed.iter().map(String::as_str)));
            Err(Reason::SignatureDialectNotAllowed.about(subject.setting(key::DIALECTS)))
        }
    }

    fn check_algorithm(&self, algorithm: Algorithm) -> Result<(), Cause> {
        let is_allowed = self.algorithms.contains(algorithm);
        if is_allowed { Ok(()) } else { Err(self.other_algorithm(Some(algorithm))) }
    }

    fn other_algorithm(&self, found: Option<Algorithm>) -> Cause {
        let subject = Subject::parameter("alg", Fault::NotAllowed)
            .expected(Excerpt::list(self.algorithms.iter().map(Algorithm::name)))
            .setting(key::ALGORITHMS);
        Reason::SignatureAlgorithmNotAllowed.about(match found {
            Some(algorithm) => subject.found(Excerpt::quoted(algorithm.name())),
            None => subject,
        })
    }

    fn malformed(&self, error: DetachedError) -> Cause {
        let why = Excerpt::own(format_args!("{error}"));
        match reason_of(error) {
            Reason::SignatureAlgorithmNotAllowed => self.other_algorithm(None),
            Reason::CriticalUnknown => {
                let understood = Excerpt::list(self.understood.iter().map(String::as_str));
                let subject = Subject::parameter("crit", Fault::Unsupported);
                Reason::CriticalUnknown.about(subject.expected(understood))
            }
            reason => reason.about(Subject::new(Part::Signature, Fault::Malformed).found(why)),
        }
    }
}

fn reason_of(error: DetachedError) -> Reason {
    match error {
        DetachedError::Algorithm => Reason::SignatureAlgorithmNotAllowed,
        DetachedError::Critical => Reason::CriticalUnknown,
        DetachedError::Parts
        | DetachedError::Attached
        | DetachedError::HeaderTooLong
        | DetachedError::Base64
        | DetachedError::Header
        | DetachedError::Token => Reason::SignatureMalformed,
    }
}
