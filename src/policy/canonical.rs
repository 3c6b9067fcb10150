//! The canonical request: built once, read by policy and received by the upstream.
//!
//! Every bypass of a gateway's policy begins with two readers that see two different requests. So
//! there is one type that defines what the request *is*; routing, requirements, logs and the
//! upstream all use it, and nothing downstream looks at the raw target again (threats P-13).

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header::HOST};

use super::{ParameterNames, TakenParameters, authority::Authority, target::RequestTarget};

/// A request with one valid host, a known method and a canonical path.
#[derive(Debug, Clone)]
pub struct CanonicalRequest {
    method: Method,
    authority: Authority,
    /// Whether the one `Host` header is the authority to the letter.
    host_is_canonical: bool,
    target: RequestTarget,
    version: Version,
    /// What was taken out of the query, where a credential may be in it.
    parameters: Option<Box<TakenParameters>>,
}

impl CanonicalRequest {
    /// Reads method, target and host. For a request that is canonical as it came, and for the same
    /// host as the one before, nothing is copied.
    ///
    /// `version` decides what a missing `Host` means: HTTP/2 carries the host in `:authority`
    /// (RFC 9113 §8.3.1), in HTTP/1 a request without `Host` is refused, HTTP/1.0 included: it
    /// could not be routed by host, nor be forwarded as HTTP/1.1.
    pub fn new(
        method: &Method,
        target: &Uri,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<Self, NotCanonical> {
        check_method(method)?;
        let canonical = RequestTarget::canonical(method, target, version)?;
        let (authority, host_is_canonical) = read_authority(target, version, headers)?;
        Ok(Self {
            method: method.clone(),
            authority,
            host_is_canonical,
            target: canonical,
            version,
            parameters: None,
        })
    }

    /// The request without the parameters of its query that may carry a credential. They are kept
    /// apart, and are in no other form of it.
    ///
    /// # Errors
    /// Never in practice: what is left of a query is a query.
    pub fn without_parameters(self, names: &ParameterNames) -> Result<Self, NotCanonical> {
        let query = self.target.query().unwrap_or_default();
        match names.take_out_of(query.as_bytes()) {
            None => Ok(self),
            Some((rest, taken)) => Ok(Self {
                target: self.target.with_query(&rest)?,
                parameters: Some(Box::new(taken)),
                ..self
            }),
        }
    }

    /// What was taken out of its query; `None` if nothing was.
    pub fn parameters(&self) -> Option<&TakenParameters> {
        self.parameters.as_deref()
    }

    /// The version of HTTP that it came by.
    pub fn version(&self) -> Version {
        self.version
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
    /// Not of upper-case letters, which every registered method is.
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
    /// `.` or `..`, encoded or not, with or without parameters.
    #[error("the path holds a dot segment")]
    DotSegment,
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
    /// How such a request is answered: 405 for a method that is never served, else 400.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MethodRefused => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        }
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
) -> Result<(Authority, bool), NotCanonical> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(NotCanonical::HostRepeated);
    }
    let host = host.map(Authority::from_header).transpose()?;
    let Some(in_target) = target.authority() else {
        return host.ok_or(NotCanonical::HostMissing);
    };

    let in_target = Authority::parse(in_target.as_str())?;
    match host {
        Some((host, to_the_letter)) if host == in_target => Ok((host, to_the_letter)),
        Some(_) => Err(NotCanonical::HostMismatch),
        None if version >= Version::HTTP_2 => Ok((in_target, false)),
        None => Err(NotCanonical::HostMissing),
    }
}

#[cfg(test)]
mod tests;
