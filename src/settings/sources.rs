//! Where a configuration comes from.

use std::{path::PathBuf, sync::Arc};

use super::flags::Flags;
use crate::config::{
    ConfigInput,
    origin::ReadContext,
    source::{self, ReadLayers},
};

/// Everything a configuration is read from, least important first. The built-in defaults stand
/// before all of it.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A `.toml`, `.yaml`, `.yml` or `.json` file, with those that it includes.
    pub file: Option<PathBuf>,
    /// What is read instead of a file.
    pub input: Option<ConfigInput>,
    /// Names and values of environment variables. Those that start with `COUNTERSIGN_` are
    /// settings; the others only stand for `${NAME}` in files.
    pub environment: Vec<(String, String)>,
    /// The command line.
    pub flags: Flags,
    /// Check what is written only: the files that settings name are not opened, and variables need
    /// not be set.
    pub lint: bool,
}

impl Sources {
    /// The merged tree.
    pub(super) fn read(&self, context: &Arc<ReadContext>) -> ReadLayers {
        let input = self.input.clone().or_else(|| self.file.clone().map(ConfigInput::File));
        source::read(input.as_ref(), &self.environment, context, |below| {
            self.flags.assignments(below, input.is_none())
        })
    }
}
