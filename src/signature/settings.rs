//! `[signatures.NAME]`: how a request's body is signed, by whom, and with whose key.

mod body;
mod facts;
mod freshness;
mod keys;
mod profile;
mod require;
mod respond;
mod signer;
pub mod written;

use http::{HeaderName, header::AUTHORIZATION};

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{Names, check_name, first_duplicate, header_name, parsed, text, word},
    },
    identity::ClaimPath,
    jose::{Algorithm, AlgorithmSet, Dialect, DialectSet},
    keys::settings::KeyOwner,
    policy::{
        RequiredValue,
        ids::{IssuerId, PerSignature},
    },
    providers::SignerKeySource,
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

pub(crate) use facts::FACTS;
pub(crate) use profile::PROFILES;

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
    /// How a message is known again; `None`: it may come again.
    pub replay: Option<ReplaySettings>,
    /// How answers are signed in turn; `None`: they are not.
    pub respond: Option<RespondSettings>,
    /// What the upstream receives about the signature.
    pub forward: Vec<SignatureHeaderSettings>,
}

/// What routes may refer to, and what they have to fit.
pub(crate) struct SignatureNames<'n> {
    pub(crate) issuers: &'n Names<IssuerId>,
}

/// More ways of signing than a service has kinds of partners.
const MAX_SIGNATURES: usize = 64;
/// A header that is looked for in each request.
const MAX_CARRIERS: usize = 4;

const KID: &[(&str, bool)] = &[("match", true), ("ignore", false)];

/// Reads `[signatures]`.
pub(crate) fn build(
    section: &mut Section<'_>,
    names: &SignatureNames<'_>,
) -> PerSignature<SignatureSettings> {
    let signatures = section.each_table(|name, signature| {
        if let Err(message) = check_name(name) {
            signature.own_mistake(message);
        }
        SignatureSettings::build(name, signature, names)
    });
    if signatures.len() > MAX_SIGNATURES {
        section.own_mistake(format!("expected at most {MAX_SIGNATURES} signatures"));
    }
    signatures.into_iter().flatten().collect()
}

impl SignatureSettings {
    fn build(name: &str, section: &mut Section<'_>, names: &SignatureNames<'_>) -> Option<Self> {
        let profile = section.or("profile", SignatureProfile::default(), word(PROFILES));
        let defaults = profile.defaults();
        let headers = carriers(section).unwrap_or_else(|| defaults.headers());
        let dialects = dialects(section).unwrap_or_else(|| defaults.dialects());
        let listed = algorithms(section);
        let is_unclear = listed.is_none() && section.peek("algorithms").is_some();
        let algorithms = listed.unwrap_or_else(|| defaults.algorithms());
        let signer = signer::source(section).or_else(|| defaults.signer());
        let caller = signer::caller(section, signer.as_ref());
        let keys = SignerKeys::build(section, signer.as_ref(), names.issuers);
        if let Some(SignerKeys::Set(keys)) = &keys {
            keys.check_file(section, (!is_unclear).then_some(algorithms));
        }
        let respond =
            section.section("respond", |respond| RespondSettings::build(respond, &headers));
        let settings = Self {
            name: name.to_owned(),
            headers,
            scheme: scheme(section),
            dialects,
            algorithms,
            critical: section
                .list("critical", "a list of header parameters", text)
                .unwrap_or_else(|| defaults.critical()),
            require: require::build(section).unwrap_or_else(|| defaults.require()),
            kid_must_match: section.or("kid", true, word(KID)),
            bodiless: BodilessSettings::build(section, defaults.signs_paths()),
            freshness: section
                .section("freshness", |freshness| FreshnessSettings::build(freshness, &defaults)),
            replay: section.section("replay", ReplaySettings::build),
            respond,
            forward: facts::build(section),
            // Last, so that a missing part does not hide the mistakes above.
            signer: signer?,
            caller: caller?,
            keys: keys?,
        };
        settings.check_together(section);
        Some(settings)
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

    /// Whose key set is looked after for it, if it has one of its own.
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
                issuer: String::new(),
                algorithms: self.algorithms,
                keys: (**keys).clone(),
            })),
        }
    }

    /// The registry that is asked about its signers, if one is.
    pub fn registry(&self) -> Option<&RegistrySettings> {
        match &self.keys {
            SignerKeys::Registry(registry) => Some(registry),
            SignerKeys::Issuer(_) | SignerKeys::Set(_) => None,
        }
    }

    /// Whether something inside of the body is looked at, which has to be in memory for that.
    pub fn reads_body(&self) -> bool {
        let fields = self.freshness.iter().flat_map(FreshnessSettings::fields);
        let mut fields = fields.chain(self.replay.iter().map(|replay| &replay.id));
        fields.any(|field| matches!(field, MessageField::Body(_)))
    }

    /// Whether the registry is asked for that field, to compare it with a claim.
    fn compares(&self, field: &ClaimPath) -> bool {
        let mut required = self.registry().into_iter().flat_map(|registry| &registry.require);
        required.any(|requirement| {
            requirement.field == *field && matches!(requirement.value, RequiredValue::Claim(_))
        })
    }

    fn check_together(&self, section: &Section<'_>) {
        if let CallerBinding::Registry(field) = &self.caller
            && !self.compares(field)
        {
            let field = field.as_str();
            section.mistake(
                "caller",
                format!(
                    "nothing compares the registry's {field:?} with the token; expected \
                     keys.registry.require = {{ {field} = {{ claim = \"azp\" }} }}"
                ),
            );
        }
        let understood = self.understood();
        for name in self.critical.iter().filter(|name| !understood.contains(name)) {
            section.mistake(
                "critical",
                format!(
                    "nothing looks at {name:?}, so that it would be marked as understood without \
                     being so; expected it in require, signer, freshness or replay"
                ),
            );
        }
        if let (Some(freshness), Some(replay)) = (&self.freshness, &self.replay)
            && freshness.issued.is_some()
            && replay.window < freshness.accepted_for()
        {
            section.mistake(
                "replay",
                format!(
                    "window: a message is accepted for {}, and would be forgotten before that is \
                     over and pass again; expected a window at least as long",
                    humantime::format_duration(freshness.accepted_for())
                ),
            );
        }
        if self.scheme.is_none() && self.headers.contains(&AUTHORIZATION) {
            section.mistake(
                "scheme",
                "missing; a signature in Authorization needs one, so that it is not taken for a \
                 token"
                    .to_owned(),
            );
        }
    }
}

/// One header, or a list of those of which one is used.
fn carriers(section: &mut Section<'_>) -> Option<Vec<HeaderName>> {
    section.optional("header", |node| {
        let headers = match &node.value {
            Value::List(list) if (1..=MAX_CARRIERS).contains(&list.len()) => {
                list.iter().map(header_name).collect::<Parsed<Vec<_>>>()?
            }
            Value::List(_) => {
                return Err(
                    node.mismatch(&format!("one header, or a list of up to {MAX_CARRIERS}"))
                );
            }
            _ => vec![header_name(node)?],
        };
        let names: Vec<&str> = headers.iter().map(HeaderName::as_str).collect();
        match first_duplicate(&names) {
            Some(twice) => Err(format!("lists {twice} twice")),
            None => Ok(headers),
        }
    })
}

/// A token of RFC 9110 §5.6.2.
fn scheme(section: &mut Section<'_>) -> Option<String> {
    section.optional("scheme", |node| {
        let scheme = text(node)?;
        let allowed = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
        if scheme.chars().all(allowed) {
            Ok(scheme)
        } else {
            Err(node.mismatch("one word such as \"JWS\""))
        }
    })
}

fn dialects(section: &mut Section<'_>) -> Option<DialectSet> {
    let expected = "a list such as [\"rfc7797\"]";
    let listed = section.list("dialects", expected, dialect)?;
    Some(listed.into_iter().collect())
}

pub(crate) fn dialect(node: &Node) -> Parsed<Dialect> {
    let name = node.as_text().unwrap_or_default();
    Dialect::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Dialect::ALL.iter().map(|d| format!("{:?}", d.name())).collect();
        node.mismatch(&known.join(" or "))
    })
}

/// Never a shared secret: anyone who can check such a signature can make it, so that it proves
/// nothing to anybody else.
fn algorithms(section: &mut Section<'_>) -> Option<AlgorithmSet> {
    let public = parsed("a signature algorithm with a public key, such as \"RS256\"", |name| {
        Algorithm::from_name(name)
            .filter(|algorithm| !algorithm.is_symmetric())
            .ok_or("not one of them")
    });
    let listed = section.list("algorithms", "a list such as [\"RS256\"]", public)?;
    Some(listed.into_iter().collect())
}
