//! A listener of the process, which all workers share: its name and the connections that it has.

#![expect(clippy::disallowed_types, reason = "its keys are addresses")]

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use foldhash::HashMap;
use parking_lot::Mutex;
use prometheus::IntGauge;

use super::{Metrics, metrics::RefusedConnections};
use crate::{proxy::settings::ListenerSettings, telemetry::MetricRegistry};

/// A listener that is bound. A reload may change all of it but its address, and finds it by that.
#[derive(Debug)]
pub struct BoundListener {
    name: String,
    /// Among those of the process.
    position: usize,
    open: AtomicUsize,
    /// The addresses that have a connection. So it has at most as many entries as there are
    /// connections, whose number is bounded.
    by_address: Mutex<HashMap<IpAddr, usize>>,
    gauge: IntGauge,
    refused: RefusedConnections,
}

/// How many connections a listener may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionCaps {
    pub(super) all: Option<usize>,
    pub(super) per_address: Option<usize>,
}

/// The place of one connection among those of its listener.
#[derive(Debug)]
pub(super) struct ListenerPlace {
    listener: Arc<BoundListener>,
    /// Boxed: few configurations count addresses.
    address: Option<Box<IpAddr>>,
}

impl BoundListener {
    /// A listener that was bound, at a position that no other has.
    pub fn new(
        settings: &ListenerSettings,
        position: usize,
        metrics: &MetricRegistry,
    ) -> Arc<Self> {
        let metrics = Metrics::register(metrics);
        Arc::new(Self {
            name: settings.name.clone(),
            position,
            open: AtomicUsize::new(0),
            by_address: Mutex::default(),
            gauge: metrics.listener_connections.with_label_values(&[&settings.name]),
            refused: metrics.refused_by(&settings.name),
        })
    }

    /// What metrics and logs call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is among those of the process.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What it closes at once, by the cause.
    pub(super) fn refused(&self) -> &RefusedConnections {
        &self.refused
    }

    /// A place for one more connection. `None`: there is none, which is counted.
    pub(super) fn take(self: &Arc<Self>, caps: ConnectionCaps) -> Option<ListenerPlace> {
        let most = caps.all.unwrap_or(usize::MAX);
        let taken = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < most).then_some(open + 1)
        });
        if taken.is_err() {
            self.refused.limit.inc();
            return None;
        }
        self.gauge.inc();
        Some(ListenerPlace { listener: Arc::clone(self), address: None })
    }
}

impl ListenerPlace {
    /// Counts the connection for its client's address as well. Returns whether that may have one
    /// more; that it may not is counted.
    pub(super) fn count_address(&mut self, address: IpAddr, caps: ConnectionCaps) -> bool {
        let Some(most) = caps.per_address else { return true };
        let address = counted_as(address);
        let has_place = {
            let mut by_address = self.listener.by_address.lock();
            let open = by_address.entry(address).or_default();
            let has_place = *open < most;
            *open += usize::from(has_place);
            has_place
        };
        if has_place {
            self.address = Some(Box::new(address));
        } else {
            self.listener.refused.address_limit.inc();
        }
        has_place
    }
}

/// What an address is counted as. A client of IPv6 has a network of 64 bits at least, and could
/// take another address for each connection.
fn counted_as(address: IpAddr) -> IpAddr {
    const PREFIX: u128 = !0 << 64;
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & PREFIX)),
        address @ IpAddr::V4(_) => address,
    }
}

impl Drop for ListenerPlace {
    fn drop(&mut self) {
        let listener = &self.listener;
        listener.open.fetch_sub(1, Ordering::Relaxed);
        listener.gauge.dec();
        let Some(address) = &self.address else { return };
        let mut by_address = listener.by_address.lock();
        if let Some(open) = by_address.get_mut(&**address) {
            *open -= 1;
            if *open == 0 {
                by_address.remove(&**address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{listener::settings::ListenAddress, proxy::settings::AcceptSettings};

    fn listener() -> (Arc<BoundListener>, MetricRegistry) {
        let metrics = MetricRegistry::default();
        let listen = ListenAddress::Systemd("a".to_owned());
        let settings = ListenerSettings::of_server(listen, None, AcceptSettings::default());
        (BoundListener::new(&settings, 0, &metrics), metrics)
    }

    const CAPS: ConnectionCaps = ConnectionCaps { all: Some(3), per_address: Some(2) };

    /// A connection from that address, if it may be made.
    fn connect(listener: &Arc<BoundListener>, address: &str) -> Option<ListenerPlace> {
        let mut place = listener.take(CAPS)?;
        place.count_address(address.parse().unwrap(), CAPS).then_some(place)
    }

    #[test]
    fn n4_one_address_has_its_own_bound_and_all_have_theirs() {
        let (listener, metrics) = listener();
        let first = connect(&listener, "192.0.2.7").unwrap();
        let second = connect(&listener, "::ffff:192.0.2.7").unwrap();
        assert!(connect(&listener, "192.0.2.7").is_none());
        let other = connect(&listener, "192.0.2.8").unwrap();
        assert!(connect(&listener, "192.0.2.9").is_none(), "three of three");
        let text = metrics.render();
        for line in [
            r#"listener_connections{listener="server"} 3"#,
            r#"listener_connections_refused_total{cause="address_limit",listener="server"} 1"#,
            r#"listener_connections_refused_total{cause="limit",listener="server"} 1"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        drop((first, other));
        assert!(connect(&listener, "192.0.2.7").is_some(), "a place was given back");
        drop(second);
        assert!(listener.by_address.lock().is_empty(), "nothing is kept of who has left");
        assert_eq!(listener.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn n4_a_client_of_ipv6_is_its_network() {
        let (listener, _) = listener();
        let places: Vec<_> =
            (1..=3).map(|host| connect(&listener, &format!("2001:db8:0:1::{host}"))).collect();
        assert_eq!(places.iter().flatten().count(), 2);
        assert!(connect(&listener, "2001:db8:0:2::1").is_some());
    }
}
