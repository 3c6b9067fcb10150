//! Verified claims → headers, and the hygiene that keeps forged ones out.

pub mod assertion;
pub mod claim_path;
pub mod client_certificate;
pub mod encoding;
mod fold;
pub mod forwarded;
pub mod header_name;
pub mod headers;
pub mod hygiene;
mod metrics;
mod proxy_headers;
pub mod request_id;
pub mod settings;
mod shown_claim;
pub mod trace_context;
pub mod upgrade;
mod websocket;

pub use assertion::{AssertedClaims, AssertedToken, Assertions, PartEncoding, UnsignedAssertion};
pub use claim_path::{ClaimPath, ClaimPathError};
pub use client_certificate::{CertificateError, ClientCertificate};
pub use encoding::{Encoding, TextForm, percent_encoded};
pub use fold::{are_one_header, fold_header_name};
pub use forwarded::{Forwarded, PeerAddress, RequestOrigin};
pub use header_name::{HeaderUse, check_header_name};
pub use headers::{ClaimHeaders, RenderedHeaders, Unrenderable};
pub(crate) use hygiene::Verdict;
pub use hygiene::{HeaderUses, Hygiene, HygieneViolation, clean_response};
pub(crate) use metrics::Metrics;
pub(crate) use proxy_headers::{FixedField, ProxyHeaders};
pub use request_id::{IdText, RequestId, RequestIds, RequestProvenance};
pub use shown_claim::shown_claim;
pub use trace_context::{TRACEPARENT, TraceContext};
pub use upgrade::proposed_upgrade;
pub(crate) use websocket::is_websocket_upgrade;
