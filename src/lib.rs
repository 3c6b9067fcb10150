//! Countersign, a verification sidecar: a reverse proxy that stands in front of an unmodified
//! service, verifies the access token of every request and forwards the verified claims as
//! headers.
//!
//! > A request becomes a **canonical request**; the **gate** answers *may it pass, and as whom?*;
//! > the **decision** is [`decision::Forward`] or [`decision::Refusal`]; the **proxy** carries it
//! > out.
//!
//! The rooms, from top to bottom (a room uses those below it):
//!
//! | room | what it is for |
//! |---|---|
//! | [`cli`] | the command line: one file per command |
//! | [`lifecycle`] | threads, signals, reload, drain |
//! | [`admin`] | the operator's listener: health, metrics, keys, configuration |
//! | [`proxy`] | connections of clients, limits of routes, forwarding, upgrades |
//! | [`upstream`] | the services: endpoints, caps, pooled connections, retries |
//! | `memory` | what requests in flight and bodies that wait may take |
//! | [`decision`] | what front ends call: head and body → forward or refusal; held bodies, denial profiles |
//! | [`gate`] | the decision about a request's head: admission or denial |
//! | [`evidence`] | the journal that proves who signed what |
//! | [`resource`] | what clients can discover of protected resources |
//! | [`signature`] | a detached JWS over the body → verified signature |
//! | [`token`] | credential → verified token, and the cache of those |
//! | [`providers`] | keys, introspection and revocation of one configuration, kept up to date |
//! | [`upstream_credential`] | what a service receives in place of the caller's token |
//! | [`revocation`] | which verified tokens are revoked |
//! | [`registry`] | signers and their keys, looked up one by one |
//! | [`introspection`] | token introspection at the issuer, cached |
//! | [`oauth_client`] | how the proxy authenticates to endpoints that it calls |
//! | [`keys`] | key sets: sources, the refresher, the lock-free store |
//! | [`limits`] | how often, and how many at once, one caller may pass |
//! | [`replay`] | what may be used once only, in one replica and in all |
//! | [`shared`] | state that replicas share through Redis |
//! | [`cors`] | which web pages may read answers, and preflights |
//! | [`policy`] | the canonical request, routes, requirements |
//! | [`identity`] | verified claims → headers, and the hygiene that keeps forged ones out |
//! | [`wire`] | framing, HTTP/1.1 as a client, frames of HTTP/2, timers: what goes over a socket |
//! | [`resolver`] | names over DNS, with times to live and `SRV` records |
//! | [`listener`] | listening sockets, those of systemd among them, and the loop that accepts |
//! | [`lookup`] | cached remote lookups: single flight, queue, worker, circuit breaker |
//! | [`otel`] | spans and metrics for an OpenTelemetry receiver |
//! | [`fetch`] | one exchange with an identity provider, bounded in everything |
//! | [`tls`] | both sides of a handshake, and the files of certificates and keys |
//! | `refresh` | sources that are refreshed: when, and how long their content counts |
//! | [`jose`] | strict JOSE, pure functions |
//! | [`json`] | strict JSON: unique names, exact integers, bounded depth and size |
//!
//! Every room may use [`config`] (the reader of configurations), [`telemetry`], [`readiness`],
//! [`table`] (lists whose places have a type of their own), [`clock`], [`reason`] and [`tasks`].
//! Each room owns its section of the configuration; [`settings`] assembles them, so that all
//! mistakes are found in one pass, and gives each room its parts.
//!
//! What proves what: only [`policy::CanonicalRequest::new`] makes a canonical request, only
//! [`token::TokenVerifier`] makes a [`token::VerifiedToken`], only [`signature`] makes a
//! [`signature::VerifiedSignature`], only [`gate`] makes a [`gate::Admission`] (on a route that
//! requires a signature only with one, but for preflights that `[cors]` passes to the service), and
//! the proxy forwards nothing without one.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod admin;
mod bounded;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cors;
pub mod decision;
pub mod evidence;
pub mod fetch;
pub mod gate;
pub mod identity;
pub mod introspection;
pub mod jose;
pub mod json;
pub mod keys;
pub mod lifecycle;
pub mod limits;
pub mod listener;
pub mod lookup;
mod memory;
pub mod oauth_client;
pub mod otel;
pub mod policy;
pub mod providers;
pub mod proxy;
pub mod readiness;
pub mod reason;
mod refresh;
pub mod registry;
pub mod replay;
pub mod resolver;
pub mod resource;
pub mod revocation;
pub mod settings;
pub mod shared;
pub mod signature;
pub mod table;
pub mod tasks;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod token;
pub mod upstream;
pub mod upstream_credential;
pub mod wire;
