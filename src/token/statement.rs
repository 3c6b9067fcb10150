//! What an issuer's word about a token has to say before the token is good (threats I-3 … I-5):
//! the same rules as for a JWT, as far as they have a meaning without one.

use std::sync::Arc;

use crate::{
    clock::{UnixTime, seconds},
    config::{ClaimFormat, IntrospectionSettings, IssuerSettings},
    identity::ClaimPath,
    jose::{Json, Object},
    policy::ScopeClaims,
    reason::Reason,
};

use super::jwt::{
    Observer, Validity,
    claims::{
        audience_matches, check_required, check_scope, is_present, numeric_date, string_claim,
    },
    formats,
};

/// What one issuer's statements must be like.
#[derive(Debug)]
pub(super) struct StatementRules {
    issuer: String,
    issuers: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
    client_ids: Option<Vec<String>>,
    token_types: Vec<String>,
    subject: Vec<String>,
    require: Vec<String>,
    require_any: Vec<Vec<ClaimPath>>,
    formats: Vec<ClaimFormat>,
    scopes: Arc<ScopeClaims>,
    skew: i64,
    ignore_binding: bool,
}

/// The checks that an [`Observer`] is told of for a token that its issuer is only asked about.
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

impl StatementRules {
    pub(super) fn new(issuer: &IssuerSettings, settings: &IntrospectionSettings) -> Self {
        Self {
            issuer: issuer.issuer.clone(),
            issuers: settings.issuers.clone(),
            audiences: settings.audiences.clone(),
            client_ids: settings.client_ids.clone(),
            token_types: settings.token_types.clone(),
            subject: settings.subject.clone(),
            // That it is active says more than when it ends; many answers leave `exp` out.
            require: issuer.require.iter().filter(|claim| *claim != "exp").cloned().collect(),
            require_any: issuer.require_any.clone(),
            formats: issuer.formats.clone(),
            scopes: Arc::clone(&issuer.scopes),
            skew: seconds(issuer.clock_skew),
            ignore_binding: issuer.ignore_binding,
        }
    }

    /// The verified claims of a token that its issuer calls active, and when they hold.
    pub(super) fn claims(
        &self,
        said: &Object,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<(Object, Validity), Reason> {
        let mut claims = said.clone();
        self.name_subject(&mut claims);
        self.check_members(&claims)?;
        observer.passed("members", || "registered members are well-formed".to_owned());
        let validity = self.check_life(&claims, now)?;
        observer.passed("times", || validity.summary(now));
        check_required(&claims, &self.require, &self.require_any)?;
        observer.passed("required", || format!("{:?} are there", self.require));
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
        self.check_binding(&claims)?;
        observer.passed("binding", || "no proof of possession is needed".to_owned());
        Ok((claims, validity))
    }

    /// What is asked of a statement about a token that was verified locally besides: that it is
    /// about an access token, and that it holds now.
    pub(super) fn check_life(&self, said: &Object, now: UnixTime) -> Result<Validity, Reason> {
        self.check_type(said)?;
        let expires = numeric_date(said, "exp")?;
        let not_before = numeric_date(said, "nbf")?;
        numeric_date(said, "iat")?;
        let validity = Validity::new(
            not_before.map(|date| date.ceil),
            expires.map(|date| date.floor),
            self.skew,
        );
        validity.check(now)?;
        Ok(validity)
    }

    /// `Refresh`, as WSO2 says of refresh tokens, is none of the accepted types; neither is
    /// `DPoP`, which needs a proof.
    fn check_type(&self, said: &Object) -> Result<(), Reason> {
        let Some(found) = string_claim(said, "token_type")? else {
            return Ok(());
        };
        if self.token_types.iter().any(|accepted| accepted.eq_ignore_ascii_case(found)) {
            Ok(())
        } else if found.eq_ignore_ascii_case("DPoP") {
            Err(Reason::BindingUnproven)
        } else {
            Err(Reason::TokenTypeNotAllowed)
        }
    }

    fn check_issuer(&self, claims: &Object) -> Result<(), Reason> {
        let accepts = |iss: &str| {
            iss == self.issuer
                || self.issuers.as_ref().is_none_or(|list| list.iter().any(|known| known == iss))
        };
        match string_claim(claims, "iss")? {
            Some(iss) if !accepts(iss) => Err(Reason::IssuerUnknown),
            _ => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Object) -> Result<(), Reason> {
        if !audience_matches(claims.get("aud"), self.audiences.as_deref())? {
            return Err(Reason::AudienceMismatch);
        }
        let Some(accepted) = &self.client_ids else {
            return Ok(());
        };
        match string_claim(claims, "client_id")? {
            Some(client_id) if accepted.iter().any(|known| known == client_id) => Ok(()),
            _ => Err(Reason::ClientNotAllowed),
        }
    }

    fn check_binding(&self, claims: &Object) -> Result<(), Reason> {
        if self.ignore_binding || !is_present(claims, "cnf") {
            Ok(())
        } else {
            Err(Reason::BindingUnproven)
        }
    }

    fn check_members(&self, claims: &Object) -> Result<(), Reason> {
        for name in ["iss", "sub", "jti", "client_id", "username", "azp"] {
            string_claim(claims, name)?;
        }
        for claim in self.scopes.claims() {
            check_scope(claim.find(claims))?;
        }
        formats::check(claims, &self.formats)
    }

    /// `sub`, or what stands in for it. An empty one is none.
    fn name_subject(&self, claims: &mut Object) {
        let is_named = |name: &&String| {
            claims.get(name).and_then(Json::as_str).is_some_and(|text| !text.is_empty())
        };
        let Some(name) = self.subject.iter().find(is_named) else {
            return;
        };
        if let Some(subject) = claims.get(name).cloned() {
            claims.insert("sub", subject);
        }
    }
}

#[cfg(test)]
mod tests;
