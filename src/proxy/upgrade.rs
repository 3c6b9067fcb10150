//! Changes of protocol (RFC 9110 §7.8): proposed by the client, named by the upstream's settings,
//! accepted by the upstream, and only then a tunnel.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request,
    header::{CONNECTION, UPGRADE},
};
use hyper::{body::Incoming, upgrade::OnUpgrade};

use crate::{
    identity::{clean_response, proposed_upgrade},
    upstream::{
        AnswerBody, EndpointLease, UpstreamSocket,
        settings::{UpstreamProtocol, UpstreamSettings},
    },
};

const UPGRADE_OPTION: HeaderValue = HeaderValue::from_static("upgrade");

/// A client's proposal of a protocol. Few requests have one, so it is boxed.
#[derive(Debug)]
pub(super) struct Upgrade {
    client: OnUpgrade,
    protocol: HeaderValue,
}

/// Both ends of a tunnel that is about to be.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) protocol: HeaderValue,
    pub(super) client: OnUpgrade,
    pub(super) upstream: UpstreamSocket,
    /// What the upstream has sent behind its 101.
    pub(super) sent: Bytes,
    /// Counts the tunnel as in flight.
    pub(super) endpoint: Option<EndpointLease>,
}

impl Upgrade {
    /// The upgrade, if the request is a valid one.
    pub(super) fn proposed(request: &mut Request<Incoming>) -> Option<Box<Self>> {
        let headers = request.headers();
        // Few requests have it: a look-up takes longer than a pass over the names.
        if !headers.keys().any(|name| *name == UPGRADE) {
            return None;
        }
        let protocol = proposed_upgrade(request.method(), request.version(), headers)?.clone();
        Some(Box::new(Self { client: hyper::upgrade::on(request), protocol }))
    }

    /// The same to an upstream whose settings name the protocol. HTTP/2 has no upgrade by header
    /// (RFC 9113 §8.6): such an upstream sees a plain request.
    pub(super) fn to(mut self: Box<Self>, upstream: &UpstreamSettings) -> Option<Box<Self>> {
        if upstream.protocol() == UpstreamProtocol::Http2 {
            return None;
        }
        self.protocol = upstream.upgrades.named(&self.protocol)?.clone();
        Some(self)
    }

    /// Requests the upgrade from the upstream: hygiene has removed the client's headers.
    pub(super) fn request_upgrade(&self, headers: &mut HeaderMap) {
        name(&self.protocol, headers);
    }

    /// The ends of the tunnel, if the head of the 101 matches the request.
    pub(super) fn agree(self, answered: &HeaderMap, body: AnswerBody) -> Option<Ends> {
        let Self { client, protocol } = self;
        if !is_only(answered, &protocol) {
            return None;
        }
        let (upstream, sent, endpoint) = body.into_tunnel()?;
        Some(Ends { protocol, client, upstream, sent, endpoint })
    }
}

impl Ends {
    /// Makes the upstream's 101 ours.
    pub(super) fn confirm(&self, headers: &mut HeaderMap) {
        clean_response(headers);
        name(&self.protocol, headers);
    }
}

fn name(protocol: &HeaderValue, headers: &mut HeaderMap) {
    headers.insert(CONNECTION, UPGRADE_OPTION);
    headers.insert(UPGRADE, protocol.clone());
}

/// Whether the answer switches to that protocol, and to no other beside it.
fn is_only(headers: &HeaderMap, protocol: &HeaderValue) -> bool {
    let mut named = headers.get_all(UPGRADE).iter();
    let is_it =
        named.next().is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(protocol.as_bytes()));
    is_it && named.next().is_none()
}
