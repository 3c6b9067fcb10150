//! The T rows (tokens and signatures) and C rows (claims) of the threat catalogue, through the
//! running proxy: every hostile token is sent twice, so that the caches get their say too, and
//! the upstream must not get a byte of it.

mod algorithms;
mod audiences;
mod bindings;
mod claim_rules;
mod claims;
mod costs;
mod form;
mod headers;
mod issuers;
mod places;
mod published;
mod query;
mod signatures;
mod sources;
mod subjects;
mod tenants;
mod times;
mod types;
mod waivers;
mod websockets;
