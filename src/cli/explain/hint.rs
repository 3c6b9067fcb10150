//! A hint on a failed check, from the configuration or the keys. Nothing of the token is shown
//! here.

use crate::{
    clock::UnixTime,
    gate::{Denial, Route},
    identity::ClaimPath,
    jose::Algorithm,
    keys::{KeyFacts, LiveKeySet},
    policy::settings::AccessSettings,
    reason::Reason,
    revocation::Revocations,
    settings::Settings,
    token::issuer::settings::IssuerSettings,
};

/// What hints are made of.
pub(super) struct Facts<'q> {
    pub(super) settings: &'q Settings,
    pub(super) issuer: Option<&'q IssuerSettings>,
    pub(super) keys: Option<&'q LiveKeySet>,
    pub(super) revocations: &'q Revocations,
    pub(super) now: UnixTime,
}

impl Facts<'_> {
    /// The other side of a comparison that failed.
    pub(super) fn hint(&self, reason: Reason) -> Option<String> {
        let settings = self.settings;
        match reason {
            Reason::TokenTooLarge => {
                Some(format!("(credential.max_bytes is {}.)", settings.credential.max_bytes))
            }
            Reason::IssuerUnknown => {
                let issuers = settings.issuers.iter().map(|issuer| &issuer.issuer);
                Some(format!("(Configured: {:?}.)", issuers.collect::<Vec<_>>()))
            }
            Reason::KeysUnavailable => self.keys?.pending(self.now).map(|why| format!("({why})")),
            Reason::RevocationUnavailable => {
                self.revocations.pending(self.now).map(|why| format!("({why})"))
            }
            Reason::KidUnknown | Reason::KeyUnsuitable | Reason::KeyAmbiguous => self.key_list(),
            _ => self.rule(reason),
        }
    }

    /// The issuer's setting that a check depends on.
    fn rule(&self, reason: Reason) -> Option<String> {
        let issuer = self.issuer?;
        match reason {
            Reason::AlgorithmNotAllowed => {
                let names: Vec<_> = issuer.algorithms.iter().map(Algorithm::name).collect();
                Some(format!("(Allowed: {}.)", names.join(", ")))
            }
            Reason::TokenTypeNotAllowed => {
                Some(format!("(token_types is {:?}.)", issuer.token_types))
            }
            Reason::ClaimMissing => Some(required_claims(issuer)),
            Reason::ClaimValueNotAllowed => Some(required_values(issuer)),
            Reason::ClaimMalformed => {
                let formats = issuer.formats.iter();
                let names: Vec<_> = formats.map(|format| format.claim.as_str()).collect();
                (!names.is_empty()).then(|| format!("(With a form of their own: {names:?}.)"))
            }
            Reason::TokenExpired | Reason::TokenNotYetValid | Reason::TokenIssuedInFuture => {
                let skew = issuer.clock_skew.as_secs();
                Some(format!("(It is {}; clock_skew is {skew} s.)", self.now.0))
            }
            Reason::LifetimeTooLong => {
                let lifetime = issuer.max_lifetime?.as_secs();
                Some(format!("(max_lifetime is {lifetime} s.)"))
            }
            Reason::AudienceMismatch => {
                let audiences = issuer.audiences.as_ref()?;
                Some(format!("(Accepted: {audiences:?}.)"))
            }
            Reason::OriginMismatch => {
                let claim = issuer.binding.origin.as_ref()?.as_str();
                Some(format!("({claim:?} must be the request's Origin: --path and --header.)"))
            }
            Reason::BindingUnproven => {
                let cookie = &issuer.binding.cookie.as_ref()?.cookie;
                Some(format!("(Proof is taken by the cookie {cookie:?}: --path and --header.)"))
            }
            _ => None,
        }
    }

    fn key_list(&self) -> Option<String> {
        let keys = self.keys?.status().keys;
        let list: Vec<String> = keys.iter().map(describe).collect();
        Some(format!("(Its keys: {}.)", list.join("; ")))
    }
}

fn required_claims(issuer: &IssuerSettings) -> String {
    let all = names(&issuer.require);
    let any: Vec<_> = issuer.require_any.iter().map(|names_of_one| names(names_of_one)).collect();
    if any.is_empty() {
        format!("(Required: {all:?}.)")
    } else {
        format!("(Required: {all:?}, and one of each of {any:?}.)")
    }
}

fn names(claims: &[ClaimPath]) -> Vec<&str> {
    claims.iter().map(ClaimPath::as_str).collect()
}

fn required_values(issuer: &IssuerSettings) -> String {
    let required = issuer.require_values.iter();
    let required = required.map(|one| format!("{} = {:?}", one.claim.as_str(), one.any_of));
    format!("(require_values: {}.)", required.collect::<Vec<_>>().join(", "))
}

fn describe(key: &KeyFacts) -> String {
    let algorithms = key.algorithms.join(" ");
    match &key.kid {
        Some(kid) => format!("{kid:?}, {} for {algorithms}", key.kind),
        None => format!("without kid, {} for {algorithms}", key.kind),
    }
}

/// The methods that a route takes.
pub(super) fn allowed(denial: &Denial) -> Option<String> {
    let allow = denial.allow()?.to_str().ok()?;
    Some(format!("(It takes {allow}.)"))
}

/// What a route requires of a token, where that is not met.
pub(super) fn required(reason: Reason, route: &Route, settings: &Settings) -> Option<String> {
    let requirement = route.requirement()?;
    match reason {
        Reason::ScopeInsufficient => Some(format!("(Asked for: {}.)", requirement.scope())),
        Reason::AuthenticationInsufficient | Reason::AuthenticationTooOld => {
            Some(format!("(Asked for: {}.)", requirement.authentication()?.challenge()))
        }
        Reason::AudienceMismatch => accepted_audiences(route, settings),
        _ => None,
    }
}

/// The verifier accepts what any route of the issuer does; this route does not.
fn accepted_audiences(route: &Route, settings: &Settings) -> Option<String> {
    let AccessSettings::Token(required) = &settings.routes.all().get(route.id()).access else {
        return None;
    };
    let Some(resource) = required.resource else {
        let hint = "(The route names no resource: audiences of the issuer count.)";
        return Some(hint.to_owned());
    };
    let resource = settings.resources.get(resource);
    let accepted = resource.audiences.as_ref()?;
    Some(format!("(The resource {:?} accepts: {accepted:?}.)", resource.name))
}
