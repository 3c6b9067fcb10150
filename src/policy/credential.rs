//! Where in a request a credential may be, and what else its place requires: settings of
//! `[credential]`, which a route may replace one by one.

mod cross_site;
mod source;

use crate::{
    config::{
        reader::Section,
        values::keyword,
        writer::{Writer, Written, list_of},
    },
    policy::parameters::folded,
};

pub use cross_site::CrossSite;
pub(crate) use source::token;
pub use source::{CredentialSource, PlaceSet};

pub(crate) mod key {
    pub(crate) const SOURCES: &str = "sources";
    pub(crate) const AMBIGUOUS: &str = "ambiguous";
    pub(crate) const CROSS_SITE: &str = "cross_site";
}

/// What happens to a request with several credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ambiguity {
    /// It is refused, unless they are all the same.
    #[default]
    Refuse,
    /// The first source that is there decides, even if its token is bad.
    First,
}

/// Rules about credentials; `None` where those around them apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialRules {
    /// Every place that may carry the credential. Never empty.
    pub sources: Option<Vec<CredentialSource>>,
    /// What happens to a request with several.
    pub ambiguous: Option<Ambiguity>,
    /// From which sites a cookie's credential is taken.
    pub cross_site: Option<CrossSite>,
}

/// Every source is searched on every request.
const MAX_SOURCES: usize = 16;

const AMBIGUITIES: &[(&str, Ambiguity)] =
    &[("refuse", Ambiguity::Refuse), ("first", Ambiguity::First)];

impl CredentialRules {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            sources: sources(section),
            ambiguous: section.optional(key::AMBIGUOUS, keyword(AMBIGUITIES)),
            cross_site: section.optional(key::CROSS_SITE, CrossSite::read),
        }
    }

    pub(crate) fn write(&self, writer: Writer) -> Writer {
        let writer = match &self.ambiguous {
            Some(ambiguity) => writer.keyword(key::AMBIGUOUS, AMBIGUITIES, ambiguity),
            None => writer,
        };
        writer
            .optional_value(key::SOURCES, self.sources.as_deref().map(written_sources))
            .optional_value(key::CROSS_SITE, self.cross_site.as_ref().map(CrossSite::write))
    }

    /// Writes them as a table of their own; `None` if there are none.
    pub(crate) fn write_table(&self) -> Option<Written> {
        (*self != Self::default()).then(|| self.write(Writer::default()).table())
    }
}

/// Reads `sources`, a list that is not empty.
pub(crate) fn sources(section: &mut Section<'_>) -> Option<Vec<CredentialSource>> {
    let expected = format!("a list of {}", source::EXPECTED);
    let sources = section.list(key::SOURCES, &expected, CredentialSource::read)?;
    if sources.len() > MAX_SOURCES {
        section.mistake(key::SOURCES, format!("expected at most {MAX_SOURCES} places"));
    }
    let mut pairs = sources.iter().enumerate();
    if pairs.any(|(at, one)| sources.iter().take(at).any(|other| is_same_place(one, other))) {
        section.mistake(key::SOURCES, "names the same place twice".to_owned());
    }
    Some(sources)
}

/// Writes them back.
pub(crate) fn written_sources(sources: &[CredentialSource]) -> Written {
    list_of(sources.iter().map(CredentialSource::write))
}

/// Two schemes of one header are two places. Parameters that servers may take for one another are
/// one.
fn is_same_place(one: &CredentialSource, other: &CredentialSource) -> bool {
    match (one, other) {
        (CredentialSource::Query(one), CredentialSource::Query(other)) => {
            folded(one.as_bytes()) == folded(other.as_bytes())
        }
        _ => one == other,
    }
}
