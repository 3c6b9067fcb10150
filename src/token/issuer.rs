//! One configured issuer: what its tokens must be like, and which of its keys a token names.

mod key_choice;
pub mod settings;

use std::sync::Arc;

use crate::{
    clock::UnixTime,
    introspection::{Introspector, settings::IntrospectWhen},
    jose::VerificationKey,
    json::{Json, Object},
    keys::{KeyLookup, KeyQuery, KeySet, KeyWait, LiveKeySet},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    token::issuer::settings::{ClaimWaivers, IssuerSettings, TenantSettings},
};

use self::key_choice::KeyChoice;

use super::{
    jwt::{JwtCandidate, JwtRules, LogoutRules, claims::missing},
    path::AfterSignature,
    statement::StatementRules,
};

/// One configured issuer: its rules, its keys, and its introspection.
#[derive(Debug)]
pub(super) struct Issuer {
    /// The exact `iss` of its tokens; of one with tenants, the form of their names.
    pub(super) iss: String,
    pub(super) rules: JwtRules,
    pub(super) waivers: ClaimWaivers,
    /// Boxed: few have any.
    pub(super) tenant: Option<Box<TenantSettings>>,
    key_choice: KeyChoice,
    pub(super) logout: Option<LogoutRules>,
    pub(super) keys: Arc<LiveKeySet>,
    pub(super) introspection: Option<IssuerIntrospection>,
    pub(super) after_signature: AfterSignature,
}

/// The introspection of an issuer.
#[derive(Debug)]
pub(super) struct IssuerIntrospection {
    pub(super) introspector: Arc<Introspector>,
    pub(super) rules: StatementRules,
}

impl Issuer {
    pub(super) fn new(
        settings: &IssuerSettings,
        keys: Arc<LiveKeySet>,
        introspector: Option<Arc<Introspector>>,
    ) -> Self {
        let introspection = introspector.map(|introspector| IssuerIntrospection {
            rules: StatementRules::new(
                settings,
                settings.introspection.as_ref().unwrap_or_else(|| introspector.settings()),
            ),
            introspector,
        });
        let when = introspection.as_ref().map(|introspection| introspection.introspector.when());
        Self {
            iss: settings.issuer.clone(),
            rules: JwtRules::new(settings),
            waivers: settings.waivers,
            tenant: settings.tenant.clone().map(Box::new),
            key_choice: KeyChoice::new(settings),
            logout: LogoutRules::new(settings),
            keys,
            introspection,
            after_signature: AfterSignature::of(when),
        }
    }

    /// The `iss` of a token with these claims, which are of this issuer.
    pub(super) fn iss_of<'c>(&'c self, claims: &'c Object) -> &'c str {
        match &self.tenant {
            None => &self.iss,
            Some(_) => claims.get("iss").and_then(Json::as_str).unwrap_or(&self.iss),
        }
    }

    /// Whether a token that names this issuer by `iss` is one of its tenants'. A claim says which:
    /// put into the placeholder, it must make the whole of `iss` (threats C-18).
    pub(super) fn check_tenant(
        &self,
        iss: &str,
        candidate: &JwtCandidate<'_>,
    ) -> Result<(), Cause> {
        let Some(tenant) = &self.tenant else {
            return Ok(());
        };
        let claimed = candidate.text(&tenant.claim)?.ok_or_else(|| missing(&tenant.claim))?;
        let named = tenant.tenant_of(iss).unwrap_or_default();
        if named == claimed { Ok(()) } else { Err(other_tenant(tenant, claimed, named)) }
    }

    /// Whether an accepted tenant of this issuer has that name.
    pub(super) fn has_tenant(&self, iss: &str) -> bool {
        self.tenant
            .as_ref()
            .is_some_and(|tenant| tenant.tenant_of(iss).is_some_and(|name| tenant.accepts(name)))
    }

    /// Whether a key is chosen by `kid` and algorithm alone.
    pub(super) fn chooses_by_kid(&self) -> bool {
        self.key_choice.is_by_kid()
    }

    fn query<'q>(&'q self, candidate: &'q JwtCandidate<'_>) -> Result<KeyQuery<'q>, Reason> {
        let iss = candidate.issuer().map_err(|cause| cause.reason())?.unwrap_or(&self.iss);
        self.key_choice.query(candidate.jws().header(), iss)
    }

    /// Whether its tokens are introspected and never verified locally, whatever their form.
    pub(super) fn is_introspection_only(&self) -> bool {
        let when =
            self.introspection.as_ref().map(|introspection| introspection.introspector.when());
        when == Some(IntrospectWhen::Only)
    }

    /// The key for a token, and the generation of the set it is from. Waits, within bounds, for
    /// a refresh when the `kid` is unknown.
    pub(super) async fn key_for(
        &self,
        candidate: &JwtCandidate<'_>,
        now: UnixTime,
    ) -> Result<(Arc<VerificationKey>, u64), Reason> {
        let keys = self.keys.current(now).ok_or(Reason::KeysUnavailable)?;
        let query = self.query(candidate)?;
        match find_key(&keys, &query, candidate) {
            Err(Reason::KidUnknown) => {}
            verdict => return verdict.map(|key| (key, keys.generation())),
        }
        match self.keys.refresh_for_key(&query).await {
            KeyWait::Refreshed => {
                let keys = self.keys.current(now).ok_or(Reason::KeysUnavailable)?;
                find_key(&keys, &query, candidate).map(|key| (key, keys.generation()))
            }
            KeyWait::Unknown => Err(Reason::KidUnknown),
            KeyWait::Unavailable => Err(Reason::KeysUnavailable),
        }
    }
}

impl Issuer {
    /// The refusal of a token for which there is no key.
    #[cold]
    pub(super) fn key_cause(
        &self,
        reason: Reason,
        candidate: &JwtCandidate<'_>,
        now: UnixTime,
    ) -> Cause {
        let subject = match reason {
            Reason::KidUnknown => Subject::parameter("kid", Fault::Unknown),
            Reason::KeyUnsuitable => Subject::parameter("kid", Fault::Unsuitable),
            Reason::KeyAmbiguous => Subject::parameter("kid", Fault::Ambiguous),
            // After a rotation that was missed, what is found and expected show it.
            _ => Subject::new(Part::Keys, Fault::Unavailable).named(self.keys.name()),
        };
        let header = candidate.jws().header();
        let found = match header.kid() {
            Some(kid) => Excerpt::quoted(kid),
            None => Excerpt::own(format_args!("no 'kid'")),
        };
        let algorithm = candidate.jws().algorithm();
        let found = Excerpt::own(format_args!("{found} with alg {algorithm}"));
        let subject = subject.found(found);
        reason.about(match self.keys.current(now) {
            Some(keys) => subject.expected(described(&keys)),
            None => subject,
        })
    }
}

/// The refusal of a token of which `iss` and the claim name different tenants.
#[cold]
fn other_tenant(tenant: &TenantSettings, claimed: &str, named: &str) -> Cause {
    let subject = Subject::claim(&tenant.claim, Fault::Different)
        .found(Excerpt::quoted(claimed))
        .expected(Excerpt::quoted(named));
    Reason::IssuerUnknown.about(subject)
}

/// The keys of a set by their names.
fn described(keys: &KeySet) -> Excerpt {
    let kids = keys.keys().iter().map(|key| key.kid().unwrap_or("(a key without kid)"));
    Excerpt::list(kids)
}

fn find_key(
    keys: &KeySet,
    query: &KeyQuery<'_>,
    candidate: &JwtCandidate<'_>,
) -> Result<Arc<VerificationKey>, Reason> {
    match keys.find(query, candidate.jws().algorithm()) {
        KeyLookup::Found(key) => Ok(Arc::clone(key)),
        KeyLookup::UnknownKid => Err(Reason::KidUnknown),
        KeyLookup::NoSuitableKey => Err(Reason::KeyUnsuitable),
        KeyLookup::Ambiguous => Err(Reason::KeyAmbiguous),
    }
}
