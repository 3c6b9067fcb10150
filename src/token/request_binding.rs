//! What ties a token to the request that carries it, where its issuer has such a thing: the key
//! that its sender holds, the `Origin` it is for, the cookie it was issued beside.
//!
//! Whether a token is tied to a key is in its claims: [`BoundTokens`] is a check of the token, made
//! once. The others depend on the request as much as on the token ([`RequestBinding`]). So no
//! verdict of theirs is cached: a verified token is checked on every request, from the cache or
//! not.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, HeaderValue, header::ORIGIN};
use md5::{Digest, Md5};

use crate::{
    identity::ClaimPath,
    json::{Json, Object},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    token::issuer::settings::binding::{BindingSettings, CookieBindingSettings, key},
};

use super::{Credential, Observer, cookies, jwt::claims::malformed};

/// A token as a request presents it.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'r> {
    /// The token's text.
    pub credential: Credential<'r>,
    /// All headers of the request, before any is removed.
    pub headers: &'r HeaderMap,
}

/// What happens to an issuer's tokens that are bound to a key of their sender (`cnf`, RFC 7800). No
/// proof that the sender holds the key is verified here (threats C-12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoundTokens {
    /// As bearer tokens they are refused.
    Refused,
    /// Another component verifies the proof.
    Accepted,
}

/// The bindings of one issuer's tokens. Most issuers have none, and then nothing is checked.
#[derive(Debug)]
pub(super) struct RequestBinding {
    origin: Option<ClaimPath>,
    cookie: Option<CookieBinding>,
}

/// A cookie that has to be sent with the token.
#[derive(Debug)]
struct CookieBinding {
    settings: CookieBindingSettings,
    /// What happens to tokens that are bound to something else.
    other_types: BoundTokens,
}

impl BoundTokens {
    pub(super) fn new(settings: &BindingSettings) -> Self {
        if settings.ignore { Self::Accepted } else { Self::Refused }
    }

    /// Whether a token with these claims may go on without proof.
    pub(super) fn check(self, claims: &Object, observer: &mut impl Observer) -> Result<(), Cause> {
        if claims.get("cnf").is_some() {
            self.check_bound("cnf")?;
        }
        observer.passed("binding", || "no proof of possession is needed".to_owned());
        Ok(())
    }

    /// Checks a token that this claim says to be bound.
    pub(super) fn check_bound(self, claim: &str) -> Result<(), Cause> {
        match self {
            Self::Refused => Err(unproven(claim)),
            Self::Accepted => Ok(()),
        }
    }
}

impl RequestBinding {
    pub(super) fn new(settings: &BindingSettings) -> Self {
        Self {
            origin: settings.origin.clone(),
            cookie: settings.cookie.as_ref().map(|cookie| CookieBinding {
                settings: cookie.clone(),
                other_types: BoundTokens::new(settings),
            }),
        }
    }

    /// Whether a token with these claims may come as it is presented. Without such a check,
    /// `observer` is not called.
    pub(super) fn check(
        &self,
        claims: &Object,
        presented: Presented<'_>,
        observer: &mut impl Observer,
    ) -> Result<(), Cause> {
        if let Some(claim) = &self.origin {
            observer.began("origin");
            check_origin(claim, claims, presented.headers)?;
            observer.passed("origin", || format!("as {:?} has it", claim.as_str()));
        }
        if let Some(cookie) = &self.cookie {
            observer.began("cookie");
            cookie.check(claims, presented.headers)?;
            observer.passed("cookie", || "there, where the token is bound to it".to_owned());
        }
        Ok(())
    }
}

/// Every origin that the token names must be the one of the request, byte for byte. A token that
/// names none is valid for all.
fn check_origin(claim: &ClaimPath, claims: &Object, headers: &HeaderMap) -> Result<(), Cause> {
    let named = match claim.find(claims) {
        None => return Ok(()),
        Some(Json::String(origin)) if origin.is_empty() => return Ok(()),
        Some(Json::Array(origins)) => origins,
        Some(origin) => std::slice::from_ref(origin),
    };
    let sent = only(headers);
    for origin in named {
        let Some(origin) = origin.as_str() else {
            return Err(malformed(claim.as_str(), Fault::WrongType, origin, "a string"));
        };
        if sent.is_none_or(|sent| sent.as_bytes() != origin.as_bytes()) {
            return Err(other_origin(claim, sent, origin));
        }
    }
    Ok(())
}

/// An origin names a site, and nothing of a person.
#[cold]
fn other_origin(claim: &ClaimPath, sent: Option<&HeaderValue>, origin: &str) -> Cause {
    let sent = sent.map_or_else(
        || Excerpt::own(format_args!("not exactly one 'origin' header")),
        |sent| Excerpt::quoted(&String::from_utf8_lossy(sent.as_bytes())),
    );
    let found = Excerpt::own(format_args!("{sent} for a token of {}", Excerpt::quoted(origin)));
    let subject = Subject::claim(claim.as_str(), Fault::Different).found(found);
    Reason::OriginMismatch.about(subject.setting(key::ORIGIN_CLAIM))
}

#[cold]
fn unproven(claim: &str) -> Cause {
    let subject = Subject::claim(claim, Fault::Unproven);
    Reason::BindingUnproven.about(subject.setting(key::IGNORE_BINDING))
}

/// The `Origin` of the request, if there is exactly one.
fn only(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut origins = headers.get_all(ORIGIN).iter();
    origins.next().filter(|_| origins.next().is_none())
}

impl CookieBinding {
    fn check(&self, claims: &Object, headers: &HeaderMap) -> Result<(), Cause> {
        match self.settings.type_claim.find(claims) {
            Some(Json::String(kind)) if **kind == *self.settings.type_value => {
                if self.is_proven(claims, headers) { Ok(()) } else { Err(self.without_cookie()) }
            }
            None if self.settings.reference.find(claims).is_none() => Ok(()),
            // A reference to something of no type is as unproven as a type that we don't know.
            _ => self.other_types.check_bound(self.settings.type_claim.as_str()),
        }
    }

    #[cold]
    fn without_cookie(&self) -> Cause {
        let subject = Subject::new(Part::Cookie, Fault::Unproven).named(&self.settings.cookie);
        let reference = self.settings.reference.as_str();
        let expected = Excerpt::own(format_args!("the cookie of {}", Excerpt::quoted(reference)));
        Reason::BindingUnproven.about(subject.expected(expected).setting(key::COOKIE_BINDING))
    }

    fn is_proven(&self, claims: &Object, headers: &HeaderMap) -> bool {
        let reference = self.settings.reference.find(claims).and_then(Json::as_str);
        let cookie = cookies::only(headers, &self.settings.cookie).ok().flatten();
        let (Some(reference), Some(cookie)) = (reference, cookie.filter(|c| !c.is_empty())) else {
            return false;
        };
        verify_slices_are_equal(hex_md5(cookie).as_bytes(), reference.as_bytes()).is_ok()
    }
}

/// The MD5 in lower-case hex. That collisions are easy to make does not matter here: the value is
/// random and chosen by the issuer, and what an attacker would need is a preimage.
fn hex_md5(value: &[u8]) -> String {
    hex::encode(Md5::digest(value))
}

#[cfg(test)]
mod tests;
