//! What a request is (its one canonical form), which route it matches and what that route requires.

mod authentication;
mod authority;
mod base_path;
pub mod canonical;
pub mod comparison;
pub mod credential;
pub mod denial_profile;
pub mod ids;
mod outgoing;
pub mod parameters;
mod path;
pub mod pattern;
pub mod requirement;
pub mod routes;
mod rules;
mod scopes;
pub mod settings;
mod target;
mod template;
pub mod upstream_credential;
mod web_origin;

pub use authentication::{AuthenticationEvent, AuthenticationUnmet, RequiredAuthentication};
pub(crate) use authority::canonical_host;
pub use base_path::BasePath;
pub use canonical::{CanonicalRequest, NotCanonical};
pub use comparison::{ClaimComparison, RequiredValue};
pub use outgoing::{OutgoingPath, OutgoingTarget, PathChange, PathMapping, StrippedPrefix};
pub use parameters::{ParameterNames, TakenParameters};
pub use pattern::{HostPattern, PathPattern, PatternError};
pub use requirement::{Requirement, Unmet};
pub use routes::{DuplicateRoute, RouteMatch, Routes};
pub use rules::RequestRules;
pub use scopes::ScopeClaims;
pub use target::RequestTarget;
pub use template::PathTemplate;
pub use web_origin::{WebOrigin, WebOriginError};
