//! Routes: the most specific one that matches a canonical request wins; none means refused.
//!
//! Host and path decide first, and alone, which place a request is for: an exact host before
//! `*.example.com` (longer names first) before any host; then, segment by segment, a literal
//! before `*` before `**`. Only there is the method looked at. A place that has routes for other
//! methods only answers *method not allowed*: `POST /admin/x` never falls through from a
//! `GET /admin/**` to a public `/**`.

#![expect(clippy::disallowed_types, reason = "its keys are the configuration's")]

mod trie;

use std::collections::BTreeSet;

use foldhash::HashMap;
use http::{HeaderValue, Method};

use self::trie::Trie;
use super::{CanonicalRequest, HostPattern, path::without_parameters};
use crate::policy::settings::RouteSettings;

/// All routes, compiled. A lookup costs a few hash lookups per segment, however many routes there are.
#[derive(Debug, Default)]
pub struct Routes {
    exact: HashMap<Box<str>, Trie>,
    below: HashMap<Box<str>, Trie>,
    any: Trie,
    places: Vec<Place>,
}

/// What the routes say about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteMatch<'r> {
    /// The index, into the compiled slice, of the most specific route.
    Found(usize),
    /// No route is for this host and path: to be refused.
    NoRoute,
    /// The most specific routes for this host and path are for other methods (405).
    MethodNotAllowed {
        /// The value of `Allow` (RFC 9110 §10.2.1).
        allow: &'r HeaderValue,
    },
    /// With its `;` parameters the path takes another route than without (threats P-1): which of
    /// the two the upstream means can't be known. To be refused as malformed.
    AmbiguousParameters,
}

/// Two routes that the same requests would match with the same right: (first, second) indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuplicateRoute(pub usize, pub usize);

impl Routes {
    /// Compiles; reports every pair of duplicates.
    pub fn compile(routes: &[RouteSettings]) -> Result<Self, Vec<DuplicateRoute>> {
        let mut compiled = Self::default();
        let mut duplicates = BTreeSet::new();
        for (index, route) in routes.iter().enumerate() {
            let hosts: Vec<_> = match route.hosts.as_slice() {
                [] => vec![None],
                hosts => hosts.iter().map(Some).collect(),
            };
            for host in hosts {
                compiled.add(host, route, index, &mut duplicates);
            }
        }
        compiled.places.iter_mut().for_each(Place::finish);
        if duplicates.is_empty() { Ok(compiled) } else { Err(duplicates.into_iter().collect()) }
    }

    /// The most specific route for a request.
    ///
    /// `OPTIONS` is a method like any other: there is no way past a route for preflights (threats
    /// P-8). `HEAD` may take a route that names `GET`. `OPTIONS *` takes no route.
    pub fn find(&self, request: &CanonicalRequest) -> RouteMatch<'_> {
        let place = self.place(request.host(), request.path());
        if let Some(bare) = without_parameters(request.path())
            && self.place(request.host(), &bare) != place
        {
            return RouteMatch::AmbiguousParameters;
        }
        match place.and_then(|place| self.places.get(place)) {
            Some(place) => place.choose(request.method()),
            None => RouteMatch::NoRoute,
        }
    }

    /// The most specific place for host and path.
    fn place(&self, host: &str, path: &str) -> Option<usize> {
        let below = |suffix| self.below.get(suffix)?.find(path);
        self.exact
            .get(host)
            .and_then(|paths| paths.find(path))
            .or_else(|| if self.below.is_empty() { None } else { suffixes(host).find_map(below) })
            .or_else(|| self.any.find(path))
    }

    fn add(
        &mut self,
        host: Option<&HostPattern>,
        route: &RouteSettings,
        index: usize,
        duplicates: &mut BTreeSet<DuplicateRoute>,
    ) {
        let paths = match host {
            None => &mut self.any,
            Some(host) => match host.suffix() {
                Some(suffix) => entry(&mut self.below, suffix),
                None => entry(&mut self.exact, host.as_str()),
            },
        };
        let slot = paths.slot(&route.path);
        let at = *slot.get_or_insert(self.places.len());
        if at == self.places.len() {
            self.places.push(Place::default());
        }
        if let Some(place) = self.places.get_mut(at) {
            place.add(index, &route.methods, duplicates);
        }
    }
}

/// The routes of one host pattern and one path pattern.
#[derive(Debug)]
struct Place {
    routes: Vec<(usize, Vec<Method>)>,
    allow: HeaderValue,
}

impl Place {
    fn add(&mut self, index: usize, methods: &[Method], duplicates: &mut BTreeSet<DuplicateRoute>) {
        let overlap = |other: &[Method]| {
            let both_any = other.is_empty() && methods.is_empty();
            both_any || other.iter().any(|method| methods.contains(method))
        };
        // A route that names a host twice is no duplicate of itself.
        let others = self.routes.iter().filter(|(other, _)| *other != index);
        let same = others.filter(|(_, other)| overlap(other));
        duplicates.extend(same.map(|(other, _)| DuplicateRoute(*other, index)));
        self.routes.push((index, methods.to_vec()));
    }

    fn finish(&mut self) {
        let mut allowed: BTreeSet<_> =
            self.routes.iter().flat_map(|(_, m)| m.iter().map(Method::as_str)).collect();
        if allowed.contains("GET") {
            allowed.insert("HEAD");
        }
        let allow = Vec::from_iter(allowed).join(", ");
        // Methods are tokens, so this can't fail.
        self.allow = HeaderValue::from_str(&allow).unwrap_or(NO_METHOD);
    }

    /// A route that names the method comes before one for every method.
    fn choose(&self, method: &Method) -> RouteMatch<'_> {
        let named = |method: &Method| self.first(|methods| methods.contains(method));
        named(method)
            .or_else(|| match *method {
                Method::HEAD => named(&Method::GET),
                _ => None,
            })
            .or_else(|| self.first(<[Method]>::is_empty))
            .map_or(RouteMatch::MethodNotAllowed { allow: &self.allow }, RouteMatch::Found)
    }

    fn first(&self, wanted: impl Fn(&[Method]) -> bool) -> Option<usize> {
        let mut routes = self.routes.iter();
        routes.find(|(_, methods)| wanted(methods)).map(|(index, _)| *index)
    }
}

const NO_METHOD: HeaderValue = HeaderValue::from_static("");

impl Default for Place {
    fn default() -> Self {
        Self { routes: Vec::new(), allow: NO_METHOD }
    }
}

/// `b.example.com`, `example.com`, `com` for `a.b.example.com`.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..))
}

/// The value at a borrowed key, made if it is not there yet.
fn entry<'m, V: Default>(map: &'m mut HashMap<Box<str>, V>, key: &str) -> &'m mut V {
    map.entry(key.into()).or_default()
}

#[cfg(test)]
mod tests;
