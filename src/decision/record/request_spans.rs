//! The spans of a request that has ended, with the names of OpenTelemetry's semantic conventions
//! for HTTP. Never a token, a claim, a query or a header.

use std::borrow::Cow;

use http::Version;

use super::{
    RequestEnd, RequestRecord,
    request_trace::{AttemptEnd, SampledRequest, UpstreamAttempt},
};
use crate::{
    decision::Engine,
    otel::{RequestSpans, SpanKind, SpanValue},
    policy::CanonicalRequest,
};

type Attributes = Vec<(&'static str, SpanValue)>;

/// As many as there are below, so that no list grows while it is filled.
const MOST_ATTRIBUTES: usize = 14;
const MOST_ATTRIBUTES_OF_ATTEMPT: usize = 7;

/// A longer path says no more of a request, and takes memory in every queue behind us.
const MAX_PATH_BYTES: usize = 1024;

/// What the conventions know; another method would make names and series that clients choose.
const KNOWN_METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
const OTHER_METHOD: &str = "_OTHER";
/// What a span is called whose method is not one of these.
const UNKNOWN_NAME: &str = "HTTP";

const METHOD: &str = "http.request.method";
const STATUS: &str = "http.response.status_code";
const ERROR_TYPE: &str = "error.type";
const SERVER_ADDRESS: &str = "server.address";
const SERVER_PORT: &str = "server.port";

/// What the spans are made of.
pub(super) struct SpanReport<'r> {
    pub(super) record: &'r RequestRecord,
    pub(super) sampled: &'r SampledRequest,
    pub(super) engine: &'r Engine,
}

impl SpanReport<'_> {
    pub(super) fn spans(&self) -> RequestSpans {
        for attempt in self.sampled.take_attempts() {
            self.add_attempt(attempt);
        }
        let error = self.error();
        let mut attributes = self.attributes();
        attributes.extend(error.clone().map(|error| (ERROR_TYPE, SpanValue::Text(error))));
        self.sampled.spans.end(self.name(), attributes, error.is_some())
    }

    fn add_attempt(&self, attempt: UpstreamAttempt) {
        let UpstreamAttempt { id, endpoint, times, resend, end } = attempt;
        let mut attributes = Vec::with_capacity(MOST_ATTRIBUTES_OF_ATTEMPT);
        attributes.push(("countersign.upstream", endpoint.upstream.clone().into()));
        attributes.extend(self.method().map(|method| (METHOD, method.into())));
        add_address(&endpoint.address, &mut attributes);
        if resend > 0 {
            attributes.push(("http.request.resend_count", SpanValue::number(resend)));
        }
        let error: Option<Cow<'static, str>> = match end {
            AttemptEnd::Answered(status) => {
                attributes.push((STATUS, SpanValue::number(status.as_u16())));
                // To a client, 4xx are errors as well.
                (status.as_u16() >= 400).then(|| status.as_u16().to_string().into())
            }
            AttemptEnd::Failed(reason) => Some(reason.into()),
        };
        let is_error = error.is_some();
        attributes.extend(error.map(|error| (ERROR_TYPE, SpanValue::Text(error))));
        let name = self.method_name();
        self.sampled.spans.child(id, name.into(), SpanKind::Client, times, attributes, is_error);
    }

    /// `{method} {route}`.
    fn name(&self) -> Cow<'static, str> {
        let method = self.method_name();
        match self.record.route() {
            Some(route) => format!("{method} {}", self.engine.gate.route_label(Some(route))).into(),
            None => method.into(),
        }
    }

    fn attributes(&self) -> Attributes {
        let record = self.record;
        let mut attributes = Vec::with_capacity(MOST_ATTRIBUTES);
        attributes.push(("url.scheme", self.sampled.scheme.into()));
        attributes.push(("countersign.request_id", record.id().to_string().into()));
        if let Some(request) = self.request() {
            self.add_request(request, &mut attributes);
        }
        if let Some(route) = record.route() {
            let label = self.engine.gate.route_label(Some(route));
            attributes.push(("http.route", label.to_owned().into()));
        }
        if let Some(client) = record.client() {
            attributes.push(("client.address", client.to_string().into()));
        }
        if let Some(status) = record.status() {
            attributes.push((STATUS, SpanValue::number(status.as_u16())));
        }
        if let Some(denial) = record.denial() {
            attributes.push(("countersign.reason", denial.reason().code().into()));
        }
        for (name, bytes) in [
            ("http.request.body.size", record.received_bytes.get()),
            ("http.response.body.size", record.sent_bytes.get()),
        ] {
            attributes.push((name, SpanValue::number(bytes)));
        }
        attributes
    }

    fn add_request(&self, request: &CanonicalRequest, attributes: &mut Attributes) {
        attributes.extend(self.method().map(|method| (METHOD, method.into())));
        let path = request.path();
        let end = path.floor_char_boundary(MAX_PATH_BYTES);
        attributes.push(("url.path", path.get(..end).unwrap_or(path).to_owned().into()));
        add_address(request.authority(), attributes);
        let version = match request.version() {
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            _ => "1.1",
        };
        attributes.push(("network.protocol.version", version.into()));
    }

    /// Why it failed. What the client is to blame for is no failure of a server.
    fn error(&self) -> Option<Cow<'static, str>> {
        let record = self.record;
        let status = record.status()?;
        match (record.end.get(), record.denial()) {
            (RequestEnd::AnswerBroken, _) => Some("answer_broken".into()),
            (_, Some(denial)) if status.is_server_error() => Some(denial.reason().code().into()),
            _ if status.is_server_error() => Some(status.as_u16().to_string().into()),
            _ => None,
        }
    }

    fn method(&self) -> Option<&'static str> {
        let method = self.request()?.method().as_str();
        let known = KNOWN_METHODS.into_iter().find(|known| *known == method);
        Some(known.unwrap_or(OTHER_METHOD))
    }

    fn method_name(&self) -> &'static str {
        self.method().filter(|method| *method != OTHER_METHOD).unwrap_or(UNKNOWN_NAME)
    }

    fn request(&self) -> Option<&CanonicalRequest> {
        self.record.details.get().and_then(|details| details.request.as_ref())
    }
}

/// `HOST`, `HOST:PORT` or the path of a socket.
fn add_address(address: &str, attributes: &mut Attributes) {
    let split = address.rsplit_once(':').and_then(|(host, port)| {
        let port: u16 = port.parse().ok()?;
        Some((host, port))
    });
    let (host, port) = split.map_or((address, None), |(host, port)| (host, Some(port)));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    attributes.push((SERVER_ADDRESS, host.to_owned().into()));
    attributes.extend(port.map(|port| (SERVER_PORT, SpanValue::number(port))));
}
