//! What ties an issuer's tokens to the requests that carry them.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::text,
        writer::{Writer, Written},
    },
    identity::{ClaimPath, headers::settings::claim_path},
    token::{
        credential::settings::token,
        issuer::settings::{IssuerSettings, key},
    },
};

/// A cookie that must be sent with the tokens that are bound to it, as WSO2 Identity Server binds
/// them: the token holds the lower-case hex MD5 of the cookie's value.
#[derive(Debug, Clone)]
pub struct CookieBindingSettings {
    /// The cookie's name.
    pub cookie: String,
    /// The claim with the MD5.
    pub reference: ClaimPath,
    /// The claim with the kind of a token's binding.
    pub type_claim: ClaimPath,
    /// Its value for tokens that are bound to the cookie.
    pub type_value: String,
}

/// `origin_claim`
pub(super) fn origin(section: &mut Section<'_>) -> Option<ClaimPath> {
    section.optional(key::ORIGIN_CLAIM, claim)
}

/// `cookie_binding`
pub(super) fn cookie_binding(section: &mut Section<'_>) -> Option<CookieBindingSettings> {
    section.section(key::COOKIE_BINDING, |binding| {
        if !binding.is_present() {
            return None;
        }
        let cookie = binding.required(key::COOKIE, "the name of a cookie such as \"atbv\"", token);
        let expected = "the claim with its MD5, such as \"binding_ref\"";
        let reference = binding.required(key::REFERENCE, expected, claim);
        let (type_claim, type_value) = binding.section(key::TYPE, |kind| {
            let expected = "the claim that tells the type, such as \"binding_type\"";
            let claim = kind.required(key::CLAIM, expected, claim);
            let expected = "its value for bound tokens, such as \"cookie\"";
            (claim, kind.required(key::VALUE, expected, text))
        });
        Some(CookieBindingSettings {
            cookie: cookie?,
            reference: reference?,
            type_claim: type_claim?,
            type_value: type_value?,
        })
    })
}

/// Both, written back.
pub(super) fn write(writer: Writer, issuer: &IssuerSettings) -> Writer {
    let origin = issuer.origin_claim.as_ref().map(ClaimPath::as_str);
    let cookie = issuer.cookie_binding.as_ref().map(CookieBindingSettings::write);
    writer.optional(key::ORIGIN_CLAIM, origin).optional_value(key::COOKIE_BINDING, cookie)
}

impl CookieBindingSettings {
    fn write(&self) -> Written {
        let kind = Writer::default()
            .text(key::CLAIM, self.type_claim.as_str())
            .text(key::VALUE, &self.type_value);
        Writer::default()
            .text(key::COOKIE, &self.cookie)
            .text(key::REFERENCE, self.reference.as_str())
            .value(key::TYPE, kind.table())
            .table()
    }
}

fn claim(node: &Node) -> Parsed<ClaimPath> {
    claim_path(&text(node)?)
}
