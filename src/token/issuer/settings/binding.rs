//! What ties an issuer's tokens to the requests that carry them.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{switch, text},
        writer::{Writer, Written},
    },
    identity::{ClaimPath, headers::settings::claim_path},
    token::credential::settings::token,
};

pub(crate) mod key {
    pub(crate) const IGNORE_BINDING: &str = "ignore_binding";
    pub(crate) const ORIGIN_CLAIM: &str = "origin_claim";
    pub(crate) const COOKIE_BINDING: &str = "cookie_binding";
    pub(crate) const COOKIE: &str = "cookie";
    pub(crate) const REFERENCE: &str = "reference";
    pub(crate) const TYPE: &str = "type";
    pub(crate) const CLAIM: &str = "claim";
    pub(crate) const VALUE: &str = "value";
}

/// The keys of an issuer for what its tokens are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingSettings {
    /// `true`: a sender-constrained token (`cnf`) is taken as a plain bearer token.
    pub ignore: bool,
    /// The claim with the origins that a token may come from, if there is such a claim.
    pub origin: Option<ClaimPath>,
    /// The cookie that tokens can be bound to.
    pub cookie: Option<CookieBindingSettings>,
}

/// A cookie that must be sent with the tokens that are bound to it, as WSO2 Identity Server binds
/// them: the token holds the lower-case hex MD5 of the cookie's value.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl BindingSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            ignore: section.or(key::IGNORE_BINDING, false, switch),
            origin: section.optional(key::ORIGIN_CLAIM, claim),
            cookie: cookie_binding(section),
        }
    }

    /// All but `ignore_binding`, which has its place among the other waivers.
    pub(super) fn write(&self, writer: Writer) -> Writer {
        let origin = self.origin.as_ref().map(ClaimPath::as_str);
        let cookie = self.cookie.as_ref().map(CookieBindingSettings::write);
        writer.optional(key::ORIGIN_CLAIM, origin).optional_value(key::COOKIE_BINDING, cookie)
    }
}

fn cookie_binding(section: &mut Section<'_>) -> Option<CookieBindingSettings> {
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
