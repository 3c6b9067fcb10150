//! A route as the gate and the proxy need it: its requirement, its upstream, its counters.

use std::sync::Arc;

use prometheus::IntCounter;

use super::GateParts;
use crate::{
    policy::{
        Requirement, ScopeClaims,
        settings::{AccessSettings, RouteSettings},
    },
    telemetry::Metrics,
    token::issuer::settings::IssuerSettings,
};

/// One compiled route.
#[derive(Debug)]
pub struct Route {
    index: usize,
    label: String,
    requirement: Option<Requirement>,
    asked: Option<usize>,
    signature: Option<usize>,
    upstream: usize,
    counters: RouteCounters,
}

/// A route's request counters, resolved once.
#[derive(Debug)]
pub struct RouteCounters {
    /// Answered by the upstream.
    pub forwarded: IntCounter,
    /// Refused by the gate.
    pub denied: IntCounter,
    /// Admitted, but the upstream failed.
    pub failed: IntCounter,
    /// Admitted, but the client did not finish its request.
    pub aborted: IntCounter,
}

impl Route {
    /// Every route of the configuration, in their order.
    pub(super) fn table(parts: &GateParts<'_>, metrics: &Metrics) -> Vec<Self> {
        let issuers = parts.issuers.iter();
        let scopes: Vec<_> = issuers.map(|issuer| Arc::clone(&issuer.scopes)).collect();
        let routes = parts.routes.iter().enumerate();
        routes.map(|(index, route)| Self::new(index, route, parts, &scopes, metrics)).collect()
    }

    fn new(
        index: usize,
        route: &RouteSettings,
        parts: &GateParts<'_>,
        scopes: &[Arc<ScopeClaims>],
        metrics: &Metrics,
    ) -> Self {
        let label = label(route);
        let upstream = parts.upstreams.iter().position(|name| *name == route.upstream);
        Self {
            index,
            requirement: match &route.access {
                AccessSettings::Public => None,
                AccessSettings::Token(requirement) => {
                    Some(Requirement::compile(requirement, scopes))
                }
            },
            asked: issuers_to_ask(route, parts.issuers).next(),
            signature: route.signature,
            // The settings are validated: the name is one of the upstreams'.
            upstream: upstream.unwrap_or_default(),
            counters: RouteCounters::new(metrics, &label),
            label,
        }
    }

    /// Its place in the settings.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its name in metrics and logs: the operator's words, never a request's.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it asks of a token; `None` if it is public.
    pub fn requirement(&self) -> Option<&Requirement> {
        self.requirement.as_ref()
    }

    /// Index of the issuer that is asked about tokens that do not say whose they are.
    pub fn asked(&self) -> Option<usize> {
        self.asked
    }

    /// Index of the rules by which its requests are signed, if they are.
    pub fn signature(&self) -> Option<usize> {
        self.signature
    }

    /// Index of its upstream, in the order of the upstreams' names.
    pub fn upstream(&self) -> usize {
        self.upstream
    }

    /// Its counters.
    pub fn counters(&self) -> &RouteCounters {
        &self.counters
    }
}

impl RouteCounters {
    pub(super) fn new(metrics: &Metrics, label: &str) -> Self {
        let counter = |outcome| metrics.requests.with_label_values(&[label, outcome]);
        Self {
            forwarded: counter("forwarded"),
            denied: counter("denied"),
            failed: counter("failed"),
            aborted: counter("aborted"),
        }
    }
}

/// Indexes of the issuers that a route can ask about tokens that do not say whose they are. A valid
/// configuration has one of them at most, for each route.
pub(crate) fn issuers_to_ask(
    route: &RouteSettings,
    issuers: &[IssuerSettings],
) -> impl Iterator<Item = usize> {
    let accepted = match &route.access {
        AccessSettings::Token(requirement) => requirement.issuers.as_slice(),
        AccessSettings::Public => &[],
    };
    let is_asked = |index: usize| issuers.get(index).is_some_and(|it| it.introspection.is_some());
    accepted.iter().copied().filter(move |index| is_asked(*index))
}

/// `GET,POST api.example.com/loans/**`, with the parts that the route leaves open left out.
fn label(route: &RouteSettings) -> String {
    let methods: Vec<_> = route.methods.iter().map(http::Method::as_str).collect();
    let hosts: Vec<_> = route.hosts.iter().map(crate::policy::HostPattern::as_str).collect();
    let space = if methods.is_empty() { "" } else { " " };
    format!("{}{space}{}{}", methods.join(","), hosts.join(","), route.path.as_str())
}
