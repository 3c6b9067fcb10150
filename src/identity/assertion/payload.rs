//! The claims of an assertion.

use super::life::Life;
use crate::{
    identity::{ClaimPath, assertion::settings::AssertionSettings},
    json::{Json, Object},
};

/// Which of a token's claims an assertion repeats under their own names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AssertedClaims {
    /// All but [`NOT_COPIED`].
    #[default]
    All,
    /// These, as far as they are there.
    Listed(Vec<String>),
}

/// Claims that are never repeated under their own names: the assertion's own claims, and those that
/// belong to the token alone. Its `jti` would identify something else, and its `cnf` would require
/// a proof that the upstream does not see.
pub const NOT_COPIED: &[&str] = &["iss", "token_iss", "aud", "iat", "exp", "nbf", "jti", "cnf"];

/// Writes payloads.
#[derive(Debug)]
pub(super) struct Payload {
    /// `iss` and `aud`.
    own: Object,
    claims: AssertedClaims,
    mapping: Vec<(String, ClaimPath)>,
}

impl Payload {
    pub(super) fn new(settings: &AssertionSettings) -> Self {
        let mut own = Object::default();
        own.insert("iss", settings.issuer.as_str());
        if let Some(audience) = &settings.audience {
            own.insert("aud", audience.as_str());
        }
        Self { own, claims: settings.claims.clone(), mapping: settings.mapping.clone() }
    }

    /// The JSON text. There is no `jti`: an assertion goes along with many requests, and anyone who
    /// remembers ids would take the second one for a replay.
    pub(super) fn write(&self, life: Life, token_issuer: &str, claims: &Object) -> String {
        let mut text = MemberText::default();
        self.own.iter().for_each(|(name, value)| text.add(name, value));
        // A subject is unique per issuer only (threats C-10).
        text.add("token_iss", &Json::from(token_issuer));
        text.add("iat", &Json::from(life.issued.0));
        text.add("exp", &Json::from(life.expires.0));
        for (name, path) in &self.mapping {
            if let Some(value) = path.find(claims) {
                text.add(name, value);
            }
        }
        for (name, value) in claims.iter().filter(|(name, _)| self.copies(name)) {
            text.add(name, value);
        }
        text.finish()
    }

    /// A duplicate name would leave it to the reader which one counts.
    fn copies(&self, name: &str) -> bool {
        let is_wanted = match &self.claims {
            AssertedClaims::All => !NOT_COPIED.contains(&name),
            AssertedClaims::Listed(names) => names.iter().any(|listed| listed == name),
        };
        is_wanted && !self.mapping.iter().any(|(mapped, _)| mapped == name)
    }
}

/// The text of an object, member by member: the claims need not be copied first.
#[derive(Debug, Default)]
struct MemberText(String);

impl MemberText {
    fn add(&mut self, name: &str, value: &Json) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&Json::from(name).to_text());
        self.0.push(':');
        self.0.push_str(&value.to_text());
    }

    /// There is always a member: `iss`.
    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
