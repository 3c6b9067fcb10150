//! `[issuers.NAME]`: whose tokens are accepted, and under which rules.

mod binding;
mod claims;
mod logout;
mod profile;
pub mod written;

use std::{sync::Arc, time::Duration};

use crate::{
    config::{
        node::Node,
        reader::Section,
        values::{any_or_list, check_name, duration, parsed, switch, text},
    },
    identity::ClaimPath,
    introspection::settings::{IntrospectWhen, IntrospectedIssuer, IntrospectionSettings},
    jose::{Algorithm, AlgorithmSet},
    keys::settings::{IssuerKeySource, KeyOwner, KeySettings, KeySource, KeylessOwner},
    policy::{ClaimComparison, ScopeClaims, comparison, ids::PerIssuer},
};

pub use binding::CookieBindingSettings;
pub(crate) use claims::FORMS;
pub use claims::{ClaimForm, ClaimFormat};
pub use logout::LogoutSettings;
pub use profile::TokenProfile;

/// `[issuers.NAME]`
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// The name in the configuration: what routes, metrics and logs call it.
    pub name: String,
    /// The `iss` claim, compared byte for byte.
    pub issuer: String,
    /// Accepted `aud` values; `None` only by an explicit `audiences = "any"`.
    pub audiences: Option<Vec<String>>,
    /// What a token may be signed with. Never mixes shared secrets with public keys.
    pub algorithms: AlgorithmSet,
    /// Tolerance for `exp`, `nbf` and `iat`, applied once. Zero is allowed.
    pub clock_skew: Duration,
    /// What its access tokens are by a standard, if they follow one.
    pub profile: Option<TokenProfile>,
    /// Accepted `typ` header values, lower case, without an `application/` prefix; an empty one
    /// stands for no `typ`.
    pub token_types: Vec<String>,
    /// Claims that must be there, besides those that other settings imply. Holds `exp` unless
    /// `accept_without_expiry = true`.
    pub require: Vec<ClaimPath>,
    /// Claims that must have one of some values.
    pub require_values: Vec<ClaimComparison>,
    /// Lists of claims; of each, one must be there and say something.
    pub require_any: Vec<Vec<ClaimPath>>,
    /// Claims that must be there in a certain form.
    pub formats: Vec<ClaimFormat>,
    /// Where a token says what it was granted.
    pub scopes: Arc<ScopeClaims>,
    /// The longest accepted `exp - iat`.
    pub max_lifetime: Option<Duration>,
    /// `true`: an ID token (recognised by `nonce`, `at_hash` or `c_hash`) is taken as a
    /// credential.
    pub accept_id_tokens: bool,
    /// `true`: a sender-constrained token (`cnf`) is taken as a plain bearer token.
    pub ignore_binding: bool,
    /// The claim with the origins that a token may come from, if there is such a claim.
    pub origin_claim: Option<ClaimPath>,
    /// The cookie that tokens can be bound to.
    pub cookie_binding: Option<CookieBindingSettings>,
    /// Who may be logged out by it over the back channel; `None`: nobody.
    pub backchannel_logout: Option<LogoutSettings>,
    /// Where its keys come from; `None`: it has none, and is asked about each token.
    pub keys: Option<KeySettings>,
    /// How it is asked about tokens, if at all.
    pub introspection: Option<IntrospectionSettings>,
}

/// The default algorithms of an issuer with public keys: everything of which a forged token is
/// cheap to refuse. ES384, ES512 and shared secrets have to be listed.
pub const DEFAULT_ALGORITHMS: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::EdDsa,
    Algorithm::MlDsa44,
    Algorithm::MlDsa65,
    Algorithm::MlDsa87,
];

/// What Envoy, Spring Security and most libraries grant.
const DEFAULT_CLOCK_SKEW: Duration = Duration::from_mins(1);
/// Clocks further apart are broken; more would only prolong stolen tokens.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);
/// Lifetimes are bounded by policy, not by arithmetic: ten years is no bound worth the name.
const MAX_MAX_LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);

const EXPECTED_AUDIENCES: &str = "a list such as [\"https://api.example.com\"], or \"any\" to \
                                  accept tokens made for any service";

/// Reads `[issuers]`.
pub(crate) fn build(section: &mut Section<'_>) -> PerIssuer<IssuerSettings> {
    let issuers = section.each_table(|name, issuer| {
        if let Err(message) = check_name(name) {
            issuer.own_mistake(message);
        }
        let settings = IssuerSettings::build(name, issuer);
        let origin = issuer.peek("issuer").and_then(Node::origin);
        settings.map(|settings| (settings, issuer.key_of("issuer"), origin))
    });
    let issuers: Vec<_> = issuers.into_iter().flatten().collect();
    for (position, (settings, key, origin)) in issuers.iter().enumerate() {
        let mut earlier = issuers.iter().take(position).map(|(earlier, ..)| earlier);
        if let Some(other) = earlier.find(|other| other.issuer == settings.issuer) {
            section.mistake_at(
                key.clone(),
                origin.clone(),
                format!(
                    "the issuer {:?} is configured twice, as {:?} and {:?}: a token could not \
                     tell which one is meant",
                    settings.issuer, other.name, settings.name
                ),
            );
        }
    }
    issuers.into_iter().map(|(settings, ..)| settings).collect()
}

impl IssuerSettings {
    fn build(name: &str, section: &mut Section<'_>) -> Option<Self> {
        let issuer = section.required("issuer", "the exact \"iss\" claim of its tokens", text);
        let expected = format!("{EXPECTED_AUDIENCES} (flag --audience)");
        let audiences = section.required("audiences", &expected, any_or_list(EXPECTED_AUDIENCES));
        let introspection = section.section("introspection", |introspection| {
            IntrospectionSettings::build(introspection, issuer.as_deref(), audiences.as_ref())
        });
        let only_asked =
            introspection.as_ref().is_some_and(|i| i.when == IntrospectWhen::Only && !i.signed);
        // Logout tokens are verified, whatever becomes of access tokens.
        let keys_unneeded = only_asked && section.peek("backchannel_logout").is_none();
        let keys = section.section("keys", |keys| {
            if keys_unneeded && !keys.is_present() {
                return Some(None);
            }
            KeySettings::build(keys, issuer.as_deref()).map(Some)
        });
        let is_secret = |keys: &KeySettings| matches!(keys.source, KeySource::SecretFile(_));
        let secret = keys.as_ref().map(|keys| keys.as_ref().is_some_and(is_secret));
        let algorithms = algorithms(section, secret);
        if let Some(Some(keys)) = &keys {
            keys.check_file(section, algorithms);
        }
        let lifetime = duration(Duration::from_secs(1)..=MAX_MAX_LIFETIME);
        let profile = profile::read(section);
        Some(Self {
            name: name.to_owned(),
            profile,
            clock_skew: section.or(
                "clock_skew",
                DEFAULT_CLOCK_SKEW,
                duration(Duration::ZERO..=MAX_CLOCK_SKEW),
            ),
            token_types: profile::token_types(section, profile),
            require: claims::required(section, profile),
            require_values: comparison::settings::read(section, "require_values"),
            require_any: claims::required_any(section),
            formats: claims::formats(section),
            scopes: claims::scopes(section),
            max_lifetime: section.optional("max_lifetime", lifetime),
            accept_id_tokens: section.or("accept_id_tokens", false, switch),
            ignore_binding: section.or("ignore_binding", false, switch),
            origin_claim: binding::origin(section),
            cookie_binding: binding::cookie_binding(section),
            backchannel_logout: section.section("backchannel_logout", LogoutSettings::build),
            // Last, so that a missing part does not hide the mistakes above.
            issuer: issuer?,
            audiences: audiences?,
            algorithms: algorithms?,
            keys: keys?,
            introspection,
        })
    }
}

impl IssuerSettings {
    /// What asking it about tokens needs to know; `None`: it is not asked.
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

    /// Whose key set is looked after for it; `None`: it has no keys.
    pub fn key_owner(&self) -> Option<KeyOwner> {
        let keys = self.keys.clone()?;
        let (name, issuer) = (self.name.clone(), self.issuer.clone());
        Some(KeyOwner { name, issuer, algorithms: self.algorithms, keys })
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

    /// Whether a token must say when it ends.
    pub(crate) fn requires_expiry(&self) -> bool {
        self.require.iter().any(|claim| claim.as_str() == "exp")
    }
}

/// The algorithms, of one kind with the keys: a public key must never serve as a shared secret
/// (threats T-2). `secret`: whether the keys are one; `None`: they could not be read.
fn algorithms(section: &mut Section<'_>, secret: Option<bool>) -> Option<AlgorithmSet> {
    let expected = "a list such as [\"RS256\", \"ES256\"]";
    let names = parsed("the name of a signature algorithm such as \"ES256\"", |name| {
        Algorithm::from_name(name).ok_or_else(|| known_algorithms(name))
    });
    let given = section.peek("algorithms").is_some();
    let listed = section.list("algorithms", expected, names);
    let secret = secret?;
    let listed = match listed {
        Some(listed) => listed,
        None if given => return None,
        None if secret => {
            section.mistake(
                "algorithms",
                "missing; expected the HMAC algorithms of the shared secret, such as [\"HS256\"]"
                    .to_owned(),
            );
            return None;
        }
        None => DEFAULT_ALGORITHMS.to_vec(),
    };
    let foreign = listed.iter().find(|alg| alg.is_symmetric() != secret);
    if let Some(foreign) = foreign {
        let rule = if secret {
            "a secret_file holds a shared secret, which only HS256, HS384 and HS512 use"
        } else {
            "HMAC algorithms need a shared secret (secret_file), never public keys"
        };
        section.mistake("algorithms", format!("found {:?}; {rule}", foreign.name()));
        return None;
    }
    Some(listed.into_iter().collect())
}

fn known_algorithms(name: &str) -> String {
    let names: Vec<&str> = Algorithm::ALL.iter().map(|alg| alg.name()).collect();
    crate::config::nearest::suggestion(name, &names)
}
