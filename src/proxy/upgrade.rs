//! WebSocket upgrades (RFC 6455 §4): requested by the client, accepted by the upstream, and only
//! then a tunnel.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request,
    header::{CONNECTION, UPGRADE},
};
use hyper::{body::Incoming, upgrade::OnUpgrade};

use crate::{
    identity::{clean_response, is_websocket_upgrade},
    proxy::upstream::settings::UpstreamAddress,
};

use super::upstream::{AnswerBody, UpstreamSocket};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE_OPTION: HeaderValue = HeaderValue::from_static("upgrade");

/// A client's request for a WebSocket.
#[derive(Debug)]
pub(super) struct Upgrade {
    client: OnUpgrade,
}

/// Both ends of a tunnel that is about to be.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) client: OnUpgrade,
    pub(super) upstream: UpstreamSocket,
    /// What the upstream has sent behind its 101.
    pub(super) sent: Bytes,
}

impl Upgrade {
    /// The upgrade, if the request is a valid one.
    pub(super) fn requested(request: &mut Request<Incoming>) -> Option<Self> {
        let headers = request.headers();
        // Few requests have it: a look-up takes longer than a pass over the names.
        let has_upgrade = headers.keys().any(|name| *name == UPGRADE);
        (has_upgrade && is_websocket_upgrade(request.method(), request.version(), headers))
            .then(|| Self { client: hyper::upgrade::on(request) })
    }

    /// Whether an upstream can upgrade at all. HTTP/2 has no upgrade by header (RFC 9113 §8.6):
    /// such an upstream sees a plain request.
    pub(super) fn is_possible(upstream: &UpstreamAddress) -> bool {
        !matches!(upstream, UpstreamAddress::H2c(_))
    }

    /// Requests the upgrade from the upstream: hygiene has removed the client's headers.
    pub(super) fn request_upgrade(headers: &mut HeaderMap) {
        headers.insert(CONNECTION, UPGRADE_OPTION);
        headers.insert(UPGRADE, WEBSOCKET);
    }

    /// The ends of the tunnel, if the head of the 101 matches the request.
    pub(super) fn agree(self, answered: &HeaderMap, body: AnswerBody) -> Option<Ends> {
        let to = answered.get(UPGRADE)?;
        if !to.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes()) {
            return None;
        }
        let (upstream, sent) = body.into_tunnel()?;
        Some(Ends { client: self.client, upstream, sent })
    }

    /// Makes the upstream's 101 ours.
    pub(super) fn confirm(headers: &mut HeaderMap) {
        clean_response(headers);
        Self::request_upgrade(headers);
    }
}
