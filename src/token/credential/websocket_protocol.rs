//! A credential among the subprotocols that a WebSocket handshake offers (RFC 6455 §11.3.4): the
//! one thing that a page can choose there.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};

use crate::{
    identity::is_websocket_upgrade, jose::base64url, policy::CanonicalRequest, reason::Reason,
};

/// Before a token in base64url, as Kubernetes' API server has it.
const KUBERNETES: &[u8] = b"base64url.bearer.authorization.k8s.io.";

/// What a request offers.
#[derive(Default)]
struct Offer<'h> {
    tokens: Vec<MarkedToken<'h>>,
    /// Whether the marker is there twice, or without anything after it.
    is_broken: bool,
    others: Vec<&'h [u8]>,
}

enum MarkedToken<'h> {
    Plain(&'h [u8]),
    Encoded(&'h [u8]),
}

/// The credential of a handshake.
pub(super) fn extract<'h>(
    marker: &str,
    request: &CanonicalRequest,
    headers: &'h HeaderMap,
) -> Result<Option<Cow<'h, [u8]>>, Reason> {
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL)
        || !is_websocket_upgrade(request.method(), request.version(), headers)
    {
        return Ok(None);
    }
    let offer = Offer::read(marker, headers);
    match (offer.tokens.as_slice(), offer.is_broken) {
        ([], false) => Ok(None),
        ([], true) => Err(Reason::CredentialMalformed),
        ([token], false) => token.decoded().map(Some),
        _ => Err(Reason::CredentialAmbiguous),
    }
}

/// Takes the marker and every token out of what is offered, in a handshake or not.
pub(super) fn strip(marker: &str, headers: &mut HeaderMap) {
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return;
    }
    let offer = Offer::read(marker, headers);
    if offer.tokens.is_empty() && !offer.is_broken {
        return;
    }
    let others = offer.others.join(&b", "[..]);
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let (false, Ok(value)) = (others.is_empty(), HeaderValue::from_bytes(&others)) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
}

impl<'h> Offer<'h> {
    fn read(marker: &str, headers: &'h HeaderMap) -> Self {
        let mut offer = Self::default();
        let mut is_marked = false;
        for element in elements(headers) {
            if element.eq_ignore_ascii_case(marker.as_bytes()) {
                offer.is_broken |= is_marked;
                is_marked = true;
            } else if is_marked {
                offer.tokens.push(MarkedToken::Plain(element));
                is_marked = false;
            } else if let Some(encoded) = after_kubernetes_marker(element) {
                offer.tokens.push(MarkedToken::Encoded(encoded));
            } else {
                offer.others.push(element);
            }
        }
        offer.is_broken |= is_marked;
        offer
    }
}

impl<'h> MarkedToken<'h> {
    fn decoded(&self) -> Result<Cow<'h, [u8]>, Reason> {
        match self {
            Self::Plain(token) => Ok(Cow::Borrowed(token)),
            Self::Encoded(text) => match base64url::decode(text) {
                Ok(token) if !token.is_empty() => Ok(Cow::Owned(token)),
                _ => Err(Reason::CredentialMalformed),
            },
        }
    }
}

fn elements(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let elements = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

fn after_kubernetes_marker(element: &[u8]) -> Option<&[u8]> {
    let (marker, encoded) = element.split_at_checked(KUBERNETES.len())?;
    marker.eq_ignore_ascii_case(KUBERNETES).then_some(encoded)
}
