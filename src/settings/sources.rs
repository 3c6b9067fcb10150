//! Where a configuration comes from.

use std::path::PathBuf;

use super::flags::Flags;
use crate::config::{ConfigError, node::Node, source};

/// Everything a configuration is read from, least important first. The built-in defaults stand
/// before all of it.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A `.toml`, `.yaml`, `.yml` or `.json` file.
    pub file: Option<PathBuf>,
    /// Names and values of environment variables; those that do not start with `COUNTERSIGN_`
    /// are ignored.
    pub environment: Vec<(String, String)>,
    /// The command line.
    pub flags: Flags,
}

impl Sources {
    /// The merged tree.
    pub(super) fn read(&self) -> Result<Node, Vec<ConfigError>> {
        let without_file = self.file.is_none();
        source::read(self.file.as_deref(), &self.environment, |below| {
            self.flags.assignments(below, without_file)
        })
    }
}
