//! Which node of a cluster has a key: the slots, and who serves them.

use std::sync::Arc;

use redis::Value;

use crate::shared::settings::NodeAddress;

use super::link::RedisConnection;

/// Slots of a cluster.
pub(super) const SLOTS: u16 = 16_384;

/// An answer of a cluster of hundreds of nodes, whose slots were moved about for years.
pub(super) const MAX_TOPOLOGY_BYTES: usize = 1024 * 1024;

/// What a cluster says of itself: who serves which slots.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    /// In the order of the slots.
    ranges: Vec<SlotRange>,
    /// Every node, replicas included.
    nodes: Vec<NodeAddress>,
}

#[derive(Debug, PartialEq, Eq)]
struct SlotRange {
    first: u16,
    last: u16,
    primary: NodeAddress,
}

/// The connections of a cluster, by slot and by node.
#[derive(Debug)]
pub(super) struct SlotMap {
    /// The first and the last slot of each range, in order, and who serves it.
    ranges: Vec<(u16, u16, Option<Arc<RedisConnection>>)>,
    nodes: Vec<Arc<RedisConnection>>,
}

impl Topology {
    /// Out of the answer to `CLUSTER SLOTS`. A node that does not know its own address is the one
    /// that was asked. `None` if there is something else in it.
    pub(super) fn parse(answer: &Value, asked: &NodeAddress) -> Option<Self> {
        let Value::Array(entries) = answer else {
            return None;
        };
        let mut topology = Self::default();
        for entry in entries {
            topology.add(entry, asked)?;
        }
        topology.ranges.sort_by_key(|range| range.first);
        let pairs = topology.ranges.iter().zip(topology.ranges.iter().skip(1));
        let is_in_order = pairs.clone().all(|(range, next)| range.last < next.first);
        is_in_order.then_some(topology)
    }

    fn add(&mut self, entry: &Value, asked: &NodeAddress) -> Option<()> {
        let Value::Array(fields) = entry else {
            return None;
        };
        let [Value::Int(first), Value::Int(last), nodes @ ..] = fields.as_slice() else {
            return None;
        };
        let nodes: Option<Vec<_>> = nodes.iter().map(|node| node_of(node, asked)).collect();
        let nodes = nodes?;
        let (first, last) = (slot(*first)?, slot(*last)?);
        let primary = nodes.first().filter(|_| first <= last)?.clone();
        self.ranges.push(SlotRange { first, last, primary });
        for node in nodes {
            if !self.nodes.contains(&node) {
                self.nodes.push(node);
            }
        }
        Some(())
    }

    /// Every node that is known of.
    pub(super) fn nodes(&self) -> &[NodeAddress] {
        &self.nodes
    }

    /// Those that serve slots.
    pub(super) fn primaries(&self) -> impl Iterator<Item = &NodeAddress> {
        self.ranges.iter().map(|range| &range.primary)
    }
}

impl SlotMap {
    /// The slots of a topology with the connections that there are.
    pub(super) fn new(topology: &Topology, nodes: Vec<Arc<RedisConnection>>) -> Self {
        let of = |primary: &NodeAddress| nodes.iter().find(|it| it.node() == primary).cloned();
        let ranges = topology.ranges.iter();
        let ranges = ranges.map(|range| (range.first, range.last, of(&range.primary))).collect();
        Self { ranges, nodes }
    }

    /// The connection to the node that has a key.
    pub(super) fn connection(&self, name: &str) -> Option<&Arc<RedisConnection>> {
        let slot = slot_of(name);
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, connection) = self.ranges.get(after.checked_sub(1)?)?;
        connection.as_ref().filter(|_| slot <= *last)
    }

    /// The connection to a node.
    pub(super) fn node(&self, node: &NodeAddress) -> Option<&Arc<RedisConnection>> {
        self.nodes.iter().find(|connection| connection.node() == node)
    }

    /// How many slots no node serves that can be reached.
    pub(super) fn unserved(&self) -> u16 {
        let served = self.ranges.iter().filter(|(.., connection)| connection.is_some());
        let served: u32 = served.map(|(first, last, _)| u32::from(last - first) + 1).sum();
        SLOTS.saturating_sub(u16::try_from(served).unwrap_or(SLOTS))
    }
}

/// Host and port of a node as `CLUSTER SLOTS` has them.
fn node_of(node: &Value, asked: &NodeAddress) -> Option<NodeAddress> {
    let Value::Array(fields) = node else {
        return None;
    };
    let [host, Value::Int(port), ..] = fields.as_slice() else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::Nil => "",
        _ => return None,
    };
    node_named(host, u16::try_from(*port).ok()?, asked)
}

/// A node as a server names it: an empty host is its own.
pub(super) fn node_named(host: &str, port: u16, asked: &NodeAddress) -> Option<NodeAddress> {
    let host = if host.is_empty() { &asked.host } else { host };
    NodeAddress::of(host, port)
}

fn slot(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|slot| *slot < SLOTS)
}

/// The slot of a key. Names of ours have no braces, so that all of a name counts.
fn slot_of(name: &str) -> u16 {
    crc16(name.as_bytes()) % SLOTS
}

/// CRC-16 as clusters use it (XMODEM: polynomial 0x1021, from 0).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let mut crc = crc ^ (u16::from(*byte) << 8);
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> NodeAddress {
        NodeAddress { host: "10.0.0.1".to_owned(), port }
    }

    fn entry(first: i64, last: i64, nodes: &[(&str, i64)]) -> Value {
        let node = |(host, port): &(&str, i64)| {
            let host = Value::BulkString(host.as_bytes().to_vec());
            Value::Array(vec![host, Value::Int(*port), Value::BulkString(b"id".to_vec())])
        };
        let range = [Value::Int(first), Value::Int(last)].into_iter();
        Value::Array(range.chain(nodes.iter().map(node)).collect())
    }

    fn parse(entries: Vec<Value>) -> Option<Topology> {
        Topology::parse(&Value::Array(entries), &node(1))
    }

    /// As `CLUSTER KEYSLOT` says.
    #[test]
    fn slots_of_keys_are_those_of_the_server() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!((slot_of("foo"), slot_of("countersign:limit:a")), (12182, 8129));
    }

    #[test]
    fn a_topology_is_read_whatever_order_it_is_in() {
        let topology = parse(vec![
            entry(8_000, 16_383, &[("10.0.0.1", 2), ("10.0.0.1", 3)]),
            entry(0, 7_999, &[("", 1)]),
        ]);
        let topology = topology.unwrap();
        assert_eq!(topology.primaries().collect::<Vec<_>>(), [&node(1), &node(2)]);
        assert_eq!(topology.nodes(), [node(2), node(3), node(1)]);
        assert_eq!(SlotMap::new(&topology, Vec::new()).unserved(), SLOTS, "none is connected");
    }

    #[test]
    fn an_answer_that_is_none_is_no_topology() {
        assert_eq!(Topology::parse(&Value::Nil, &node(1)), None);
        for entry in [
            Value::Nil,
            Value::Array(vec![Value::Int(0)]),
            entry(0, 16_384, &[("10.0.0.1", 1)]),
            entry(-1, 5, &[("10.0.0.1", 1)]),
            entry(5, 4, &[("10.0.0.1", 1)]),
            entry(0, 5, &[]),
            entry(0, 5, &[("no host name", 1)]),
            entry(0, 5, &[("10.0.0.1", 0)]),
            entry(0, 5, &[("10.0.0.1", 70_000)]),
        ] {
            assert_eq!(parse(vec![entry.clone()]), None, "{entry:?}");
        }
        let twice = vec![entry(0, 5, &[("10.0.0.1", 1)]), entry(5, 6, &[("10.0.0.1", 2)])];
        assert_eq!(parse(twice), None);
    }
}
