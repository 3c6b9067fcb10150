//! Routes: the most specific one that matches a canonical request wins; none means refused.
//!
//! Host and path decide first, and alone, which place a request is for: an exact host before
//! `*.example.com` (longer names first) before any host; then, segment by segment, a literal before
//! `*` before `**`. Only there does the method count. A place that has routes for other methods
//! only answers *method not allowed*: `POST /admin/x` never falls through from a `GET /admin/**` to
//! a public `/**`. Likewise with listeners: a place whose routes are on other listeners only is no
//! place for the request, and it falls through to nothing.

#![expect(clippy::disallowed_types, reason = "its keys are the configuration's")]

mod kept;
mod trie;

use std::{collections::BTreeSet, fmt};

use foldhash::HashMap;
use http::{HeaderValue, Method};

use self::trie::Trie;
use super::{
    CanonicalRequest, HostPattern, ListenerSet,
    ids::{ListenerId, PerRoute, RouteId},
    path::{decoded, decoded_to_the_end, without_parameters},
};
use crate::{
    policy::settings::{PathSettings, RouteSettings},
    table::{Id, Table},
};

/// All routes, compiled. A lookup costs a few hash lookups per segment, however many routes there
/// are.
pub struct Routes {
    all: PerRoute<RouteSettings>,
    exact: HashMap<Box<str>, Trie>,
    below: HashMap<Box<str>, Trie>,
    any: Trie,
    places: Table<PlaceKind, RoutePlace>,
    /// Whether some route takes paths otherwise than by default.
    differ_in_paths: bool,
}

/// The result of matching a request against the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteMatch<'r> {
    /// The most specific route.
    Found(RouteId),
    /// No route is for this host and path: to be refused.
    NoRoute,
    /// The most specific routes for this host and path are for other methods (405).
    MethodNotAllowed {
        /// The value of `Allow` (RFC 9110 §10.2.1).
        allow: &'r HeaderValue,
    },
    /// Without its `;` parameters, or decoded more than once, the path takes another route (threats
    /// P-1): which of them the upstream means can't be known. To be refused as malformed.
    Ambiguous,
}

/// Two routes that match the same requests with equal precedence: the first and the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuplicateRoute(pub RouteId, pub RouteId);

impl Routes {
    /// Compiles. Of [duplicates](Self::duplicates), which no configuration may have, the first is
    /// found.
    pub fn compile(all: PerRoute<RouteSettings>) -> Self {
        let mut compiler = Compiler::default();
        for (id, route) in all.iter_with_ids() {
            match route.hosts.as_slice() {
                [] => compiler.add(None, id, route),
                hosts => hosts.iter().for_each(|host| compiler.add(Some(host), id, route)),
            }
        }
        let Compiler { exact, below, any, places } = compiler;
        let differ_in_paths = all.iter().any(|route| route.paths != PathSettings::default());
        let places = places.map(|routes| RoutePlace::new(routes));
        Self { all, exact, below, any, places, differ_in_paths }
    }

    /// Every route, in the order written.
    pub fn all(&self) -> &PerRoute<RouteSettings> {
        &self.all
    }

    /// Every pair of duplicates.
    pub fn duplicates(&self) -> BTreeSet<DuplicateRoute> {
        self.places.iter().flat_map(RoutePlace::duplicates).collect()
    }

    /// The most specific route for a request.
    ///
    /// `OPTIONS` is a method like any other: preflights do not bypass a route (threats P-8). `HEAD`
    /// may take a route that names `GET`. `OPTIONS *` takes no route.
    pub fn find(&self, request: &CanonicalRequest) -> RouteMatch<'_> {
        let place = self.place(request.host(), request.path().as_bytes());
        // A pass over a short text costs less than a search.
        let may_be_read_otherwise = |byte| matches!(byte, b';' | b'%');
        if request.path().bytes().any(may_be_read_otherwise) && self.is_ambiguous(request, place) {
            return RouteMatch::Ambiguous;
        }
        match place {
            Some(place) => self.places.get(place).choose(request.listener(), request.method()),
            None => RouteMatch::NoRoute,
        }
    }

    /// Whether an upstream that cuts parameters off, or decodes more than once, would take the path
    /// for one of another place.
    fn is_ambiguous(&self, request: &CanonicalRequest, place: Option<PlaceId>) -> bool {
        let path = request.path().as_bytes();
        let leads_elsewhere = |path: &[u8]| self.place(request.host(), path) != place;
        let bare_does = |path: &[u8]| {
            without_parameters(path).is_some_and(|(bare, merged)| {
                leads_elsewhere(&bare) || merged.is_some_and(|merged| leads_elsewhere(&merged))
            })
        };
        let does = |path: &[u8]| leads_elsewhere(path) || bare_does(path);
        bare_does(path)
            || (request.path().contains("%25")
                && (does(&decoded(path)) || does(&decoded_to_the_end(path))))
    }

    /// Whether some route takes paths otherwise than by default.
    pub(super) fn differ_in_paths(&self) -> bool {
        self.differ_in_paths
    }

    /// Whether the route that a request takes lists its method in this spelling.
    pub(super) fn lists_method(&self, request: &CanonicalRequest) -> bool {
        match self.find(request) {
            RouteMatch::Found(route) => self.all.get(route).methods.contains(request.method()),
            _ => false,
        }
    }

    /// The result for requests of that method at each place of a route, on its listeners.
    pub fn beside<'r>(
        &'r self,
        route: RouteId,
        method: &'r Method,
    ) -> impl Iterator<Item = RouteMatch<'r>> {
        let listeners = self.all.get(route).listeners;
        let holds = move |place: &&RoutePlace| place.routes.iter().any(|placed| placed.id == route);
        let choose =
            move |place: &'r RoutePlace| place.choose_where(method, |of| of.overlaps(listeners));
        self.places.iter().filter(holds).map(choose)
    }

    /// The most specific place for host and path.
    fn place(&self, host: &str, path: &[u8]) -> Option<PlaceId> {
        let below = |suffix| self.below.get(suffix)?.find(path);
        self.exact
            .get(host)
            .and_then(|paths| paths.find(path))
            .or_else(|| if self.below.is_empty() { None } else { suffixes(host).find_map(below) })
            .or_else(|| self.any.find(path))
    }
}

impl Default for Routes {
    /// No route: every request is refused.
    fn default() -> Self {
        Self::compile(PerRoute::default())
    }
}

impl fmt::Debug for Routes {
    /// As they were written. What is compiled from that adds nothing, and its maps have no order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("all", &self.all).finish_non_exhaustive()
    }
}

/// Routes that are being compiled.
#[derive(Default)]
struct Compiler {
    exact: HashMap<Box<str>, Trie>,
    below: HashMap<Box<str>, Trie>,
    any: Trie,
    places: Table<PlaceKind, Vec<PlacedRoute>>,
}

impl Compiler {
    fn add(&mut self, host: Option<&HostPattern>, id: RouteId, route: &RouteSettings) {
        let paths = match host {
            None => &mut self.any,
            Some(host) => match host.suffix() {
                Some(suffix) => entry(&mut self.below, suffix),
                None => entry(&mut self.exact, host.as_str()),
            },
        };
        let place = *paths.slot(&route.path).get_or_insert_with(|| self.places.push(Vec::new()));
        let methods = route.methods.clone();
        let placed = PlacedRoute { id, methods, listeners: route.listeners };
        self.places.get_mut(place).push(placed);
    }
}

/// The routes of one host pattern and one path pattern.
#[derive(Debug)]
struct RoutePlace {
    routes: Vec<PlacedRoute>,
    allow: HeaderValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum PlaceKind {}
type PlaceId = Id<PlaceKind>;

#[derive(Debug, Clone)]
struct PlacedRoute {
    id: RouteId,
    /// Empty: all.
    methods: Vec<Method>,
    listeners: ListenerSet,
}

impl RoutePlace {
    fn new(routes: &[PlacedRoute]) -> Self {
        let methods = routes.iter().flat_map(|route| &route.methods);
        let mut allowed: BTreeSet<_> = methods.map(Method::as_str).collect();
        if allowed.contains("GET") {
            allowed.insert("HEAD");
        }
        let allow = Vec::from_iter(allowed).join(", ");
        // Methods are tokens, so this can't fail.
        let allow = HeaderValue::from_str(&allow).unwrap_or(NO_METHOD);
        Self { routes: routes.to_vec(), allow }
    }

    /// A route that names a host twice is no duplicate of itself.
    fn duplicates(&self) -> impl Iterator<Item = DuplicateRoute> {
        self.routes.iter().enumerate().flat_map(|(earlier, second)| {
            let others = self.routes.iter().take(earlier).filter(|first| first.id != second.id);
            let same = others.filter(|first| first.overlaps(second));
            same.map(|first| DuplicateRoute(first.id, second.id))
        })
    }

    fn choose(&self, listener: ListenerId, method: &Method) -> RouteMatch<'_> {
        self.choose_where(method, |listeners| listeners.contains(listener))
    }

    /// Of the routes on such listeners, one that names the method comes before one for every
    /// method.
    fn choose_where(
        &self,
        method: &Method,
        is_here: impl Fn(ListenerSet) -> bool + Copy,
    ) -> RouteMatch<'_> {
        let named = |method: &Method| self.first(is_here, |methods| methods.contains(method));
        named(method)
            .or_else(|| match *method {
                Method::HEAD => named(&Method::GET),
                _ => None,
            })
            .or_else(|| self.first(is_here, <[Method]>::is_empty))
            .map_or_else(|| self.not_chosen(is_here), RouteMatch::Found)
    }

    fn first(
        &self,
        is_here: impl Fn(ListenerSet) -> bool,
        wanted: impl Fn(&[Method]) -> bool,
    ) -> Option<RouteId> {
        let mut here = self.routes.iter().filter(|route| is_here(route.listeners));
        here.find(|route| wanted(&route.methods)).map(|route| route.id)
    }

    /// `Allow` may list methods that the place has on other listeners.
    fn not_chosen(&self, is_here: impl Fn(ListenerSet) -> bool) -> RouteMatch<'_> {
        if self.routes.iter().any(|route| is_here(route.listeners)) {
            RouteMatch::MethodNotAllowed { allow: &self.allow }
        } else {
            RouteMatch::NoRoute
        }
    }
}

impl PlacedRoute {
    fn overlaps(&self, other: &Self) -> bool {
        if !self.listeners.overlaps(other.listeners) {
            return false;
        }
        let both_any = self.methods.is_empty() && other.methods.is_empty();
        both_any || self.methods.iter().any(|method| other.methods.contains(method))
    }
}

const NO_METHOD: HeaderValue = HeaderValue::from_static("");

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
