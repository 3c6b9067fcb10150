//! `[issuers.NAME.introspection]`: asking the issuer about a token (RFC 7662).

pub mod written;

use std::time::Duration;

use http::Uri;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        urls::{check_fetchable, fetchable, metadata_urls},
        values::{any_or_list, count, duration, name, size, switch, text, word},
    },
    identity::{ClaimPath, headers::settings::claim_path},
    jose::AlgorithmSet,
    oauth_client::settings::client::{ClientDefaults, ClientSettings},
};

/// An issuer that is asked about tokens, as far as asking needs to know it.
#[derive(Debug, Clone, Copy)]
pub struct IntrospectedIssuer<'s> {
    /// The name in the configuration: what metrics and logs call it.
    pub name: &'s str,
    /// The `iss` of its answers, compared byte for byte.
    pub issuer: &'s str,
    /// What its answers may be signed with.
    pub algorithms: AlgorithmSet,
    /// Tolerance for the `iat` of its answers.
    pub clock_skew: Duration,
    /// How it is asked.
    pub settings: &'s IntrospectionSettings,
}

/// `[issuers.NAME.introspection]`
#[derive(Debug, Clone)]
pub struct IntrospectionSettings {
    /// Which tokens are asked about.
    pub when: IntrospectWhen,
    /// How the question is put.
    pub method: IntrospectionMethod,
    /// Where.
    pub endpoint: IntrospectionEndpoint,
    /// How we ask.
    pub client: ClientSettings,
    /// Fixed form parameters beside the token, `token_type_hint` among them.
    pub parameters: Vec<(String, String)>,
    /// Accepted `iss` of an answer; `None`: any. An answer without `iss` is the issuer's.
    pub issuers: Option<Vec<String>>,
    /// Accepted `aud` of an answer; `None`: any or none.
    pub audiences: Option<Vec<String>>,
    /// Accepted `client_id` of an answer; `None`: any or none.
    pub client_ids: Option<Vec<String>>,
    /// Accepted `token_type` of an answer, compared without case. An absent one is accepted.
    pub token_types: Vec<String>,
    /// Members that an answer must have, besides what is required of the issuer's tokens.
    pub require: Vec<ClaimPath>,
    /// Members that stand in for a missing `sub`, the best one first.
    pub subject: Vec<String>,
    /// `true`: only answers signed by the issuer count (RFC 9701).
    pub signed: bool,
    /// How long *active* is believed, never longer than the token lives.
    pub cache_ttl: Duration,
    /// How long *not active* is believed.
    pub negative_ttl: Duration,
    /// How much longer *active* is believed while the endpoint can't be asked. Zero: not at all.
    pub stale_if_error: Duration,
    /// The most answers kept, by all workers together.
    pub cache_entries: usize,
    /// The most bytes that kept answers take.
    pub cache_bytes: usize,
    /// With [`IntrospectWhen::Hybrid`], the least time between two questions about one token.
    pub recheck: Duration,
}

/// Which tokens are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectWhen {
    /// Those that are no JWT. A JWT is verified locally and never asked about, failed or not.
    Opaque,
    /// All: a JWT is verified locally first, and then asked about.
    Always,
    /// All: a JWT is verified locally and passes; it is asked about beside, and refused from the
    /// next request on once it is not active.
    Hybrid,
    /// All, and nothing is verified locally: the issuer needs no keys.
    Only,
}

/// How the question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectionMethod {
    /// `POST` of a form (RFC 7662).
    Introspect,
    /// `GET …?access_token=` (GenAuth): 200 with claims is valid, 400 is not.
    ValidateAccessToken,
    /// `GET …?id_token=`, the same of an ID token.
    ValidateIdToken,
}

/// Where the question is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntrospectionEndpoint {
    /// As configured.
    Url(Uri),
    /// As the issuer's metadata says (`introspection_endpoint`).
    Discovery {
        /// Metadata URLs, in the order to try.
        urls: Vec<Uri>,
        /// `true`: the endpoint found may be plain http on a host that is not loopback.
        allow_http: bool,
    },
}

/// Half a minute of revocation delay against a question a request: liboauth2 grants five minutes,
/// Kong half a minute.
const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(30);
/// Longer, a revoked token is as good as one that nobody asked about.
const MAX_CACHE_TTL: Duration = Duration::from_hours(1);
/// A token that is issued right after somebody guessed it must not wait long (threats I-8).
const DEFAULT_NEGATIVE_TTL: Duration = Duration::from_secs(5);
const MAX_NEGATIVE_TTL: Duration = Duration::from_mins(1);
/// An outage that lasts longer than this is one in which nobody knows any more.
const MAX_STALE: Duration = Duration::from_hours(1);
/// Answers are kept by all workers together.
const DEFAULT_CACHE_ENTRIES: usize = 20_000;
const MAX_CACHE_ENTRIES: usize = 10_000_000;
/// Room for the default number of entries at some 1.5 KiB each.
const DEFAULT_CACHE_BYTES: usize = 32 * 1024 * 1024;
const MIN_CACHE_BYTES: usize = 64 * 1024;
const MAX_CACHE_BYTES: usize = 4 * 1024 * 1024 * 1024;
/// As the cache of peers that sample: bounds the provider's load to one question per token.
const DEFAULT_RECHECK: Duration = Duration::from_secs(30);
const MIN_RECHECK: Duration = Duration::from_secs(1);
const MAX_RECHECK: Duration = Duration::from_hours(1);

const CLIENT: ClientDefaults = ClientDefaults {
    is_nobody: false,
    // A request waits for it.
    timeout: Duration::from_secs(2),
    max_timeout: Duration::from_secs(30),
    // As large as an access token's claims may be, and then some.
    max_bytes: 64 * 1024,
    max_max_bytes: 1024 * 1024,
};

const WHEN: &[(&str, Option<IntrospectWhen>)] = &[
    ("opaque", Some(IntrospectWhen::Opaque)),
    ("always", Some(IntrospectWhen::Always)),
    ("hybrid", Some(IntrospectWhen::Hybrid)),
    ("only", Some(IntrospectWhen::Only)),
    ("never", None),
];

const METHODS: &[(&str, IntrospectionMethod)] = &[
    ("introspect", IntrospectionMethod::Introspect),
    ("validate_access_token", IntrospectionMethod::ValidateAccessToken),
    ("validate_id_token", IntrospectionMethod::ValidateIdToken),
];

/// What the token's own form parameter is called: nothing fixed may be called so.
const RESERVED_PARAMETERS: &[&str] =
    &["token", "client_id", "client_secret", "client_assertion", "client_assertion_type"];

/// What token types a resource server takes; WSO2 calls a JWT so. `Refresh`, which it says of
/// refresh tokens, is none of them.
const DEFAULT_TOKEN_TYPES: &[&str] = &["Bearer", "JWT"];

/// Of a user, then of whom WSO2 names a user by, then of an application acting for itself.
const DEFAULT_SUBJECT: &[&str] = &["sub", "username", "client_id"];

const EXPECTED_TYPES: &str = "a list of types such as [\"Bearer\"]";
const EXPECTED_LIST: &str = "a list of texts, or \"any\"";

impl IntrospectionSettings {
    /// `None` where there is no such table, or `when = "never"`.
    pub(crate) fn build(
        section: &mut Section<'_>,
        issuer: Option<&str>,
        audiences: Option<&Option<Vec<String>>>,
    ) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let when = section.or("when", Some(IntrospectWhen::Opaque), word(WHEN));
        let method = section.or("method", IntrospectionMethod::Introspect, word(METHODS));
        let allow_http = section.or("allow_http", false, switch);
        let endpoint = endpoint(section, issuer, allow_http, method);
        let defaults = ClientDefaults { is_nobody: nobody_is_asked(method), ..CLIENT };
        let client = ClientSettings::build(section, allow_http, &defaults);
        let cache_ttl = duration(Duration::ZERO..=MAX_CACHE_TTL);
        let settings = Self {
            when: when.unwrap_or(IntrospectWhen::Opaque),
            method,
            parameters: parameters(section),
            issuers: section
                .optional("issuers", any_or_list(EXPECTED_LIST))
                .unwrap_or_else(|| Some(Vec::from_iter(issuer.map(str::to_owned)))),
            audiences: section
                .optional("audiences", any_or_list(EXPECTED_LIST))
                .or_else(|| audiences.cloned())?,
            client_ids: section.optional("client_ids", any_or_list(EXPECTED_LIST)).flatten(),
            token_types: section
                .list("token_types", EXPECTED_TYPES, name(EXPECTED_TYPES))
                .unwrap_or_else(|| DEFAULT_TOKEN_TYPES.iter().map(|&t| t.to_owned()).collect()),
            require: section
                .list("require", "a list of members such as [\"token_type\"]", |node| {
                    claim_path(&text(node)?)
                })
                .unwrap_or_default(),
            subject: section
                .list("subject", "a list such as [\"sub\", \"username\"]", text)
                .unwrap_or_else(|| DEFAULT_SUBJECT.iter().map(|&name| name.to_owned()).collect()),
            signed: section.or("signed", false, switch),
            cache_ttl: section.or("cache_ttl", DEFAULT_CACHE_TTL, cache_ttl),
            negative_ttl: section.or(
                "negative_ttl",
                DEFAULT_NEGATIVE_TTL,
                duration(Duration::ZERO..=MAX_NEGATIVE_TTL),
            ),
            stale_if_error: section.or(
                "stale_if_error",
                Duration::ZERO,
                duration(Duration::ZERO..=MAX_STALE),
            ),
            cache_entries: section.or(
                "cache_entries",
                DEFAULT_CACHE_ENTRIES,
                count(0..=MAX_CACHE_ENTRIES),
            ),
            cache_bytes: section.or(
                "cache_bytes",
                DEFAULT_CACHE_BYTES,
                size(MIN_CACHE_BYTES..=MAX_CACHE_BYTES),
            ),
            recheck: section.or("recheck", DEFAULT_RECHECK, duration(MIN_RECHECK..=MAX_RECHECK)),
            // Last, so that a missing part does not hide the mistakes above.
            endpoint: endpoint?,
            client: client?,
        };
        settings.check_together(section);
        when.map(|_| settings)
    }

    fn check_together(&self, section: &Section<'_>) {
        let is_validation = self.method != IntrospectionMethod::Introspect;
        if is_validation && self.signed {
            section.mistake("signed", "the answers of validate_token are not signed".to_owned());
        }
    }

    /// Whether it is asked about ID tokens, which are the credentials then.
    pub fn is_about_id_tokens(&self) -> bool {
        self.method == IntrospectionMethod::ValidateIdToken
    }

    /// Whether something in an answer must say that it is about an access token: whom the token is
    /// for, or its type, which issuers leave out of their answers about refresh tokens.
    pub(crate) fn tells_kinds_apart(&self) -> bool {
        let asks_type = self.require.iter().any(|member| member.as_str() == "token_type");
        asks_type || self.audiences.is_some() || self.method != IntrospectionMethod::Introspect
    }

    /// [`Self::when`] as it is written.
    pub(crate) fn when_word(&self) -> &'static str {
        WHEN.iter().find(|(_, when)| *when == Some(self.when)).map_or("never", |(word, _)| word)
    }

    /// [`Self::method`] as it is written.
    pub(crate) fn method_word(&self) -> &'static str {
        METHODS
            .iter()
            .find(|(_, known)| *known == self.method)
            .map_or("introspect", |(word, _)| word)
    }
}

/// GenAuth's `validate_token` asks nobody who they are.
fn nobody_is_asked(method: IntrospectionMethod) -> bool {
    method != IntrospectionMethod::Introspect
}

fn endpoint(
    section: &mut Section<'_>,
    issuer: Option<&str>,
    allow_http: bool,
    method: IntrospectionMethod,
) -> Option<IntrospectionEndpoint> {
    if section.peek("url").is_some() {
        return section.optional("url", fetchable(allow_http)).map(IntrospectionEndpoint::Url);
    }
    section.node("url");
    if method != IntrospectionMethod::Introspect {
        section.mistake("url", "missing; no metadata names a validate_token endpoint".to_owned());
        return None;
    }
    let urls: Option<Vec<Uri>> = metadata_urls(issuer?)
        .and_then(|urls| urls.iter().map(|url| check_fetchable(url, allow_http).ok()).collect());
    if urls.is_none() {
        section.mistake(
            "url",
            "missing, and the issuer is no https URL that it could be discovered from".to_owned(),
        );
    }
    urls.map(|urls| IntrospectionEndpoint::Discovery { urls, allow_http })
}

fn parameters(section: &mut Section<'_>) -> Vec<(String, String)> {
    const HINT: &str = "token_type_hint";
    let hint = section.optional(HINT, text);
    let has_hint = hint.is_some();
    let mut parameters: Vec<(String, String)> =
        hint.into_iter().map(|hint| (HINT.to_owned(), hint)).collect();
    let fixed = section.section("parameters", |fixed| {
        fixed.each_member(|name, node| {
            if RESERVED_PARAMETERS.contains(&name) || (has_hint && name == HINT) {
                return Err(format!("{name:?} is set by other settings"));
            }
            Ok((name.to_owned(), parameter(node)?))
        })
    });
    parameters.extend(fixed);
    parameters
}

fn parameter(node: &Node) -> Parsed<String> {
    match node.value {
        Value::Bool(value) => Ok(value.to_string()),
        Value::Integer(value) => Ok(value.to_string()),
        _ => text(node),
    }
}
