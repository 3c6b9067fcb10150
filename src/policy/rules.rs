//! What a configuration allows of the form of its requests.

use std::sync::Arc;

use http::{HeaderMap, Method, Uri, Version};

use super::{
    CanonicalRequest, HostPattern, NotCanonical, RequestTarget, Routes, authority::Authority,
    ids::ListenerId, settings::HostSettings,
};

/// How the requests of one listener are made canonical. The default allows nothing that has more
/// than one reading.
#[derive(Debug, Clone)]
pub struct RequestRules {
    routes: Arc<Routes>,
    hosts: HostSettings,
    listener: ListenerId,
    /// The hosts that the listener takes; empty: all.
    listener_hosts: Vec<HostPattern>,
}

impl Default for RequestRules {
    fn default() -> Self {
        Self::new(Arc::default(), HostSettings::default())
    }
}

impl RequestRules {
    /// Of one configuration, for its first listener.
    pub fn new(routes: Arc<Routes>, hosts: HostSettings) -> Self {
        Self { routes, hosts, listener: ListenerId::FIRST, listener_hosts: Vec::new() }
    }

    /// For a listener that takes these hosts; none: all.
    #[must_use]
    pub fn of_listener(self, listener: ListenerId, listener_hosts: Vec<HostPattern>) -> Self {
        Self { listener, listener_hosts, ..self }
    }

    /// Whether the listener takes the request's host.
    pub fn takes_host(&self, request: &CanonicalRequest) -> bool {
        self.listener_hosts.is_empty()
            || self.listener_hosts.iter().any(|pattern| pattern.matches(request.host()))
    }

    pub(super) fn listener(&self) -> ListenerId {
        self.listener
    }

    /// Reads method, target and host. For a request that is canonical as it came, and for the same
    /// host as the one before, nothing is copied.
    ///
    /// `version` decides what a missing `Host` means: HTTP/2 carries the host in `:authority`
    /// (RFC 9113 §8.3.1). In HTTP/1.1 a request without `Host` is refused (RFC 9112 §3.2), in
    /// HTTP/1.0 unless there is a default host: it could not be routed by host, nor be forwarded
    /// as HTTP/1.1.
    ///
    /// # Errors
    /// The request has no canonical form.
    pub fn canonical(
        &self,
        method: &Method,
        target: &Uri,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<CanonicalRequest, NotCanonical> {
        CanonicalRequest::read(method, target, version, headers, self)
    }

    pub(super) fn hosts(&self) -> &HostSettings {
        &self.hosts
    }

    /// The target, by the route that it leads to where routes differ in what they allow.
    pub(super) fn target(
        &self,
        method: &Method,
        authority: &Authority,
        target: &Uri,
        version: Version,
    ) -> Result<RequestTarget, NotCanonical> {
        if self.routes.differ_in_paths() {
            return self.routes.target(self.listener, method, authority.host(), target, version);
        }
        RequestTarget::canonical(method, target, version)
    }

    /// Whether the request's route lists the method in this spelling.
    pub(super) fn lists(&self, request: &CanonicalRequest) -> bool {
        self.routes.lists_method(request)
    }
}
