//! The rules for introspection responses (threats I-3 … I-5): those for a JWT, as far as they apply
//! without one.

use std::{iter, sync::Arc};

use crate::{
    clock::{UnixTime, seconds},
    identity::{ClaimPath, shown_claim},
    introspection::settings::IntrospectionSettings,
    json::Object,
    policy::{ClaimComparison, ScopeClaims},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    token::issuer::settings::{ClaimFormat, IssuerSettings},
};

use super::{
    jwt::{
        Observer, Validity,
        claims::{
            audience_matches, check_names, check_required, check_scope, check_values, numeric_date,
            other_audience, settle_subject, shown, string_claim,
        },
        formats,
    },
    kind::KindRules,
    request_binding::BoundTokens,
};

/// What one issuer's statements must be like.
#[derive(Debug)]
pub(super) struct StatementRules {
    issuer: String,
    issuers: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
    client_ids: Option<Vec<String>>,
    token_types: Vec<String>,
    kinds: KindRules,
    integer_subject: bool,
    subject: Vec<String>,
    require: Vec<ClaimPath>,
    require_any: Vec<Vec<ClaimPath>>,
    require_values: Vec<ClaimComparison>,
    formats: Vec<ClaimFormat>,
    scopes: Arc<ScopeClaims>,
    skew: i64,
    bound: BoundTokens,
}

/// The checks that an [`Observer`] receives for a token that is only introspected.
pub(super) const CHECKS: &[&str] = &[
    "size",
    "introspection",
    "members",
    "times",
    "required",
    "issuer",
    "audience",
    "binding",
    "headers",
    "revocation",
];

#[cold]
fn about_another(claim: &str) -> Cause {
    let subject = Subject::new(Part::Response, Fault::NotAllowed)
        .found(Excerpt::own(format_args!("another '{claim}' than the token's")));
    Reason::TokenInactive.about(subject.setting("introspection.fill_claims"))
}

/// What a token and an answer about it can't have different values for.
const IDENTIFYING: [&str; 5] = ["azp", "client_id", "jti", "sid", "sub"];
/// Members that say something of the answer, and nothing of the token's subject (RFC 7662 §2.2).
const OF_THE_ANSWER: [&str; 3] = ["active", "iss", "token_type"];

impl StatementRules {
    pub(super) fn new(issuer: &IssuerSettings, settings: &IntrospectionSettings) -> Self {
        Self {
            issuer: issuer.issuer.clone(),
            issuers: settings.issuers.clone(),
            audiences: settings.audiences.clone(),
            client_ids: settings.client_ids.clone(),
            token_types: settings.token_types.clone(),
            kinds: KindRules::of_answers(issuer, settings.is_about_id_tokens()),
            integer_subject: issuer.waivers.integer_subject,
            subject: settings.subject.clone(),
            require: required(issuer, settings),
            require_any: issuer.require_any.clone(),
            require_values: issuer.require_values.clone(),
            formats: issuer.formats.clone(),
            scopes: Arc::clone(&issuer.scopes),
            skew: seconds(issuer.clock_skew),
            bound: BoundTokens::new(&issuer.binding),
        }
    }

    /// The verified claims of a token that its issuer calls active, and when they hold.
    pub(super) fn claims(
        &self,
        response: &Object,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<(Object, Validity), Cause> {
        let mut claims = response.clone();
        if self.integer_subject {
            settle_subject(&mut claims);
        }
        self.check_members(&claims)?;
        self.name_subject(&mut claims)?;
        formats::check(&claims, &self.formats)?;
        observer.passed("members", || "registered members are well-formed".to_owned());
        let validity = self.check_life(&claims, now)?;
        observer.passed("times", || validity.summary(now));
        check_required(&claims, &self.require, &self.require_any)?;
        check_values(&claims, &self.require_values)?;
        observer.passed("required", || shown(&self.require));
        self.check_issuer(&claims)?;
        // Whatever the endpoint calls itself: a subject is unique per issuer, and upstreams know
        // the issuer by one name.
        claims.insert("iss", self.issuer.as_str());
        observer.passed("issuer", || format!("{:?}", self.issuer));
        self.check_audience(&claims)?;
        observer.passed("audience", || match &self.audiences {
            Some(accepted) => format!("one of {accepted:?}"),
            None => "any audience is accepted".to_owned(),
        });
        self.bound.check(&claims, observer)?;
        Ok((claims, validity))
    }

    /// The rules for a response about a token that was also verified locally: it is about an access
    /// token, and valid now.
    pub(super) fn check_life(&self, response: &Object, now: UnixTime) -> Result<Validity, Cause> {
        self.check_type(response)?;
        self.kinds.check_answer(response).map_err(|wrong| self.kinds.cause(wrong))?;
        let expires = numeric_date(response, "exp")?;
        let not_before = numeric_date(response, "nbf")?;
        numeric_date(response, "iat")?;
        let validity = Validity::new(
            not_before.map(|date| date.ceil),
            expires.map(|date| date.floor),
            self.skew,
        );
        validity.check(now).map_err(|reason| validity.cause(reason, now))?;
        Ok(validity)
    }

    /// Adds to a token's claims what the issuer says beside them, for tokens that hold little
    /// themselves. What the token says itself stays: it is signed.
    ///
    /// # Errors
    /// [`Reason::TokenInactive`] where the answer is about another token or subject.
    pub(super) fn fill(&self, claims: &mut Object, response: &Object) -> Result<(), Cause> {
        let mut answer = response.clone();
        if self.integer_subject {
            settle_subject(&mut answer);
        }
        self.check_members(&answer)?;
        self.check_issuer(&answer)?;
        if claims.get("sub").is_none() {
            self.name_subject(&mut answer)?;
        }
        let contradicts = |name: &&str| {
            let (own, told) = (claims.get(name), answer.get(name));
            own.zip(told).is_some_and(|(own, told)| own != told)
        };
        if let Some(name) = IDENTIFYING.iter().copied().find(contradicts) {
            return Err(about_another(name));
        }
        for (name, value) in answer.iter().filter(|(name, _)| !OF_THE_ANSWER.contains(name)) {
            if claims.get(name).is_none() {
                claims.insert(name, value.clone());
            }
        }
        Ok(())
    }

    /// `Refresh`, WSO2's type of refresh tokens, is not accepted; neither is `DPoP`, unless another
    /// component checks its proof.
    fn check_type(&self, response: &Object) -> Result<(), Cause> {
        let Some(found) = string_claim(response, "token_type")? else {
            return Ok(());
        };
        if self.token_types.iter().any(|accepted| accepted.eq_ignore_ascii_case(found)) {
            Ok(())
        } else if found.eq_ignore_ascii_case("DPoP") {
            self.bound.check_bound("token_type")
        } else {
            Err(self.other_type(found))
        }
    }

    #[cold]
    fn other_type(&self, found: &str) -> Cause {
        let subject = Subject::claim("token_type", Fault::NotAllowed)
            .found(Excerpt::quoted(found))
            .expected(Excerpt::list(self.token_types.iter().map(String::as_str)));
        Reason::TokenTypeNotAllowed.about(subject.setting("introspection.token_types"))
    }

    fn check_issuer(&self, claims: &Object) -> Result<(), Cause> {
        let accepts = |iss: &str| {
            iss == self.issuer
                || self.issuers.as_ref().is_none_or(|list| list.iter().any(|known| known == iss))
        };
        match string_claim(claims, "iss")? {
            Some(iss) if !accepts(iss) => Err(self.other_issuer(iss)),
            _ => Ok(()),
        }
    }

    #[cold]
    fn other_issuer(&self, found: &str) -> Cause {
        let listed = self.issuers.iter().flatten().map(String::as_str);
        let subject = Subject::new(Part::Response, Fault::NotAllowed)
            .found(Excerpt::own(format_args!("'iss' {}", Excerpt::quoted(found))))
            .expected(Excerpt::list(iter::once(self.issuer.as_str()).chain(listed)));
        Reason::IssuerUnknown.about(subject.setting("introspection.issuers"))
    }

    fn check_audience(&self, claims: &Object) -> Result<(), Cause> {
        let audiences = self.audiences.as_deref();
        if !audience_matches(claims, audiences)? {
            return Err(other_audience(claims, audiences));
        }
        let Some(accepted) = &self.client_ids else {
            return Ok(());
        };
        match string_claim(claims, "client_id")? {
            Some(client_id) if accepted.iter().any(|known| known == client_id) => Ok(()),
            found => Err(other_client(found, accepted)),
        }
    }

    fn check_members(&self, claims: &Object) -> Result<(), Cause> {
        check_names(claims)?;
        string_claim(claims, "username")?;
        self.scopes.claims().iter().try_for_each(|claim| check_scope(claim, claims))
    }

    /// `sub`, or its replacement. An empty one counts as absent, and one that is no string is
    /// rejected, not skipped (threats C-14).
    fn name_subject(&self, claims: &mut Object) -> Result<(), Cause> {
        for name in &self.subject {
            let found = string_claim(claims, name)?.filter(|text| !text.is_empty());
            if let Some(subject) = found.map(str::to_owned) {
                claims.insert("sub", subject);
                break;
            }
        }
        Ok(())
    }
}

#[cold]
fn other_client(found: Option<&str>, accepted: &[String]) -> Cause {
    let fault = if found.is_some() { Fault::NotAllowed } else { Fault::Missing };
    let subject = Subject::claim("client_id", fault)
        .found(found.map_or_else(|| shown_claim("client_id", None), Excerpt::quoted))
        .expected(Excerpt::list(accepted.iter().map(String::as_str)));
    Reason::ClientNotAllowed.about(subject.setting("introspection.client_ids"))
}

/// *Active* matters more than the expiry: many responses leave `exp` out.
fn required(issuer: &IssuerSettings, settings: &IntrospectionSettings) -> Vec<ClaimPath> {
    let of_tokens = issuer.require.iter().filter(|claim| claim.as_str() != "exp");
    of_tokens.chain(&settings.require).cloned().collect()
}

#[cfg(test)]
mod tests;
