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
mod readiness;
mod secret_files;
mod sources;
mod warnings;
mod whole;

pub use flags::{FLAG_NAME, Flags};
pub use sources::Sources;
pub use whole::Settings;

use crate::config::{ConfigErrors, reader::Section, report::Mistakes};

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

#[cfg(test)]
mod tests;
