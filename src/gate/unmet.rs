//! What a verified token lacks.

use super::Gate;
use crate::{
    policy::{Requirement, Unmet},
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    token::VerifiedToken,
};

impl Gate {
    /// The refusal of a token that lacks what a route requires.
    #[cold]
    pub(super) fn unmet(
        &self,
        unmet: Unmet,
        requirement: &Requirement,
        token: &VerifiedToken,
    ) -> Cause {
        let (issuer, claims) = (token.issuer(), token.claims());
        match unmet {
            Unmet::Issuer => {
                let accepted = requirement.issuers().map(|id| self.issuer_label(Some(id)));
                let subject = Subject::claim("iss", Fault::NotAllowed)
                    .found(Excerpt::own(format_args!(
                        "a token of issuer {}",
                        Excerpt::quoted(self.issuer_label(Some(issuer)))
                    )))
                    .expected(Excerpt::list(accepted));
                Reason::IssuerNotAllowed.about(subject.setting("issuers"))
            }
            Unmet::Scope => {
                Reason::ScopeInsufficient.about(requirement.lacking_scopes(issuer, claims))
            }
            Unmet::Claim => match requirement.unmet_claim(claims) {
                Some(subject) => Reason::ClaimNotPermitted.about(subject),
                None => Reason::ClaimNotPermitted.into(),
            },
        }
    }
}
