//! What stands behind the proxy: a service that answers over HTTP/1.1 and HTTP/2, and the
//! introspection endpoint of an identity provider.

use std::{convert::Infallible, net::SocketAddr};

use http_body_util::BodyExt;
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, SERVER},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, spawn};

use crate::{Outcome, body::Pieces, material::AUDIENCE};

const LARGE: usize = 16;
const PIECE: [u8; 16 * 1024] = [b'x'; 16 * 1024];

/// Serves until the runtime ends.
pub async fn start() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // An answer in two segments must not wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Pieces>, Infallible> {
    let path = request.uri().path().to_owned();
    let is_empty = request.body().is_end_stream();
    let received = request.into_body().collect().await;
    let received = received.map(|body| body.to_bytes()).unwrap_or_default();
    let mut response = Response::new(match path.as_str() {
        "/introspect" => Pieces::whole(statement(&received)),
        path if path.ends_with("/large") => Pieces::whole(vec![b'x'; LARGE * PIECE.len()]),
        path if path.ends_with("/stream") => Pieces::unannounced(&PIECE[..], LARGE),
        _ if is_empty => Pieces::whole(&b"{\"id\": 42, \"state\": \"paid\"}\n"[..]),
        _ => Pieces::whole(&b"{\"stored\": true}\n"[..]),
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(SERVER, HeaderValue::from_static("service"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ETAG, HeaderValue::from_static("\"3f80f-1b6-3e1cb03b\""));
    Ok(response)
}

/// RFC 7662: the tokens that begin with `opaque-` are active.
fn statement(form: &[u8]) -> String {
    let form = String::from_utf8_lossy(form);
    if !form.contains("token=opaque-") {
        return "{\"active\": false}".to_owned();
    }
    let claims = "\"sub\": \"alice\", \"client_id\": \"shop\", \"scope\": \"orders:read\"";
    format!("{{\"active\": true, \"exp\": 4102444800, \"aud\": \"{AUDIENCE}\", {claims}}}")
}
