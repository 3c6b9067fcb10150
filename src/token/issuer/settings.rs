//! `[issuers.NAME]`: whose tokens are accepted, and under which rules.

mod algorithms;
pub mod binding;
mod claims;
mod logout;
mod profile;
mod selectors;
mod tenants;
mod waivers;

use std::{sync::Arc, time::Duration};

use crate::{
    config::{
        reader::Section,
        values::{any_or_list, check_name, duration, format_duration, switch, text},
        writer::{Writer, Written, table_of},
    },
    identity::ClaimPath,
    introspection::settings::{IntrospectWhen, IntrospectedIssuer, IntrospectionSettings},
    jose::AlgorithmSet,
    keys::settings::{IssuerKeySource, KeyOwner, KeySettings, KeySource, KeylessOwner},
    policy::{
        ClaimComparison, ScopeClaims, comparison,
        credential::{self, CredentialSource},
        ids::PerIssuer,
    },
    readiness,
};

use algorithms::algorithms;
use binding::BindingSettings;

pub use algorithms::DEFAULT_ALGORITHMS;
pub use claims::{ClaimForm, ClaimFormat};
pub use logout::LogoutSettings;
pub use profile::TokenProfile;
pub use selectors::KeySelector;
pub use tenants::TenantSettings;
pub use waivers::ClaimWaivers;

pub(crate) mod key {
    pub(crate) const ISSUER: &str = "issuer";
    pub(crate) const TENANTS: &str = "tenants";
    pub(crate) const KEY_SELECTORS: &str = "key_selectors";
    pub(crate) const AUDIENCES: &str = "audiences";
    pub(crate) const ALGORITHMS: &str = "algorithms";
    pub(crate) const PROFILE: &str = "profile";
    pub(crate) const TOKEN_TYPES: &str = "token_types";
    pub(crate) const CLOCK_SKEW: &str = "clock_skew";
    pub(crate) const REQUIRE: &str = "require";
    pub(crate) const REQUIRE_VALUES: &str = "require_values";
    pub(crate) const REQUIRE_ANY: &str = "require_any";
    pub(crate) const ACCEPT_WITHOUT_EXPIRY: &str = "accept_without_expiry";
    pub(crate) const ACCEPT_WITHOUT_ISSUER: &str = "accept_without_issuer";
    pub(crate) const INTEGER_SUBJECT: &str = "integer_subject";
    pub(crate) const FORMATS: &str = "formats";
    pub(crate) const SCOPE_CLAIMS: &str = "scope_claims";
    pub(crate) const SCOPE_SEPARATORS: &str = "scope_separators";
    pub(crate) const MAX_LIFETIME: &str = "max_lifetime";
    pub(crate) const ACCEPT_ID_TOKENS: &str = "accept_id_tokens";
    pub(crate) const BACKCHANNEL_LOGOUT: &str = "backchannel_logout";
    pub(crate) const CLIENT_IDS: &str = "client_ids";
    pub(crate) const KEYS: &str = "keys";
    pub(crate) const CREDENTIAL: &str = "credential";
    pub(crate) const INTROSPECTION: &str = "introspection";
}

/// `[issuers.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// The name in the configuration: what routes, metrics and logs call it.
    pub name: String,
    /// The `iss` claim, compared byte for byte; with a placeholder where there is a tenant.
    pub issuer: String,
    /// The tenants that are issuers of their own; `None`: it is a single issuer.
    pub tenant: Option<TenantSettings>,
    /// Accepted `aud` values; `None` only by an explicit `audiences = "any"`. Empty where all its
    /// routes name a resource, which has the audiences.
    pub audiences: Option<Vec<String>>,
    /// The header parameters by which the key of a token is found. Never empty.
    pub key_selectors: Vec<KeySelector>,
    /// What a token may be signed with. Never mixes shared secrets with public keys.
    pub algorithms: AlgorithmSet,
    /// Tolerance for `exp`, `nbf` and `iat`, applied once. Zero is allowed.
    pub clock_skew: Duration,
    /// What its access tokens are by a standard, if they follow one.
    pub profile: Option<TokenProfile>,
    /// Accepted `typ` header values, lower case, without an `application/` prefix; an empty one
    /// means no `typ`.
    pub token_types: Vec<String>,
    /// Claims that must be there, besides those that other settings imply. Holds `exp` unless
    /// `accept_without_expiry = true`.
    pub require: Vec<ClaimPath>,
    /// Claims that must have one of some values.
    pub require_values: Vec<ClaimComparison>,
    /// Lists of claims; of each, one must be present and not blank.
    pub require_any: Vec<Vec<ClaimPath>>,
    /// Claims that must be there in a certain form.
    pub formats: Vec<ClaimFormat>,
    /// Which claims hold the scopes.
    pub scopes: Arc<ScopeClaims>,
    /// The longest accepted `exp - iat`.
    pub max_lifetime: Option<Duration>,
    /// `true`: an ID token (recognised by `nonce`, `at_hash` or `c_hash`) is taken as a
    /// credential.
    pub accept_id_tokens: bool,
    /// What of the registered claims its tokens may deviate from.
    pub waivers: ClaimWaivers,
    /// What its tokens are bound to, besides their issuer.
    pub binding: BindingSettings,
    /// The only places from which its tokens are taken; `None`: all that a route looks at.
    pub sources: Option<Vec<CredentialSource>>,
    /// Back-channel logout by this issuer; `None`: off.
    pub backchannel_logout: Option<LogoutSettings>,
    /// Where its keys come from; `None`: it has none, and each token is introspected.
    pub keys: Option<KeySettings>,
    /// Its introspection, if any.
    pub introspection: Option<IntrospectionSettings>,
    /// Whether the proxy is unready without its keys; `None`: if no route can be decided on.
    pub required: Option<bool>,
}

/// What Envoy, Spring Security and most libraries grant.
const DEFAULT_CLOCK_SKEW: Duration = Duration::from_mins(1);
/// Clocks further apart are broken; more would only prolong stolen tokens.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);
/// Lifetimes are bounded by policy, not by arithmetic: ten years is no bound worth the name.
const MAX_MAX_LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);

const EXPECTED_AUDIENCES: &str = "a list such as [\"https://api.example.com\"], or \"any\" to \
                                  accept tokens made for any service";

/// Reads `[issuers]`. With resources, an issuer may do without `audiences`.
pub(crate) fn read(section: &mut Section<'_>, with_resources: bool) -> PerIssuer<IssuerSettings> {
    let issuers = section.each_table(|name, issuer| {
        if let Err(message) = check_name(name) {
            issuer.own_mistake(message);
        }
        let settings = IssuerSettings::read(name, issuer, with_resources);
        settings.map(|settings| (settings, issuer.key_of(key::ISSUER)))
    });
    let issuers: Vec<_> = issuers.into_iter().flatten().collect();
    for (position, (settings, key)) in issuers.iter().enumerate() {
        let mut earlier = issuers.iter().take(position);
        if let Some((other, at)) = earlier.find(|(other, _)| tenants::overlap(other, settings)) {
            section.contradiction(key.clone(), at, ambiguity(other, settings));
        }
    }
    issuers.into_iter().map(|(settings, ..)| settings).collect()
}

fn ambiguity(one: &IssuerSettings, other: &IssuerSettings) -> String {
    let names = (&one.name, &other.name);
    if one.issuer == other.issuer {
        return format!(
            "the issuer {:?} is configured twice, as {:?} and {:?}: a token could not tell which \
             one is meant",
            one.issuer, names.0, names.1
        );
    }
    format!(
        "a token could be one of {:?} ({:?}) and one of {:?} ({:?}); expected issuers that exclude \
         each other, by their form or by tenants",
        names.0, one.issuer, names.1, other.issuer
    )
}

/// Writes `[issuers]`.
pub(crate) fn write(issuers: &PerIssuer<IssuerSettings>) -> Written {
    table_of(issuers.iter().map(|issuer| (issuer.name.clone(), issuer.write())))
}

impl IssuerSettings {
    fn read(name: &str, section: &mut Section<'_>, with_resources: bool) -> Option<Self> {
        let issuer = section.required(key::ISSUER, "the exact \"iss\" claim of its tokens", text);
        let tenant = TenantSettings::read(section, issuer.as_deref());
        let expected = format!("{EXPECTED_AUDIENCES} (flag --audience)");
        let audiences = if with_resources && section.peek(key::AUDIENCES).is_none() {
            // Whether its routes can do without is known once they are read.
            Some(Some(Vec::new()))
        } else {
            section.required(key::AUDIENCES, &expected, any_or_list(EXPECTED_AUDIENCES))
        };
        let introspection = section.section(key::INTROSPECTION, |introspection| {
            IntrospectionSettings::read(introspection, issuer.as_deref(), audiences.as_ref())
        });
        let introspection_only =
            introspection.as_ref().is_some_and(|i| i.when == IntrospectWhen::Only && !i.signed);
        // Logout tokens are verified, however access tokens are.
        let keys_unneeded = introspection_only && section.peek(key::BACKCHANNEL_LOGOUT).is_none();
        let keys = section.section(key::KEYS, |keys| {
            if keys_unneeded && !keys.is_present() {
                return Some(None);
            }
            KeySettings::read(keys, issuer.as_deref()).map(Some)
        });
        let is_secret = |keys: &KeySettings| matches!(keys.source, KeySource::SecretFile(_));
        let secret = keys.as_ref().map(|keys| keys.as_ref().is_some_and(is_secret));
        let algorithms = algorithms(section, secret);
        let key_selectors = selectors::read(section, keys.as_ref().and_then(Option::as_ref));
        if tenant.is_some() && introspection.is_some() {
            let text = "answers need not say whose token it is, which the placeholder in issuer leaves \
                        open; expected no introspection";
            section.mistake(key::INTROSPECTION, text.to_owned());
        }
        if let Some(Some(keys)) = &keys {
            keys.check_file(section, key::KEYS, algorithms);
        }
        let lifetime = duration(Duration::from_secs(1)..=MAX_MAX_LIFETIME);
        let profile = profile::read(section);
        let require = claims::required(section, profile);
        let waivers =
            ClaimWaivers::read(section, profile, &require, !introspection_only, tenant.is_some());
        Some(Self {
            name: name.to_owned(),
            tenant,
            key_selectors,
            profile,
            clock_skew: section.or(
                key::CLOCK_SKEW,
                DEFAULT_CLOCK_SKEW,
                duration(Duration::ZERO..=MAX_CLOCK_SKEW),
            ),
            token_types: profile::token_types(section, profile),
            require,
            require_values: comparison::settings::read(section, key::REQUIRE_VALUES),
            require_any: claims::required_any(section),
            formats: claims::formats(section, profile),
            scopes: claims::scopes(section),
            max_lifetime: section.optional(key::MAX_LIFETIME, lifetime),
            accept_id_tokens: section.or(key::ACCEPT_ID_TOKENS, false, switch),
            waivers,
            binding: BindingSettings::read(section),
            sources: section.section(key::CREDENTIAL, credential::sources),
            backchannel_logout: section.section(key::BACKCHANNEL_LOGOUT, LogoutSettings::read),
            required: readiness::settings::read(section),
            // Last, so that a missing part does not hide the mistakes above.
            issuer: issuer?,
            audiences: audiences?,
            algorithms: algorithms?,
            keys: keys?,
            introspection,
        })
    }

    fn write(&self) -> Written {
        let writer = Writer::default()
            .text(key::ISSUER, &self.issuer)
            .any_or_list(key::AUDIENCES, self.audiences.as_deref());
        let writer = TenantSettings::write(writer, self.tenant.as_ref());
        let writer = selectors::write(writer, &self.key_selectors);
        let writer = profile::write(writer, self.profile, &self.token_types);
        let writer = claims::write(writer, self);
        let writer = self.waivers.write(writer);
        let introspection = self.introspection.as_ref();
        let sources = self.sources.as_deref().map(|sources| {
            let sources = credential::written_sources(sources);
            Writer::default().value(credential::key::SOURCES, sources).table()
        });
        let writer = readiness::settings::write(writer, self.required);
        self.binding
            .write(writer)
            .list(key::ALGORITHMS, self.algorithms.iter())
            .duration(key::CLOCK_SKEW, self.clock_skew)
            .list(key::REQUIRE, self.require.iter().map(ClaimPath::as_str))
            .optional_members(
                key::REQUIRE_VALUES,
                comparison::settings::write(&self.require_values),
            )
            .switch(key::ACCEPT_WITHOUT_EXPIRY, !self.requires_expiry())
            .optional(key::MAX_LIFETIME, self.max_lifetime.map(format_duration))
            .switch(key::ACCEPT_ID_TOKENS, self.accept_id_tokens)
            .switch(binding::key::IGNORE_BINDING, self.binding.ignore)
            .optional_value(key::CREDENTIAL, sources)
            .optional_value(
                key::BACKCHANNEL_LOGOUT,
                self.backchannel_logout.as_ref().map(LogoutSettings::write),
            )
            .optional_value(key::KEYS, self.keys.as_ref().map(KeySettings::write))
            .optional_value(key::INTROSPECTION, introspection.map(IntrospectionSettings::write))
            .table()
    }

    /// What its introspection needs; `None`: it has none.
    pub fn introspected(&self) -> Option<IntrospectedIssuer<'_>> {
        let settings = self.introspection.as_ref()?;
        Some(IntrospectedIssuer {
            name: &self.name,
            issuer: &self.issuer,
            algorithms: self.algorithms,
            clock_skew: self.clock_skew,
            settings,
        })
    }

    /// The owner of its key set; `None`: it has no keys.
    pub fn key_owner(&self) -> Option<KeyOwner> {
        let keys = self.keys.clone()?;
        let published = self.tenant.as_ref().map(TenantSettings::published);
        Some(KeyOwner {
            name: self.name.clone(),
            issuer: Some(self.issuer.clone()),
            discovered: Some(published.unwrap_or_else(|| self.issuer.clone())),
            algorithms: self.algorithms,
            keys,
        })
    }

    /// Where its keys come from.
    pub fn key_source(&self) -> IssuerKeySource {
        match self.key_owner() {
            Some(owner) => IssuerKeySource::Set(Box::new(owner)),
            None => IssuerKeySource::None(KeylessOwner {
                name: self.name.clone(),
                issuer: self.issuer.clone(),
            }),
        }
    }

    /// Whether a token must have an expiry.
    pub(crate) fn requires_expiry(&self) -> bool {
        self.require.iter().any(|claim| claim.as_str() == "exp")
    }
}
