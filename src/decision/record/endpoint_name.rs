//! What an endpoint is called in logs.

/// An endpoint, as the operator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointName {
    /// The upstream's name in the configuration.
    pub upstream: String,
    /// Where it is: the authority, or the address that a name was resolved to.
    pub address: String,
}
