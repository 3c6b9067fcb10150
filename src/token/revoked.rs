//! Whether a verified token still stands, or was revoked.

use crate::{
    clock::UnixTime,
    json::{Json, Object},
    reason::{Cause, Fault, Part, Reason, Subject},
    revocation::{Revocations, RevokedBy, TokenFacts},
};

use super::jwt::claims::numeric_date;

/// The generation of the revocations under which the token is clear.
///
/// # Errors
/// [`Reason::TokenRevoked`], or [`Reason::RevocationUnavailable`] where that is unknown.
pub(super) fn check(
    revocations: &Revocations,
    claims: &Object,
    now: UnixTime,
) -> Result<u64, Cause> {
    // First the generation: a change during the lookup makes the next request look again.
    let generation = current_generation(revocations, now)?;
    match revocations.find(&facts(claims), now) {
        Some(by) => Err(revoked(by)),
        None => Ok(generation),
    }
}

/// The generation to compare with the one under which a token was found clear.
///
/// # Errors
/// [`Reason::RevocationUnavailable`].
pub(super) fn current_generation(revocations: &Revocations, now: UnixTime) -> Result<u64, Cause> {
    revocations.generation_now(now).map_err(|_| unavailable())
}

/// By what the token was found, and not which one it is.
#[cold]
fn revoked(by: RevokedBy) -> Cause {
    let claim = match by {
        RevokedBy::Jti => "jti",
        RevokedBy::Sub => "sub",
        RevokedBy::Sid => "sid",
        RevokedBy::ClientId => "client_id",
    };
    Reason::TokenRevoked.about(Subject::claim(claim, Fault::Revoked))
}

#[cold]
fn unavailable() -> Cause {
    let subject = Subject::new(Part::RevocationList, Fault::Unavailable);
    Reason::RevocationUnavailable.about(subject.setting("revocation.list"))
}

/// Claims of the wrong type name nothing; those that matter were checked before.
fn facts(claims: &Object) -> TokenFacts<'_> {
    let text = |name| claims.get(name).and_then(Json::as_str);
    TokenFacts {
        iss: text("iss").unwrap_or_default(),
        jti: text("jti"),
        sub: text("sub"),
        sid: text("sid"),
        client_id: text("client_id"),
        azp: text("azp"),
        issued_at: numeric_date(claims, "iat").ok().flatten().map(|date| date.floor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_that_name_a_token_are_what_is_looked_up() {
        let claims = Object::parse(
            br#"{"iss":"i","jti":"j","sub":"s","sid":"n","client_id":"c","azp":"a","iat":7.9}"#,
        )
        .unwrap();
        let facts = facts(&claims);
        assert_eq!((facts.iss, facts.issued_at), ("i", Some(7)));
        let named = [facts.jti, facts.sub, facts.sid, facts.client_id, facts.azp];
        assert_eq!(named, ["j", "s", "n", "c", "a"].map(Some));
    }
}
