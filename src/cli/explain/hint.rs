//! A hint on a failed check, from the configuration or the keys. Nothing of the token is shown
//! here.

use crate::{
    clock::UnixTime,
    identity::ClaimPath,
    keys::{KeyFacts, LiveKeySet},
    reason::Reason,
    revocation::Revocations,
    token::issuer::settings::IssuerSettings,
};

/// What hints are made of.
pub(super) struct Facts<'q> {
    pub(super) issuer: Option<&'q IssuerSettings>,
    pub(super) keys: Option<&'q LiveKeySet>,
    pub(super) revocations: &'q Revocations,
    pub(super) now: UnixTime,
}

impl Facts<'_> {
    /// The other side of a comparison that failed.
    pub(super) fn hint(&self, reason: Reason) -> Option<String> {
        match reason {
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
            Reason::ClaimMissing => Some(required_claims(issuer)),
            Reason::TokenExpired | Reason::TokenNotYetValid | Reason::TokenIssuedInFuture => {
                let skew = issuer.clock_skew.as_secs();
                Some(format!("(It is {}; clock_skew is {skew} s.)", self.now.0))
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

fn describe(key: &KeyFacts) -> String {
    let algorithms = key.algorithms.join(" ");
    match &key.kid {
        Some(kid) => format!("{kid:?}, {} for {algorithms}", key.kind),
        None => format!("without kid, {} for {algorithms}", key.kind),
    }
}
