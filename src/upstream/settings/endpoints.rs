//! The endpoints of an upstream that has several, and how one is chosen for a request.

use std::collections::BTreeSet;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{count, fraction, keyword},
        writer::{Writer, Written, list_of},
    },
    policy::BasePath,
    readiness,
    resolver::MAX_ADDRESSES,
};

use super::{
    EXPECTED_URL, EjectSettings, HealthSettings, UpstreamAddress, base_path, key, upstream_address,
};

/// An upstream with several endpoints, or with a name that may have several.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointSettings {
    /// `urls`, or the one `url` with a weight of 1. Never empty, all of one scheme.
    pub urls: Vec<WeightedUrl>,
    /// What a name stands for.
    pub resolve: Resolve,
    /// How an endpoint is chosen.
    pub balance: BalanceRule,
    /// Requests that may be sent a second time, as a part of all.
    pub retry_budget: f64,
    /// When an endpoint is not used for a while.
    pub eject: EjectSettings,
    /// `[upstreams.NAME.health]`; `None`: only what requests meet.
    pub health: Option<HealthSettings>,
    /// Whether the proxy is unready while no endpoint passes its checks; `None`: it is ready.
    pub required: Option<bool>,
}

/// One of `urls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedUrl {
    /// Where it is.
    pub address: UpstreamAddress,
    /// Its part of the requests, relative to the others': 1 to 100.
    pub weight: u32,
}

/// What the name in a URL stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// One endpoint. Each new connection goes to the first address that takes it.
    First,
    /// An endpoint for each address.
    All,
    /// An endpoint for each address of each target of its `SRV` records.
    Srv,
}

/// How an endpoint is chosen for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceRule {
    /// Of two that are drawn at random the one with fewer requests in flight.
    TwoChoices,
    /// One after the other.
    RoundRobin,
}

/// What Envoy, Linkerd and Finagle have: enough for an endpoint that fails, too little for an
/// outage to become a flood.
const DEFAULT_RETRY_BUDGET: f64 = 0.2;
/// Sums of weights stay far from what a number can hold; a ratio of a hundred is a fraction of a
/// percent of the requests.
const MAX_WEIGHT: usize = 100;

const RESOLVES: &[(&str, Resolve)] =
    &[("first", Resolve::First), ("all", Resolve::All), ("srv", Resolve::Srv)];
const BALANCE_RULES: &[(&str, BalanceRule)] =
    &[("two-choices", BalanceRule::TwoChoices), ("round-robin", BalanceRule::RoundRobin)];

const EXPECTED_URLS: &str =
    "a list such as [\"http://a:80\", { url = \"http://b:80\", weight = 3 }]";
const EXPECTED_ELEMENT: &str = "a URL, or a table such as { url = \"http://b:80\", weight = 3 }";

/// What concerns several endpoints only.
const OF_SEVERAL: [&str; 5] =
    [key::BALANCE, key::RETRY_BUDGET, key::EJECT, key::HEALTH, readiness::settings::key::READINESS];

/// Reads `url` or `urls`, and what depends on them. `None`: there is none that can be used.
pub(super) fn read(
    section: &mut Section<'_>,
) -> Option<(UpstreamAddress, Option<Box<EndpointSettings>>)> {
    let is_list = section.peek(key::URLS).is_some();
    let urls = if is_list { read_urls(section) } else { read_url(section) };
    let resolve = section.or(key::RESOLVE, Resolve::First, keyword(RESOLVES));
    check_names(section, &urls, resolve);
    let first = urls.first()?.address.clone();
    if !is_list && resolve == Resolve::First {
        refuse_idle(section);
        return Some((first, None));
    }
    let settings = EndpointSettings {
        urls,
        resolve,
        balance: section.or(key::BALANCE, BalanceRule::TwoChoices, keyword(BALANCE_RULES)),
        retry_budget: section.or(key::RETRY_BUDGET, DEFAULT_RETRY_BUDGET, fraction),
        eject: section.section(key::EJECT, EjectSettings::read),
        health: section.section(key::HEALTH, HealthSettings::read),
        required: readiness::settings::read(section),
    };
    if settings.required == Some(true) && settings.health.is_none() {
        let message = "only health checks find out that no endpoint works; expected \
                       [upstreams.NAME.health] as well";
        section.mistake(readiness::settings::key::READINESS, message.to_owned());
    }
    Some((first, Some(Box::new(settings))))
}

/// Without several endpoints they have no effect.
fn refuse_idle(section: &mut Section<'_>) {
    for name in OF_SEVERAL {
        if section.node(name).is_some() {
            let message = "has no effect on a single endpoint; expected urls = [...], resolve = \
                           \"all\" or resolve = \"srv\" as well";
            section.mistake(name, message.to_owned());
        }
    }
}

fn read_url(section: &mut Section<'_>) -> Vec<WeightedUrl> {
    let url = section.required(key::URL, EXPECTED_URL, upstream_address);
    url.map(|address| WeightedUrl { address, weight: 1 }).into_iter().collect()
}

fn read_urls(section: &mut Section<'_>) -> Vec<WeightedUrl> {
    if section.node(key::URL).is_some() {
        section.mistake(key::URL, "is given beside urls; expected one of the two".to_owned());
    }
    let urls = section.list(key::URLS, EXPECTED_URLS, weighted);
    let urls = urls.unwrap_or_default();
    let mut seen = BTreeSet::new();
    for url in &urls {
        if !seen.insert(url.address.to_string()) {
            section.mistake(key::URLS, format!("lists {} twice", url.address));
        }
        if urls.first().is_some_and(|first| scheme(&first.address) != scheme(&url.address)) {
            let message = format!("{} is of another scheme than the first", url.address);
            section.mistake(key::URLS, message);
        }
    }
    if urls.len() > MAX_ADDRESSES {
        let message = format!("found {}, expected at most {MAX_ADDRESSES}", urls.len());
        section.mistake(key::URLS, message);
    }
    urls
}

fn weighted(node: &Node) -> Parsed<WeightedUrl> {
    let Value::Table(table) = &node.value else {
        return match node.value {
            Value::Text(_) => Ok(WeightedUrl { address: upstream_address(node)?, weight: 1 }),
            _ => Err(node.mismatch(EXPECTED_ELEMENT)),
        };
    };
    let known = [key::URL, key::WEIGHT];
    if let Some(other) = table.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("unknown key {other:?}; expected {EXPECTED_ELEMENT}"));
    }
    let url = table.get(key::URL).ok_or_else(|| node.mismatch(EXPECTED_ELEMENT))?;
    let weight = table.get(key::WEIGHT).map(count(1..=MAX_WEIGHT)).transpose()?;
    let weight = weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or(1);
    Ok(WeightedUrl { address: upstream_address(url)?, weight })
}

/// The path of `url`, or the one that all of `urls` have.
pub(super) fn read_path(section: &mut Section<'_>) -> BasePath {
    if section.peek(key::URLS).is_none() {
        return section.or(key::URL, BasePath::default(), base_path);
    }
    let of_element = |element: &Node| base_path(element.member(key::URL).unwrap_or(element));
    let paths = section.list(key::URLS, EXPECTED_URLS, of_element).unwrap_or_default();
    if let Some(other) = paths.iter().find(|path| Some(*path) != paths.first()) {
        let message = format!("{:?} is another path than the first has", other.as_str());
        section.mistake(key::URLS, message);
    }
    paths.into_iter().next().unwrap_or_default()
}

fn scheme(address: &UpstreamAddress) -> String {
    let text = address.to_string();
    text.split(':').next().unwrap_or_default().to_owned()
}

/// Only a name can be resolved, and `SRV` records say the port themselves.
fn check_names(section: &Section<'_>, urls: &[WeightedUrl], resolve: Resolve) {
    if resolve == Resolve::First {
        return;
    }
    for address in urls.iter().map(|url| &url.address) {
        let host = address.host_and_port();
        let has_name = host.is_some_and(|(host, _)| host.parse::<std::net::IpAddr>().is_err());
        if !has_name {
            let message = format!("has no effect on {address}, which is no name");
            section.mistake(key::RESOLVE, message);
        }
    }
    let port = |node: &Node| -> bool {
        let text = node.as_text().or_else(|| node.member(key::URL).and_then(Node::as_text));
        text.and_then(|text| text.parse::<http::Uri>().ok()).is_some_and(|url| url.port().is_some())
    };
    let has_port =
        [key::URL, key::URLS].iter().filter_map(|name| section.peek(name)).any(|node| match &node
            .value
        {
            Value::List(list) => list.iter().any(port),
            _ => port(node),
        });
    if resolve == Resolve::Srv && has_port {
        let message = "\"srv\" takes the port from the SRV records; expected a URL without one";
        section.mistake(key::RESOLVE, message.to_owned());
    }
}

impl EndpointSettings {
    /// Whether names are resolved with `[resolver]`.
    pub(crate) fn resolves(&self) -> bool {
        self.resolve != Resolve::First
    }

    pub(super) fn write(&self, path: &BasePath, writer: Writer) -> Writer {
        let writer = match self.urls.as_slice() {
            [only] if self.resolves() => writer.text(key::URL, self.written(&only.address, path)),
            urls => {
                let urls = urls.iter().map(|url| self.written_url(url, path));
                writer.value(key::URLS, list_of(urls))
            }
        };
        let writer = writer
            .keyword(key::RESOLVE, RESOLVES, &self.resolve)
            .keyword(key::BALANCE, BALANCE_RULES, &self.balance)
            .value(key::RETRY_BUDGET, self.retry_budget.into())
            .value(key::EJECT, self.eject.write());
        let writer = readiness::settings::write(writer, self.required);
        writer.optional_value(key::HEALTH, self.health.as_ref().map(HealthSettings::write))
    }

    fn written_url(&self, url: &WeightedUrl, path: &BasePath) -> Written {
        let address = self.written(&url.address, path);
        if url.weight == 1 {
            return address.into();
        }
        let weight = usize::try_from(url.weight).unwrap_or(MAX_WEIGHT);
        Writer::default().text(key::URL, address).count(key::WEIGHT, weight).table()
    }

    /// Without a port where `SRV` records tell it.
    fn written(&self, address: &UpstreamAddress, path: &BasePath) -> String {
        let text = address.to_string();
        let text = match text.rsplit_once(':') {
            Some((without_port, _)) if self.resolve == Resolve::Srv => without_port,
            _ => &text,
        };
        format!("{text}{}", path.as_str())
    }
}
