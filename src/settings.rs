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
mod flags;
mod names;
mod parts;
mod secret_files;
mod sources;
mod warnings;
mod whole;

pub use flags::{FLAG_NAME, Flags};
pub use sources::Sources;
pub use whole::Settings;

use crate::{
    admin::settings::AdminSettings,
    config::{ConfigErrors, reader::Section, report::Mistakes},
    listener::settings::ListenAddress,
};

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

/// Where the admin listener of a configuration is, whatever else is wrong with it: a probe of a
/// running proxy must not fail for a file that was changed since.
///
/// # Errors
/// A layer that can't be read at all, and mistakes in `[admin]`.
pub fn admin_address(sources: &Sources) -> Result<ListenAddress, ConfigErrors> {
    let tree = sources.read().map_err(ConfigErrors)?;
    let report = Mistakes::default();
    let admin =
        Section::root(&tree, &report, |root| root.section(whole::key::ADMIN, AdminSettings::read));
    report.finish_below(whole::key::ADMIN, admin.listen)
}

#[cfg(test)]
mod tests;
