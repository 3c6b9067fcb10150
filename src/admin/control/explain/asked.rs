//! The request that is to be explained.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header::HOST, request::Parts,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;

use crate::{
    gate::{AnnouncedRequest, Denial, ExplainedRequest, Gate, Peer, Route},
    identity::{ClientCertificate, PeerAddress},
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
    client_certificate: Option<String>,
    signature: Option<String>,
    body: Option<String>,
    body_base64: Option<String>,
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
    head: Parts,
    peer: Peer,
    signature: Option<String>,
    body: Option<Vec<u8>>,
    pub(super) shows_claims: bool,
}

const EXPECTED: &str = "expected {\"method\": \"GET\", \"path\": \"/a?b=c\", \"host\": \"…\", \
                        \"listener\": \"NAME\", \"client\": \"192.0.2.7\", \"scheme\": \"https\", \
                        \"client_certificate\": \"PEM\", \
                        \"headers\": {\"authorization\": \"Bearer …\"}, \
                        \"signature\": \"JWS\", \"body\": \"…\" or \"body_base64\": \"…\", \
                        \"show_claims\": false}, of which only path is needed";
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
        let Self { method, path, host, listener, client, scheme, headers, .. } = self;
        let listener = proxy
            .listener(listener.as_deref())
            .ok_or_else(|| format!("listener: there is no {:?}", listener.unwrap_or_default()))?;
        let certificate = self.client_certificate.as_deref().map(certificate).transpose()?;
        let body = body(self.body, self.body_base64)?;
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
        let peer = Peer { address: client.map(PeerAddress::new), scheme, certificate };
        let (signature, shows_claims) = (self.signature, self.show_claims);
        Ok(ExplainableRequest { listener, head, peer, signature, body, shows_claims })
    }
}

/// The first certificate in there: a chain has the client's own first.
fn certificate(pem: &str) -> Result<Arc<ClientCertificate>, String> {
    let unreadable = || "client_certificate: expected a certificate in PEM".to_owned();
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unreadable())?;
    ClientCertificate::parse(&der).map(Arc::new).map_err(|_| unreadable())
}

fn body(text: Option<String>, base64: Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (text, base64) {
        (Some(_), Some(_)) => Err("body_base64: there is a body already".to_owned()),
        (Some(text), None) => Ok(Some(text.into_bytes())),
        (None, Some(base64)) => {
            let body = BASE64_STANDARD.decode(base64);
            body.map(Some).map_err(|_| "body_base64: expected base64 with padding".to_owned())
        }
        (None, None) => Ok(None),
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
    /// The request, and of a preflight the route of what it announces.
    ///
    /// # Errors
    /// The refusal of a request that has no canonical form.
    pub(super) fn canonical<'g>(
        &self,
        gate: &'g Gate,
    ) -> Result<(CanonicalRequest, Option<&'g Arc<Route>>), Denial> {
        let Parts { method, uri, version, headers, .. } = &self.head;
        let rules = gate.request_rules(self.listener);
        let read = match gate.preflight(self.listener, &self.head) {
            Some(AnnouncedRequest { request, route }) => Ok((request, Some(route))),
            None => rules.canonical(method, uri, *version, headers).map(|request| (request, None)),
        };
        let read = read.and_then(|(mut request, announced)| {
            gate.take_parameters(&mut request)?;
            Ok((request, announced))
        });
        read.map_err(|refused| Denial::new(refused.cause()))
    }

    /// What the gate decides on.
    pub(super) fn of<'r>(&'r self, request: &'r CanonicalRequest) -> ExplainedRequest<'r> {
        ExplainedRequest {
            request,
            headers: &self.head.headers,
            peer: &self.peer,
            signature: self.signature.as_deref(),
            body: self.body.as_deref(),
        }
    }
}
