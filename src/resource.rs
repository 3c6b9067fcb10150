//! The resources that clients can discover: what `[resources]` says of them, and the metadata
//! document of each (RFC 9728), prepared when the configuration is loaded.

mod document;
mod documents;
mod metrics;
pub mod settings;
mod url;

pub use document::DocumentParts;
pub use documents::Documents;
pub(crate) use metrics::Metrics;
pub use url::ResourceUrl;
