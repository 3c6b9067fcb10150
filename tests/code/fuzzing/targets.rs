//! The fuzz targets: each reads its input as an outsider sends it, and asserts what must hold of
//! whatever was accepted. Used by `tests/code/fuzzing.rs` and by `fuzz/`.
//!
//! `check` returns whether anything was accepted, so that a run can tell that its inputs reach what
//! lies behind the first refusal.

#![allow(unreachable_pub, reason = "public in the library of `fuzz/`")]

#[path = "targets/answer_http1.rs"]
pub mod answer_http1;
#[path = "targets/base64url.rs"]
mod base64url;
#[path = "targets/claim_path.rs"]
pub mod claim_path;
#[path = "targets/config.rs"]
pub mod config;
#[path = "targets/credential.rs"]
pub mod credential;
#[path = "targets/detached_jws.rs"]
pub mod detached_jws;
#[path = "targets/introspection_answer.rs"]
pub mod introspection_answer;
#[path = "targets/json.rs"]
pub mod json;
#[path = "targets/jwk_set.rs"]
pub mod jwk_set;
#[path = "targets/jws.rs"]
pub mod jws;
#[path = "targets/path.rs"]
pub mod path;
#[path = "targets/percent.rs"]
mod percent;
#[path = "targets/proxy_header.rs"]
pub mod proxy_header;
#[path = "targets/registry_answer.rs"]
pub mod registry_answer;
#[path = "targets/request_target.rs"]
pub mod request_target;
#[path = "targets/revocation_list.rs"]
pub mod revocation_list;
