//! `[otel]`

mod headers;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use http::Uri;

use crate::config::{
    files::{judged_file, readable_file},
    node::Node,
    reader::{Parsed, Section},
    urls::{UrlMistake, check_fetchable, is_loopback},
    values::{count, duration, fraction, keyword, switch, text},
    writer::{Writer, Written},
};

pub(super) use headers::from_file;
#[cfg(feature = "otel")]
pub(super) use headers::{HEADERS_VARIABLE, from_list};

pub(crate) mod key {
    pub(crate) const ENDPOINT: &str = "endpoint";
    pub(crate) const PROTOCOL: &str = "protocol";
    pub(crate) const SAMPLE: &str = "sample";
    pub(crate) const PARENT_BASED: &str = "parent_based";
    pub(crate) const METRICS: &str = "metrics";
    pub(crate) const METRICS_INTERVAL: &str = "metrics_interval";
    pub(crate) const SERVICE_NAME: &str = "service_name";
    pub(crate) const RESOURCE: &str = "resource";
    pub(crate) const HEADERS_FILE: &str = "headers_file";
    pub(crate) const CA_FILE: &str = "ca_file";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const QUEUE: &str = "queue";
}

/// `[otel]`
#[derive(Debug, Clone, PartialEq)]
pub struct OtelSettings {
    /// The receiver, without what the protocol appends.
    pub endpoint: Uri,
    /// How it is spoken to.
    pub protocol: OtlpProtocol,
    /// The share of requests that have a span, where no trusted peer has decided.
    pub sample: f64,
    /// Whether a trusted peer decides for the requests that it sends.
    pub parent_based: bool,
    /// Whether metrics are exported as well.
    pub metrics: bool,
    /// How often these are.
    pub metrics_interval: Duration,
    /// What the receiver knows this proxy by.
    pub service_name: String,
    /// What else is true of everything that it sends.
    pub resource: BTreeMap<String, String>,
    /// The file with headers of each export, which may be secret.
    pub headers_file: Option<PathBuf>,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one export may take.
    pub timeout: Duration,
    /// The most sampled requests that wait for their export.
    pub queue: usize,
}

/// How spans are sent (OTLP 1, "OTLP/gRPC" and "OTLP/HTTP").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Binary messages over HTTP/1.1.
    Http,
    /// gRPC over HTTP/2.
    Grpc,
}

const PROTOCOLS: &[(&str, OtlpProtocol)] =
    &[("http/protobuf", OtlpProtocol::Http), ("grpc", OtlpProtocol::Grpc)];

/// Enough to see what is slow; a service that samples all of its requests multiplies its traffic.
const DEFAULT_SAMPLE: f64 = 0.01;
/// As the environment variables of OpenTelemetry have it.
const DEFAULT_METRICS_INTERVAL: Duration = Duration::from_mins(1);
const METRICS_INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(1);
const DEFAULT_SERVICE_NAME: &str = "countersign";
/// As OpenTelemetry's specification of exporters has it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_mins(1);
/// A span with its attributes.
pub(crate) const SPAN_BYTES: usize = 1024;
/// As OpenTelemetry's batch processor has it: about 2 MiB, and 40 s at 1 % of 5,000 requests a
/// second.
const DEFAULT_QUEUE: usize = 2048;
const MAX_QUEUE: usize = 65_536;
/// More describe no process.
const MAX_RESOURCE: usize = 64;

const EXPECTED_ENDPOINT: &str =
    "the URL of an OTLP receiver without query, such as \"http://127.0.0.1:4318\"";

impl OtlpProtocol {
    /// Where receivers listen, on this machine.
    fn default_endpoint(self) -> Uri {
        Uri::from_static(match self {
            Self::Http => "http://127.0.0.1:4318",
            Self::Grpc => "http://127.0.0.1:4317",
        })
    }
}

impl OtelSettings {
    /// `None`: there is no such section, and nothing is exported.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        if !IS_ACCEPTED {
            section.own_mistake(
                "this build has no OpenTelemetry; expected one with the feature \"otel\": what \
                 deploy/build-release builds, or cargo build --features otel"
                    .to_owned(),
            );
        }
        let protocol = section.or(key::PROTOCOL, OtlpProtocol::Http, keyword(PROTOCOLS));
        let settings = Self {
            endpoint: section.or(key::ENDPOINT, protocol.default_endpoint(), endpoint),
            protocol,
            sample: section.or(key::SAMPLE, DEFAULT_SAMPLE, fraction),
            parent_based: section.or(key::PARENT_BASED, true, switch),
            metrics: section.or(key::METRICS, false, switch),
            metrics_interval: section.or(
                key::METRICS_INTERVAL,
                DEFAULT_METRICS_INTERVAL,
                duration(METRICS_INTERVALS),
            ),
            service_name: section.or(key::SERVICE_NAME, DEFAULT_SERVICE_NAME.to_owned(), text),
            resource: section.section(key::RESOURCE, resource),
            headers_file: section.optional(key::HEADERS_FILE, |node| {
                judged_file(node, |path| from_file(path).map(drop))
            }),
            ca_file: section.optional(key::CA_FILE, readable_file),
            timeout: section.or(key::TIMEOUT, DEFAULT_TIMEOUT, duration(TIMEOUTS)),
            queue: section.or(key::QUEUE, DEFAULT_QUEUE, count(1..=MAX_QUEUE)),
        };
        settings.check(section);
        Some(settings)
    }

    pub(crate) fn write(&self) -> Written {
        let resource = self.resource.iter();
        let resource = resource.map(|(name, text)| (name.clone(), Written::String(text.clone())));
        Writer::default()
            // Without the slash that the parser adds.
            .text(key::ENDPOINT, self.endpoint.to_string().trim_end_matches('/'))
            .keyword(key::PROTOCOL, PROTOCOLS, &self.protocol)
            .value(key::SAMPLE, Written::Float(self.sample))
            .switch(key::PARENT_BASED, self.parent_based)
            .switch(key::METRICS, self.metrics)
            .duration(key::METRICS_INTERVAL, self.metrics_interval)
            .text(key::SERVICE_NAME, &self.service_name)
            .optional_path(key::HEADERS_FILE, self.headers_file.as_deref())
            .optional_path(key::CA_FILE, self.ca_file.as_deref())
            .duration(key::TIMEOUT, self.timeout)
            .count(key::QUEUE, self.queue)
            .optional_members(key::RESOURCE, resource)
            .table()
    }

    /// For tests: to that receiver, with metrics or without.
    #[cfg(all(test, feature = "otel"))]
    pub(super) fn of_receiver(endpoint: Uri, metrics: bool) -> Self {
        Self {
            endpoint,
            protocol: OtlpProtocol::Http,
            sample: 1.0,
            parent_based: true,
            metrics,
            metrics_interval: DEFAULT_METRICS_INTERVAL,
            service_name: DEFAULT_SERVICE_NAME.to_owned(),
            resource: BTreeMap::new(),
            headers_file: None,
            ca_file: None,
            timeout: Duration::from_secs(1),
            queue: DEFAULT_QUEUE,
        }
    }

    /// Whether what is sent can be read on its way to another machine.
    pub(super) fn is_readable_on_the_way(&self) -> bool {
        let host = self.endpoint.host().unwrap_or_default();
        self.endpoint.scheme_str() == Some("http") && !is_loopback(host)
    }

    fn check(&self, section: &Section<'_>) {
        if self.headers_file.is_some() && self.is_readable_on_the_way() {
            let message = "is sent over plain http to another machine, where it can be read on \
                           the way; expected an endpoint with https"
                .to_owned();
            section.mistake(key::HEADERS_FILE, message);
        }
        if self.ca_file.is_some() && self.endpoint.scheme_str() == Some("http") {
            let message = "has no effect: the endpoint is plain http".to_owned();
            section.mistake(key::CA_FILE, message);
        }
        if section.peek(key::METRICS_INTERVAL).is_some() && !self.metrics {
            let message = "has no effect without metrics = true".to_owned();
            section.mistake(key::METRICS_INTERVAL, message);
        }
    }
}

/// The unit tests of the reader know every section, whatever they are built with.
const IS_ACCEPTED: bool = cfg!(any(feature = "otel", test));

/// Plain http is usual: a receiver is the collector of the same pod or cluster.
fn endpoint(node: &Node) -> Parsed<Uri> {
    let written = node.as_text().ok_or_else(|| node.mismatch(EXPECTED_ENDPOINT))?;
    match check_fetchable(written, true) {
        Ok(url) if url.query().is_none() => Ok(url),
        Err(UrlMistake::UserInformation) => Err(format!(
            "the URL holds a user name or password; expected one without, and {}",
            key::HEADERS_FILE
        )),
        _ => Err(node.mismatch(EXPECTED_ENDPOINT)),
    }
}

fn resource(section: &mut Section<'_>) -> BTreeMap<String, String> {
    let attributes = section.each_member(|name, node| Ok((name.to_owned(), text(node)?)));
    if attributes.len() > MAX_RESOURCE {
        let found = attributes.len();
        section.own_mistake(format!("found {found} attributes, expected at most {MAX_RESOURCE}"));
    }
    attributes.into_iter().collect()
}
