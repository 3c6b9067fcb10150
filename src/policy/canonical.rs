//! The canonical request: built once, read by policy and received by the upstream.
//!
//! Every bypass of a gateway's policy begins with two readers that see two different requests. So
//! there is one type that defines what the request *is*; routing, requirements, logs and the
//! upstream all use it, and nothing downstream looks at the raw target again (threats P-13).

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header::HOST};

use super::{
    ParameterNames, TakenParameters, authority::Authority, ids::ListenerId, rules::RequestRules,
    settings::HostSettings, target::RequestTarget,
};
use crate::reason::{Cause, Excerpt, Fault, Part, Reason, Subject};

/// A request with one valid host, a known method and a canonical path.
#[derive(Debug, Clone)]
pub struct CanonicalRequest {
    method: Method,
    authority: Authority,
    /// Whether the one `Host` header is the authority to the letter.
    host_is_canonical: bool,
    target: RequestTarget,
    version: Version,
    /// Where it came in.
    listener: ListenerId,
    /// What was taken out of the query, where a credential may be in it.
    parameters: Option<Box<TakenParameters>>,
}

impl CanonicalRequest {
    /// Reads a request by the default rules; see [`RequestRules::canonical`].
    ///
    /// # Errors
    /// The request has no canonical form.
    pub fn new(
        method: &Method,
        target: &Uri,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<Self, NotCanonical> {
        Self::read(method, target, version, headers, &RequestRules::default())
    }

    pub(super) fn read(
        method: &Method,
        target: &Uri,
        version: Version,
        headers: &HeaderMap,
        rules: &RequestRules,
    ) -> Result<Self, NotCanonical> {
        let spelling = check_method(method);
        if let Err(refused) = spelling
            && refused != NotCanonical::MethodMalformed
        {
            return Err(refused);
        }
        let (authority, host_is_canonical) =
            read_authority(target, version, headers, rules.hosts()).map_err(|refused| {
                // A target that is none is named first.
                RequestTarget::canonical(method, target, version).err().unwrap_or(refused)
            })?;
        let target = rules.target(method, &authority, target, version)?;
        let request = Self {
            method: method.clone(),
            authority,
            host_is_canonical,
            target,
            version,
            listener: rules.listener(),
            parameters: None,
        };
        match spelling {
            Err(refused) if !rules.lists(&request) => Err(refused),
            _ => Ok(request),
        }
    }

    /// Takes the parameters out of the query that may carry a credential. They are kept apart, and
    /// are in no other form of the request.
    ///
    /// # Errors
    /// Never in practice: what is left of a query is a query.
    pub fn take_parameters(&mut self, names: &ParameterNames) -> Result<(), NotCanonical> {
        let query = self.target.query().unwrap_or_default();
        if let Some((rest, taken)) = names.take_out_of(query.as_bytes()) {
            self.target = self.target.with_query(&rest)?;
            self.parameters = Some(Box::new(taken));
        }
        Ok(())
    }

    /// What was taken out of its query; `None` if nothing was.
    pub fn parameters(&self) -> Option<&TakenParameters> {
        self.parameters.as_deref()
    }

    /// The version of HTTP that it came by.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The listener that it came in by.
    pub fn listener(&self) -> ListenerId {
        self.listener
    }

    /// The preflight that announces this request: `OPTIONS` at the same place.
    #[must_use]
    pub fn as_preflight(self) -> Self {
        Self { method: Method::OPTIONS, ..self }
    }

    /// The method on the wire. Override headers are never used (threats P-9).
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The one host, lower case, with the port if it was given.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// [`Self::authority`], ready to be set as `Host` or `X-Forwarded-Host`.
    pub fn authority_value(&self) -> &HeaderValue {
        self.authority.value()
    }

    /// Whether the request's one `Host` header equals [`Self::authority`] already.
    pub fn host_is_canonical(&self) -> bool {
        self.host_is_canonical
    }

    /// The host without the port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// The canonical path, starting with `/`; or `*`, for `OPTIONS *` only.
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// What the upstream receives as request target. The query is as it came.
    pub fn target(&self) -> &RequestTarget {
        &self.target
    }
}

/// Why a request has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// `CONNECT`, `TRACE` or `TRACK`.
    #[error("CONNECT, TRACE and TRACK are not served")]
    MethodRefused,
    /// Not of upper-case letters, which every registered method is, and not listed by its route.
    #[error("the method is not in upper-case letters")]
    MethodMalformed,
    /// Neither a path nor an http(s) URL.
    #[error("the request target is neither a path nor an http(s) URL")]
    TargetForm,
    /// A URL with a fragment right after its host; an HTTP/2 `:path` that is missing, or that does
    /// not begin with a path.
    #[error("the request target has no path")]
    PathMissing,
    /// `*` with another method than `OPTIONS`.
    #[error("the request target `*` is for OPTIONS only")]
    AsteriskTarget,
    /// Longer than 64 KiB once it is canonical.
    #[error("the request target is too long")]
    TargetTooLong,
    /// A control character, a backslash or a raw non-ASCII character.
    #[error("the path holds a character that has to be percent-encoded, or a backslash")]
    PathCharacter,
    /// A `%` without two hexadecimal digits.
    #[error("the path holds a `%` that is not followed by two hexadecimal digits")]
    PathEscape,
    /// `%2F` or `%5C`: some upstreams take it for a separator, others do not.
    #[error("the path holds an encoded slash or backslash")]
    EncodedSeparator,
    /// `%00` to `%1F`, `%7F`.
    #[error("the path holds an encoded control character")]
    EncodedControl,
    /// Escapes that are not UTF-8, overlong forms among them.
    #[error("the escapes of the path are not valid UTF-8")]
    EncodedNotUtf8,
    /// `%252e` and the like: a dot, separator or control character encoded more than once.
    #[error("the path holds a doubly encoded dot, separator or control character")]
    DoublyEncoded,
    /// `//`, on a route that refuses it.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// Readings of the path lead to different routes, or it has too many of them.
    #[error("the path can be read as one of another route")]
    Ambiguous,
    /// `.` or `..`, encoded or not, with or without parameters.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// What the route makes of it could be read as a path outside of the upstream's.
    #[error("the path that it is rewritten to can be read as one outside of the upstream's")]
    OutsideOfBase,
    /// A control character, a space, a `#` or a non-ASCII character.
    #[error("the query holds a character that has to be percent-encoded")]
    QueryCharacter,
    /// No host at all.
    #[error("the request names no host")]
    HostMissing,
    /// More than one `Host` header, equal ones included (RFC 9112 §3.2).
    #[error("more than one Host header")]
    HostRepeated,
    /// Not `name`, `IPv4` or `[IPv6]` with an optional port.
    #[error("the host is not a valid name or address with an optional port")]
    HostMalformed,
    /// `Host` names another host than the target (or `:authority`).
    #[error("the Host header differs from the host of the request target")]
    HostMismatch,
}

impl NotCanonical {
    /// The reason, and what has no single meaning.
    pub fn cause(self) -> Cause {
        if self == Self::MethodRefused {
            return Reason::MethodNotSupported.into();
        }
        let found = Excerpt::own(format_args!("{self}"));
        let subject = Subject::new(Part::Request, Fault::Ambiguous).found(found);
        Reason::RequestNotCanonical.about(subject)
    }

    /// How such a request is answered: 405 for a method that is never served, else 400.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MethodRefused => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether a route's settings may allow what is refused by default.
    pub(super) fn is_by_setting(self) -> bool {
        matches!(
            self,
            Self::EncodedSeparator
                | Self::EncodedControl
                | Self::EncodedNotUtf8
                | Self::DoublyEncoded
                | Self::PathCharacter
                | Self::QueryCharacter
        )
    }
}

/// `CONNECT` would open a tunnel past every later check, `TRACE` and `TRACK` echo credentials.
/// Extension methods pass (a route may name them), but in one spelling: methods are case-sensitive,
/// and an upstream that is not so strict would run `post` as `POST`.
fn check_method(method: &Method) -> Result<(), NotCanonical> {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::OPTIONS
        | Method::PATCH => Ok(()),
        Method::CONNECT | Method::TRACE => Err(NotCanonical::MethodRefused),
        _ => check_extension_method(method.as_str()),
    }
}

fn check_extension_method(method: &str) -> Result<(), NotCanonical> {
    match method {
        "TRACK" => Err(NotCanonical::MethodRefused),
        other if other.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') => Ok(()),
        _ => Err(NotCanonical::MethodMalformed),
    }
}

/// The authority, and whether the `Host` header equals it.
fn read_authority(
    target: &Uri,
    version: Version,
    headers: &HeaderMap,
    rules: &HostSettings,
) -> Result<(Authority, bool), NotCanonical> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(NotCanonical::HostRepeated);
    }
    let Some(in_target) = target.authority() else {
        return match host {
            Some(host) => Authority::from_header(host)
                .or_else(|refused| instead_of(host, rules).ok_or(refused)),
            None => without_host(version, rules).ok_or(NotCanonical::HostMissing),
        };
    };

    let host = host.map(|host| read_header(host, rules)).transpose()?;
    let in_target = Authority::parse(in_target.as_str())
        .or_else(|refused| Authority::by_setting(in_target.as_str(), rules).ok_or(refused))?;
    match host {
        Some((host, to_the_letter)) if host == in_target => Ok((host, to_the_letter)),
        Some(_) => Err(NotCanonical::HostMismatch),
        None if version >= Version::HTTP_2 => Ok((in_target, false)),
        None => Err(NotCanonical::HostMissing),
    }
}

/// A `Host` header beside a target that names a host as well.
fn read_header(
    host: &HeaderValue,
    rules: &HostSettings,
) -> Result<(Authority, bool), NotCanonical> {
    let by_setting = || Some((Authority::by_setting(host.to_str().ok()?, rules)?, false));
    Authority::from_header(host).or_else(|refused| by_setting().ok_or(refused))
}

/// What stands for a `Host` that is refused by default.
fn instead_of(host: &HeaderValue, rules: &HostSettings) -> Option<(Authority, bool)> {
    let authority = match host.to_str().ok()? {
        // What a client sends that has no name for the host (RFC 9112 §3.2).
        "" => rules.default_host()?.clone(),
        text => Authority::by_setting(text, rules)?,
    };
    Some((authority, false))
}

/// What stands for a `Host` that HTTP/1.0 does not know.
fn without_host(version: Version, rules: &HostSettings) -> Option<(Authority, bool)> {
    let host = rules.default_host().filter(|_| version == Version::HTTP_10)?;
    Some((host.clone(), false))
}

#[cfg(test)]
mod tests;
