//! One GET of a small document, with a bound on everything.
//!
//! No redirects, no proxies from the environment, no decompression, no cookies, no connection
//! kept: each fetch resolves the name and checks the certificate anew, and what the other side
//! can cost is the deadline and the byte limit.

mod headers;
mod tls;

use std::{error::Error, path::PathBuf, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, LOCATION, USER_AGENT,
    },
};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{task::spawn_blocking, time::timeout};

use crate::config::KeySettings;

use super::{KeyError, error::quoted};

/// Fetches documents for one issuer.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Option<HttpClient>,
    ca_file: Option<PathBuf>,
    deadline: Duration,
    max_bytes: usize,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// What a source answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The document; `None`: not modified.
    pub(super) document: Option<Bytes>,
    /// What to ask with next time.
    pub(super) etag: Option<HeaderValue>,
    /// How long the answer is fresh, if it says so.
    pub(super) max_age: Option<Duration>,
}

const AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Everything that comes as JSON is welcome; the parser decides, not the label.
const ACCEPTED: &str = "application/json, application/jwk-set+json;q=0.9, */*;q=0.1";

/// The largest header block of an answer, in bytes.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The share of the deadline that connecting may take, so that an address that swallows packets
/// leaves time to try the next one: 1/2, hyper divides it among a name's addresses.
const CONNECT_SHARE: u32 = 2;

impl Fetcher {
    pub(super) fn new(settings: &KeySettings) -> Self {
        Self {
            client: None,
            ca_file: settings.ca_file.clone(),
            deadline: settings.timeout,
            max_bytes: settings.max_bytes,
        }
    }

    /// Gets the document; with an `etag`, only if it changed.
    pub(super) async fn get(
        &mut self,
        url: &Uri,
        etag: Option<&HeaderValue>,
    ) -> Result<Answer, KeyError> {
        let place = shown(url);
        let request = request(url, etag, &place)?;
        let result = match timeout(self.deadline, self.exchange(request, &place)).await {
            Ok(result) => result,
            Err(_) => Err(KeyError::Timeout { place, limit: self.deadline }),
        };
        if matches!(result, Err(KeyError::Tls { .. })) {
            // Authorities are read again: the operator may be replacing them right now.
            self.client = None;
        }
        result
    }

    async fn exchange(
        &mut self,
        request: Request<Empty<Bytes>>,
        place: &str,
    ) -> Result<Answer, KeyError> {
        let client = self.client().await?;
        exchange(&client, request, self.max_bytes, place).await
    }

    async fn client(&mut self) -> Result<HttpClient, KeyError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        // Reads files: the system's authorities are some hundred kilobytes.
        let ca_file = self.ca_file.clone();
        let tls = spawn_blocking(move || tls::client_config(ca_file.as_deref())).await;
        let tls = tls.map_err(|error| KeyError::Internal { cause: error.to_string() })??;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(self.deadline / CONNECT_SHARE));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .http1_max_buf_size(MAX_HEADER_BYTES)
            .build(connector);
        Ok(self.client.insert(client).clone())
    }
}

fn request(
    url: &Uri,
    etag: Option<&HeaderValue>,
    place: &str,
) -> Result<Request<Empty<Bytes>>, KeyError> {
    let mut request = Request::get(url)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, ACCEPTED)
        .header(ACCEPT_ENCODING, "identity");
    if let Some(etag) = etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    request
        .body(Empty::new())
        .map_err(|error| KeyError::Connect { place: place.to_owned(), cause: error.to_string() })
}

async fn exchange(
    client: &HttpClient,
    request: Request<Empty<Bytes>>,
    max_bytes: usize,
    place: &str,
) -> Result<Answer, KeyError> {
    let conditional = request.headers().contains_key(IF_NONE_MATCH);
    let response = client.request(request).await.map_err(|error| unreachable(&error, place))?;
    let max_age = headers::max_age(response.headers());
    let etag = response.headers().get(ETAG).cloned();
    let document = match response.status() {
        StatusCode::NOT_MODIFIED if conditional => None,
        StatusCode::OK => Some(body(response, max_bytes, place).await?),
        _ => return Err(refusal(&response, place)),
    };
    Ok(Answer { document, etag, max_age })
}

/// The whole body, counted while it comes in: `Content-Length` is a claim, not a bound.
async fn body(
    response: Response<Incoming>,
    max_bytes: usize,
    place: &str,
) -> Result<Bytes, KeyError> {
    if let Some(encoding) = foreign_encoding(&response) {
        let place = place.to_owned();
        return Err(KeyError::Encoded { place, encoding });
    }
    let mut body = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| KeyError::Interrupted {
            place: place.to_owned(),
            cause: chain(&error),
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len().saturating_add(data.len()) > max_bytes {
            return Err(KeyError::TooLarge { place: place.to_owned(), limit: max_bytes });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn foreign_encoding(response: &Response<Incoming>) -> Option<String> {
    let encoding = response.headers().get(CONTENT_ENCODING)?.as_bytes();
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity");
    (!plain).then(|| quoted(&String::from_utf8_lossy(encoding)))
}

fn refusal(response: &Response<Incoming>, place: &str) -> KeyError {
    let (place, status) = (place.to_owned(), response.status());
    if let (true, Some(location)) = (status.is_redirection(), response.headers().get(LOCATION)) {
        return KeyError::Redirect {
            place,
            status: status.as_u16(),
            location: quoted(&String::from_utf8_lossy(location.as_bytes())),
        };
    }
    let asks_for_rest =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    KeyError::Status {
        place,
        status: status.as_u16(),
        retry_after: headers::retry_after(response.headers()).filter(|_| asks_for_rest),
    }
}

fn unreachable(error: &hyper_util::client::legacy::Error, place: &str) -> KeyError {
    let place = place.to_owned();
    // The client's own words add nothing to those of the cause.
    let cause = error.source().map_or_else(|| error.to_string(), chain);
    if tls::is_cause_of(error) {
        KeyError::Tls { place, cause }
    } else if error.is_connect() {
        KeyError::Connect { place, cause }
    } else {
        KeyError::Interrupted { place, cause }
    }
}

/// The error and its causes in one line, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// The URL as it may be shown: without user information and query, which can hold secrets.
pub(super) fn shown(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = if url.query().is_some() { "?…" } else { "" };
    let scheme = url.scheme_str().unwrap_or("http");
    format!("{scheme}://{host}{port}{}{query}", url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url: Uri = "https://me:pw@idp.example.com:8443/jwks?key=s3cret".parse().unwrap();
        assert_eq!(shown(&url), "https://idp.example.com:8443/jwks?…");
        let url: Uri = "http://[::1]:80/".parse().unwrap();
        assert_eq!(shown(&url), "http://[::1]:80/");
    }
}
