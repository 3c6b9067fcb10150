//! `[issuers.NAME.introspection]`: token introspection (RFC 7662).

mod endpoint;
mod method;
mod parameters;

use std::time::Duration;

use crate::{
    config::{
        reader::Section,
        values::{any_or_list, count, duration, keyword, name, size, switch, text},
        writer::{Writer, Written},
    },
    identity::{ClaimPath, headers::settings::claim_path},
    jose::AlgorithmSet,
    oauth_client::settings::{
        client::{ClientDefaults, ClientSettings},
        key as of_client,
    },
};

use endpoint::endpoint;
use method::{METHODS, WHEN};

pub use endpoint::IntrospectionEndpoint;
pub use method::{IntrospectWhen, IntrospectionMethod};

pub(crate) mod key {
    pub(crate) const WHEN: &str = "when";
    pub(crate) const METHOD: &str = "method";
    pub(crate) const URL: &str = "url";
    pub(crate) const TOKEN_TYPE_HINT: &str = "token_type_hint";
    pub(crate) const PARAMETERS: &str = "parameters";
    pub(crate) const ISSUERS: &str = "issuers";
    pub(crate) const AUDIENCES: &str = "audiences";
    pub(crate) const CLIENT_IDS: &str = "client_ids";
    pub(crate) const TOKEN_TYPES: &str = "token_types";
    pub(crate) const REQUIRE: &str = "require";
    pub(crate) const SUBJECT: &str = "subject";
    pub(crate) const FILL_CLAIMS: &str = "fill_claims";
    pub(crate) const SIGNED: &str = "signed";
    pub(crate) const CACHE_TTL: &str = "cache_ttl";
    pub(crate) const NEGATIVE_TTL: &str = "negative_ttl";
    pub(crate) const STALE_IF_ERROR: &str = "stale_if_error";
    pub(crate) const CACHE_ENTRIES: &str = "cache_entries";
    pub(crate) const CACHE_BYTES: &str = "cache_bytes";
    pub(crate) const RECHECK: &str = "recheck";
}

/// An issuer with introspection, and the settings that a lookup needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntrospectedIssuer<'s> {
    /// The name in the configuration: what metrics and logs call it.
    pub name: &'s str,
    /// The `iss` of its answers, compared byte for byte.
    pub issuer: &'s str,
    /// What its answers may be signed with.
    pub algorithms: AlgorithmSet,
    /// Tolerance for the `iat` of its answers.
    pub clock_skew: Duration,
    /// How the request is sent.
    pub settings: &'s IntrospectionSettings,
}

/// `[issuers.NAME.introspection]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntrospectionSettings {
    /// Which tokens are introspected.
    pub when: IntrospectWhen,
    /// The form of the request.
    pub method: IntrospectionMethod,
    /// Where.
    pub endpoint: IntrospectionEndpoint,
    /// How requests are sent.
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
    /// Members that replace a missing `sub`, the best one first.
    pub subject: Vec<String>,
    /// `true`: the members of an answer fill what the token lacks.
    pub fill_claims: bool,
    /// `true`: only answers signed by the issuer count (RFC 9701).
    pub signed: bool,
    /// How long *active* is believed, never longer than the token lives.
    pub cache_ttl: Duration,
    /// How long *not active* is believed.
    pub negative_ttl: Duration,
    /// How long a stale *active* is used while the endpoint is unavailable. Zero: not at all.
    pub stale_if_error: Duration,
    /// The most answers kept, by all workers together.
    pub cache_entries: usize,
    /// The most bytes that kept answers take.
    pub cache_bytes: usize,
    /// With [`IntrospectWhen::Hybrid`], the least time between two requests about one token.
    pub recheck: Duration,
}

/// Half a minute of revocation delay against a lookup per request: liboauth2 grants five minutes,
/// Kong half a minute.
const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(30);
/// Longer, introspection would no longer catch revoked tokens.
const MAX_CACHE_TTL: Duration = Duration::from_hours(1);
/// A token that is issued right after it was guessed must not wait long (threats I-8).
const DEFAULT_NEGATIVE_TTL: Duration = Duration::from_secs(5);
const MAX_NEGATIVE_TTL: Duration = Duration::from_mins(1);
/// After a longer outage, a stale response is worth nothing.
const MAX_STALE: Duration = Duration::from_hours(1);
/// Answers are kept by all workers together.
const DEFAULT_CACHE_ENTRIES: usize = 20_000;
const MAX_CACHE_ENTRIES: usize = 10_000_000;
/// Room for the default number of entries at some 1.5 KiB each.
const DEFAULT_CACHE_BYTES: usize = 32 * 1024 * 1024;
const MIN_CACHE_BYTES: usize = 64 * 1024;
const MAX_CACHE_BYTES: usize = 4 * 1024 * 1024 * 1024;
/// As the cache of peers that sample: bounds the provider's load to one request per token and
/// interval.
const DEFAULT_RECHECK: Duration = Duration::from_secs(30);
const MIN_RECHECK: Duration = Duration::from_secs(1);
const MAX_RECHECK: Duration = Duration::from_hours(1);

const CLIENT: ClientDefaults = ClientDefaults {
    is_unauthenticated: false,
    urls: &[key::URL, of_client::TOKEN_URL],
    // A request waits for it.
    timeout: Duration::from_secs(2),
    max_timeout: Duration::from_secs(30),
    // As large as an access token's claims may be, and then some.
    max_bytes: 64 * 1024,
    max_max_bytes: 1024 * 1024,
};

/// The token types that a resource server accepts; `JWT` is WSO2's name. Its `Refresh`, for refresh
/// tokens, is not accepted.
const DEFAULT_TOKEN_TYPES: &[&str] = &["Bearer", "JWT"];

/// Of a user, then of whom WSO2 names a user by, then of an application acting for itself.
const DEFAULT_SUBJECT: &[&str] = &["sub", "username", "client_id"];

const EXPECTED_TYPES: &str = "a list of types such as [\"Bearer\"]";
const EXPECTED_LIST: &str = "a list of texts, or \"any\"";

impl IntrospectionSettings {
    /// `None` where there is no such table, or `when = "never"`.
    pub(crate) fn read(
        section: &mut Section<'_>,
        issuer: Option<&str>,
        audiences: Option<&Option<Vec<String>>>,
    ) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let when = section.or(key::WHEN, Some(IntrospectWhen::Opaque), keyword(WHEN));
        let method = section.or(key::METHOD, IntrospectionMethod::Introspect, keyword(METHODS));
        let allow_http = ClientSettings::read_allow_http(section);
        let endpoint = endpoint(section, issuer, allow_http, method);
        let defaults = ClientDefaults { is_unauthenticated: is_unauthenticated(method), ..CLIENT };
        let client = ClientSettings::read(section, allow_http, &defaults);
        let cache_ttl = duration(Duration::ZERO..=MAX_CACHE_TTL);
        let settings = Self {
            when: when.unwrap_or(IntrospectWhen::Opaque),
            method,
            parameters: parameters::read(section),
            issuers: section
                .optional(key::ISSUERS, any_or_list(EXPECTED_LIST))
                .unwrap_or_else(|| Some(Vec::from_iter(issuer.map(str::to_owned)))),
            audiences: section
                .optional(key::AUDIENCES, any_or_list(EXPECTED_LIST))
                .or_else(|| audiences.cloned())?,
            client_ids: section.optional(key::CLIENT_IDS, any_or_list(EXPECTED_LIST)).flatten(),
            token_types: section
                .list(key::TOKEN_TYPES, EXPECTED_TYPES, name(EXPECTED_TYPES))
                .unwrap_or_else(|| DEFAULT_TOKEN_TYPES.iter().map(|&t| t.to_owned()).collect()),
            require: section
                .list(key::REQUIRE, "a list of members such as [\"token_type\"]", |node| {
                    claim_path(&text(node)?)
                })
                .unwrap_or_default(),
            subject: section
                .list(key::SUBJECT, "a list such as [\"sub\", \"username\"]", text)
                .unwrap_or_else(|| DEFAULT_SUBJECT.iter().map(|&name| name.to_owned()).collect()),
            fill_claims: section.or(key::FILL_CLAIMS, false, switch),
            signed: section.or(key::SIGNED, false, switch),
            cache_ttl: section.or(key::CACHE_TTL, DEFAULT_CACHE_TTL, cache_ttl),
            negative_ttl: section.or(
                key::NEGATIVE_TTL,
                DEFAULT_NEGATIVE_TTL,
                duration(Duration::ZERO..=MAX_NEGATIVE_TTL),
            ),
            stale_if_error: section.or(
                key::STALE_IF_ERROR,
                Duration::ZERO,
                duration(Duration::ZERO..=MAX_STALE),
            ),
            cache_entries: section.or(
                key::CACHE_ENTRIES,
                DEFAULT_CACHE_ENTRIES,
                count(0..=MAX_CACHE_ENTRIES),
            ),
            cache_bytes: section.or(
                key::CACHE_BYTES,
                DEFAULT_CACHE_BYTES,
                size(MIN_CACHE_BYTES..=MAX_CACHE_BYTES),
            ),
            recheck: section.or(key::RECHECK, DEFAULT_RECHECK, duration(MIN_RECHECK..=MAX_RECHECK)),
            // Last, so that a missing part does not hide the mistakes above.
            endpoint: endpoint?,
            client: client?,
        };
        settings.check_together(section);
        when.map(|_| settings)
    }

    pub(crate) fn write(&self) -> Written {
        let writer = Writer::default().keyword(key::WHEN, WHEN, &Some(self.when)).keyword(
            key::METHOD,
            METHODS,
            &self.method,
        );
        let writer = self.client.write_proof(self.endpoint.write(writer));
        let writer = parameters::write(writer, &self.parameters)
            .any_or_list(key::ISSUERS, self.issuers.as_deref())
            .any_or_list(key::AUDIENCES, self.audiences.as_deref())
            .any_or_list(key::CLIENT_IDS, self.client_ids.as_deref())
            .list(key::TOKEN_TYPES, &self.token_types)
            .list(key::REQUIRE, self.require.iter().map(ClaimPath::as_str))
            .list(key::SUBJECT, &self.subject)
            .switch(key::FILL_CLAIMS, self.fill_claims)
            .switch(key::SIGNED, self.signed)
            .duration(key::CACHE_TTL, self.cache_ttl)
            .duration(key::NEGATIVE_TTL, self.negative_ttl)
            .duration(key::STALE_IF_ERROR, self.stale_if_error)
            .count(key::CACHE_ENTRIES, self.cache_entries)
            .size(key::CACHE_BYTES, self.cache_bytes)
            .duration(key::RECHECK, self.recheck);
        self.client.write_bounds(writer).table()
    }

    fn check_together(&self, section: &Section<'_>) {
        if self.fill_claims && self.when != IntrospectWhen::Always {
            let text = "only an answer that a request waits for can fill its token; expected when = \"always\"";
            section.mistake(key::FILL_CLAIMS, text.to_owned());
        }
        let is_validation = self.method != IntrospectionMethod::Introspect;
        if is_validation && self.signed {
            section.mistake(key::SIGNED, "the answers of validate_token are not signed".to_owned());
        }
    }

    /// Whether the credentials are ID tokens.
    pub fn is_about_id_tokens(&self) -> bool {
        self.method == IntrospectionMethod::ValidateIdToken
    }

    /// Whether a response must show that the token is an access token: by its audience, or by its
    /// type, which issuers leave out for refresh tokens.
    pub(crate) fn distinguishes_kinds(&self) -> bool {
        let requires_type = self.require.iter().any(|member| member.as_str() == "token_type");
        requires_type || self.audiences.is_some() || self.method != IntrospectionMethod::Introspect
    }
}

/// GenAuth's `validate_token` takes no client authentication.
fn is_unauthenticated(method: IntrospectionMethod) -> bool {
    method != IntrospectionMethod::Introspect
}
