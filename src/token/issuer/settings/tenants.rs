//! `issuer = "https://login.example.com/{tid}/v2.0"` and `tenants`: a provider whose tenants are
//! issuers of their own, under common keys.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::text,
        writer::Writer,
    },
    token::issuer::settings::{IssuerSettings, key},
};

/// An issuer with a place for the name of a tenant, which a token says in a claim. Two places would
/// leave open which part of a name is which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSettings {
    /// What is before the tenant: ends with `/`.
    pub before: String,
    /// The claim with the tenant.
    pub claim: String,
    /// What is after the tenant: empty, or begins with `/`.
    pub after: String,
    /// The tenants whose tokens are accepted; `None`: all.
    pub tenants: Option<Vec<String>>,
}

/// The placeholder in Microsoft's metadata and key sets (`…/{tenantid}/v2.0`), whatever the claim.
const PUBLISHED_PLACEHOLDER: &str = "{tenantid}";
/// Longer ones are no names of tenants: a UUID has 36 characters.
const MAX_TENANT_BYTES: usize = 64;
const EXPECTED_TENANTS: &str = "a list of tenants such as \
                                [\"8f0c3b5a-6d1e-4c55-9a0e-2f6d3f1b7c11\"]";

impl TenantSettings {
    /// `None` for an issuer without placeholder.
    pub(super) fn read(section: &mut Section<'_>, issuer: Option<&str>) -> Option<Self> {
        let tenants = section.list(key::TENANTS, EXPECTED_TENANTS, tenant);
        let pattern = match parse(issuer?) {
            Ok(pattern) => pattern,
            Err(problem) => {
                section.mistake(key::ISSUER, format!("{problem}; expected {EXPECTED_PLACE}"));
                return None;
            }
        };
        if pattern.is_none() && tenants.is_some() {
            let text = "has no effect on an issuer without a placeholder such as {tid}";
            section.mistake(key::TENANTS, text.to_owned());
        }
        Some(Self { tenants, ..pattern? })
    }

    pub(super) fn write(writer: Writer, tenants: Option<&Self>) -> Writer {
        match tenants.and_then(|tenants| tenants.tenants.as_ref()) {
            Some(tenants) => writer.list(key::TENANTS, tenants),
            None => writer,
        }
    }

    /// The tenant in the name of an issuer, if that has the form.
    pub fn tenant_of<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let tenant = issuer.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        is_tenant(tenant).then_some(tenant)
    }

    /// Whether tokens of the tenant are accepted.
    pub fn accepts(&self, tenant: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.iter().any(|known| known == tenant))
    }

    /// What the provider's metadata and keys of no certain tenant call their issuer.
    pub fn published(&self) -> String {
        format!("{}{PUBLISHED_PLACEHOLDER}{}", self.before, self.after)
    }
}

/// Whether a token could be one of both issuers.
pub(super) fn overlap(one: &IssuerSettings, other: &IssuerSettings) -> bool {
    let (mut ones, mut others) = (segments(one), segments(other));
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one.can_equal(other) => {}
            _ => return false,
        }
    }
}

/// A part of an issuer's name between slashes.
#[derive(Clone, Copy)]
enum IssuerSegment<'s> {
    Text(&'s str),
    Tenant(&'s TenantSettings),
}

impl IssuerSegment<'_> {
    fn can_equal(self, other: Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Text(text), Self::Tenant(tenant)) | (Self::Tenant(tenant), Self::Text(text)) => {
                is_tenant(text) && tenant.accepts(text)
            }
            (Self::Tenant(one), Self::Tenant(other)) => {
                let accepted = one.tenants.as_ref();
                accepted.is_none_or(|tenants| tenants.iter().any(|tenant| other.accepts(tenant)))
            }
        }
    }
}

fn segments(issuer: &IssuerSettings) -> impl Iterator<Item = IssuerSegment<'_>> {
    issuer.issuer.split('/').map(|text| match &issuer.tenant {
        Some(tenant) if text.starts_with('{') => IssuerSegment::Tenant(tenant),
        _ => IssuerSegment::Text(text),
    })
}

const EXPECTED_PLACE: &str = "one segment of the path that is the name of a claim in braces, such \
                              as \"https://login.microsoftonline.com/{tid}/v2.0\"";

/// The pattern, if there is a placeholder.
fn parse(issuer: &str) -> Result<Option<TenantSettings>, String> {
    if !issuer.contains(['{', '}']) {
        return Ok(None);
    }
    let refuse = |problem: &str| Err(format!("found {issuer:?}, {problem}"));
    let Some((before, rest)) = issuer.split_once('{') else {
        return refuse("with a brace too many");
    };
    let Some((claim, after)) = rest.split_once('}') else {
        return refuse("with a brace that is not closed");
    };
    if after.contains(['{', '}']) || claim.contains('{') {
        return refuse("with more than one placeholder");
    }
    if !before.ends_with('/') || !(after.is_empty() || after.starts_with('/')) {
        return refuse("whose placeholder is a part of a segment");
    }
    if before.ends_with("//") {
        return refuse("whose placeholder is the host");
    }
    if claim.is_empty() || !claim.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return refuse("whose placeholder is not the name of a claim");
    }
    let [before, claim, after] = [before, claim, after].map(str::to_owned);
    Ok(Some(TenantSettings { before, claim, after, tenants: None }))
}

/// Letters, digits and `-`: nothing that could change the form of the issuer around it.
fn is_tenant(text: &str) -> bool {
    (1..=MAX_TENANT_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn tenant(node: &Node) -> Parsed<String> {
    let tenant = text(node)?;
    if is_tenant(&tenant) {
        Ok(tenant)
    } else {
        Err(node.mismatch("a tenant: at most 64 letters, digits and -"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(issuer: &str) -> TenantSettings {
        parse(issuer).unwrap().unwrap()
    }

    #[test]
    fn c18_a_tenant_is_one_segment_of_letters_digits_and_dashes() {
        let entra = pattern("https://login.test/{tid}/v2.0");
        assert_eq!(entra.claim, "tid");
        assert_eq!(entra.tenant_of("https://login.test/a-1/v2.0"), Some("a-1"));
        let long = format!("https://login.test/{}/v2.0", "a".repeat(65));
        for other in [
            "https://login.test//v2.0",
            "https://login.test/v2.0",
            "https://login.test/a/b/v2.0",
            "https://login.test/a/v2.0/",
            "https://login.test/a/v2",
            "https://login.test/./v2.0",
            "https://login.test/a%2Fb/v2.0",
            "https://login.test/a b/v2.0",
            "https://login.test/é/v2.0",
            "https://login.test/{tid}/v2.0",
            "https://login.test/{tenantid}/v2.0",
            "https://login.test.evil/a/v2.0",
            "HTTPS://login.test/a/v2.0",
            &long,
        ] {
            assert_eq!(entra.tenant_of(other), None, "{other}");
        }
        let last = pattern("https://login.test/realms/{realm}");
        assert_eq!(last.tenant_of("https://login.test/realms/a"), Some("a"));
        assert_eq!(last.tenant_of("https://login.test/realms/a/"), None);
    }

    #[test]
    fn c18_other_placeholders_are_refused_with_what_is_wrong() {
        assert_eq!(parse("https://idp.test"), Ok(None));
        for (issuer, problem) in [
            ("https://idp.test/{a}/{b}", "more than one placeholder"),
            ("https://idp.test/{{a}}", "more than one placeholder"),
            ("https://idp.test/{a", "not closed"),
            ("https://idp.test/a}", "a brace too many"),
            ("https://idp.test/x-{a}", "a part of a segment"),
            ("https://idp.test/{a}.b", "a part of a segment"),
            ("{a}", "a part of a segment"),
            ("https://{a}/v2.0", "is the host"),
            ("https://idp.test/{}", "not the name of a claim"),
            ("https://idp.test/{a.b}", "not the name of a claim"),
        ] {
            let error = parse(issuer).unwrap_err();
            assert!(error.contains(problem), "{issuer}: {error}");
        }
    }
}
