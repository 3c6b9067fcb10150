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
mod names;
mod parts;
mod readiness;
mod secret_files;
mod sources;
mod warnings;
mod whole;

pub use changes::{RestartNeeded, changed_settings, restart_needed};
pub use flags::{FLAG_NAME, Flags};
pub use sources::Sources;
pub use whole::Settings;

use crate::{
    admin::control,
    config::{ConfigError, ConfigErrors, reader::Section, report::Mistakes},
    listener::settings::ListenAddress,
};
use whole::key;

/// Reads, merges and validates a configuration.
///
/// # Errors
/// Every mistake in it, at once. Only a layer that can't be read at all (no such file, not TOML)
/// hides the others.
pub fn load(sources: &Sources) -> Result<Settings, ConfigErrors> {
    let tree = sources.read().map_err(ConfigErrors)?;
    let report = Mistakes::default();
    let settings = Section::root(&tree, &report, Settings::read);
    report.finish(settings)
}

/// The address of the private listener alone: what else is in the configuration may be wrong.
///
/// # Errors
/// The layers that can't be read, or the mistake in the address.
pub fn control_address(sources: &Sources) -> Result<Option<ListenAddress>, ConfigErrors> {
    let tree = sources.read().map_err(ConfigErrors)?;
    let listen = control::settings::key::LISTEN;
    let Some(node) = tree.member(key::CONTROL).and_then(|section| section.member(listen)) else {
        return Ok(None);
    };
    control::settings::control_address(node).map(Some).map_err(|message| {
        let key = [key::CONTROL, listen].join(".");
        ConfigErrors(vec![ConfigError { key, origin: node.origin(), message }])
    })
}

#[cfg(test)]
mod tests;
