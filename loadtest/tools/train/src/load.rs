//! What is sent: how many of each kind. The shares are those of a sidecar in front of an API: most
//! requests have a token that is known.

use std::{net::SocketAddr, sync::Arc};

use hyper::StatusCode;
use tokio::task::JoinSet;

use crate::{
    Outcome,
    client::{Connection, Protocol},
    kind::{Content, Credential, Kind},
    material::Material,
};

/// Requests that are under way at the same time.
const AT_ONCE: usize = 16;
/// Of them, on one HTTP/2 connection.
const STREAMS: usize = 4;
const MIB: usize = 1024 * 1024;
const RS256: Credential = Credential::Token(0);
const ES256: Credential = Credential::Token(1);
const EDDSA: Credential = Credential::Token(2);

/// The requests of one run.
pub struct Load {
    kinds: Vec<Kind>,
    requests: usize,
}

impl Load {
    /// What a sidecar receives.
    pub fn usual(requests: usize) -> Self {
        let kinds = [forwarded(), with_bodies(), refused()].concat();
        Self { kinds, requests }
    }

    /// Where no verdict is kept, each token is verified again.
    pub fn without_cache(requests: usize) -> Self {
        let valid = [RS256, ES256, EDDSA].map(|token| get(20, "/api/orders/42", token));
        let forged = refuse(20, "/api/orders/42", Credential::Forged, StatusCode::UNAUTHORIZED);
        Self { kinds: valid.into_iter().chain([forged]).collect(), requests }
    }

    /// Sends everything, kind by kind: a profile has no order.
    pub async fn send(&self, address: SocketAddr, material: &Arc<Material>) -> Outcome<()> {
        for kind in &self.kinds {
            let mut senders = JoinSet::new();
            for connection in connections(address, kind.protocol).await? {
                let each = (self.requests * kind.share).div_ceil(1000 * AT_ONCE);
                senders.spawn(send(*kind, address, Arc::clone(material), connection, each));
            }
            while let Some(ended) = senders.join_next().await {
                ended??;
            }
        }
        Ok(())
    }
}

/// One for each request that is under way at the same time.
async fn connections(address: SocketAddr, protocol: Protocol) -> Outcome<Vec<Connection>> {
    let mut connections = Vec::with_capacity(AT_ONCE);
    while connections.len() < AT_ONCE {
        let connection = Connection::open(address, protocol).await?;
        connections.extend((1..STREAMS).map_while(|_| connection.share()));
        connections.push(connection);
    }
    Ok(connections)
}

/// One request after the other.
async fn send(
    kind: Kind,
    address: SocketAddr,
    material: Arc<Material>,
    mut connection: Connection,
    count: usize,
) -> Outcome<()> {
    for number in 0..count {
        if !connection.is_open() {
            connection = Connection::open(address, kind.protocol).await?;
        }
        let status = connection.send(kind.request(address, &material, number)?).await?;
        if status != kind.expected {
            return Err(format!("{status} instead of {} for {kind:?}", kind.expected).into());
        }
    }
    Ok(())
}

fn forwarded() -> Vec<Kind> {
    vec![
        get(200, "/api/orders/42", RS256),
        get(100, "/api/orders/42?expand=items", ES256),
        get(40, "/orders/42/items/7", EDDSA),
        get(160, "/public/catalogue", Credential::None),
        get(50, "/api/orders/42", Credential::Opaque),
        over_http2(get(120, "/api/orders/42", RS256)),
        over_http2(get(40, "/api/orders/42", ES256)),
        over_http2(get(40, "/public/catalogue", Credential::None)),
        get(30, "/multiplexed/orders/42", RS256),
        over_http2(get(10, "/multiplexed/orders/42", RS256)),
        get(8, "/api/large", RS256),
        get(8, "/api/stream", RS256),
        over_http2(get(4, "/api/large", RS256)),
    ]
}

fn with_bodies() -> Vec<Kind> {
    vec![
        post(50, "/api/orders", Content::Announced(256)),
        post(10, "/api/orders", Content::Chunked(1)),
        post(2, "/api/upload", Content::Announced(MIB)),
        post(2, "/api/upload", Content::Chunked(64)),
        over_http2(post(20, "/api/orders", Content::Announced(256))),
        over_http2(post(1, "/api/upload", Content::Announced(MIB))),
        post(20, "/signed/payments", Content::Signed),
    ]
}

fn refused() -> Vec<Kind> {
    use Credential as C;
    use StatusCode as S;
    let wrongly_signed = post(2, "/signed/payments", Content::SignedWrongly);
    vec![
        refuse(15, "/api/orders/42", C::None, S::UNAUTHORIZED),
        refuse(10, "/api/orders/42", C::Forged, S::UNAUTHORIZED),
        refuse(5, "/api/orders/42", C::Expired, S::UNAUTHORIZED),
        refuse(5, "/api/orders/42", C::ForAnotherAudience, S::UNAUTHORIZED),
        refuse(5, "/api/orders/42", C::OfAnotherIssuer, S::UNAUTHORIZED),
        refuse(5, "/api/orders/42", C::Malformed, S::UNAUTHORIZED),
        refuse(5, "/api/orders/42", C::UnknownOpaque, S::UNAUTHORIZED),
        refuse(5, "/payments/7", RS256, S::FORBIDDEN),
        refuse(5, "/public/%2e%2e%2fapi", C::None, S::BAD_REQUEST),
        Kind { expected: S::UNAUTHORIZED, ..wrongly_signed },
        over_http2(refuse(10, "/api/orders/42", C::None, S::UNAUTHORIZED)),
    ]
}

fn get(share: usize, path: &'static str, credential: Credential) -> Kind {
    let (protocol, content, expected) = (Protocol::Http1, Content::None, StatusCode::OK);
    Kind { share, protocol, path, credential, content, expected }
}

fn post(share: usize, path: &'static str, content: Content) -> Kind {
    Kind { content, ..get(share, path, RS256) }
}

fn refuse(share: usize, path: &'static str, credential: Credential, expected: StatusCode) -> Kind {
    Kind { expected, ..get(share, path, credential) }
}

fn over_http2(kind: Kind) -> Kind {
    Kind { protocol: Protocol::Http2, ..kind }
}
