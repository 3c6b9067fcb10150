//! A JWT on its way to being believed: every check that needs no key, cheap ones first
//! (RFC 7519 §7.2, RFC 8725 §3).

pub(super) mod claims;
mod form;
pub(super) mod formats;
mod logout;

use std::sync::Arc;

use crate::{
    clock::{UnixTime, seconds},
    identity::ClaimPath,
    jose::{Algorithm, AlgorithmSet, CompactJws, VerificationKey},
    json::{Json, Object},
    policy::{ClaimComparison, ScopeClaims},
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    token::{
        issuer::settings::{ClaimFormat, ClaimWaivers, IssuerSettings, key},
        kind::KindRules,
        request_binding::BoundTokens,
    },
};

pub use logout::LogoutFault;
pub(super) use logout::LogoutRules;

use claims::{
    NumericDate, audience_matches, check_names, check_required, check_values, malformed, missing,
    numeric_date, other_audience, settle_subject, string_claim,
};
use form::{claims_cause, form_cause};

/// Receives each check that a token passes; the proxy's own observer is `()`.
pub trait Observer {
    /// Whether no request waits for the verdict: what is learnt for it must not change that of any
    /// request, so that nothing is cached.
    fn is_aside(&self) -> bool {
        false
    }

    /// `check` is next. Called only for checks in no list
    /// ([`TokenVerifier::checks`](crate::token::TokenVerifier::checks)), so that a failure has its
    /// name.
    fn began(&mut self, _check: &'static str) {}

    /// The token passed `check`; `found` describes the value.
    fn passed(&mut self, check: &'static str, found: impl FnOnce() -> String);
}

impl Observer for () {
    fn passed(&mut self, _check: &'static str, _found: impl FnOnce() -> String) {}
}

/// What one issuer's tokens must be like.
#[derive(Debug, Clone)]
pub struct JwtRules {
    audiences: Option<Vec<String>>,
    algorithms: AlgorithmSet,
    clock_skew: i64,
    kinds: KindRules,
    require: Vec<ClaimPath>,
    require_any: Vec<Vec<ClaimPath>>,
    require_values: Vec<ClaimComparison>,
    formats: Vec<ClaimFormat>,
    scopes: Arc<ScopeClaims>,
    max_lifetime: Option<i64>,
    bound: BoundTokens,
    /// Whether the issuer's answer fills what a token lacks: what a token must hold is checked
    /// then.
    is_filled: bool,
}

/// A token whose form has been read. Nothing in it is trusted yet.
#[derive(Debug)]
pub struct JwtCandidate<'t> {
    jws: CompactJws<'t>,
    claims: Object,
    /// Whether the token itself has no `iss`.
    is_unnamed: bool,
}

/// When a token may be used, the issuer's clock skew included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment; `i64::MIN` without `nbf`.
    from: UnixTime,
    /// The first moment at which it is no longer valid; `i64::MAX` without `exp`.
    until: UnixTime,
    /// The expiry without clock skew.
    expires: UnixTime,
}

impl JwtRules {
    /// The rules of the settings.
    pub fn new(settings: &IssuerSettings) -> Self {
        Self {
            audiences: settings.audiences.clone(),
            algorithms: settings.algorithms,
            clock_skew: seconds(settings.clock_skew),
            kinds: KindRules::new(settings),
            require: settings.require.clone(),
            require_any: settings.require_any.clone(),
            require_values: settings.require_values.clone(),
            formats: settings.formats.clone(),
            scopes: Arc::clone(&settings.scopes),
            max_lifetime: settings.max_lifetime.map(seconds),
            bound: BoundTokens::new(&settings.binding),
            is_filled: settings.introspection.as_ref().is_some_and(|it| it.fill_claims),
        }
    }

    /// Whether the claims have to be filled before they can be checked in full.
    pub(super) fn is_filled(&self) -> bool {
        self.is_filled
    }

    /// The checks of filled claims that [`JwtCandidate::check`] has left out.
    pub(super) fn check_filled(
        &self,
        claims: &Object,
        observer: &mut impl Observer,
    ) -> Result<(), Cause> {
        self.check_members(claims)?;
        observer.passed("members", || "registered claims are well-formed".to_owned());
        self.check_content(claims, observer)
    }

    fn check_members(&self, claims: &Object) -> Result<(), Cause> {
        check_names(claims)?;
        for claim in self.scopes.claims() {
            claims::check_scope(claim, claims)?;
        }
        formats::check(claims, &self.formats)
    }

    fn check_content(&self, claims: &Object, observer: &mut impl Observer) -> Result<(), Cause> {
        check_required(claims, &self.require, &self.require_any)?;
        check_values(claims, &self.require_values)?;
        observer.passed("required", || claims::shown(&self.require));
        let accepted = self.audiences.as_deref();
        if !audience_matches(claims, accepted)? {
            return Err(other_audience(claims, accepted));
        }
        observer.passed("audience", || match accepted {
            Some(accepted) => format!("one of {accepted:?}"),
            None => "any audience is accepted".to_owned(),
        });
        self.bound.check(claims, observer)
    }
}

impl<'t> JwtCandidate<'t> {
    /// Reads header and claims (threats T-1, T-11 … T-18, T-20, C-8, C-11).
    ///
    /// # Errors
    /// The reason of the first check that fails.
    pub fn read(token: &'t [u8], observer: &mut impl Observer) -> Result<Self, Cause> {
        let jws = CompactJws::parse(token).map_err(|error| form_cause(error, token))?;
        observer.passed("header", || header_summary(&jws));
        let payload = jws.payload().map_err(|error| form_cause(error, token))?;
        let claims = Object::parse_or_blame(&payload).map_err(|fault| claims_cause(&fault))?;
        observer.passed("claims", || format!("a JSON object of {} members", claims.len()));
        let is_unnamed = claims.get("iss").is_none();
        Ok(Self { jws, claims, is_unnamed })
    }

    /// The `iss` claim, unverified: only for choosing among configured issuers (threats C-5, C-6).
    ///
    /// # Errors
    /// [`Reason::ClaimMalformed`].
    pub fn issuer(&self) -> Result<Option<&str>, Cause> {
        string_claim(&self.claims, "iss")
    }

    /// Brings the claims into the form that the rest of the proxy knows, as its issuer's settings
    /// permit: who it is about is a text, and whose it is is in it. The signature is over the
    /// token's own text, and not affected.
    pub(super) fn settle(&mut self, issuer: &str, waivers: ClaimWaivers) {
        if waivers.integer_subject {
            settle_subject(&mut self.claims);
        }
        if waivers.without_issuer && self.is_unnamed {
            self.claims.insert("iss", issuer);
        }
    }

    /// A claim that is a text, unverified.
    pub(super) fn text(&self, claim: &str) -> Result<Option<&str>, Cause> {
        string_claim(&self.claims, claim)
    }

    /// Its claims, of which nothing needs to be true.
    pub(super) fn unverified_claims(&self) -> &Object {
        &self.claims
    }

    /// Whether the token has no `iss` of its own.
    pub(super) fn is_unnamed(&self) -> bool {
        self.is_unnamed
    }

    /// The signature layer, for choosing the key.
    pub fn jws(&self) -> &CompactJws<'t> {
        &self.jws
    }

    /// Checks everything but the signature (threats C-1 … C-4, C-7, C-12, T-3, T-19).
    ///
    /// # Errors
    /// The reason of the first check that fails.
    pub fn check(
        &self,
        rules: &JwtRules,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<Validity, Cause> {
        self.check_algorithm(rules)?;
        observer.passed("algorithm", || format!("{} is allowed", self.jws.algorithm()));
        self.check_kind(rules)?;
        observer.passed("type", || match self.jws.header().typ() {
            Some(typ) => format!("typ {typ:?}"),
            None => "no typ".to_owned(),
        });
        if rules.is_filled {
            check_names(&self.claims)?;
        } else {
            rules.check_members(&self.claims)?;
            observer.passed("members", || "registered claims are well-formed".to_owned());
        }
        let validity = self.check_times(rules, now)?;
        observer.passed("times", || validity.summary(now));
        if !rules.is_filled {
            rules.check_content(&self.claims, observer)?;
        }
        Ok(validity)
    }

    /// The last moment at which the token was valid; `None` if it does not expire.
    ///
    /// # Errors
    /// [`Reason::ClaimMalformed`].
    pub(super) fn last_moment(&self, rules: &JwtRules) -> Result<Option<UnixTime>, Cause> {
        let expires = numeric_date(&self.claims, "exp")?;
        let until = expires.map(|date| date.floor.saturating_add(rules.clock_skew));
        Ok(until.map(|until| UnixTime(until.saturating_sub(1))))
    }

    /// Whether the signature is valid; on success the claims can be trusted.
    ///
    /// # Errors
    /// [`Reason::SignatureInvalid`].
    pub fn verify(self, key: &VerificationKey) -> Result<Object, Reason> {
        if self.jws.verify(key) { Ok(self.claims) } else { Err(Reason::SignatureInvalid) }
    }

    fn check_algorithm(&self, rules: &JwtRules) -> Result<(), Cause> {
        if rules.algorithms.contains(self.jws.algorithm()) {
            Ok(())
        } else {
            Err(self.other_algorithm(rules.algorithms))
        }
    }

    #[cold]
    fn other_algorithm(&self, allowed: AlgorithmSet) -> Cause {
        let subject = Subject::parameter("alg", Fault::NotAllowed)
            .found(Excerpt::quoted(self.jws.algorithm().name()))
            .expected(Excerpt::list(allowed.iter().map(Algorithm::name)));
        Reason::AlgorithmNotAllowed.about(subject.setting(key::ALGORITHMS))
    }

    fn check_kind(&self, rules: &JwtRules) -> Result<(), Cause> {
        let verdict = rules.kinds.check_jwt(self.jws.header().typ(), &self.claims);
        verdict.map_err(|wrong| rules.kinds.cause(wrong))
    }

    fn check_times(&self, rules: &JwtRules, now: UnixTime) -> Result<Validity, Cause> {
        let expires = numeric_date(&self.claims, "exp")?;
        let not_before = numeric_date(&self.claims, "nbf")?;
        let issued = numeric_date(&self.claims, "iat")?;
        let validity = Validity::new(
            not_before.map(|date| date.ceil),
            expires.map(|date| date.floor),
            rules.clock_skew,
        );
        validity.check(now).map_err(|reason| validity.cause(reason, now))?;
        if let Some(date) = issued
            && date.floor > now.0.saturating_add(rules.clock_skew)
        {
            return Err(issued_in_future(date.floor, now));
        }
        // Not a plausible lifetime, though the skew could make it positive.
        if let (Some(expires), Some(issued)) = (expires, issued)
            && expires.ceil <= issued.floor
        {
            return Err(self.ends_before_it_begins());
        }
        if let Some(max_lifetime) = rules.max_lifetime {
            check_lifetime(issued, expires, max_lifetime)?;
        }
        Ok(validity)
    }

    #[cold]
    fn ends_before_it_begins(&self) -> Cause {
        let exp = self.claims.get("exp").unwrap_or(&Json::Null);
        malformed("exp", Fault::OutOfRange, exp, "a time after 'iat'")
    }
}

/// Without both ends there is no lifetime to compare (threats C-2).
fn check_lifetime(
    issued: Option<NumericDate>,
    expires: Option<NumericDate>,
    most: i64,
) -> Result<(), Cause> {
    let expires = expires.ok_or_else(|| missing("exp"))?;
    let issued = issued.ok_or_else(|| missing("iat"))?;
    let lifetime = expires.ceil.saturating_sub(issued.floor);
    if lifetime <= most {
        return Ok(());
    }
    let subject = Subject::claim("exp", Fault::OutOfRange)
        .found(Excerpt::own(format_args!("{lifetime} s after 'iat'")))
        .expected(Excerpt::own(format_args!("at most {most} s")));
    Err(Reason::LifetimeTooLong.about(subject.setting(key::MAX_LIFETIME)))
}

#[cold]
fn issued_in_future(issued: i64, now: UnixTime) -> Cause {
    Reason::TokenIssuedInFuture.about(in_time("iat", Fault::InFuture, issued, now))
}

/// A date, and how far off it is.
fn in_time(claim: &str, fault: Fault, date: i64, now: UnixTime) -> Subject {
    let off = date.abs_diff(now.0);
    let when = if date > now.0 { "from now" } else { "ago" };
    let found = Excerpt::own(format_args!("{date}, {off} s {when}"));
    Subject::claim(claim, fault).found(found).setting(key::CLOCK_SKEW)
}

impl Validity {
    pub(super) fn new(not_before: Option<i64>, expires: Option<i64>, skew: i64) -> Self {
        Self {
            from: UnixTime(not_before.map_or(i64::MIN, |date| date.saturating_sub(skew))),
            until: UnixTime(expires.map_or(i64::MAX, |date| date.saturating_add(skew))),
            expires: UnixTime(expires.unwrap_or(i64::MAX)),
        }
    }

    /// Whether the token may be used now.
    ///
    /// # Errors
    /// [`Reason::TokenExpired`] and [`Reason::TokenNotYetValid`].
    pub fn check(self, now: UnixTime) -> Result<(), Reason> {
        if now >= self.until {
            Err(Reason::TokenExpired)
        } else if now < self.from {
            Err(Reason::TokenNotYetValid)
        } else {
            Ok(())
        }
    }

    /// What is said of a token that may not be used now.
    #[cold]
    pub(super) fn cause(self, reason: Reason, now: UnixTime) -> Cause {
        match reason {
            Reason::TokenExpired => {
                reason.about(in_time("exp", Fault::InPast, self.expires.0, now))
            }
            Reason::TokenNotYetValid => {
                reason.about(in_time("nbf", Fault::InFuture, self.from.0, now))
            }
            other => other.into(),
        }
    }

    /// When what is derived from the token ends, as seen at `now`: with its `exp`, or, where only
    /// the clock skew still keeps it alive, with that.
    pub fn ends(self, now: UnixTime) -> UnixTime {
        if now < self.expires { self.expires } else { self.until }
    }

    pub(super) fn summary(self, now: UnixTime) -> String {
        match self.until.0 {
            i64::MAX => "valid, does not expire".to_owned(),
            until => format!("valid for another {} s", until.saturating_sub(now.0)),
        }
    }
}

fn header_summary(jws: &CompactJws<'_>) -> String {
    match jws.header().kid() {
        Some(kid) => format!("alg {}, kid {kid:?}", jws.algorithm()),
        None => format!("alg {}, no kid", jws.algorithm()),
    }
}

#[cfg(test)]
mod tests;
