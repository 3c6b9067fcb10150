//! What the process takes by itself, and for connections and requests.

use super::{super::whole::key, MemoryPart, Settings};
use crate::{
    decision::held_body::settings::key as of_held,
    proxy::settings::{
        key as of_server,
        limits::{
            CONNECTION_BYTES, PROCESS_BYTES, TLS_CONNECTION_BYTES, WORKER_BYTES, key as of_limit,
        },
    },
    upstream::{CONNECTION_WINDOW, settings::UpstreamProtocol},
};

impl Settings {
    pub(super) fn server_memory(&self, workers: usize) -> Vec<MemoryPart> {
        let limits = &self.server.limits;
        let of_limits = |name| [key::SERVER, of_server::LIMITS, name];
        let mut parts = vec![
            MemoryPart::new(&["the process itself"], PROCESS_BYTES, "program, keys, routes"),
            MemoryPart::each(
                &[key::SERVER, of_server::WORKERS],
                (workers, WORKER_BYTES),
                "a thread with its buffers",
            ),
            MemoryPart::new(
                &of_limits(of_limit::MEMORY),
                limits.memory,
                "requests in flight, and what waits of their bodies",
            ),
            MemoryPart::each(
                &of_limits(of_limit::CONNECTIONS),
                (limits.connections, self.connection_bytes()),
                "connections that wait for a request",
            ),
        ];
        if self.holds_bodies() {
            let basis = "bodies that are held before they are forwarded";
            let setting = of_limits(of_held::BUFFER_BYTES);
            parts.push(MemoryPart::new(&setting, limits.held.buffer_bytes, basis));
        }
        parts.extend(self.http2_upstreams(workers));
        parts
    }

    fn connection_bytes(&self) -> usize {
        let has_tls = self.listeners.iter().any(|listener| listener.tls.is_some());
        if has_tls { CONNECTION_BYTES + TLS_CONNECTION_BYTES } else { CONNECTION_BYTES }
    }

    /// What may wait of the answers of one connection.
    fn http2_upstreams(&self, workers: usize) -> impl Iterator<Item = MemoryPart> {
        let multiplexed = |protocol| protocol != UpstreamProtocol::Http1;
        let upstreams = self.upstreams.iter();
        upstreams.filter(move |upstream| multiplexed(upstream.protocol())).map(move |upstream| {
            let connections = workers.saturating_mul(upstream.addresses().count());
            MemoryPart::each(
                &[key::UPSTREAMS, &upstream.name],
                (connections, CONNECTION_WINDOW as usize),
                "answers over HTTP/2, for each worker and address",
            )
        })
    }
}
