//! `[forwarding]`: which inbound headers are dropped and which are set.

use std::fmt;

use http::HeaderName;
use ipnet::IpNet;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{header_name, keyword, network, size, switch},
        writer::{Writer, Written},
    },
    identity::{are_one_header, headers::settings::ClaimHeaderSettings},
};

pub(crate) mod key {
    pub(crate) const TRUSTED_PROXIES: &str = "trusted_proxies";
    pub(crate) const DROP_UNDERSCORES: &str = "drop_underscores";
    pub(crate) const REMOVE: &str = "remove";
    pub(crate) const REMOVE_SETS: &str = "remove_sets";
    pub(crate) const KEEP: &str = "keep";
    pub(crate) const LOOP_HEADER: &str = "loop_header";
    pub(crate) const MAX_HEADER_BYTES: &str = "max_header_bytes";
}

/// `[forwarding]`
#[derive(Debug, Clone)]
pub struct ForwardingSettings {
    /// Peers whose `X-Forwarded-*` are believed and extended.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// `true`: every inbound header name with an underscore is dropped.
    pub drop_underscores: bool,
    /// Further header names that are removed from every request.
    pub remove: Vec<HeaderName>,
    /// Further sets of names that are removed from every request.
    pub remove_sets: Vec<HeaderSet>,
    /// Names of the built-in list that pass nevertheless.
    pub keep: Vec<HeaderName>,
    /// What a request that comes back to this process is recognised by.
    pub loop_header: LoopHeader,
    /// The most bytes one claim header may have.
    pub max_header_bytes: usize,
}

/// A set of header names that is not removed unless it is listed: clients use them as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderSet {
    /// `x-user`, `x-user-id`, `x-email`, `x-roles` and the like.
    GenericIdentity,
}

const HEADER_SETS: &[(&str, HeaderSet)] = &[("generic-identity", HeaderSet::GenericIdentity)];

/// Peers whose `X-Forwarded-*` are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Those with an address in this network.
    Network(IpNet),
    /// Those of the listening unix socket, who have none.
    Unix,
}

/// How peers of a unix socket are called.
const UNIX: &str = "unix";

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Unix => f.write_str(UNIX),
        }
    }
}

/// The header that carries the id of each process that a request has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopHeader {
    /// `CDN-Loop` (RFC 8586), which changes no answer.
    CdnLoop,
    /// `Via` (RFC 9110 §7.6.3). nginx compresses no answer to a request that has it, unless
    /// `gzip_proxied` is set.
    Via,
}

const LOOP_HEADERS: &[(&str, LoopHeader)] =
    &[("cdn-loop", LoopHeader::CdnLoop), ("via", LoopHeader::Via)];

/// nginx and most servers refuse header lines beyond it.
const DEFAULT_MAX_HEADER_BYTES: usize = 8 * 1024;
/// A subject must fit.
const MIN_MAX_HEADER_BYTES: usize = 64;
/// What an upstream that accepts large headers accepts at most.
const MAX_MAX_HEADER_BYTES: usize = 64 * 1024;

impl HeaderSet {
    fn name(self) -> &'static str {
        HEADER_SETS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| *name)
    }
}

impl ForwardingSettings {
    pub(crate) fn read(section: &mut Section<'_>, claims: &[ClaimHeaderSettings]) -> Self {
        let headers = "a list of header names";
        let proxies = "a list of networks such as [\"10.0.0.0/8\"]";
        let settings = Self {
            trusted_proxies: section
                .list(key::TRUSTED_PROXIES, proxies, trusted_proxy)
                .unwrap_or_default(),
            drop_underscores: section.or(key::DROP_UNDERSCORES, true, switch),
            remove: section.list(key::REMOVE, headers, header_name).unwrap_or_default(),
            remove_sets: section
                .list(key::REMOVE_SETS, "a list of \"generic-identity\"", keyword(HEADER_SETS))
                .unwrap_or_default(),
            keep: section.list(key::KEEP, headers, header_name).unwrap_or_default(),
            loop_header: section.or(key::LOOP_HEADER, LoopHeader::CdnLoop, keyword(LOOP_HEADERS)),
            max_header_bytes: section.or(
                key::MAX_HEADER_BYTES,
                DEFAULT_MAX_HEADER_BYTES,
                size(MIN_MAX_HEADER_BYTES..=MAX_MAX_HEADER_BYTES),
            ),
        };
        settings.check_keep(section, claims);
        settings
    }

    pub(crate) fn write(&self) -> Written {
        Writer::default()
            .list(key::TRUSTED_PROXIES, &self.trusted_proxies)
            .switch(key::DROP_UNDERSCORES, self.drop_underscores)
            .list(key::REMOVE, &self.remove)
            .list(key::REMOVE_SETS, self.remove_sets.iter().map(|set| set.name()))
            .list(key::KEEP, &self.keep)
            .keyword(key::LOOP_HEADER, LOOP_HEADERS, &self.loop_header)
            .size(key::MAX_HEADER_BYTES, self.max_header_bytes)
            .table()
    }

    /// What is kept must not be what a client could forge a claim with (threats H-1). Whether the
    /// names have an effect at all depends on other sections.
    fn check_keep(&self, section: &Section<'_>, claims: &[ClaimHeaderSettings]) {
        for kept in &self.keep {
            if claims.iter().any(|claim| are_one_header(&claim.header, kept)) {
                section.mistake(
                    key::KEEP,
                    format!("found {:?}, which carries a claim", kept.as_str()),
                );
            }
            if self.remove.contains(kept) {
                section.mistake(
                    key::KEEP,
                    format!("found {:?}, which remove names as well", kept.as_str()),
                );
            }
        }
    }
}

/// A network, or the peers of a unix socket.
pub(crate) fn trusted_proxy(node: &Node) -> Parsed<TrustedProxy> {
    match node.as_text() {
        Some(UNIX) => Ok(TrustedProxy::Unix),
        _ => peers(node).map(TrustedProxy::Network),
    }
}

/// A network, or a single address. Never all peers: a trusted peer can forge where a request
/// came from.
fn peers(node: &Node) -> Parsed<IpNet> {
    let found = network("a network such as \"10.0.0.0/8\", an address or \"unix\"")(node)?;
    if found.prefix_len() == 0 {
        return Err(node.mismatch("a network that is not the whole internet"));
    }
    Ok(found)
}
