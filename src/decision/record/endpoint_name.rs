//! What an endpoint is called in logs.

/// An endpoint, as the operator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointName {
    /// The upstream's name in the configuration.
    pub upstream: String,
    /// Where it is: the authority, or the address that a name was resolved to.
    pub address: String,
    /// Its URL in the configuration, without a path: what metrics call it.
    pub url: String,
}

impl EndpointName {
    /// That of an endpoint there, which the configuration has by that URL.
    pub fn new(upstream: &str, address: &impl ToString, url: &impl ToString) -> Self {
        let (address, url) = (address.to_string(), url.to_string());
        Self { upstream: upstream.to_owned(), address, url }
    }
}
