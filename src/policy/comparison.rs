//! Claims compared with values that the operator lists.
//!
//! Comparisons are exact, byte for byte: no prefixes, patterns or regular expressions on what a
//! token says (threats C-13). Comparing allocates nothing.

pub mod settings;

use crate::{
    identity::ClaimPath,
    jose::{Json, Object},
    policy::comparison::settings::ClaimRequirement,
};

/// A claim and the values it may have.
#[derive(Debug, Clone)]
pub struct ClaimComparison {
    claim: ClaimPath,
    any_of: Vec<Accepted>,
}

impl ClaimComparison {
    /// Compiles what the settings ask of several claims.
    pub fn compile_all(settings: &[ClaimRequirement]) -> Vec<Self> {
        settings.iter().map(Self::compile).collect()
    }

    fn compile(settings: &ClaimRequirement) -> Self {
        Self {
            claim: settings.claim.clone(),
            any_of: settings.any_of.iter().map(|text| Accepted::new(text)).collect(),
        }
    }

    /// The claim that is compared.
    pub fn claim(&self) -> &ClaimPath {
        &self.claim
    }

    /// Whether the claim is an accepted value, or an array that holds one.
    pub fn holds(&self, claims: &Object) -> bool {
        let is_accepted = |value: &Json| self.any_of.iter().any(|accepted| accepted.is(value));
        match self.claim.find(claims) {
            Some(Json::Array(values)) => values.iter().any(is_accepted),
            Some(value) => is_accepted(value),
            None => false,
        }
    }
}

/// An accepted value: its text, and the other values that are written so.
#[derive(Debug, Clone)]
struct Accepted {
    text: String,
    scalar: Option<Json>,
}

impl Accepted {
    /// `7` accepts the number 7 and the string `"7"`; `07` accepts the string only.
    fn new(text: &str) -> Self {
        let scalar = Json::parse(text.as_bytes()).ok().filter(|value| {
            matches!(value, Json::Bool(_) | Json::Integer(_) | Json::Float(_))
                && value.to_text() == text
        });
        Self { text: text.to_owned(), scalar }
    }

    fn is(&self, value: &Json) -> bool {
        match value {
            Json::String(text) => *text == self.text,
            Json::Bool(_) | Json::Integer(_) | Json::Float(_) => {
                Some(value) == self.scalar.as_ref()
            }
            Json::Null | Json::Array(_) | Json::Object(_) => false,
        }
    }
}
