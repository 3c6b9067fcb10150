//! `[[routes]]`: which requests pass, and who may make them.

use http::Method;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{Names, first_duplicate, parsed, reference, stands_for_all, text, word},
    },
    policy::{
        ClaimComparison, DuplicateRoute, HostPattern, PathPattern, Routes, comparison,
        denial_profile::{BUILT_IN, DenialProfile},
        ids::{IssuerId, SignatureId, UpstreamId},
    },
    table::{Id, Table},
};

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
    /// How its requests must be signed. `None`: they need not be.
    pub signature: Option<SignatureId>,
    /// Where its requests go.
    pub upstream: UpstreamId,
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
    /// Whose tokens are taken. Never empty: a route that names no issuer takes the tokens of
    /// every configured one.
    pub issuers: Vec<IssuerId>,
    /// Scopes that must all be there.
    pub all_scopes: Vec<String>,
    /// Scopes of which one must be there; empty: no such demand.
    pub any_scopes: Vec<String>,
    /// Claims that must hold a value.
    pub claims: Vec<ClaimComparison>,
}

/// The names that routes may refer to: all that are configured, with mistakes or without, so that
/// one mistake is not reported as two. Their ids are good in the tables of settings once each name
/// has its settings, which is checked when all are read.
pub(crate) struct KnownNames {
    pub(crate) issuers: Names<IssuerId>,
    pub(crate) upstreams: Names<UpstreamId>,
    pub(crate) signatures: Names<SignatureId>,
    /// The built-in ones first.
    pub(crate) profiles: Names<DenialProfile>,
}

/// More routes than anybody can review; the table is searched on every request.
const MAX_ROUTES: usize = 10_000;
/// What only routes that ask for a token may say.
const TOKEN_ONLY: &[&str] = &["issuers", "scopes", "any_scopes", "claims"];

#[derive(Clone, Copy)]
enum Access {
    Public,
    Protected,
}

impl KnownNames {
    /// All names of the whole tree.
    pub(crate) fn of(root: &Section<'_>) -> Self {
        let profiles = root.peek("denials").and_then(|denials| denials.member("profiles"));
        let built_in = BUILT_IN.iter();
        let built_in =
            built_in.map(|(name, profile)| ((*name).to_owned(), DenialProfile::BuiltIn(*profile)));
        let own = names(profiles).into_iter().map(|(name, id)| (name, DenialProfile::Own(id)));
        Self {
            issuers: names(root.peek("issuers")),
            upstreams: names(root.peek("upstreams")),
            signatures: names(root.peek("signatures")),
            profiles: built_in.chain(own).collect(),
        }
    }
}

/// The names of a table's members, with the ids of their settings.
fn names<K>(table: Option<&Node>) -> Names<Id<K>> {
    let members = table.and_then(Node::as_table).into_iter().flatten();
    let names: Table<K, _> = members.map(|(name, _)| name).collect();
    names.iter_with_ids().map(|(id, name)| ((*name).clone(), id)).collect()
}

/// Reads `[[routes]]`.
pub(crate) fn build(root: &mut Section<'_>, names: &KnownNames) -> Routes {
    let count = match root.peek("routes").map(|node| &node.value) {
        None => 0,
        Some(Value::List(list)) => list.len(),
        // Not a list of tables: the reader says so.
        Some(_) => 1,
    };
    if count == 0 {
        root.mistake(
            "routes",
            "no route is configured, so that every request would be refused; expected at least \
             one [[routes]] table, such as path = \"/**\""
                .to_owned(),
        );
    }
    if count > MAX_ROUTES {
        root.mistake("routes", format!("expected at most {MAX_ROUTES} routes"));
    }
    let mistakes_before = root.mistakes();
    let routes = root.tables("routes", |route| RouteSettings::build(route, names));
    let routes = Routes::compile(routes.into_iter().flatten().collect());
    // What was left out for a mistake would make routes look alike that are not.
    if root.mistakes() == mistakes_before {
        check_duplicates(root, &routes);
    }
    routes
}

impl RouteSettings {
    fn build(section: &mut Section<'_>, names: &KnownNames) -> Option<Self> {
        const ACCESS: &[(&str, Access)] =
            &[("public", Access::Public), ("protected", Access::Protected)];
        let path = parsed("a path such as \"/loans/**\"", PathPattern::parse);
        let path = section.required("path", "a path such as \"/loans/**\"", path);
        let host = parsed("a host such as \"api.example.com\"", HostPattern::parse);
        let methods = section.list("methods", "a list such as [\"GET\"]", method);
        let methods = methods.unwrap_or_default();
        if let Some(method) = first_duplicate(&as_texts(&methods)) {
            section.mistake("methods", format!("lists {method} twice"));
        }
        let hosts = section.list("hosts", "a list of hosts", host);
        let access = section.or("access", Access::Protected, word(ACCESS));
        let access = match access {
            Access::Public => public(section),
            Access::Protected => AccessSettings::Token(requirement(section, names)),
        };
        let signature = section.optional("signature", reference("a signature", &names.signatures));
        let upstream = upstream(section, names);
        let denials = section.optional("denials", reference("a denial profile", &names.profiles));
        Some(Self {
            path: path?,
            methods,
            hosts: hosts.unwrap_or_default(),
            access,
            signature,
            upstream: upstream?,
            denials,
        })
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

fn requirement(section: &mut Section<'_>, names: &KnownNames) -> RequirementSettings {
    let known = reference("an issuer", &names.issuers);
    let issuers = section.list("issuers", "a list of issuers' names", known);
    if names.issuers.is_empty() {
        section.own_mistake(
            "the route asks for a token, but no issuer is configured; expected an [issuers.NAME] \
             table (flag --issuer), or access = \"public\""
                .to_owned(),
        );
    }
    let mut issuers =
        issuers.unwrap_or_else(|| names.issuers.iter().map(|(_, issuer)| *issuer).collect());
    issuers.sort_unstable();
    issuers.dedup();
    let scopes = "a list of scopes such as [\"loans:write\"]";
    RequirementSettings {
        issuers,
        all_scopes: section.list("scopes", scopes, scope).unwrap_or_default(),
        any_scopes: section.list("any_scopes", scopes, scope).unwrap_or_default(),
        claims: comparison::settings::read(section, "claims"),
    }
}

/// The upstream that is named, or the only one there is.
fn upstream(section: &mut Section<'_>, names: &KnownNames) -> Option<UpstreamId> {
    let chosen = section.optional("upstream", reference("an upstream", &names.upstreams));
    if section.peek("upstream").is_some() {
        return chosen;
    }
    match names.upstreams.as_slice() {
        // That there is none is one mistake, not one per route.
        [] => None,
        [(_, only)] => Some(*only),
        several => {
            let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
            section.mistake("upstream", format!("missing; expected one of {}", names.join(", ")));
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

fn check_duplicates(root: &Section<'_>, routes: &Routes) {
    for DuplicateRoute(first, second) in routes.duplicates() {
        root.mistake_at(
            format!("routes[{}]", second.position()),
            root.peek("routes").and_then(Node::origin),
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
