//! The one credential of a request (RFC 6750 §2.1), from the configured sources.

use std::{convert::Infallible, ops::ControlFlow};

use http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, COOKIE},
};

use crate::{
    reason::Reason,
    token::credential::settings::{CredentialSettings, CredentialSource},
};

use super::cookies::{self, Repeated};

/// A credential as received: not empty, not verified, and not even in the alphabet of tokens until
/// [`Credential::check_form`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<'h>(&'h [u8]);

impl<'h> Credential<'h> {
    /// A credential from elsewhere than a request, e.g. the command line.
    ///
    /// # Errors
    /// [`Reason::CredentialMalformed`] if there is nothing.
    pub fn new(token: &'h [u8]) -> Result<Self, Reason> {
        if token.is_empty() { Err(Reason::CredentialMalformed) } else { Ok(Self(token)) }
    }

    /// Whether it is one `b64token` (RFC 6750 §2.1). Left to callers that do not find the
    /// credential in a cache: for a cached one the answer is known, and checking every byte of
    /// every request's token is a tenth of our own work on it.
    ///
    /// # Errors
    /// [`Reason::CredentialMalformed`].
    pub fn check_form(self) -> Result<(), Reason> {
        let is_one_token = self.0.iter().all(|&byte| is_token_byte(byte));
        if is_one_token { Ok(()) } else { Err(Reason::CredentialMalformed) }
    }

    /// The token's bytes.
    pub fn as_bytes(self) -> &'h [u8] {
        self.0
    }
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({} bytes)", self.0.len())
    }
}

/// Every place that may carry a credential.
#[derive(Debug, Clone)]
pub struct CredentialSources {
    sources: Vec<CredentialSource>,
    forward: bool,
}

impl CredentialSources {
    /// The sources of the settings.
    pub fn new(settings: &CredentialSettings) -> Self {
        Self { sources: settings.sources.clone(), forward: settings.forward }
    }

    /// The request's credential (threats T-21).
    ///
    /// # Errors
    /// [`Reason::CredentialMissing`] if there is none, [`Reason::CredentialSchemeUnknown`] if there
    /// is one of another scheme only, [`Reason::CredentialAmbiguous`] if there are two that differ
    /// or one header occurs twice, [`Reason::CredentialMalformed`] if there is a scheme without
    /// anything after it.
    pub fn extract<'h>(&self, headers: &'h HeaderMap) -> Result<Credential<'h>, Reason> {
        let mut found: Option<Credential<'h>> = None;
        for source in &self.sources {
            let Some(credential) = extract_from(source, headers)? else {
                continue;
            };
            match found {
                Some(other) if other != credential => return Err(Reason::CredentialAmbiguous),
                _ => found = Some(credential),
            }
        }
        found.ok_or_else(|| self.why_none(headers))
    }

    /// A header that was to hold our scheme and did not give a credential holds another, unless
    /// it is empty.
    fn why_none(&self, headers: &HeaderMap) -> Reason {
        let holds_another = |source: &CredentialSource| match source {
            CredentialSource::Header { name, scheme: Some(_) } => {
                headers.get(name).is_some_and(|value| !value.is_empty())
            }
            _ => false,
        };
        if self.sources.iter().any(holds_another) {
            Reason::CredentialSchemeUnknown
        } else {
            Reason::CredentialMissing
        }
    }

    /// Removes from `headers` what the upstream must not see (threats H-10).
    ///
    /// Where credentials are not forwarded, that is everything in the places that may carry one.
    /// Where they are, an unverified one (a public route's) is still removed: what the upstream
    /// receives as a token is always a verified token.
    pub fn strip(&self, headers: &mut HeaderMap, verified: bool) {
        if self.forward && verified {
            return;
        }
        for source in &self.sources {
            self.strip_source(source, headers);
        }
    }

    fn strip_source(&self, source: &CredentialSource, headers: &mut HeaderMap) {
        match source {
            CredentialSource::Header { name, scheme } => {
                let is_credential = match scheme {
                    Some(scheme) if self.forward => headers
                        .get_all(name)
                        .iter()
                        .any(|value| after_scheme(value.as_bytes(), scheme).is_some()),
                    _ => true,
                };
                if is_credential {
                    headers.remove(name);
                }
            }
            CredentialSource::Cookie(name) => strip_cookie(headers, name),
        }
    }
}

fn extract_from<'h>(
    source: &CredentialSource,
    headers: &'h HeaderMap,
) -> Result<Option<Credential<'h>>, Reason> {
    match source {
        CredentialSource::Header { name, scheme } => {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else {
                return Ok(None);
            };
            if values.next().is_some() {
                return Err(Reason::CredentialAmbiguous);
            }
            from_header_value(value.as_bytes(), scheme.as_deref())
        }
        CredentialSource::Cookie(name) => from_cookies(headers, name),
    }
}

fn from_header_value<'h>(
    value: &'h [u8],
    scheme: Option<&str>,
) -> Result<Option<Credential<'h>>, Reason> {
    let token = match scheme {
        None => value,
        Some(scheme) => match after_scheme(value, scheme) {
            Some(token) => token,
            // Another scheme (Basic, DPoP) is no credential of this source.
            None => return Ok(None),
        },
    };
    if token.is_empty() && scheme.is_none() {
        return Ok(None);
    }
    Credential::new(token).map(Some)
}

/// What follows `scheme` and its spaces, if the value starts with it (compared without case).
fn after_scheme<'h>(value: &'h [u8], scheme: &str) -> Option<&'h [u8]> {
    let (found, rest) = value.split_at_checked(scheme.len())?;
    // Usually it is written as it is registered, which is the quicker comparison.
    if found != scheme.as_bytes() && !found.eq_ignore_ascii_case(scheme.as_bytes()) {
        return None;
    }
    match rest.first() {
        Some(b' ') => {
            let token_at = rest.iter().position(|&byte| byte != b' ').unwrap_or(rest.len());
            rest.get(token_at..)
        }
        // A tab is no separator (RFC 6750 §2.1), but the scheme is meant: malformed, not absent. So
        // is a scheme without anything after it.
        None | Some(b'\t') => Some(rest),
        // `BearerX …` is another scheme.
        Some(_) => None,
    }
}

fn from_cookies<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<Credential<'h>>, Reason> {
    match cookies::only(headers, name) {
        Err(Repeated) => Err(Reason::CredentialAmbiguous),
        Ok(None | Some([])) => Ok(None),
        Ok(Some(value)) => Credential::new(value).map(Some),
    }
}

fn strip_cookie(headers: &mut HeaderMap, name: &str) {
    let mut kept: Vec<u8> = Vec::new();
    let mut stripped = false;
    let _: ControlFlow<Infallible> = cookies::each(headers, |pair| {
        if cookies::value(pair, name).is_some() {
            stripped = true;
        } else if !pair.is_empty() {
            if !kept.is_empty() {
                kept.extend_from_slice(b"; ");
            }
            kept.extend_from_slice(pair);
        }
        ControlFlow::Continue(())
    });
    if !stripped {
        return;
    }
    headers.remove(COOKIE);
    if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::from_bytes(&kept)) {
        headers.insert(COOKIE, value);
    }
}

/// The alphabet of RFC 6750's `b64token`; a JWT uses a part of it.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

impl Default for CredentialSources {
    /// `Authorization: Bearer`, not forwarded.
    fn default() -> Self {
        let bearer =
            CredentialSource::Header { name: AUTHORIZATION, scheme: Some("Bearer".to_owned()) };
        Self { sources: vec![bearer], forward: false }
    }
}

pub mod settings;
#[cfg(test)]
mod tests;
