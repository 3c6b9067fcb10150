//! What ties a token to the request that carries it, where its issuer has such a thing: the
//! `Origin` it is for, the cookie it was issued beside.
//!
//! This depends on the request as much as on the token. So no verdict is cached: a verified token
//! is checked on every request, from the cache or not.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, HeaderValue, header::ORIGIN};
use md5::{Digest, Md5};

use crate::{
    identity::ClaimPath,
    json::{Json, Object},
    reason::Reason,
    token::issuer::settings::{CookieBindingSettings, IssuerSettings},
};

use super::{Observer, cookies};

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
    /// Bindings of other types are not checked here.
    ignore_others: bool,
}

impl RequestBinding {
    pub(super) fn new(settings: &IssuerSettings) -> Self {
        Self {
            origin: settings.origin_claim.clone(),
            cookie: settings.cookie_binding.as_ref().map(|cookie| CookieBinding {
                settings: cookie.clone(),
                ignore_others: settings.ignore_binding,
            }),
        }
    }

    /// Whether a token with these claims may come in a request with these headers. Without such a
    /// check, `observer` is not called.
    pub(super) fn check(
        &self,
        claims: &Object,
        headers: &HeaderMap,
        observer: &mut impl Observer,
    ) -> Result<(), Reason> {
        if let Some(claim) = &self.origin {
            check_origin(claim.find(claims), headers)?;
            observer.passed("origin", || format!("as {:?} has it", claim.as_str()));
        }
        if let Some(cookie) = &self.cookie {
            cookie.check(claims, headers)?;
            observer.passed("cookie", || "there, where the token is bound to it".to_owned());
        }
        Ok(())
    }
}

/// Every origin that the token names must be the one of the request, byte for byte. A token that
/// names none is valid for all.
fn check_origin(named: Option<&Json>, headers: &HeaderMap) -> Result<(), Reason> {
    let named = match named {
        None => return Ok(()),
        Some(Json::String(origin)) if origin.is_empty() => return Ok(()),
        Some(Json::Array(origins)) => origins.as_slice(),
        Some(origin) => std::slice::from_ref(origin),
    };
    let sent = only(headers);
    for origin in named {
        let origin = origin.as_str().ok_or(Reason::ClaimMalformed)?;
        if sent.is_none_or(|sent| sent.as_bytes() != origin.as_bytes()) {
            return Err(Reason::OriginMismatch);
        }
    }
    Ok(())
}

/// The `Origin` of the request, if there is exactly one.
fn only(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut origins = headers.get_all(ORIGIN).iter();
    origins.next().filter(|_| origins.next().is_none())
}

impl CookieBinding {
    fn check(&self, claims: &Object, headers: &HeaderMap) -> Result<(), Reason> {
        if self.passes(claims, headers) { Ok(()) } else { Err(Reason::BindingUnproven) }
    }

    fn passes(&self, claims: &Object, headers: &HeaderMap) -> bool {
        let is_there = |claim: &ClaimPath| claim.find(claims).is_some();
        match self.settings.type_claim.find(claims) {
            Some(Json::String(kind)) if *kind == self.settings.type_value => {
                self.is_proven(claims, headers)
            }
            // A reference to something of no type is as unproven as a type that we don't know.
            None => self.ignore_others || !is_there(&self.settings.reference),
            Some(_) => self.ignore_others,
        }
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
