//! Hygiene of inbound headers: headers a client must not set are removed, on every route, public
//! ones too.
//!
//! Names are checked by what they fold to (threats H-2). Where that is a header of ours, or one
//! that the message or another room depends on, only the exact name may be there, if any; so no
//! `Content_Length` or `X.Forwarded.For` gets past the rooms that handle the real ones.

#![expect(clippy::disallowed_types, reason = "its keys are the configuration's")]

mod families;
mod identity_headers;
mod strip_list;
mod usual;

use foldhash::{HashMap, HashMapExt};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONNECTION, TE, TRAILER},
};

use prometheus::IntCounter;

use self::{
    families::NameFamilies,
    strip_list::{END_TO_END, FORGEABLE, FORGEABLE_PREFIXES, HOP_BY_HOP},
    usual::{USUAL, is_usual},
};
use super::Metrics;
use super::fold::is_folded;
use crate::{
    identity::{
        fold_header_name,
        forwarded::settings::{ForwardingSettings, HeaderSet},
    },
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    telemetry::MetricRegistry,
};

/// The compiled rules.
#[derive(Debug, Clone)]
pub struct Hygiene {
    /// By folded name.
    rules: HashMap<Box<str>, HeaderRule>,
    families: NameFamilies,
    /// Of each identity header, how many requests have had it; empty: they are not counted.
    seen: Vec<IntCounter>,
    /// The same of managed headers, whichever of them.
    seen_managed: Option<IntCounter>,
    /// Let through although they are not what they fold to.
    kept: Vec<HeaderName>,
    drop_underscores: bool,
    /// Whether no rule removes a header that most requests have: then none of them is looked up.
    keeps_usual: bool,
}

/// What a configuration uses headers of requests for.
#[derive(Debug, Clone)]
pub struct HeaderUses<'s> {
    /// Those that the proxy sets for the upstream.
    pub managed: Vec<&'s HeaderName>,
    /// Those that may carry a credential.
    pub credential: Vec<&'s HeaderName>,
    /// The one with the request's id.
    pub request_id: &'s HeaderName,
    /// Lists and switches.
    pub forwarding: &'s ForwardingSettings,
}

/// What metrics call the managed headers, which the configuration names.
const MANAGED: (&str, &str) = ("(managed)", "countersign");

/// What a folded name means. Later ones take precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeaderRule {
    /// Upstreams believe it, clients forge it: removed.
    Forgeable,
    /// The same of one that names a user, by its place in [`identity_headers::all`]: counted.
    Identity(u16),
    /// The exact name passes, variants are removed; no `Connection` token can name it.
    ExactOnly,
    /// Is for this connection only: removed.
    HopByHop,
    /// Ours to set: removed, and counted.
    Managed,
}

/// A request that is refused rather than cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HygieneViolation {
    /// A `Connection` token names a header that is ours (threats H-3).
    #[error("a Connection token names a managed header")]
    ConnectionNamesManagedHeader,
}

impl HygieneViolation {
    /// The reason, and what it is about.
    pub fn cause(self) -> Cause {
        let expected = format_args!("no name of a header that carries identity");
        let subject = Subject::new(Part::Header, Fault::NotAllowed).named(CONNECTION.as_str());
        Reason::HeaderNotAllowed.about(subject.expected(Excerpt::own(expected)))
    }
}

impl Hygiene {
    /// Compiles the rules.
    ///
    /// The headers that may carry a credential pass, whatever the lists contain: they are handled
    /// after the credential was extracted. `keep` counts neither for managed nor for hop-by-hop
    /// headers.
    pub fn compile(headers: &HeaderUses<'_>) -> Self {
        let forwarding = headers.forwarding;
        let mut hygiene = Self {
            rules: HashMap::new(),
            families: NameFamilies::default(),
            seen: Vec::new(),
            seen_managed: None,
            kept: Vec::new(),
            drop_underscores: forwarding.drop_underscores,
            keeps_usual: false,
        };
        hygiene.set_all(FORGEABLE, HeaderRule::Forgeable);
        hygiene.set_identity_headers(&forwarding.remove_sets);
        hygiene.set_all(END_TO_END, HeaderRule::ExactOnly);
        hygiene.set(headers.request_id.as_str(), HeaderRule::ExactOnly);
        forwarding.keep.iter().for_each(|name| hygiene.keep(name));
        for name in &forwarding.remove {
            hygiene.set(name.as_str(), HeaderRule::Forgeable);
            hygiene.kept.retain(|kept| kept != name);
        }
        headers.credential.iter().for_each(|name| hygiene.keep(name));
        hygiene.set_all(HOP_BY_HOP, HeaderRule::HopByHop);
        for header in &headers.managed {
            hygiene.set(header.as_str(), HeaderRule::Managed);
        }
        let is_kept = |name| matches!(hygiene.look_up(name), Verdict::Keep);
        hygiene.keeps_usual = USUAL.iter().all(is_kept);
        hygiene
    }

    /// Counts the identity headers that it removes.
    #[must_use]
    pub fn counting(self, metrics: &MetricRegistry) -> Self {
        let counters = Metrics::register(metrics).identity_headers;
        let counter =
            |(header, product): (&str, &str)| counters.with_label_values(&[header, product]);
        let seen = identity_headers::all().map(counter).collect();
        Self { seen, seen_managed: Some(counter(MANAGED)), ..self }
    }

    /// The same rules, without a count of what they remove.
    #[must_use]
    pub fn uncounted(&self) -> Self {
        Self { seen: Vec::new(), seen_managed: None, ..self.clone() }
    }

    /// Those of products always, generic ones where their set is listed.
    fn set_identity_headers(&mut self, sets: &[HeaderSet]) {
        let generic = sets.contains(&HeaderSet::GenericIdentity);
        let removed = (0..)
            .zip(identity_headers::all())
            .filter(|(_, (_, product))| generic || *product != identity_headers::GENERIC_PRODUCT);
        let mut families: Vec<_> =
            FORGEABLE_PREFIXES.iter().map(|prefix| (*prefix, HeaderRule::Forgeable)).collect();
        for (place, (header, _)) in removed {
            match header.strip_suffix('*') {
                Some(prefix) => families.push((prefix, HeaderRule::Identity(place))),
                None => self.set(header, HeaderRule::Identity(place)),
            }
        }
        self.families = NameFamilies::new(families.into_iter());
    }

    fn set(&mut self, name: &str, rule: HeaderRule) {
        self.rules.insert(fold_header_name(name).into(), rule);
    }

    fn set_all(&mut self, names: &[&str], rule: HeaderRule) {
        for name in names {
            self.set(name, rule);
        }
    }

    fn keep(&mut self, name: &HeaderName) {
        if is_folded(name.as_str()) {
            self.set(name.as_str(), HeaderRule::ExactOnly);
        } else {
            self.kept.push(name.clone());
        }
    }

    /// Cleans a request's headers in place: hop-by-hop, managed and folding names, forged headers.
    /// Returns the managed names that the client had set.
    ///
    /// - `TE: trailers` stays, alone: gRPC needs it.
    /// - `Upgrade` goes; see [`super::proposed_upgrade`].
    /// - NTLM and Negotiate credentials go: they authenticate a connection, and upstream
    ///   connections are shared (threats H-12).
    /// - `X-Forwarded-For`, its siblings and `Forwarded` stay for [`super::Forwarded`].
    pub fn clean_request(
        &self,
        headers: &mut HeaderMap,
    ) -> Result<Vec<HeaderName>, HygieneViolation> {
        let mut managed = Vec::new();
        let mut removals = Vec::new();
        for (name, value) in &*headers {
            match self.verdict(name) {
                Verdict::Keep if *name != AUTHORIZATION => continue,
                Verdict::Keep if !authenticates_connection(value) => continue,
                Verdict::Keep | Verdict::Remove => {}
                Verdict::RemoveIdentity(_) | Verdict::RemoveManaged if removals.contains(name) => {
                    continue;
                }
                Verdict::RemoveIdentity(place) => {
                    self.seen.get(usize::from(place)).into_iter().for_each(IntCounter::inc);
                }
                Verdict::RemoveManaged => managed.push(name.clone()),
            }
            removals.push(name.clone());
        }
        if removals.contains(&CONNECTION) {
            self.add_nominated(headers, &mut removals)?;
        }
        let accepts_trailers = removals.contains(&TE) && accepts_trailers(headers);

        for name in &removals {
            headers.remove(name);
        }
        if accepts_trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if !managed.is_empty() {
            self.seen_managed.iter().for_each(IntCounter::inc);
        }
        Ok(managed)
    }

    /// Whether a header of that name is forwarded.
    pub(crate) fn verdict(&self, name: &HeaderName) -> Verdict {
        if self.keeps_usual && is_usual(name) {
            return Verdict::Keep;
        }
        self.look_up(name)
    }

    fn look_up(&self, name: &HeaderName) -> Verdict {
        let text = name.as_str();
        if !is_folded(text) {
            return self.verdict_on_variant(name);
        }
        match self.rules.get(text).copied().or_else(|| self.families.find(text)) {
            Some(HeaderRule::Managed) => Verdict::RemoveManaged,
            Some(HeaderRule::Identity(place)) => Verdict::RemoveIdentity(place),
            Some(HeaderRule::Forgeable | HeaderRule::HopByHop) => Verdict::Remove,
            Some(HeaderRule::ExactOnly) | None => Verdict::Keep,
        }
    }

    /// For names that an upstream may confuse with another.
    fn verdict_on_variant(&self, name: &HeaderName) -> Verdict {
        let folded = fold_header_name(name.as_str());
        let is_kept = || self.kept.contains(name);
        match self.rules.get(&*folded) {
            Some(HeaderRule::Managed) => Verdict::RemoveManaged,
            Some(HeaderRule::HopByHop | HeaderRule::ExactOnly) => Verdict::Remove,
            _ if is_kept() => Verdict::Keep,
            Some(HeaderRule::Forgeable) => Verdict::Remove,
            Some(HeaderRule::Identity(place)) => Verdict::RemoveIdentity(*place),
            None => self.verdict_on_unlisted_variant(name, &folded),
        }
    }

    fn verdict_on_unlisted_variant(&self, name: &HeaderName, folded: &str) -> Verdict {
        match self.families.find(folded) {
            Some(HeaderRule::Identity(place)) => Verdict::RemoveIdentity(place),
            Some(_) => Verdict::Remove,
            None if self.drop_underscores && name.as_str().contains('_') => Verdict::Remove,
            None if folded.starts_with("x-forwarded-") => Verdict::Remove,
            None => Verdict::Keep,
        }
    }

    /// Adds what the `Connection` tokens name (RFC 9110 §7.6.1). Headers that a message can't do
    /// without are not for a client to take away.
    fn add_nominated(
        &self,
        headers: &HeaderMap,
        removals: &mut Vec<HeaderName>,
    ) -> Result<(), HygieneViolation> {
        for token in connection_tokens(headers) {
            match self.rules.get(&*fold_header_name(token.as_str())) {
                Some(HeaderRule::Managed) => {
                    return Err(HygieneViolation::ConnectionNamesManagedHeader);
                }
                Some(HeaderRule::ExactOnly) => {}
                _ => removals.push(token),
            }
        }
        Ok(())
    }
}

/// Removes the hop-by-hop headers of an answer (RFC 9110 §7.6.1), in place.
///
/// `Trailer` stays: the trailers themselves are passed on, and over HTTP/1.1 only where it
/// announces them.
pub fn clean_response(headers: &mut HeaderMap) {
    // Usually there is only `Connection: keep-alive`: then nothing is allocated.
    let mut has_connection = false;
    let mut removals = Vec::new();
    for (name, value) in &*headers {
        if *name == CONNECTION {
            has_connection = true;
            let nominated = tokens(value);
            removals.extend(nominated.filter(|token| !END_TO_END.contains(&token.as_str())));
        } else if is_hop_by_hop(name.as_str()) && *name != TRAILER {
            removals.push(name.clone());
        }
    }
    if has_connection {
        headers.remove(CONNECTION);
    }
    for name in &removals {
        headers.remove(name);
    }
}

/// Whether a header, by its folded name, is for one connection only.
pub(super) fn is_hop_by_hop(folded: &str) -> bool {
    HOP_BY_HOP.contains(&folded)
}

/// Whether services believe a header, by its folded name, when a proxy sets it: what hygiene
/// removes from clients for that, generic names included.
pub(super) fn is_guarded(folded: &str) -> bool {
    let is_named = |header: &str| match header.strip_suffix('*') {
        Some(prefix) => folded.starts_with(prefix),
        None => folded == header,
    };
    FORGEABLE.contains(&folded)
        || FORGEABLE_PREFIXES.iter().any(|prefix| folded.starts_with(prefix))
        || identity_headers::all().any(|(header, _)| is_named(header))
}

/// Whether a header is forwarded.
pub(crate) enum Verdict {
    /// It is sent on.
    Keep,
    /// It is removed.
    Remove,
    /// It is removed, and counted: it names a user to services behind another proxy.
    RemoveIdentity(u16),
    /// It is removed, and counted: a client tried to set one of ours.
    RemoveManaged,
}

/// What `Connection` names, connection options like `close` included. What is no header name names
/// nothing.
fn connection_tokens(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers.get_all(CONNECTION).iter().flat_map(tokens)
}

/// What one `Connection` line names.
fn tokens(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    let named = (!names_nothing(value)).then(|| value.as_bytes().split(|b| *b == b','));
    let named = named.into_iter().flatten();
    named.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
}

/// The usual value of `Connection`, recognised without parsing.
fn names_nothing(value: &HeaderValue) -> bool {
    ["keep-alive", "close"].iter().any(|option| value.as_bytes() == option.as_bytes())
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).iter();
    values
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

fn authenticates_connection(authorization: &HeaderValue) -> bool {
    let mut words = authorization.as_bytes().split(|b| matches!(b, b' ' | b'\t' | b','));
    let scheme = words.find(|word| !word.is_empty()).unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate")
}

#[cfg(test)]
mod tests;
