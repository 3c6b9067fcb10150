//! The receiver: one export over HTTP or gRPC, and what it says to it.

use std::{env, path::PathBuf, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{CONTENT_TYPE, TE},
};
use http_body_util::Full;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::task::spawn_blocking;

use crate::{
    fetch::{FetchRules, Fetcher, Reply, retry_after},
    otel::settings::{HEADERS_VARIABLE, OtelSettings, OtlpProtocol, from_file, from_list},
};

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

/// The outcome of an export.
#[derive(Debug)]
pub(super) enum ExportVerdict {
    /// The receiver has it, but for some spans that it does not want.
    Taken { rejected: u64 },
    /// It may be sent again, not before the pause that the receiver asks for.
    NotNow { problem: String, after: Option<Duration> },
    /// It would not be taken a second time either.
    Refused(String),
}

/// Where exports go.
#[derive(Debug)]
pub(super) struct OtlpReceiver {
    fetcher: Fetcher,
    protocol: OtlpProtocol,
    /// The endpoint, without a slash at its end.
    endpoint: String,
    headers: ExportHeaders,
    timeout: Duration,
}

/// The headers of the operator.
#[derive(Debug, Clone)]
enum ExportHeaders {
    /// Read for each export: a token may be replaced.
    File(PathBuf),
    Given(HeaderMap),
}

/// An answer says which spans were rejected, in some words.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The length of a message, and whether it is compressed (gRPC over HTTP/2, "Length-Prefixed-
/// Message").
const GRPC_PREFIX_BYTES: usize = 5;

const GRPC_STATUS: &str = "grpc-status";
const GRPC_MESSAGE: &str = "grpc-message";
/// Where the pause that a receiver asks for is (OTLP, "OTLP/gRPC Throttling").
const GRPC_DETAILS: &str = "grpc-status-details-bin";

/// Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss (OTLP, "Failures").
const GRPC_RETRYABLE: [&str; 6] = ["1", "4", "10", "11", "14", "15"];
/// Worth a second attempt only where the receiver says when.
const GRPC_RESOURCE_EXHAUSTED: &str = "8";

impl Signal {
    fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }

    fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }
}

impl OtlpReceiver {
    pub(super) fn new(settings: &OtelSettings) -> Self {
        let rules = FetchRules {
            idle_connections: 1,
            http2: settings.protocol == OtlpProtocol::Grpc,
            ..FetchRules::occasional(settings.timeout, MAX_ANSWER_BYTES, settings.ca_file.clone())
        };
        Self {
            fetcher: Fetcher::new(rules),
            protocol: settings.protocol,
            endpoint: settings.endpoint.to_string().trim_end_matches('/').to_owned(),
            headers: ExportHeaders::of(settings),
            timeout: settings.timeout,
        }
    }

    /// What it is called in logs.
    pub(super) fn shown(&self) -> &str {
        &self.endpoint
    }

    /// Sends a message, once.
    pub(super) async fn send(&self, signal: Signal, message: &[u8]) -> ExportVerdict {
        let later = |problem| ExportVerdict::NotNow { problem, after: None };
        let headers = match self.headers.read().await {
            Ok(headers) => headers,
            Err(problem) => return later(problem),
        };
        let request = match self.protocol {
            OtlpProtocol::Http => self.http_request(signal, message),
            OtlpProtocol::Grpc => self.grpc_request(signal, message),
        };
        let mut request = match request {
            Ok(request) => request,
            Err(error) => return ExportVerdict::Refused(error.to_string()),
        };
        request.headers_mut().extend(headers);
        match (self.fetcher.send(request).await, self.protocol) {
            (Err(error), _) => later(error.to_string()),
            (Ok(reply), OtlpProtocol::Http) => http_verdict(signal, &reply),
            (Ok(reply), OtlpProtocol::Grpc) => grpc_verdict(signal, &reply),
        }
    }

    fn http_request(&self, signal: Signal, message: &[u8]) -> http::Result<Request<Full<Bytes>>> {
        Request::post(format!("{}{}", self.endpoint, signal.http_path()))
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(Bytes::copy_from_slice(message)))
    }

    fn grpc_request(&self, signal: Signal, message: &[u8]) -> http::Result<Request<Full<Bytes>>> {
        let mut body = BytesMut::with_capacity(GRPC_PREFIX_BYTES + message.len());
        body.put_u8(0);
        // A batch is far from 4 GiB.
        body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        body.put_slice(message);
        Request::post(format!("{}{}", self.endpoint, signal.grpc_path()))
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, HeaderValue::from_static("trailers"))
            .header("grpc-timeout", format!("{}m", self.timeout.as_millis()))
            .body(Full::new(body.freeze()))
    }
}

impl ExportHeaders {
    fn of(settings: &OtelSettings) -> Self {
        if let Some(file) = &settings.headers_file {
            return Self::File(file.clone());
        }
        let list = env::var(HEADERS_VARIABLE).unwrap_or_default();
        let Some(headers) = from_list(&list) else {
            tracing::error!("{HEADERS_VARIABLE} is not used: it is no list of name=value");
            return Self::Given(HeaderMap::new());
        };
        if !headers.is_empty() && settings.is_readable_on_the_way() {
            tracing::error!(
                "{HEADERS_VARIABLE} is not used: over plain http to another machine it can be \
                 read on the way"
            );
            return Self::Given(HeaderMap::new());
        }
        Self::Given(headers)
    }

    async fn read(&self) -> Result<HeaderMap, String> {
        match self {
            Self::Given(headers) => Ok(headers.clone()),
            Self::File(file) => {
                let file = file.clone();
                let read = spawn_blocking(move || from_file(&file)).await;
                read.map_err(|error| error.to_string())?
            }
        }
    }
}

fn http_verdict(signal: Signal, reply: &Reply) -> ExportVerdict {
    let status = reply.status;
    if status.is_success() {
        return ExportVerdict::Taken { rejected: rejected(signal, &reply.body) };
    }
    let problem = format!("the receiver answers {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            ExportVerdict::NotNow { problem, after: retry_after(&reply.headers) }
        }
        _ => ExportVerdict::Refused(problem),
    }
}

/// The status is in the trailers, or in the head where there is no message.
fn grpc_verdict(signal: Signal, reply: &Reply) -> ExportVerdict {
    let field = |name: &str| {
        let value = reply.trailers.get(name).or_else(|| reply.headers.get(name))?;
        value.to_str().ok()
    };
    match field(GRPC_STATUS) {
        Some("0") => {
            let message = reply.body.get(GRPC_PREFIX_BYTES..).unwrap_or_default();
            ExportVerdict::Taken { rejected: rejected(signal, message) }
        }
        Some(status) => {
            let words = crate::fetch::quoted(field(GRPC_MESSAGE).unwrap_or_default());
            let problem = format!("the receiver answers with the gRPC status {status}: {words}");
            let is_retryable = GRPC_RETRYABLE.contains(&status)
                || (status == GRPC_RESOURCE_EXHAUSTED && field(GRPC_DETAILS).is_some());
            if is_retryable {
                ExportVerdict::NotNow { problem, after: None }
            } else {
                ExportVerdict::Refused(problem)
            }
        }
        None => http_verdict(signal, reply).without_status(reply.status),
    }
}

impl ExportVerdict {
    /// That of an answer in which gRPC's status is missing: a success is none.
    fn without_status(self, status: StatusCode) -> Self {
        match self {
            Self::Taken { .. } => {
                let problem = format!("the receiver answers {status} without a gRPC status");
                Self::NotNow { problem, after: None }
            }
            other => other,
        }
    }
}

/// How many spans the receiver does not want, of those that it was sent.
fn rejected(signal: Signal, message: &[u8]) -> u64 {
    if signal == Signal::Metrics {
        return 0;
    }
    let answer = ExportTraceServiceResponse::decode(message).unwrap_or_default();
    let partial = answer.partial_success.map(|partial| partial.rejected_spans);
    partial.and_then(|rejected| u64::try_from(rejected).ok()).unwrap_or(0)
}
