//! Cached lookups at an endpoint, one key each. Introspection, registries and upstream credentials
//! use it.
//!
//! A room that looks something up brings a type that implements `Lookup`: how a request is sent,
//! what is cached of a response, and what counts without one. `Lookups` is the requests' side: on
//! a cache miss they join the lookup of the key that is in flight, or queue one. `LookupWorker`
//! sends what is queued. So one request is in flight for a key at a time, for all threads, and a
//! client that disconnects affects no other.

mod breaker;
mod cache;
mod failure;
mod health;
mod queue;
mod single_flight;
mod trouble;
mod worker;

use std::{
    fmt::Debug,
    future::{Future, ready},
    hash::Hash,
};

pub(crate) use self::{
    breaker::speaks_of_endpoint,
    cache::{Cache, Lifetime},
    failure::LookupFailure,
    health::EndpointHealth,
    queue::{JoinOutcome, LookupLimits, LookupQueue, Lookups},
    single_flight::{NoAnswer, Waiter},
    worker::LookupWorker,
};
pub use failure::NotSent;

/// One kind of lookup. Its methods run in the worker.
pub(crate) trait Lookup: Debug + Send + Sync + 'static {
    /// The cache key. Concurrent lookups of one key are a single request.
    type Key: Clone + Debug + Eq + Hash + Send + Sync + 'static;
    /// What sending takes besides the key.
    type Request: Send + Sync + 'static;
    /// The endpoint's response.
    type Response: Send;
    /// What those who wait are given.
    type Answer: Clone + Debug + Send + Sync + 'static;
    /// Why there is no response.
    type Error: LookupFailure;

    /// An answer that is found elsewhere than in memory, such as with another replica. It goes
    /// before the endpoint, and counts while the circuit is open.
    fn find_elsewhere(
        &self,
        _key: &Self::Key,
        _request: &Self::Request,
    ) -> impl Future<Output = Option<Self::Answer>> + Send {
        ready(None)
    }

    /// Sends the request, within a deadline of its own.
    fn send(
        &self,
        key: &Self::Key,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Caches a response, and makes the answer of it.
    fn responded(
        &self,
        key: &Self::Key,
        request: &Self::Request,
        response: Self::Response,
    ) -> Self::Answer;

    /// The answer without a response: what is still cached, or that it is not known.
    fn failed(&self, key: &Self::Key, request: &Self::Request, error: &Self::Error)
    -> Self::Answer;

    /// Whether the endpoint is known to have an answer for the key. What a client may have invented
    /// must not open the circuit for all the others.
    fn is_known(&self, key: &Self::Key) -> bool;
}

#[cfg(test)]
mod tests;
