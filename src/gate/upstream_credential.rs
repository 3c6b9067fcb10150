//! What the service receives as credential in place of the caller's token.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Admission, Denial, Gate, Route, caller::Caller};
use crate::{
    clock::UnixTime,
    policy::CanonicalRequest,
    reason::Reason,
    token::FoundCredential,
    upstream_credential::{
        CredentialOrigin, ObtainedToken, ServiceTokens, SubjectToken, TokenKey, TokenState,
        UpstreamCredential,
    },
};

/// A credential for the service, and its header.
#[derive(Debug)]
#[must_use = "the service is to receive it"]
pub struct ServiceCredential<'g> {
    header: &'g HeaderName,
    value: HeaderValue,
}

impl ServiceCredential<'_> {
    /// Sets it, in place of whatever the request had there.
    pub fn apply(self, headers: &mut HeaderMap) {
        headers.insert(self.header, self.value);
    }
}

/// What the credential of a request depends on.
struct Asked<'r> {
    route: &'r Route,
    caller: Option<&'r Caller>,
    request: &'r CanonicalRequest,
    /// Those of the request as it came.
    headers: &'r HeaderMap,
    now: UnixTime,
}

impl Gate {
    /// The credential of an admitted request for the service. A request without a caller has none
    /// that depends on the caller. `headers` are those of the request as it came.
    ///
    /// Last of all checks: nothing is requested for a request that does not pass.
    ///
    /// # Errors
    /// The [`Denial`] if there is none for the caller, or none at the moment.
    pub async fn service_credential<'g>(
        &self,
        credential: &'g UpstreamCredential,
        admission: &Admission<'g>,
        request: &CanonicalRequest,
        headers: &HeaderMap,
    ) -> Result<Option<ServiceCredential<'g>>, Denial> {
        let (route, caller) = (admission.route(), admission.caller.as_ref());
        if caller.is_none() && credential.needs_caller() {
            return Ok(None);
        }
        let asked = Asked { route, caller, request, headers, now: self.clock.now() };
        let obtained = match asked.find(credential) {
            Some(known) => known,
            // Boxed: few requests wait, and every request's future would carry it.
            None => Box::pin(asked.obtain(credential)).await,
        };
        let reason = match obtained {
            ObtainedToken::Token(value) => {
                let header = &credential.header().name;
                return Ok(Some(ServiceCredential { header, value }));
            }
            ObtainedToken::Refused => Reason::UpstreamCredentialRefused,
            ObtainedToken::Unavailable => Reason::UpstreamCredentialUnavailable,
        };
        Err(Denial::new(reason).of_issuer(caller.map(|it| it.token.issuer())).on(route))
    }
}

impl Asked<'_> {
    /// What is known without waiting.
    fn find(&self, credential: &UpstreamCredential) -> Option<ObtainedToken> {
        let value = match credential.source() {
            CredentialOrigin::File(file) => {
                file.current().and_then(|secret| credential.header().value(secret.as_str()))
            }
            CredentialOrigin::Assertion => self.assertion(credential),
            CredentialOrigin::Client(tokens) => {
                let key = TokenKey::own();
                return kept(tokens.find(&key, self.now), || tokens.renew(key, None));
            }
            CredentialOrigin::Exchange(tokens) => return self.find_exchanged(tokens),
        };
        Some(value.map_or(ObtainedToken::Unavailable, ObtainedToken::Token))
    }

    /// A token that came before is not looked for in the request again.
    fn find_exchanged(&self, tokens: &ServiceTokens) -> Option<ObtainedToken> {
        let key = tokens.key_of(self.caller?.token.known_digest()?);
        kept(tokens.find(&key, self.now), || {
            let found = self.credential();
            if let Some(subject) = found.as_ref().and_then(|found| self.subject(found)) {
                tokens.renew(key, Some(subject));
            }
        })
    }

    async fn obtain(&self, credential: &UpstreamCredential) -> ObtainedToken {
        match (credential.source(), self.caller) {
            (CredentialOrigin::Client(tokens), _) => {
                tokens.obtain(TokenKey::own(), None, self.now).await
            }
            (CredentialOrigin::Exchange(tokens), Some(caller)) => {
                let found = self.credential();
                let Some(subject) = found.as_ref().and_then(|found| self.subject(found)) else {
                    return ObtainedToken::Unavailable;
                };
                let key = tokens.key_of(caller.token.digest(subject.token.as_bytes()));
                // Another worker, or an entry of the token cache before this one, may have it.
                let renew = || tokens.renew(key.clone(), Some(subject));
                match kept(tokens.find(&key, self.now), renew) {
                    Some(known) => known,
                    None => tokens.obtain(key, Some(subject), self.now).await,
                }
            }
            _ => ObtainedToken::Unavailable,
        }
    }

    /// The caller's token as it came.
    fn credential(&self) -> Option<FoundCredential<'_>> {
        self.route.sources().extract(self.request, self.headers).ok()
    }

    fn subject<'t>(&self, found: &'t FoundCredential<'_>) -> Option<SubjectToken<'t>> {
        let token = str::from_utf8(found.credential().as_bytes()).ok()?;
        Some(SubjectToken { token, ends: self.caller?.token.ends(self.now) })
    }

    /// The assertion about the caller, in the header of the credential.
    fn assertion(&self, credential: &UpstreamCredential) -> Option<HeaderValue> {
        let assertion = self.caller?.assertion.as_ref()?.to_str().ok()?;
        credential.header().value(assertion)
    }
}

/// The token that is about to end is still sent.
fn kept(state: TokenState, renew: impl FnOnce()) -> Option<ObtainedToken> {
    match state {
        TokenState::Fresh(value) => Some(ObtainedToken::Token(value)),
        TokenState::Ageing(value) => {
            renew();
            Some(ObtainedToken::Token(value))
        }
        TokenState::Refused => Some(ObtainedToken::Refused),
        TokenState::Missing => None,
    }
}
