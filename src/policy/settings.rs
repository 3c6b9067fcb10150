//! `[[routes]]`: which requests pass, and who may make them.

use http::Method;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{first_duplicate, parsed, reference, stands_for_all, text, word},
        writer::{Writer, Written, list_of},
    },
    policy::{
        ClaimComparison, DuplicateRoute, HostPattern, PathPattern, Routes, comparison,
        denial_profile::{DenialProfile, denial_profile},
    },
};

pub(crate) mod key {
    pub(crate) const ROUTES: &str = "routes";
    pub(crate) const PATH: &str = "path";
    pub(crate) const METHODS: &str = "methods";
    pub(crate) const HOSTS: &str = "hosts";
    pub(crate) const ACCESS: &str = "access";
    pub(crate) const ISSUERS: &str = "issuers";
    pub(crate) const SCOPES: &str = "scopes";
    pub(crate) const ANY_SCOPES: &str = "any_scopes";
    pub(crate) const CLAIMS: &str = "claims";
    pub(crate) const SIGNATURE: &str = "signature";
    pub(crate) const UPSTREAM: &str = "upstream";
    pub(crate) const DENIALS: &str = "denials";
}

/// One `[[routes]]` entry.
#[derive(Debug, Clone)]
pub struct RouteSettings {
    /// Which paths.
    pub path: PathPattern,
    /// Which methods; empty: all.
    pub methods: Vec<Method>,
    /// Which hosts; empty: all.
    pub hosts: Vec<HostPattern>,
    /// Who may pass.
    pub access: AccessSettings,
    /// Index into the signatures: how its requests must be signed. `None`: they need not be.
    pub signature: Option<usize>,
    /// The upstream's name, one of those that are configured.
    pub upstream: String,
    /// How its refusals look; `None`: as everywhere.
    pub denials: Option<DenialProfile>,
}

/// Who may pass a route.
#[derive(Debug, Clone)]
pub enum AccessSettings {
    /// Everybody, without a look at any credential.
    Public,
    /// Holders of a token.
    Token(RequirementSettings),
}

/// What a route asks of a token.
#[derive(Debug, Clone, Default)]
pub struct RequirementSettings {
    /// Indexes into the issuers. Never empty: a route that names no issuer takes the tokens of
    /// every configured one.
    pub issuers: Vec<usize>,
    /// Scopes that must all be there.
    pub all_scopes: Vec<String>,
    /// Scopes of which one must be there; empty: no such demand.
    pub any_scopes: Vec<String>,
    /// Claims that must hold a value.
    pub claims: Vec<ClaimComparison>,
}

/// The names that routes may refer to: all that are configured, with mistakes or without, so that
/// one mistake is not reported as two.
pub(crate) struct KnownNames {
    /// In the order of `Settings::issuers`.
    pub(crate) issuers: Vec<String>,
    /// In the order of `Settings::upstreams`.
    pub(crate) upstreams: Vec<String>,
    /// In the order of `Settings::signatures`.
    pub(crate) signatures: Vec<String>,
    /// In the order of `DenialSettings::profiles`.
    pub(crate) profiles: Vec<String>,
}

/// More routes than anybody can review; the table is searched on every request.
const MAX_ROUTES: usize = 10_000;
/// What only routes that ask for a token may say.
const TOKEN_ONLY: &[&str] = &[key::ISSUERS, key::SCOPES, key::ANY_SCOPES, key::CLAIMS];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    Protected,
}

/// Says that a route asks for no token.
pub(crate) const PUBLIC: &str = "public";
const ACCESS: &[(&str, Access)] = &[(PUBLIC, Access::Public), ("protected", Access::Protected)];

/// Reads `[[routes]]`.
pub(crate) fn read(root: &mut Section<'_>, names: &KnownNames) -> Vec<RouteSettings> {
    let count = match root.peek(key::ROUTES).map(|node| &node.value) {
        None => 0,
        Some(Value::List(list)) => list.len(),
        // Not a list of tables: the reader says so.
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
    let routes: Vec<_> = routes.into_iter().flatten().collect();
    // What was left out for a mistake would make routes look alike that are not.
    if root.mistakes() == mistakes_before {
        check_duplicates(root, &routes);
    }
    routes
}

/// Writes `[[routes]]`.
pub(crate) fn write(routes: &[RouteSettings], names: &KnownNames) -> Written {
    list_of(routes.iter().map(|route| route.write(names)))
}

impl RouteSettings {
    fn read(section: &mut Section<'_>, names: &KnownNames) -> Option<Self> {
        let path = parsed("a path such as \"/loans/**\"", PathPattern::parse);
        let path = section.required(key::PATH, "a path such as \"/loans/**\"", path);
        let host = parsed("a host such as \"api.example.com\"", HostPattern::parse);
        let methods = section.list(key::METHODS, "a list such as [\"GET\"]", method);
        let methods = methods.unwrap_or_default();
        if let Some(method) = first_duplicate(&as_texts(&methods)) {
            section.mistake(key::METHODS, format!("lists {method} twice"));
        }
        let hosts = section.list(key::HOSTS, "a list of hosts", host);
        let access = section.or(key::ACCESS, Access::Protected, word(ACCESS));
        let access = match access {
            Access::Public => public(section),
            Access::Protected => AccessSettings::Token(requirement(section, names)),
        };
        let signature =
            section.optional(key::SIGNATURE, reference("a signature", &names.signatures));
        let upstream = upstream(section, names);
        let denials = section.optional(key::DENIALS, denial_profile(&names.profiles));
        Some(Self {
            path: path?,
            methods,
            hosts: hosts.unwrap_or_default(),
            access,
            signature: signature.map(|(index, _)| index),
            upstream: upstream?,
            denials,
        })
    }

    fn write(&self, names: &KnownNames) -> Written {
        let writer = Writer::default()
            .text(key::PATH, self.path.as_str())
            .list(key::METHODS, &self.methods)
            .list(key::HOSTS, self.hosts.iter().map(HostPattern::as_str));
        let writer = match &self.access {
            AccessSettings::Public => writer.word(key::ACCESS, ACCESS, &Access::Public),
            AccessSettings::Token(requirement) => {
                requirement.write(writer.word(key::ACCESS, ACCESS, &Access::Protected), names)
            }
        };
        let signature = self.signature.and_then(|index| names.signatures.get(index));
        let denials = self.denials.map(|profile| profile.name(&names.profiles));
        writer
            .optional(key::SIGNATURE, signature)
            .text(key::UPSTREAM, &self.upstream)
            .optional(key::DENIALS, denials)
            .table()
    }
}

/// A public route asks for nothing: a configuration that says otherwise means something else.
fn public(section: &mut Section<'_>) -> AccessSettings {
    for name in TOKEN_ONLY {
        if section.node(name).is_some() {
            section.mistake(
                name,
                "has no effect with access = \"public\"; expected it to be absent".to_owned(),
            );
        }
    }
    AccessSettings::Public
}

impl RequirementSettings {
    fn write(&self, writer: Writer, names: &KnownNames) -> Writer {
        let issuers = self.issuers.iter().filter_map(|index| names.issuers.get(*index));
        writer
            .list(key::ISSUERS, issuers)
            .list(key::SCOPES, &self.all_scopes)
            .list(key::ANY_SCOPES, &self.any_scopes)
            .optional_members(key::CLAIMS, comparison::settings::write(&self.claims))
    }
}

fn requirement(section: &mut Section<'_>, names: &KnownNames) -> RequirementSettings {
    let known = reference("an issuer", &names.issuers);
    let issuers = section
        .list(key::ISSUERS, "a list of issuers' names", |node| known(node).map(|(index, _)| index));
    if names.issuers.is_empty() {
        section.own_mistake(
            "the route asks for a token, but no issuer is configured; expected an [issuers.NAME] \
             table (flag --issuer), or access = \"public\""
                .to_owned(),
        );
    }
    let mut issuers = issuers.unwrap_or_else(|| (0..names.issuers.len()).collect());
    issuers.sort_unstable();
    issuers.dedup();
    let scopes = "a list of scopes such as [\"loans:write\"]";
    RequirementSettings {
        issuers,
        all_scopes: section.list(key::SCOPES, scopes, scope).unwrap_or_default(),
        any_scopes: section.list(key::ANY_SCOPES, scopes, scope).unwrap_or_default(),
        claims: comparison::settings::read(section, key::CLAIMS),
    }
}

/// The upstream that is named, or the only one there is.
fn upstream(section: &mut Section<'_>, names: &KnownNames) -> Option<String> {
    let chosen = section.optional(key::UPSTREAM, reference("an upstream", &names.upstreams));
    if section.peek(key::UPSTREAM).is_some() {
        return chosen.map(|(_, name)| name);
    }
    match names.upstreams.as_slice() {
        // That there is none is one mistake, not one per route.
        [] => None,
        [only] => Some(only.clone()),
        several => {
            section
                .mistake(key::UPSTREAM, format!("missing; expected one of {}", several.join(", ")));
            None
        }
    }
}

/// A scope-token of RFC 6749 §3.3.
fn scope(node: &Node) -> Parsed<String> {
    let text = text(node)?;
    let allowed = |char: char| char.is_ascii_graphic() && char != '"' && char != '\\';
    if text.chars().all(allowed) {
        Ok(text)
    } else {
        Err(node.mismatch("one scope: printable ASCII without spaces, \" and \\"))
    }
}

/// A method (RFC 9110 §9.1). They are case-sensitive, and none in use is lower case.
fn method(node: &Node) -> Parsed<Method> {
    const EXPECTED: &str = "a method in capitals such as \"GET\"";
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    if stands_for_all(text) {
        let all = "methods by their names; a route without methods takes all of them";
        return Err(node.mismatch(all));
    }
    if text.chars().any(|char| char.is_ascii_lowercase()) {
        return Err(node.mismatch(EXPECTED));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| node.mismatch(EXPECTED))
}

fn as_texts(methods: &[Method]) -> Vec<&str> {
    methods.iter().map(Method::as_str).collect()
}

fn check_duplicates(root: &Section<'_>, routes: &[RouteSettings]) {
    let Err(duplicates) = Routes::compile(routes) else {
        return;
    };
    for DuplicateRoute(first, second) in duplicates {
        let path = |index: usize| routes.get(index).map_or("", |route| route.path.as_str());
        root.mistake_at(
            format!("{}[{second}]", key::ROUTES),
            root.peek(key::ROUTES).and_then(Node::origin),
            format!(
                "path {:?} matches the same requests as path {:?} of routes[{first}]; expected \
                 one of them only",
                path(second),
                path(first)
            ),
        );
    }
}
