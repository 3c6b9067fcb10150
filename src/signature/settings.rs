//! `[signatures.NAME]`: how a request's body is signed, by whom, and with whose key.

mod body;
mod facts;
mod form;
mod freshness;
mod keys;
mod profile;
mod require;
mod respond;
mod signer;
mod together;

use http::HeaderName;

use crate::{
    config::{
        reader::Section,
        values::{Names, check_name, keyword, text},
        writer::{Writer, Written, table_of},
    },
    jose::{AlgorithmSet, DialectSet},
    keys::settings::KeyOwner,
    policy::{
        RequiredValue,
        ids::{IssuerId, PerSignature},
    },
    providers::SignerKeySource,
    readiness,
    registry::settings::RegistrySettings,
};

pub use body::{BodilessSettings, SignedPath};
pub use facts::{SignatureFact, SignatureHeaderSettings};
pub use freshness::{FreshnessSettings, MessageField, ReplaySettings};
pub use keys::SignerKeys;
pub use profile::SignatureProfile;
pub use require::HeaderRequirement;
pub use respond::RespondSettings;
pub use signer::{CallerBinding, SignerSource};

use profile::PROFILES;

pub(crate) mod key {
    pub(crate) const PROFILE: &str = "profile";
    pub(crate) const HEADER: &str = "header";
    pub(crate) const SCHEME: &str = "scheme";
    pub(crate) const DIALECTS: &str = "dialects";
    pub(crate) const ALGORITHMS: &str = "algorithms";
    pub(crate) const CRITICAL: &str = "critical";
    pub(crate) const KID: &str = "kid";
    pub(crate) const SIGNER: &str = "signer";
    pub(crate) const CLAIM: &str = "claim";
    pub(crate) const FIXED: &str = "fixed";
    pub(crate) const REGISTRY: &str = "registry";
    pub(crate) const CALLER: &str = "caller";
    pub(crate) const BODY: &str = "body";
    pub(crate) const PATH: &str = "path";
    pub(crate) const STRIP_PREFIX: &str = "strip_prefix";
    pub(crate) const QUERY: &str = "query";
    pub(crate) const KEYS: &str = "keys";
    pub(crate) const ISSUER: &str = "issuer";
    pub(crate) const HEADERS: &str = "headers";
    pub(crate) const REQUIRE: &str = "require";
    pub(crate) const FRESHNESS: &str = "freshness";
    pub(crate) const ISSUED: &str = "issued";
    pub(crate) const MAX_AGE: &str = "max_age";
    pub(crate) const EXPIRES: &str = "expires";
    pub(crate) const CLOCK_SKEW: &str = "clock_skew";
    pub(crate) const REPLAY: &str = "replay";
    pub(crate) const ID: &str = "id";
    pub(crate) const WINDOW: &str = "window";
    pub(crate) const ENTRIES: &str = "entries";
    pub(crate) const RESPOND: &str = "respond";
    pub(crate) const KEY: &str = "key";
    pub(crate) const DIALECT: &str = "dialect";
    pub(crate) const MAX_BYTES: &str = "max_bytes";
}

/// `[signatures.NAME]`
#[derive(Debug, Clone)]
pub struct SignatureSettings {
    /// The name in the configuration: what routes, metrics and logs call it.
    pub name: String,
    /// The headers of which exactly one carries the signature, exactly once. Never empty.
    pub headers: Vec<HeaderName>,
    /// What stands before the signature in the header, as in `Authorization: JWS …`.
    pub scheme: Option<String>,
    /// How it may be written. Never empty.
    pub dialects: DialectSet,
    /// What it may be made with; never a shared secret.
    pub algorithms: AlgorithmSet,
    /// Header parameters that must be there and be marked as critical.
    pub critical: Vec<String>,
    /// Header parameters that must hold a value.
    pub require: Vec<HeaderRequirement>,
    /// `true`: a `kid` must name the signer's key where both have one.
    pub kid_must_match: bool,
    /// Who the signer is.
    pub signer: SignerSource,
    /// What the signer has to do with whom the token belongs to.
    pub caller: CallerBinding,
    /// Where the signer's key comes from.
    pub keys: SignerKeys,
    /// What is signed where there is no body.
    pub bodiless: BodilessSettings,
    /// How old a signed message may be; `None`: any age.
    pub freshness: Option<FreshnessSettings>,
    /// How a replay is detected; `None`: messages may be repeated.
    pub replay: Option<ReplaySettings>,
    /// How responses are signed; `None`: they are not.
    pub respond: Option<RespondSettings>,
    /// What the upstream receives about the signature.
    pub forward: Vec<SignatureHeaderSettings>,
    /// Whether the proxy is unready without the signers' keys; `None`: a key set if no route can be
    /// decided on, a registry never.
    pub required: Option<bool>,
}

/// What routes may refer to, and what they have to fit.
pub(crate) struct SignatureNames<'n> {
    pub(crate) issuers: &'n Names<IssuerId>,
}

/// More ways of signing than a service has kinds of partners.
const MAX_SIGNATURES: usize = 64;
const KID: &[(&str, bool)] = &[("match", true), ("ignore", false)];

/// Reads `[signatures]`.
pub(crate) fn read(
    section: &mut Section<'_>,
    names: &SignatureNames<'_>,
) -> PerSignature<SignatureSettings> {
    let signatures = section.each_table(|name, signature| {
        if let Err(message) = check_name(name) {
            signature.own_mistake(message);
        }
        SignatureSettings::read(name, signature, names)
    });
    if signatures.len() > MAX_SIGNATURES {
        section.own_mistake(format!("expected at most {MAX_SIGNATURES} signatures"));
    }
    signatures.into_iter().flatten().collect()
}

/// Writes `[signatures]`; `None` if there are none.
pub(crate) fn write(
    signatures: &PerSignature<SignatureSettings>,
    names: &SignatureNames<'_>,
) -> Option<Written> {
    let tables = signatures.iter().map(|it| (it.name.clone(), it.write(names)));
    (!signatures.is_empty()).then(|| table_of(tables))
}

impl SignatureSettings {
    fn read(name: &str, section: &mut Section<'_>, names: &SignatureNames<'_>) -> Option<Self> {
        let profile = section.or(key::PROFILE, SignatureProfile::default(), keyword(PROFILES));
        let defaults = profile.defaults();
        let headers = form::carriers(section).unwrap_or_else(|| defaults.headers());
        let dialects = form::dialects(section).unwrap_or_else(|| defaults.dialects());
        let listed = form::algorithms(section);
        let is_unclear = listed.is_none() && section.peek(key::ALGORITHMS).is_some();
        let algorithms = listed.unwrap_or_else(|| defaults.algorithms());
        let signer = signer::source(section).or_else(|| defaults.signer());
        let caller = signer::caller(section, signer.as_ref());
        let keys = SignerKeys::read(section, signer.as_ref(), names.issuers);
        if let Some(SignerKeys::Set(keys)) = &keys {
            keys.check_file(section, key::KEYS, (!is_unclear).then_some(algorithms));
        }
        let respond =
            section.section(key::RESPOND, |respond| RespondSettings::read(respond, &headers));
        let settings = Self {
            name: name.to_owned(),
            headers,
            scheme: form::scheme(section),
            dialects,
            algorithms,
            critical: section
                .list(key::CRITICAL, "a list of header parameters", text)
                .unwrap_or_else(|| defaults.critical()),
            require: require::read(section).unwrap_or_else(|| defaults.require()),
            kid_must_match: section.or(key::KID, true, keyword(KID)),
            bodiless: BodilessSettings::read(section, defaults.signs_paths()),
            freshness: section
                .section(key::FRESHNESS, |freshness| FreshnessSettings::read(freshness, &defaults)),
            replay: section.section(key::REPLAY, ReplaySettings::read),
            respond,
            forward: facts::read(section),
            required: readiness::settings::read(section),
            // Last, so that a missing part does not hide the mistakes above.
            signer: signer?,
            caller: caller?,
            keys: keys?,
        };
        if matches!(settings.keys, SignerKeys::Issuer(_)) && settings.required.is_some() {
            let message = "has no effect with the keys of an issuer, which says that itself; \
                           expected it to be absent";
            section.mistake(readiness::settings::key::READINESS, message.to_owned());
        }
        settings.check_together(section);
        Some(settings)
    }

    /// With every default of its profile filled in, it needs none.
    fn write(&self, names: &SignatureNames<'_>) -> Written {
        let writer = Writer::default()
            .list(key::HEADER, &self.headers)
            .optional(key::SCHEME, self.scheme.as_ref())
            .list(key::DIALECTS, self.dialects.iter())
            .list(key::ALGORITHMS, self.algorithms.iter())
            .list(key::CRITICAL, &self.critical)
            .keyword(key::KID, KID, &self.kid_must_match)
            .value(key::SIGNER, self.signer.write())
            .optional_value(key::CALLER, self.caller.write())
            .value(key::BODY, self.bodiless.write())
            .value(key::KEYS, self.keys.write(names.issuers));
        let writer = facts::write(writer, &self.forward);
        let writer = readiness::settings::write(writer, self.required);
        require::write(writer, &self.require)
            .optional_value(key::FRESHNESS, self.freshness.as_ref().map(FreshnessSettings::write))
            .optional_value(key::REPLAY, self.replay.as_ref().map(ReplaySettings::write))
            .optional_value(key::RESPOND, self.respond.as_ref().map(RespondSettings::write))
            .table()
    }

    /// The header parameters that something looks at: those that `crit` may name.
    pub fn understood(&self) -> Vec<String> {
        let required = self.require.iter().map(|requirement| requirement.parameter.as_str());
        let mut understood: Vec<&str> = required.collect();
        if let SignerSource::Parameter(name) = &self.signer {
            understood.push(name);
        }
        let fields = self.freshness.iter().flat_map(FreshnessSettings::fields);
        let fields = fields.chain(self.replay.iter().map(|replay| &replay.id));
        understood.extend(fields.filter_map(MessageField::parameter));
        understood.sort_unstable();
        understood.dedup();
        understood.into_iter().map(str::to_owned).collect()
    }

    /// Whether it can't be checked without a verified token.
    pub fn needs_token(&self) -> bool {
        let compares =
            |requirement: &HeaderRequirement| matches!(requirement.value, RequiredValue::Claim(_));
        let is_bound = !matches!(self.caller, CallerBinding::Unrelated | CallerBinding::NoToken);
        let of_registry = self.registry().into_iter().flat_map(|registry| &registry.require);
        let mut of_registry = of_registry.map(|requirement| &requirement.value);
        is_bound
            || self.require.iter().any(compares)
            || of_registry.any(|value| matches!(value, RequiredValue::Claim(_)))
    }

    /// The owner of its key set, if it has one of its own.
    pub fn key_owner(&self) -> Option<KeyOwner> {
        match self.signer_keys() {
            SignerKeySource::Set(owner) => Some(*owner),
            SignerKeySource::Issuer(_) | SignerKeySource::Registry(..) => None,
        }
    }

    /// Where its signers' keys come from.
    pub fn signer_keys(&self) -> SignerKeySource<'_> {
        match &self.keys {
            SignerKeys::Issuer(issuer) => SignerKeySource::Issuer(*issuer),
            SignerKeys::Registry(registry) => SignerKeySource::Registry(&self.name, registry),
            SignerKeys::Set(keys) => SignerKeySource::Set(Box::new(KeyOwner {
                name: format!("signatures.{}", self.name),
                issuer: None,
                discovered: None,
                algorithms: self.algorithms,
                keys: (**keys).clone(),
            })),
        }
    }

    /// The registry of its signers, if it has one.
    pub fn registry(&self) -> Option<&RegistrySettings> {
        match &self.keys {
            SignerKeys::Registry(registry) => Some(registry),
            SignerKeys::Issuer(_) | SignerKeys::Set(_) => None,
        }
    }

    /// Whether a field of the body is checked, which has to be in memory for that.
    pub fn reads_body(&self) -> bool {
        let fields = self.freshness.iter().flat_map(FreshnessSettings::fields);
        let mut fields = fields.chain(self.replay.iter().map(|replay| &replay.id));
        fields.any(|field| matches!(field, MessageField::Body(_)))
    }
}
