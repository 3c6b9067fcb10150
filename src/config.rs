//! The reader: the configuration as a tree in which every value has its origin.
//!
//! 1. `documents` reads the files (`format`: TOML, YAML or JSON) with the place of every value, puts
//!    variables and files into texts (`interpolation`), and combines them with included files.
//! 2. `source` merges the layers, later ones winning key by key, and keeps the origin of every
//!    value: built-in defaults < files < `COUNTERSIGN_*` environment < what is assigned on top.
//! 3. `reader` walks the merged tree section by section, and collects every mistake with its
//!    origin, its key, what was found and what was expected. What a section holds is not known
//!    here.
//! 4. `writer` writes a section back.

pub(crate) mod byte_order_mark;
mod combine;
mod documents;
mod environment;
pub mod error;
pub(crate) mod files;
mod format;
mod include;
mod interpolation;
pub(crate) mod key_path;
pub(crate) mod nearest;
pub(crate) mod node;
pub(crate) mod origin;
mod place;
pub(crate) mod provenance;
pub(crate) mod reader;
mod reference;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod urls;
pub(crate) mod values;
pub(crate) mod writer;

pub(crate) use documents::MAX_FILE_BYTES;
pub use documents::{ConfigInput, ReadFiles};
pub use error::{ConfigError, ConfigErrors, OtherPlace};
pub use format::Format;
pub use place::TextPlace;
