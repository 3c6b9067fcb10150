//! hyper's client, with the limits that the proxy once used it with.

use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncReadExt,
    task::{spawn_local, yield_now},
    time::timeout,
};

use super::{
    PATIENCE,
    peer::Peer,
    requests::{CorpusBody, CorpusRequest},
    session::{Answered, End, Exchange, Session, fields_of},
};

const MAX_HEAD_BYTES: usize = 256 * 1024;
const MAX_HEAD_LINES: usize = 1_000;

/// Sends the requests one after the other, as long as the connection is used again.
pub(super) async fn session(peer: &Peer, requests: &[CorpusRequest]) -> Session {
    let (mut sender, connection) = http1::Builder::new()
        .max_header_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEAD_LINES)
        .handshake(TokioIo::new(peer.clone()))
        .await
        .unwrap();
    let driver = spawn_local(connection.with_upgrades());
    let mut session = Session::new();
    for (place, request) in requests.iter().enumerate() {
        let exchange = if is_usable(&mut sender).await {
            exchange(&mut sender, request).await
        } else {
            Exchange::NotSent
        };
        let exchange = if peer.has_begun(place) { exchange } else { Exchange::NotSent };
        let has_ended = exchange.has_ended();
        session.push(exchange);
        if !has_ended {
            break;
        }
        peer.deliver_afterwards();
        yield_now().await;
    }
    driver.abort();
    session
}

async fn is_usable(sender: &mut SendRequest<CorpusBody>) -> bool {
    matches!(timeout(PATIENCE, sender.ready()).await, Ok(Ok(())))
}

async fn exchange(sender: &mut SendRequest<CorpusBody>, request: &CorpusRequest) -> Exchange {
    match timeout(PATIENCE, sender.send_request(request.head().map(|()| request.body.clone())))
        .await
    {
        Err(_) => Exchange::Waits,
        Ok(Err(_)) => Exchange::Failed,
        Ok(Ok(response)) if switches(request, &response) => switched(response).await,
        Ok(Ok(response)) => answered(response).await,
    }
}

fn switches(request: &CorpusRequest, response: &Response<Incoming>) -> bool {
    let is_tunnel = request.method == Method::CONNECT && response.status().is_success();
    is_tunnel || response.status() == StatusCode::SWITCHING_PROTOCOLS
}

async fn switched(response: Response<Incoming>) -> Exchange {
    let (status, fields) = (response.status().as_u16(), fields_of(response.headers()));
    let Ok(upgraded) = hyper::upgrade::on(response).await else {
        return Exchange::Failed;
    };
    let (mut socket, mut tunnel) = (TokioIo::new(upgraded), Vec::new());
    while let Ok(Ok(1..)) = timeout(PATIENCE, socket.read_buf(&mut tunnel)).await {}
    Exchange::Switched { status, fields, tunnel }
}

async fn answered(response: Response<Incoming>) -> Exchange {
    let (head, mut body) = response.into_parts();
    let mut answer = Answered::new(head.status, &head.headers);
    loop {
        match timeout(PATIENCE, body.frame()).await {
            Err(_) => answer.end = End::Waits,
            Ok(Some(Err(_))) => answer.end = End::Broken,
            Ok(None) => {}
            Ok(Some(Ok(frame))) => {
                answer.take(frame);
                continue;
            }
        }
        return Exchange::Answered(answer);
    }
}
