//! The request that is to be explained.

use std::{collections::BTreeMap, net::IpAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header::HOST, request::Parts,
};
use serde::Deserialize;

use crate::{
    gate::{Denial, Gate, Peer, Route},
    identity::PeerAddress,
    policy::{CanonicalRequest, ids::ListenerId},
    proxy::ProxyConfig,
};

/// As it is asked for. Never printed: its headers have credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedRequest {
    method: Option<String>,
    path: String,
    host: Option<String>,
    listener: Option<String>,
    client: Option<IpAddr>,
    scheme: Option<AskedScheme>,
    #[serde(default)]
    headers: BTreeMap<String, AskedValues>,
    #[serde(default)]
    show_claims: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AskedScheme {
    Http,
    Https,
}

/// The values of a header, which may have several lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum AskedValues {
    One(String),
    Several(Vec<String>),
}

/// A request in the form in which a worker gets it.
pub(super) struct ExplainableRequest {
    listener: ListenerId,
    pub(super) head: Parts,
    pub(super) peer: Peer,
    pub(super) shows_claims: bool,
}

const EXPECTED: &str = "expected {\"method\": \"GET\", \"path\": \"/a?b=c\", \"host\": \"…\", \
                        \"listener\": \"NAME\", \"client\": \"192.0.2.7\", \"scheme\": \"https\", \
                        \"headers\": {\"authorization\": \"Bearer …\"}, \"show_claims\": false}, \
                        of which only path is needed";
const DEFAULT_HOST: &str = "localhost";

impl AskedRequest {
    /// # Errors
    /// Where it is not understood. Not what was found there, which may be a token.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("the body is not understood at line {line}, column {column}; {EXPECTED}")
        })
    }

    /// # Errors
    /// What can't be a request of this configuration.
    pub(super) fn read(self, proxy: &ProxyConfig) -> Result<ExplainableRequest, String> {
        let Self { method, path, host, listener, client, scheme, headers, show_claims } = self;
        let listener = proxy
            .listener(listener.as_deref())
            .ok_or_else(|| format!("listener: there is no {:?}", listener.unwrap_or_default()))?;
        let method = method.as_deref().unwrap_or("GET").parse::<Method>();
        let method = method.map_err(|_| "method: it is none".to_owned())?;
        // A path may have a token in its query: not shown.
        let target = path.parse::<Uri>().map_err(|error| format!("path: {error}"))?;
        let (mut head, ()) = Request::new(()).into_parts();
        (head.method, head.uri, head.version) = (method, target, Version::HTTP_11);
        head.headers = read_headers(headers)?;
        if let Some(host) = host.or_else(|| default_host(&head.headers)) {
            head.headers.insert(HOST, field_value("host", host)?);
        }
        let scheme = match scheme.unwrap_or(AskedScheme::Http) {
            AskedScheme::Http => "http",
            AskedScheme::Https => "https",
        };
        let peer = Peer { address: client.map(PeerAddress::new), scheme, certificate: None };
        Ok(ExplainableRequest { listener, head, peer, shows_claims: show_claims })
    }
}

fn default_host(headers: &HeaderMap) -> Option<String> {
    (!headers.contains_key(HOST)).then(|| DEFAULT_HOST.to_owned())
}

fn read_headers(asked: BTreeMap<String, AskedValues>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in asked {
        let field: HeaderName =
            name.parse().map_err(|_| format!("headers: {name:?} is no name"))?;
        let values = match values {
            AskedValues::One(value) => vec![value],
            AskedValues::Several(values) => values,
        };
        for value in values {
            let value = field_value(&name, value)?;
            let appended = headers.try_append(field.clone(), value);
            appended.map_err(|_| "headers: there are too many".to_owned())?;
        }
    }
    Ok(headers)
}

/// The value may be a credential: not shown.
fn field_value(name: &str, text: String) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| format!("{name}: found characters that no header has"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl ExplainableRequest {
    /// # Errors
    /// The refusal of a request that has no canonical form.
    pub(super) fn canonical(&self, gate: &Gate) -> Result<CanonicalRequest, Denial> {
        let Parts { method, uri, version, headers, .. } = &self.head;
        let canonical = gate.request_rules(self.listener).canonical(method, uri, *version, headers);
        let canonical = canonical.and_then(|mut request| {
            gate.take_parameters(&mut request)?;
            Ok(request)
        });
        canonical.map_err(|refused| Denial::new(refused.cause()))
    }

    /// What the route has in addition.
    pub(super) fn not_checked(&self, route: &Route) -> Vec<String> {
        let has_no_address = self.peer.address.is_none();
        let all = [
            ("addresses", route.addresses().is_some() && has_no_address),
            ("client_certificates", route.client_certificate().is_some()),
            ("limits", route.limits().is_some()),
            ("signature", route.signature().is_some()),
            ("upstream_credential", route.upstream_credential().is_some()),
        ];
        let had = all.into_iter().filter(|(_, has)| *has);
        had.map(|(what, _)| what.to_owned()).collect()
    }
}
