//! The one credential of a request (RFC 6750 §2), from the sources of its route.

mod cookie;
mod places;
mod same_origin;
pub mod settings;
mod websocket_protocol;

use std::borrow::Cow;

use http::HeaderMap;

use crate::{
    policy::{
        CanonicalRequest,
        credential::{Ambiguity, CredentialSource, CrossSite, PlaceSet},
    },
    reason::{Cause, Reason},
};

pub use self::places::{CredentialPlaces, KeptCredentials};

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
        // Every byte, whatever came before: many are checked at once.
        let is_one_token = self.0.iter().fold(true, |is, &byte| is & is_token_byte(byte));
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

/// The sources of a route, in their order.
#[derive(Debug)]
pub struct CredentialSources {
    sources: Vec<(PlaceSet, CredentialSource)>,
    ambiguous: Ambiguity,
    /// Which of them are cookies whose requests are checked for their site.
    checked_cookies: PlaceSet,
    cross_site: CrossSite,
}

/// A credential, and where it was.
#[derive(PartialEq, Eq)]
pub struct FoundCredential<'h> {
    token: Cow<'h, [u8]>,
    /// All places that had it; the first one only where the first decides.
    pub places: PlaceSet,
}

impl FoundCredential<'_> {
    /// The credential.
    pub fn credential(&self) -> Credential<'_> {
        Credential(&self.token)
    }
}

impl std::fmt::Debug for FoundCredential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FoundCredential").field(&self.credential()).field(&self.places).finish()
    }
}

impl CredentialSources {
    fn new(
        sources: Vec<(PlaceSet, CredentialSource)>,
        ambiguous: Ambiguity,
        cross_site: &CrossSite,
    ) -> Self {
        let cookies = sources.iter().filter(|(_, source)| source.is_cookie());
        let checked_cookies = match cross_site {
            CrossSite::Allow => PlaceSet::default(),
            _ => cookies.fold(PlaceSet::default(), |set, (place, _)| set.with(*place)),
        };
        Self { sources, ambiguous, checked_cookies, cross_site: cross_site.clone() }
    }

    /// The request's credential (threats T-21). `headers` are those of the request as it came.
    ///
    /// # Errors
    /// [`Reason::CredentialMissing`] if there is none, [`Reason::CredentialSchemeUnknown`] if there
    /// is one of another scheme only, [`Reason::CredentialAmbiguous`] if there are two that differ
    /// or one place has it twice, [`Reason::CredentialMalformed`] if there is a scheme without
    /// anything after it.
    pub fn extract<'h>(
        &self,
        request: &'h CanonicalRequest,
        headers: &'h HeaderMap,
    ) -> Result<FoundCredential<'h>, Reason> {
        if let [(place, source)] = self.sources.as_slice() {
            let token = extract_from(source, request, headers)?;
            let token = token.ok_or_else(|| self.why_none(headers))?;
            return Ok(FoundCredential { token, places: *place });
        }
        let mut found: Option<FoundCredential<'h>> = None;
        for (place, source) in &self.sources {
            let Some(token) = extract_from(source, request, headers)? else {
                continue;
            };
            let places = match found {
                None if self.ambiguous == Ambiguity::First => {
                    return Ok(FoundCredential { token, places: *place });
                }
                None => *place,
                Some(other) if other.token != token => return Err(Reason::CredentialAmbiguous),
                Some(other) => other.places.with(*place),
            };
            found = Some(FoundCredential { token, places });
        }
        found.ok_or_else(|| self.why_none(headers))
    }

    /// Where a credential was, in words.
    pub fn describe(&self, places: PlaceSet) -> String {
        let had = self.sources.iter().filter(|(place, _)| places.meets(*place));
        let had: Vec<_> = had.map(|(_, source)| source.describe()).collect();
        had.join(" and ")
    }

    /// Whether a credential that a browser adds by itself may come with this request. `scheme` is
    /// that of the client's connection.
    ///
    /// # Errors
    /// [`Reason::CrossSiteCredential`] if only cookies had it, the method may change something or
    /// opens a WebSocket, and nothing shows that a page of an allowed origin has sent it.
    pub fn check_site(
        &self,
        found: &FoundCredential<'_>,
        request: &CanonicalRequest,
        headers: &HeaderMap,
        scheme: &str,
    ) -> Result<(), Cause> {
        if !found.places.is_within(self.checked_cookies)
            || same_origin::is_proven(&self.cross_site, request, headers, scheme == "https")
        {
            return Ok(());
        }
        Err(Reason::CrossSiteCredential.about(same_origin::subject(request, headers)))
    }

    /// A place that was to hold our scheme and did not give a credential holds another, unless it
    /// is empty.
    fn why_none(&self, headers: &HeaderMap) -> Reason {
        let holds_another = |(_, source): &(PlaceSet, CredentialSource)| match source {
            CredentialSource::Header { name, scheme: Some(_) } => {
                headers.get(name).is_some_and(|value| !value.is_empty())
            }
            CredentialSource::Cookie { name, scheme: Some(_), chunks } => {
                cookie::value(headers, name, *chunks).is_ok_and(|value| value.is_some())
            }
            _ => false,
        };
        if self.sources.iter().any(holds_another) {
            Reason::CredentialSchemeUnknown
        } else {
            Reason::CredentialMissing
        }
    }
}

fn extract_from<'h>(
    source: &CredentialSource,
    request: &'h CanonicalRequest,
    headers: &'h HeaderMap,
) -> Result<Option<Cow<'h, [u8]>>, Reason> {
    match source {
        CredentialSource::Header { name, scheme } => {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else {
                return Ok(None);
            };
            if values.next().is_some() {
                return Err(Reason::CredentialAmbiguous);
            }
            let token = without_scheme(value.as_bytes(), scheme.as_deref())?;
            Ok(token.map(Cow::Borrowed))
        }
        CredentialSource::Cookie { name, scheme, chunks } => {
            cookie::extract(headers, name, scheme.as_deref(), *chunks)
        }
        CredentialSource::Query(name) => {
            let taken = request.parameters().map(|parameters| parameters.only(name));
            Ok(taken.transpose()?.flatten().map(Cow::Borrowed))
        }
        CredentialSource::WebSocketProtocol(marker) => {
            websocket_protocol::extract(marker, request, headers)
        }
    }
}

/// What is behind the scheme. `None` for another scheme, and for an empty value without one.
fn without_scheme<'h>(value: &'h [u8], scheme: Option<&str>) -> Result<Option<&'h [u8]>, Reason> {
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
    Credential::new(token).map(|credential| Some(credential.0))
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

/// The alphabet of RFC 6750's `b64token`; a JWT uses a part of it.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests;
