//! All sections of a configuration together → validated, immutable [`Settings`].
//!
//! Each section has a file of its own that holds its settings, their defaults and bounds with the
//! reasons, and how they are read and written back. Here they are assembled, and what concerns
//! several of them is checked. Every mistake is collected; if there is none, and only then, there
//! are [`Settings`].
//!
//! Nothing starts half-configured: an unknown key, a dangling reference or an unreadable file is an
//! error at the start.

mod across;
mod changes;
mod flags;
mod footprint;
mod names;
mod parts;
mod readiness;
mod reload_files;
mod secret_files;
mod sources;
mod trusted_files;
mod warnings;
mod whole;

pub use crate::refresh::settings::ReloadSettings;
pub use changes::{RestartNeeded, changed_settings, restart_needed};
pub use flags::{FLAG_NAME, Flags};
pub use footprint::{Footprint, MemoryPart, container_bytes};
pub use sources::Sources;
pub use whole::Settings;

pub use crate::config::{ConfigInput, ReadFiles};

use std::sync::Arc;

use crate::{
    admin::{control, settings as admin},
    config::{
        ConfigError, ConfigErrors,
        node::Node,
        origin::ReadContext,
        provenance::ConfigProvenance,
        reader::{Parsed, Section},
        report::Mistakes,
    },
    listener::settings::{ListenAddress, listen_address},
    otel,
};
use whole::key;

/// Reads, merges and validates a configuration.
///
/// # Errors
/// Every mistake in it, at once. Only a layer that can't be read at all (no such file, not TOML)
/// hides the others.
pub fn load(sources: &Sources) -> Result<Settings, ConfigErrors> {
    read(sources).into_settings()
}

/// What reading a configuration came to.
#[derive(Debug)]
pub struct ConfigReading {
    /// The settings, or every mistake. `None` only for [`Sources::lint`], if there is no mistake
    /// and a value is needed that stands in a file or a variable.
    pub settings: Result<Option<Settings>, ConfigErrors>,
    /// What was read for it, whether there was a mistake or not.
    pub files: ReadFiles,
}

impl ConfigReading {
    /// The settings.
    ///
    /// # Errors
    /// Every mistake.
    pub fn into_settings(self) -> Result<Settings, ConfigErrors> {
        self.settings?.ok_or_else(|| {
            let message = "depends on files or variables that are not read".to_owned();
            ConfigErrors(vec![ConfigError::of_source("", "the configuration".to_owned(), message)])
        })
    }
}

/// Reads a configuration, and says what was read.
pub fn read(sources: &Sources) -> ConfigReading {
    let context = Arc::new(ReadContext::new(sources.lint));
    let layers = sources.read(&context);
    let files = layers.files;
    let settings = layers.tree.map_err(ConfigErrors).and_then(|mut tree| {
        if let Some(section) = tree.member_mut(key::OTEL) {
            otel::environment::fill(section, &sources.environment, &context);
        }
        let report = Mistakes::default();
        let mut settings = Section::root(&tree, &report, Settings::read);
        settings.provenance = Arc::new(ConfigProvenance::of(&tree, files.clone(), &context));
        report.finish(settings)
    });
    ConfigReading { settings, files }
}

/// The address of the private listener alone: what else is in the configuration may be wrong.
///
/// # Errors
/// The layers that can't be read, or the mistake in the address.
pub fn control_address(sources: &Sources) -> Result<Option<ListenAddress>, ConfigErrors> {
    let listen = control::settings::key::LISTEN;
    address_alone(sources, key::CONTROL, listen, control::settings::control_address)
}

/// The address of the admin listener alone: a probe of a running proxy must not fail for a file
/// that was changed since.
///
/// # Errors
/// The layers that can't be read, or the mistake in the address.
pub fn admin_address(sources: &Sources) -> Result<ListenAddress, ConfigErrors> {
    let listen = admin::key::LISTEN;
    let found = address_alone(sources, key::ADMIN, listen, listen_address)?;
    Ok(found.unwrap_or(ListenAddress::Tcp(admin::DEFAULT_LISTEN)))
}

/// One address of a configuration, if it is there.
fn address_alone(
    sources: &Sources,
    section: &str,
    name: &str,
    parse: impl FnOnce(&Node) -> Parsed<ListenAddress>,
) -> Result<Option<ListenAddress>, ConfigErrors> {
    let tree = sources.read(&Arc::new(ReadContext::new(sources.lint))).tree;
    let tree = tree.map_err(ConfigErrors)?;
    let Some(node) = tree.member(section).and_then(|section| section.member(name)) else {
        return Ok(None);
    };
    parse(node).map(Some).map_err(|message| {
        let key = [section, name].join(".");
        ConfigErrors(vec![ConfigError::new(key, node.origin().as_ref(), message)])
    })
}

#[cfg(test)]
mod tests;
