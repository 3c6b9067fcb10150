//! The reader: the configuration as a tree in which every value has its origin.
//!
//! 1. `source` merges the layers, later ones winning key by key, and keeps the origin of every
//!    value: built-in defaults < file (TOML, YAML or JSON) < `COUNTERSIGN_*` environment < what is
//!    assigned on top.
//! 2. `reader` walks the merged tree section by section, and collects every mistake with its
//!    origin, its key, what was found and what was expected. What a section holds is not known
//!    here.
//! 3. `writer` writes a section back.

pub(crate) mod byte_order_mark;
mod environment;
pub mod error;
pub(crate) mod files;
pub(crate) mod nearest;
pub(crate) mod node;
pub(crate) mod reader;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod urls;
pub(crate) mod values;
pub(crate) mod writer;

pub use error::{ConfigError, ConfigErrors};
