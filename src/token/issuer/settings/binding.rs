//! What ties an issuer's tokens to the requests that carry them.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::text,
    },
    identity::{ClaimPath, headers::settings::claim_path},
    token::credential::settings::token,
};

/// A cookie that must come along with the tokens that are bound to it, as WSO2 Identity Server
/// binds them: the token holds the lower-case hex MD5 of the cookie's value.
#[derive(Debug, Clone)]
pub struct CookieBindingSettings {
    /// The cookie's name.
    pub cookie: String,
    /// The claim with the MD5.
    pub reference: ClaimPath,
    /// The claim that says how a token is bound, if it is.
    pub type_claim: ClaimPath,
    /// What it says of tokens that are bound to the cookie.
    pub type_value: String,
}

/// `origin_claim`
pub(super) fn origin(section: &mut Section<'_>) -> Option<ClaimPath> {
    section.optional("origin_claim", claim)
}

/// `cookie_binding`
pub(super) fn cookie_binding(section: &mut Section<'_>) -> Option<CookieBindingSettings> {
    section.section("cookie_binding", |binding| {
        if !binding.is_present() {
            return None;
        }
        let cookie = binding.required("cookie", "the name of a cookie such as \"atbv\"", token);
        let expected = "the claim with its MD5, such as \"binding_ref\"";
        let reference = binding.required("reference", expected, claim);
        let (type_claim, type_value) = binding.section("type", |kind| {
            let expected = "the claim that tells the type, such as \"binding_type\"";
            let claim = kind.required("claim", expected, claim);
            let expected = "its value for bound tokens, such as \"cookie\"";
            (claim, kind.required("value", expected, text))
        });
        Some(CookieBindingSettings {
            cookie: cookie?,
            reference: reference?,
            type_claim: type_claim?,
            type_value: type_value?,
        })
    })
}

fn claim(node: &Node) -> Parsed<ClaimPath> {
    claim_path(&text(node)?)
}
