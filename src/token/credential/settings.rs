//! `[credential]`: where in a request the token travels.

use crate::{
    config::{
        reader::Section,
        values::{size, switch},
        writer::{Writer, Written},
    },
    policy::credential::{Ambiguity, CredentialRules, CrossSite},
};

pub use crate::policy::credential::CredentialSource;
pub(crate) use crate::policy::credential::token;

pub(crate) mod key {
    pub(crate) const MAX_BYTES: &str = "max_bytes";
    pub(crate) const FORWARD: &str = "forward";
}

/// `[credential]`
#[derive(Debug, Clone)]
pub struct CredentialSettings {
    /// Every place that may carry the credential, unless a route has its own. Never empty.
    pub sources: Vec<CredentialSource>,
    /// What happens to a request with several credentials.
    pub ambiguous: Ambiguity,
    /// From which sites a cookie's credential is taken.
    pub cross_site: CrossSite,
    /// The longest accepted token, in bytes.
    pub max_bytes: usize,
    /// `true`: the upstream receives the verified credential as it came.
    pub forward: bool,
}

/// The scheme of RFC 6750.
const BEARER: &str = "Bearer";
/// A user with some hundred roles and groups has 11 KB; servers take 16 KiB of headers at least.
const DEFAULT_MAX_BYTES: usize = 16 * 1024;
/// No signed token is shorter.
const MIN_MAX_BYTES: usize = 128;
/// A token is held in memory several times while it is verified.
const MAX_MAX_BYTES: usize = 64 * 1024;

impl CredentialSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let rules = CredentialRules::read(section);
        Self {
            sources: rules.sources.unwrap_or_else(default_sources),
            ambiguous: rules.ambiguous.unwrap_or_default(),
            cross_site: rules.cross_site.unwrap_or_default(),
            max_bytes: section.or(
                key::MAX_BYTES,
                DEFAULT_MAX_BYTES,
                size(MIN_MAX_BYTES..=MAX_MAX_BYTES),
            ),
            forward: section.or(key::FORWARD, false, switch),
        }
    }

    pub(crate) fn write(&self) -> Written {
        let rules = CredentialRules {
            sources: Some(self.sources.clone()),
            ambiguous: Some(self.ambiguous),
            cross_site: Some(self.cross_site.clone()),
        };
        rules
            .write(Writer::default())
            .size(key::MAX_BYTES, self.max_bytes)
            .switch(key::FORWARD, self.forward)
            .table()
    }

    pub(super) fn has(&self, source: &CredentialSource) -> bool {
        self.sources.contains(source)
    }

    pub(super) fn refuses_several(&self) -> bool {
        self.ambiguous == Ambiguity::Refuse
    }
}

impl Default for CredentialSettings {
    /// `Authorization: Bearer`, not forwarded.
    fn default() -> Self {
        Self {
            sources: default_sources(),
            ambiguous: Ambiguity::default(),
            cross_site: CrossSite::default(),
            max_bytes: DEFAULT_MAX_BYTES,
            forward: false,
        }
    }
}

fn default_sources() -> Vec<CredentialSource> {
    vec![CredentialSource::Header {
        name: http::header::AUTHORIZATION,
        scheme: Some(BEARER.to_owned()),
    }]
}
