//! One exchange with an identity provider, with a bound on everything.
//!
//! No redirects, no proxy but a configured one, no decompression, no cookies: what the other
//! side can cost is the deadline and the byte limit.

mod authorities;
mod discovered;
mod egress;
pub mod error;
mod headers;
mod kept_file;
pub mod metadata;
pub mod settings;

use std::{error::Error, path::PathBuf, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, LOCATION, USER_AGENT,
    },
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Builder, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use parking_lot::Mutex;
use tokio::{task::spawn_blocking, time::timeout};

use crate::tls::{client, settings::ClientIdentity};

use self::{egress::EgressConnector, settings::EgressProxySettings};

pub(crate) use authorities::digest_of_authorities;
pub(crate) use discovered::DiscoveredEndpoint;
pub use error::{FetchError, quoted};
pub use headers::retry_after;
pub(crate) use kept_file::KeptFile;
pub use metadata::{Metadata, MetadataError};

/// Talks to the servers of one configured place. To be used on one runtime only.
#[derive(Debug)]
pub struct Fetcher {
    client: Mutex<Option<HttpClient>>,
    rules: FetchRules,
}

/// The bounds of an exchange, and whom to trust.
#[derive(Debug, Clone)]
pub struct FetchRules {
    /// The whole exchange: connect, TLS, headers and body.
    pub deadline: Duration,
    /// The largest accepted document, in bytes.
    pub max_bytes: usize,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate, for servers that request one.
    pub identity: Option<ClientIdentity>,
    /// The proxy that servers are reached through. `None`: they are reached directly.
    pub proxy: Option<EgressProxySettings>,
    /// How many connections are kept open for the next exchange. None: each exchange resolves
    /// the name and checks the certificate again.
    pub idle_connections: usize,
    /// HTTP/2 only, without an upgrade: what gRPC takes.
    #[cfg(feature = "otel")]
    pub http2: bool,
}

type HttpClient = Client<HttpsConnector<EgressConnector>, Full<Bytes>>;

/// What a source answered to a [`Fetcher::get`].
#[derive(Debug)]
pub struct Fetched {
    /// The document; `None`: not modified.
    pub document: Option<Bytes>,
    /// The entity tag for the next conditional request.
    pub etag: Option<HeaderValue>,
    /// How long the response is fresh, if it has a `max-age`.
    pub max_age: Option<Duration>,
}

/// Any complete answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status, no redirect.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, within the bounds.
    pub body: Bytes,
    /// The fields behind its body.
    pub trailers: HeaderMap,
}

const AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Everything that comes as JSON is welcome; the parser decides, not the label.
const ACCEPTED: &str = "application/json, application/jwk-set+json;q=0.9, */*;q=0.1";

/// The largest header block of an answer, in bytes.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The share of the deadline that connecting may take, so that an address that swallows packets
/// leaves time to try the next one: 1/2, hyper divides it among a name's addresses.
const CONNECT_SHARE: u32 = 2;

/// How long a connection is kept for the next exchange: below what servers usually grant, so that
/// a request seldom meets a connection that is just being closed.
const IDLE_TIME: Duration = Duration::from_secs(4);

impl FetchRules {
    /// One exchange now and then, each over a connection of its own.
    pub fn occasional(deadline: Duration, max_bytes: usize, ca_file: Option<PathBuf>) -> Self {
        Self {
            deadline,
            max_bytes,
            ca_file,
            identity: None,
            proxy: None,
            idle_connections: 0,
            #[cfg(feature = "otel")]
            http2: false,
        }
    }

    /// The same through that proxy, if there is one.
    #[must_use]
    pub fn through(self, proxy: Option<&EgressProxySettings>) -> Self {
        Self { proxy: proxy.cloned(), ..self }
    }
}

impl Fetcher {
    /// A client under these rules. Nothing is opened before the first exchange.
    pub fn new(rules: FetchRules) -> Self {
        Self { client: Mutex::default(), rules }
    }

    /// How long an exchange may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.rules.deadline
    }

    /// Gets the document; with an `etag`, only if it changed.
    ///
    /// # Errors
    /// [`FetchError`], also for a status other than 200 or a requested 304.
    pub async fn get(&self, url: &Uri, etag: Option<&HeaderValue>) -> Result<Fetched, FetchError> {
        let place = shown(url);
        let mut request = Request::get(url).header(ACCEPT, ACCEPTED);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let request = request.body(Full::default()).map_err(|error| unsendable(&error, &place))?;
        self.within_deadline(&place, async {
            let response = self.response(request, &place).await?;
            let max_age = headers::max_age(response.headers());
            let new_etag = response.headers().get(ETAG).cloned();
            let document = match response.status() {
                StatusCode::NOT_MODIFIED if etag.is_some() => None,
                StatusCode::OK => Some(self.body(response, &place).await?.0),
                _ => return Err(refusal(&response, &place)),
            };
            Ok(Fetched { document, etag: new_etag, max_age })
        })
        .await
    }

    /// Sends a request and waits for the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`FetchError`]; a redirect is one.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply, FetchError> {
        let place = shown(request.uri());
        self.within_deadline(&place, async {
            let response = self.response(request, &place).await?;
            if response.status().is_redirection() {
                return Err(refusal(&response, &place));
            }
            let (status, headers) = (response.status(), response.headers().clone());
            let (body, trailers) = self.body(response, &place).await?;
            Ok(Reply { status, headers, body, trailers })
        })
        .await
    }

    async fn within_deadline<T>(
        &self,
        place: &str,
        exchange: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        let limit = self.rules.deadline;
        let result = timeout(limit, exchange)
            .await
            .unwrap_or_else(|_| Err(FetchError::Timeout { place: place.to_owned(), limit }));
        if matches!(result, Err(FetchError::Tls { .. })) {
            // Authorities are read again: the operator may be replacing them right now.
            self.client.lock().take();
        }
        result
    }

    async fn response(
        &self,
        mut request: Request<Full<Bytes>>,
        place: &str,
    ) -> Result<Response<Incoming>, FetchError> {
        if let Some(proxy) = &self.rules.proxy
            && request.uri().scheme_str() != Some("https")
        {
            // What metadata name may be plain http to this machine.
            let cause = format!("plain http, and the proxy {} is for https only", proxy.shown());
            return Err(FetchError::Proxy { place: place.to_owned(), cause });
        }
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let client = self.client().await?;
        client.request(request).await.map_err(|error| unreachable(&error, place))
    }

    async fn client(&self) -> Result<HttpClient, FetchError> {
        if let Some(client) = &*self.client.lock() {
            return Ok(client.clone());
        }
        // Reads files: the system's authorities are some hundred kilobytes.
        let (ca_file, identity) = (self.rules.ca_file.clone(), self.rules.identity.clone());
        let config = move || client::config(ca_file.as_deref(), identity.as_ref());
        let tls = spawn_blocking(config).await;
        let tls = tls.map_err(|error| FetchError::Internal { cause: error.to_string() })??;
        let client = self.connect_over(tls);
        let mut shared = self.client.lock();
        Ok(shared.insert(client).clone())
    }

    fn connect_over(&self, tls: rustls::ClientConfig) -> HttpClient {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let limit = self.rules.deadline / CONNECT_SHARE;
        connector.set_connect_timeout(Some(limit));
        let plain = EgressConnector::new(connector, self.rules.proxy.as_ref(), limit);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        #[cfg(feature = "otel")]
        if self.rules.http2 {
            let connector = connector.enable_http2().wrap_connector(plain);
            return self.client_builder().http2_only(true).build(connector);
        }
        self.client_builder().build(connector.enable_http1().wrap_connector(plain))
    }

    fn client_builder(&self) -> Builder {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_max_idle_per_host(self.rules.idle_connections)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .retry_canceled_requests(false)
            .http1_max_buf_size(MAX_HEADER_BYTES);
        builder
    }

    /// The whole body and its trailers, counted while it comes in: `Content-Length` is a claim, not
    /// a bound.
    async fn body(
        &self,
        response: Response<Incoming>,
        place: &str,
    ) -> Result<(Bytes, HeaderMap), FetchError> {
        if let Some(encoding) = foreign_encoding(&response) {
            let place = place.to_owned();
            return Err(FetchError::Encoded { place, encoding });
        }
        let mut body = response.into_body();
        let (mut bytes, mut trailers) = (BytesMut::new(), HeaderMap::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| FetchError::Interrupted {
                place: place.to_owned(),
                cause: chain(&error),
            })?;
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    trailers = frame.into_trailers().unwrap_or_default();
                    continue;
                }
            };
            if bytes.len().saturating_add(data.len()) > self.rules.max_bytes {
                let limit = self.rules.max_bytes;
                return Err(FetchError::TooLarge { place: place.to_owned(), limit });
            }
            bytes.extend_from_slice(&data);
        }
        Ok((bytes.freeze(), trailers))
    }
}

fn unsendable(error: &http::Error, place: &str) -> FetchError {
    FetchError::Connect { place: place.to_owned(), cause: error.to_string() }
}

fn foreign_encoding(response: &Response<Incoming>) -> Option<String> {
    let encoding = response.headers().get(CONTENT_ENCODING)?.as_bytes();
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity");
    (!plain).then(|| quoted(&String::from_utf8_lossy(encoding)))
}

fn refusal(response: &Response<Incoming>, place: &str) -> FetchError {
    let (place, status) = (place.to_owned(), response.status());
    if let (true, Some(location)) = (status.is_redirection(), response.headers().get(LOCATION)) {
        return FetchError::Redirect {
            place,
            status: status.as_u16(),
            location: quoted(&String::from_utf8_lossy(location.as_bytes())),
        };
    }
    let is_overloaded =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    FetchError::Status {
        place,
        status: status.as_u16(),
        retry_after: retry_after(response.headers()).filter(|_| is_overloaded),
    }
}

fn unreachable(error: &hyper_util::client::legacy::Error, place: &str) -> FetchError {
    let place = place.to_owned();
    // The client's own words add nothing to those of the cause.
    let cause = error.source().map_or_else(|| error.to_string(), chain);
    if let Some(cause) = egress::failure_in(error) {
        FetchError::Proxy { place, cause }
    } else if client::is_cause_of(error) {
        FetchError::Tls { place, cause }
    } else if error.is_connect() {
        FetchError::Connect { place, cause }
    } else {
        FetchError::Interrupted { place, cause }
    }
}

/// The error and its causes in one line, without repetition.
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
pub fn shown(url: &Uri) -> String {
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
