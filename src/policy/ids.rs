//! Ids of what a configuration names, and tables with one thing for each of those names.

use crate::table::{Id, Table};

/// Marks what belongs to issuers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IssuerKind {}
/// A configured issuer of tokens.
pub type IssuerId = Id<IssuerKind>;
/// One for each configured issuer, in the order of their names.
pub type PerIssuer<T> = Table<IssuerKind, T>;

/// Marks what belongs to upstreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamKind {}
/// A configured upstream.
pub type UpstreamId = Id<UpstreamKind>;
/// One for each configured upstream, in the order of their names.
pub type PerUpstream<T> = Table<UpstreamKind, T>;

/// Marks what belongs to signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureKind {}
/// A configured way of signing bodies.
pub type SignatureId = Id<SignatureKind>;
/// One for each configured way of signing bodies, in the order of their names.
pub type PerSignature<T> = Table<SignatureKind, T>;

/// Marks what belongs to an operator's own denial profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnProfileKind {}
/// One of the operator's own denial profiles.
pub type OwnProfileId = Id<OwnProfileKind>;
/// One for each of the operator's own denial profiles, in the order of their names.
pub type PerOwnProfile<T> = Table<OwnProfileKind, T>;

/// Marks what belongs to resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {}
/// A configured protected resource.
pub type ResourceId = Id<ResourceKind>;
/// One for each configured resource, in the order of their names.
pub type PerResource<T> = Table<ResourceKind, T>;

/// Marks what belongs to limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitKind {}
/// A configured limit.
pub type LimitId = Id<LimitKind>;
/// One for each configured limit, in the order of their names.
pub type PerLimit<T> = Table<LimitKind, T>;

/// Marks what belongs to credentials towards upstreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamCredentialKind {}
/// A configured credential towards upstreams.
pub type UpstreamCredentialId = Id<UpstreamCredentialKind>;
/// One for each configured credential towards upstreams, in the order of their names.
pub type PerUpstreamCredential<T> = Table<UpstreamCredentialKind, T>;

/// Marks what belongs to routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {}
/// A configured route.
pub type RouteId = Id<RouteKind>;
/// One for each route, in the order written.
pub type PerRoute<T> = Table<RouteKind, T>;

/// Marks what belongs to listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenerKind {}
/// A configured listener.
pub type ListenerId = Id<ListenerKind>;
/// One for each listener: that of `server.listen`, then `[[listeners]]` in the order written.
pub type PerListener<T> = Table<ListenerKind, T>;
