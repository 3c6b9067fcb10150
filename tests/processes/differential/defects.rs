//! Everything that can be wrong, or only unusual, about a token of a known key.

mod claims;
mod encoding;
mod header;
mod json;
mod signature;

use std::sync::Arc;

use countersign::jose::Algorithm;

use super::draft::{Draft, Edit, Stage};

/// One change to a token.
#[derive(Clone)]
pub(crate) struct Defect {
    /// `family/what`
    pub(crate) name: String,
    change: Arc<dyn Fn(&mut Draft)>,
    /// The algorithms that it means something for.
    pub(crate) fits: fn(Algorithm) -> bool,
}

impl Defect {
    fn new(name: impl Into<String>, change: impl Fn(&mut Draft) + 'static) -> Self {
        Self { name: name.into(), change: Arc::new(change), fits: |_| true }
    }

    /// A change to the bytes of one stage.
    fn edit(
        name: impl Into<String>,
        stage: Stage,
        edit: impl Fn(Vec<u8>) -> Vec<u8> + 'static,
    ) -> Self {
        let edit: Edit = Arc::new(edit);
        Self::new(name, move |draft| draft.edit(stage, Arc::clone(&edit)))
    }

    /// A header member with this text for a value.
    fn header(family: &str, member: &'static str, text: &str) -> Self {
        let value = text.to_owned();
        Self::new(format!("{family}: {text}"), move |draft| draft.header.set(member, &value))
    }

    /// A claim with this text for a value.
    fn claim(family: &str, claim: &'static str, text: &str) -> Self {
        let value = text.to_owned();
        Self::new(format!("{family}: {text}"), move |draft| draft.claims.set(claim, &value))
    }

    fn only_for(self, fits: fn(Algorithm) -> bool) -> Self {
        Self { fits, ..self }
    }

    pub(crate) fn apply(&self, draft: &mut Draft) {
        (self.change)(draft);
    }
}

/// All of them, in an order that stays.
pub(crate) fn all() -> Vec<Defect> {
    [
        encoding::defects(),
        json::defects(),
        header::defects(),
        claims::defects(),
        signature::defects(),
    ]
    .concat()
}
