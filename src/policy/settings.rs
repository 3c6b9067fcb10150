//! `[[routes]]`: which requests pass, and who may make them.

mod access;
mod addresses;
mod authentication;
pub(crate) mod exchange_limits;
mod headers;
pub(crate) mod hosts;
mod known_names;
mod limits;
mod outgoing;
mod paths;
mod redirect;

use http::Method;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{first_duplicate, name_of, parsed, reference, stands_for_all, switch},
        writer::{Writer, Written, list_of},
    },
    policy::{
        CertificateRule, DuplicateRoute, HostPattern, ListenerSet, PathPattern, RouteDestination,
        Routes,
        credential::CredentialRules,
        denial_profile::DenialProfile,
        ids::{LimitId, SignatureId, UpstreamId},
        upstream_credential::CredentialChoice,
    },
};

pub(crate) use access::PUBLIC;
pub(crate) use access::scope;
pub use access::{AccessSettings, AuthorizationHeader, Guests, RequirementSettings};
pub use addresses::AddressSettings;
pub use authentication::AuthenticationSettings;
pub use exchange_limits::{BodyHandling, Bound, ExchangeLimitSettings, ExchangeLimits};
pub use headers::{HeaderLine, HeaderSettings};
pub use hosts::HostSettings;
pub(crate) use known_names::{KnownNames, route_name};
pub use outgoing::OutgoingSettings;
pub use paths::{EmptySegments, EscapeRule, PathSettings, RawUtf8};

pub(crate) mod key {
    pub(crate) const ROUTES: &str = "routes";
    pub(crate) const NAME: &str = "name";
    pub(crate) const PATH: &str = "path";
    pub(crate) const METHODS: &str = "methods";
    pub(crate) const HOSTS: &str = "hosts";
    pub(crate) const ACCESS: &str = "access";
    pub(crate) const EXPIRED: &str = "expired";
    pub(crate) const AUTHORIZATION: &str = "authorization";
    pub(crate) const CREDENTIAL: &str = "credential";
    pub(crate) const ISSUERS: &str = "issuers";
    pub(crate) const SCOPES: &str = "scopes";
    pub(crate) const ANY_SCOPES: &str = "any_scopes";
    pub(crate) const CLAIMS: &str = "claims";
    pub(crate) const ACR: &str = "acr";
    pub(crate) const MAX_AGE: &str = "max_age";
    pub(crate) const RESOURCE: &str = "resource";
    pub(crate) const SIGNATURE: &str = "signature";
    pub(crate) const UPSTREAM: &str = "upstream";
    pub(crate) const UPSTREAM_CREDENTIAL: &str = "upstream_credential";
    pub(crate) const DENIALS: &str = "denials";
    pub(crate) const ENCODED_SLASH: &str = "encoded_slash";
    pub(crate) const EMPTY_SEGMENTS: &str = "empty_segments";
    pub(crate) const ESCAPES: &str = "escapes";
    pub(crate) const RAW_UTF8: &str = "raw_utf8";
    pub(crate) const CORS: &str = "cors";
    pub(crate) const CLIENT_CERTIFICATE: &str = "client_certificate";
    pub(crate) const ADDRESSES: &str = "addresses";
    pub(crate) const STRIP_PREFIX: &str = "strip_prefix";
    pub(crate) const REWRITE: &str = "rewrite";
    pub(crate) const SET_HEADERS: &str = "set_headers";
    pub(crate) const ADD_HEADERS: &str = "add_headers";
    pub(crate) const RESPONSE_HEADERS: &str = "response_headers";
    pub(crate) const REMOVE: &str = "remove";
    pub(crate) const SET: &str = "set";
    pub(crate) const REDIRECT: &str = "redirect";
    pub(crate) const REWRITE_LOCATION: &str = "rewrite_location";
    pub(crate) const LIMIT: &str = "limit";
}

/// One `[[routes]]` entry.
#[derive(Debug, Clone)]
pub struct RouteSettings {
    /// What listeners refer to it by, and what metrics and logs call it. `None`: its methods, hosts
    /// and path.
    pub name: Option<String>,
    /// Which paths.
    pub path: PathPattern,
    /// Which methods; empty: all.
    pub methods: Vec<Method>,
    /// Which hosts; empty: all.
    pub hosts: Vec<HostPattern>,
    /// Who may pass.
    pub access: AccessSettings,
    /// Whether a public route forwards `Authorization`.
    pub authorization: AuthorizationHeader,
    /// Where its credentials are, unless as everywhere.
    pub credential: CredentialRules,
    /// How its requests must be signed. `None`: they need not be.
    pub signature: Option<SignatureId>,
    /// Where its requests go.
    pub destination: RouteDestination,
    /// What its upstream receives as credential; `None`: as the upstream's settings say.
    pub upstream_credential: Option<CredentialChoice>,
    /// How its refusals look; `None`: as everywhere.
    pub denials: Option<DenialProfile>,
    /// What it lets pass of paths that have more than one reading.
    pub paths: PathSettings,
    /// What the upstream receives in place of the path.
    pub outgoing: OutgoingSettings,
    /// Headers with fixed values, besides those for all routes.
    pub headers: HeaderSettings,
    /// Whether `[cors]` applies; `None`: as `cors.all_routes` says.
    pub cors: Option<bool>,
    /// Whose connections it takes; `None`: with a certificate or without.
    pub client_certificate: Option<CertificateRule>,
    /// On which listeners it is: what those say.
    pub listeners: ListenerSet,
    /// From which addresses it may be used.
    pub addresses: AddressSettings,
    /// Its limits: all of them count.
    pub limits: Vec<LimitId>,
    /// What its requests may take, as far as it says so itself.
    pub exchange: ExchangeLimitSettings,
}

#[cfg(test)]
impl RouteSettings {
    /// A public route to an upstream, without further settings.
    pub(crate) fn public(path: &str) -> Self {
        Self {
            name: None,
            path: PathPattern::parse(path).unwrap(),
            methods: Vec::new(),
            hosts: Vec::new(),
            access: AccessSettings::Public,
            authorization: AuthorizationHeader::default(),
            credential: CredentialRules::default(),
            signature: None,
            destination: RouteDestination::Upstream(
                crate::policy::ids::PerUpstream::default().push("app"),
            ),
            upstream_credential: None,
            denials: None,
            paths: PathSettings::default(),
            outgoing: OutgoingSettings::default(),
            headers: HeaderSettings::default(),
            cors: None,
            client_certificate: None,
            listeners: ListenerSet::ALL,
            addresses: AddressSettings::default(),
            limits: Vec::new(),
            exchange: ExchangeLimitSettings::default(),
        }
    }
}

/// More routes than an operator can review; the table is searched on every request.
const MAX_ROUTES: usize = 10_000;
/// Reads `[[routes]]`.
pub(crate) fn read(root: &mut Section<'_>, names: &KnownNames) -> Routes {
    let count = match root.peek(key::ROUTES).map(|node| &node.value) {
        None => 0,
        Some(Value::List(list)) => list.len(),
        // Not a list of tables: the reader reports it.
        Some(_) => 1,
    };
    if count == 0 {
        root.mistake(
            key::ROUTES,
            "no route is configured, so that every request would be refused; expected at least \
             one [[routes]] table, such as path = \"/**\""
                .to_owned(),
        );
    }
    if count > MAX_ROUTES {
        root.mistake(key::ROUTES, format!("expected at most {MAX_ROUTES} routes"));
    }
    let mistakes_before = root.mistakes();
    let routes = root.tables(key::ROUTES, |route| RouteSettings::read(route, names));
    let routes = Routes::compile(routes.into_iter().flatten().collect());
    // Routes with mistakes are incomplete, and could look like duplicates.
    if root.mistakes() == mistakes_before {
        check_duplicates(root, &routes);
        known_names::check_names(root, &routes);
    }
    routes
}

/// Writes `[[routes]]`.
pub(crate) fn write(routes: &Routes, names: &KnownNames) -> Written {
    list_of(routes.all().iter().map(|route| route.write(names)))
}

/// What a route matches, as far as it could be read.
struct RoutePlaces {
    name: Option<String>,
    listeners: ListenerSet,
    path: Option<PathPattern>,
    methods: Vec<Method>,
    hosts: Vec<HostPattern>,
}

impl RoutePlaces {
    fn read(section: &mut Section<'_>, names: &KnownNames) -> Self {
        let name = section.optional(key::NAME, route_name);
        let listeners = names.listeners_of(name.as_deref());
        let path = parsed("a path such as \"/loans/**\"", PathPattern::parse);
        let path = section.required(key::PATH, "a path such as \"/loans/**\"", path);
        let host = parsed("a host such as \"api.example.com\"", HostPattern::parse);
        let methods = section.list(key::METHODS, "a list such as [\"GET\"]", method);
        let methods = methods.unwrap_or_default();
        check_methods(section, path.as_ref(), &methods);
        let hosts = section.list(key::HOSTS, "a list of hosts", host).unwrap_or_default();
        Self { name, listeners, path, methods, hosts }
    }
}

impl RouteSettings {
    /// Its name, or `GET,POST api.example.com/loans/**`, with the parts that the route leaves open
    /// left out. Not unique: the route of another listener may have the same.
    pub(crate) fn label(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        let hosts: Vec<_> = self.hosts.iter().map(HostPattern::as_str).collect();
        let space = if methods.is_empty() { "" } else { " " };
        format!("{}{space}{}{}", methods.join(","), hosts.join(","), self.path.as_str())
    }

    fn read(section: &mut Section<'_>, names: &KnownNames) -> Option<Self> {
        let places = RoutePlaces::read(section, names);
        if section.peek(key::REDIRECT).is_some() {
            return Self::read_redirect(section, names, places);
        }
        let RoutePlaces { name, listeners, path, methods, hosts } = places;
        let access = AccessSettings::read(section, names);
        let authorization = access::authorization(section, &access);
        let credential = section.section(key::CREDENTIAL, CredentialRules::read);
        let signature =
            section.optional(key::SIGNATURE, reference("a signature", &names.signatures));
        let upstream = upstream(section, names);
        let choice = reference("a credential", &names.upstream_credentials);
        let upstream_credential = section.optional(key::UPSTREAM_CREDENTIAL, choice);
        let denials =
            section.optional(key::DENIALS, reference("a denial profile", &names.profiles));
        let paths = PathSettings::read(section);
        let outgoing = OutgoingSettings::read(section, path.as_ref());
        let headers = HeaderSettings::read(section);
        let cors = section.optional(key::CORS, switch);
        let client_certificate = CertificateRule::read(section);
        let addresses = section.section(key::ADDRESSES, AddressSettings::read);
        let limits = section.optional(key::LIMIT, limits::limits(&names.limits));
        let exchange = ExchangeLimitSettings::read(section);
        if signature.is_some() {
            exchange.check_signed(section);
        }
        Some(Self {
            name,
            path: path?,
            methods,
            hosts,
            access,
            authorization,
            credential,
            signature,
            destination: RouteDestination::Upstream(upstream?),
            upstream_credential,
            denials,
            paths,
            outgoing,
            headers,
            cors,
            client_certificate,
            listeners,
            addresses,
            limits: limits.unwrap_or_default(),
            exchange,
        })
    }

    /// A route that forwards nothing.
    fn read_redirect(
        section: &mut Section<'_>,
        names: &KnownNames,
        RoutePlaces { name, listeners, path, methods, hosts }: RoutePlaces,
    ) -> Option<Self> {
        let redirect = redirect::read(section, path.as_ref(), !hosts.is_empty());
        let denials =
            section.optional(key::DENIALS, reference("a denial profile", &names.profiles));
        let paths = PathSettings::read(section);
        Some(Self {
            name,
            path: path?,
            methods,
            hosts,
            access: AccessSettings::Public,
            authorization: AuthorizationHeader::default(),
            credential: CredentialRules::default(),
            signature: None,
            destination: RouteDestination::Redirect(Box::new(redirect?)),
            upstream_credential: None,
            denials,
            paths,
            outgoing: OutgoingSettings::default(),
            headers: HeaderSettings::read(section),
            cors: Some(false),
            client_certificate: None,
            listeners,
            addresses: AddressSettings::default(),
            limits: Vec::new(),
            exchange: ExchangeLimitSettings::default(),
        })
    }

    /// Whether requests without a token pass, although one is looked at.
    pub fn admits_guests(&self) -> bool {
        match &self.access {
            AccessSettings::Token(requirement) => requirement.guests != Guests::Refused,
            AccessSettings::Public => false,
        }
    }

    fn write(&self, names: &KnownNames) -> Written {
        let writer = Writer::default()
            .optional(key::NAME, self.name.as_ref())
            .text(key::PATH, self.path.as_str())
            .list(key::METHODS, &self.methods)
            .list(key::HOSTS, self.hosts.iter().map(HostPattern::as_str));
        let denials = self.denials.and_then(|it| name_of(&names.profiles, it));
        let upstream = match &self.destination {
            RouteDestination::Upstream(upstream) => *upstream,
            RouteDestination::Redirect(redirect) => {
                let writer = writer.value(key::REDIRECT, redirect::write(redirect));
                let writer = self.paths.write(writer.optional(key::DENIALS, denials));
                return self.headers.write(writer).table();
            }
        };
        let signature = self.signature.and_then(|it| name_of(&names.signatures, it));
        let credential =
            self.upstream_credential.and_then(|it| name_of(&names.upstream_credentials, it));
        let writer = self.access.write(writer, names);
        let writer = access::write_authorization(writer, &self.access, self.authorization)
            .optional_value(key::CREDENTIAL, self.credential.write_table())
            .optional(key::SIGNATURE, signature)
            .reference(key::UPSTREAM, &names.upstreams, upstream)
            .optional(key::UPSTREAM_CREDENTIAL, credential)
            .optional(key::DENIALS, denials)
            .optional_value(key::ADDRESSES, self.addresses.write());
        let certificate = self.client_certificate.as_ref().map(CertificateRule::write);
        let writer = writer.optional_value(key::CLIENT_CERTIFICATE, certificate);
        let writer = match self.cors {
            Some(cors) => writer.switch(key::CORS, cors),
            None => writer,
        };
        let writer = limits::write(writer, &names.limits, &self.limits);
        let writer = self.exchange.write(self.paths.write(writer));
        self.headers.write(self.outgoing.write(writer)).table()
    }
}

/// The upstream that is named, or the only one there is.
fn upstream(section: &mut Section<'_>, names: &KnownNames) -> Option<UpstreamId> {
    let chosen = section.optional(key::UPSTREAM, reference("an upstream", &names.upstreams));
    if section.peek(key::UPSTREAM).is_some() {
        return chosen;
    }
    match names.upstreams.as_slice() {
        // That there is none is one mistake, not one per route.
        [] => None,
        [(_, only)] => Some(*only),
        several => {
            let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
            let expected = format!("missing; expected one of {}", names.join(", "));
            section.mistake(key::UPSTREAM, expected);
            None
        }
    }
}

/// A method (RFC 9110 §9.1). They are case-sensitive, and none in use is lower case.
pub(crate) fn method(node: &Node) -> Parsed<Method> {
    const EXPECTED: &str = "a method in capitals such as \"GET\"";
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    if stands_for_all(text) {
        let all = "methods by their names; a route without methods takes all of them";
        return Err(node.mismatch(all));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| node.mismatch(EXPECTED))
}

/// What methods must not be together, or for that path.
fn check_methods(section: &Section<'_>, path: Option<&PathPattern>, methods: &[Method]) {
    if let Some(method) = first_duplicate(&as_texts(methods)) {
        section.mistake(key::METHODS, format!("lists {method} twice"));
    }
    for method in methods.iter().filter(|method| !may_be_spelled(method, methods)) {
        section.mistake(
            key::METHODS,
            format!(
                "lists \"{method}\"; expected a method in capitals such as \"GET\", or another \
                 spelling of one that is listed beside it, other than HEAD, CONNECT, TRACE and TRACK"
            ),
        );
    }
    let is_options = |method: &Method| *method == Method::OPTIONS;
    if path.is_some_and(PathPattern::is_asterisk) && !methods.iter().all(is_options) {
        section.mistake(
            key::METHODS,
            "lists other methods than OPTIONS; expected that one for path = \"*\"".to_owned(),
        );
    }
}

/// Whether it is in capitals, or another spelling of a method that is listed as well: alone it
/// would be a slip of the pen. An answer to HEAD ends where its head does, for us in capitals only.
fn may_be_spelled(method: &Method, listed: &[Method]) -> bool {
    let text = method.as_str();
    let capitals = text.to_ascii_uppercase();
    capitals == text
        || (listed.iter().any(|other| other.as_str() == capitals)
            && !["HEAD", "CONNECT", "TRACE", "TRACK"].contains(&capitals.as_str()))
}

fn as_texts(methods: &[Method]) -> Vec<&str> {
    methods.iter().map(Method::as_str).collect()
}

fn check_duplicates(root: &Section<'_>, routes: &Routes) {
    for DuplicateRoute(first, second) in routes.duplicates() {
        root.contradiction(
            format!("{}[{}]", key::ROUTES, second.position()),
            &format!("{}[{}]", key::ROUTES, first.position()),
            format!(
                "path {:?} matches the same requests as path {:?} of routes[{}]; expected one of \
                 them only",
                routes.all().get(second).path.as_str(),
                routes.all().get(first).path.as_str(),
                first.position()
            ),
        );
    }
}
