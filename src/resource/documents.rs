//! Finds the metadata document that a request is for, and answers with it.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
    },
};
use prometheus::IntCounter;

use crate::{
    policy::{CanonicalRequest, HostPattern, Routes, ids::ResourceId},
    telemetry::MetricRegistry,
};

use super::{DocumentParts, Metrics, url::WELL_KNOWN};

/// The documents of one configuration.
///
/// The content comes from the configuration and never from a request: a `Host` only chooses among
/// the documents, and each names its own resource.
#[derive(Debug)]
pub struct Documents {
    all: Vec<ResourceDocument>,
    /// The paths that some route spells out, and nothing but these: there the service answers
    /// itself, unless the path belongs to a resource on that very host.
    routed: Vec<String>,
}

/// The document of one resource.
#[derive(Debug)]
struct ResourceDocument {
    host: String,
    path: String,
    /// The hosts of its routes.
    hosts: RouteHosts,
    body: Bytes,
    requests: IntCounter,
}

/// On which hosts a resource has routes.
#[derive(Debug)]
enum RouteHosts {
    Any,
    Of(Vec<HostPattern>),
}

/// How long clients and caches may keep a document. What a reload changes is known to all of them
/// after that; authorization server metadata is usually kept as long.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// For a day: browsers cap it.
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("86400");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Documents {
    /// Prepares all of them. `None` where there is no resource.
    pub fn prepare(parts: DocumentParts<'_>, metrics: &MetricRegistry) -> Option<Self> {
        if parts.resources.is_empty() {
            return None;
        }
        let metrics = Metrics::register(metrics);
        let ids = parts.resources.iter_with_ids().map(|(id, _)| id);
        Some(Self {
            all: ids.map(|id| ResourceDocument::prepare(parts, id, &metrics)).collect(),
            routed: spelled_out(parts.routes),
        })
    }

    /// The answer, if the request is for a document.
    pub fn answer(&self, request: &CanonicalRequest) -> Option<Response<Bytes>> {
        self.requested(request).map(|document| {
            document.requests.inc();
            document.answer(request.method())
        })
    }

    /// Whether the request is for a document.
    pub fn have(&self, request: &CanonicalRequest) -> bool {
        self.requested(request).is_some()
    }

    fn requested(&self, request: &CanonicalRequest) -> Option<&ResourceDocument> {
        let path = request.path().strip_prefix(WELL_KNOWN)?;
        self.find(request.host(), path.strip_suffix('/').unwrap_or(path))
    }

    /// The document at that path on its own host. Elsewhere, if there is one only, that of the
    /// resource whose routes take the host: a proxy in front may have changed it.
    ///
    /// The path without a resource's is where clients look last. It is that of the host's only
    /// resource.
    fn find(&self, host: &str, path: &str) -> Option<&ResourceDocument> {
        let at = |document: &&ResourceDocument| document.path == path;
        let own = |document: &&ResourceDocument| document.host == host;
        let routed = |document: &&ResourceDocument| document.hosts.take(host);
        let all = || self.all.iter();
        if let Some(document) = all().find(|document| own(document) && at(document)) {
            return Some(document);
        }
        if self.routed.iter().any(|routed| routed == path) {
            return None;
        }
        only(all().filter(routed).filter(at)).or_else(|| {
            let in_root = path.is_empty();
            in_root.then(|| only(all().filter(own)).or_else(|| only(all().filter(routed))))?
        })
    }
}

impl ResourceDocument {
    fn prepare(parts: DocumentParts<'_>, id: ResourceId, metrics: &Metrics) -> Self {
        let resource = parts.resources.get(id);
        Self {
            host: resource.id.host().to_owned(),
            path: resource.id.path().to_owned(),
            hosts: RouteHosts::of(parts, id),
            body: parts.document(id).to_text().into(),
            requests: metrics.requests.with_label_values(&[&resource.name]),
        }
    }

    /// Pages of every origin may read it, since it is public. They may send the header of the
    /// Model Context Protocol with it, for which browsers send a preflight.
    fn answer(&self, method: &Method) -> Response<Bytes> {
        let (status, body, own) = match *method {
            Method::GET | Method::HEAD => {
                let own = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, CACHING)];
                (StatusCode::OK, self.body.clone(), HeaderMap::from_iter(own))
            }
            Method::OPTIONS => (StatusCode::NO_CONTENT, Bytes::new(), preflight()),
            _ => {
                let own = HeaderMap::from_iter([(ALLOW, METHODS)]);
                (StatusCode::METHOD_NOT_ALLOWED, Bytes::new(), own)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = own;
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        response
    }
}

fn preflight() -> HeaderMap {
    let fields: [(HeaderName, HeaderValue); 4] = [
        (ALLOW, METHODS),
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, ANY),
        (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE),
    ];
    HeaderMap::from_iter(fields)
}

impl RouteHosts {
    fn of(parts: DocumentParts<'_>, id: ResourceId) -> Self {
        let mut hosts = Vec::new();
        for (route, _) in parts.routes_of(id) {
            if route.hosts.is_empty() {
                return Self::Any;
            }
            hosts.extend(route.hosts.iter().cloned());
        }
        Self::Of(hosts)
    }

    fn take(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Of(hosts) => hosts.iter().any(|pattern| pattern.matches(host)),
        }
    }
}

/// What stands behind [`WELL_KNOWN`] in the paths that routes spell out.
fn spelled_out(routes: &Routes) -> Vec<String> {
    let paths = routes.all().iter().filter_map(|route| {
        let path = route.path.as_str().strip_prefix(WELL_KNOWN)?;
        route.path.is_literal().then(|| path.strip_suffix('/').unwrap_or(path).to_owned())
    });
    paths.collect()
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    found.next().filter(|_| found.next().is_none())
}
