//! Queries, through the client of hickory-resolver.

use std::{net::SocketAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{RData, RecordType, rdata::SRV},
    },
};

use super::{MAX_ADDRESSES, ResolveFailure, ResolvedAddress, settings::ResolverSettings};

/// Queries of one lookup to each server: the first answer may be lost.
const ATTEMPTS: usize = 2;

/// What an answer says, as it came.
#[derive(Debug)]
pub(super) struct FoundAddresses {
    pub(super) addresses: Vec<ResolvedAddress>,
    pub(super) ttl: Duration,
}

/// A client for one lookup. Blocks while it reads files.
pub(super) fn client(settings: &ResolverSettings) -> Result<TokioResolver, NetError> {
    let mut builder = if settings.servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = settings.servers.iter().map(|server| name_server(*server)).collect();
        let config = ResolverConfig::from_name_servers(servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = settings.timeout;
    options.attempts = ATTEMPTS;
    // An answer is used once, and its time to live is to be known.
    options.cache_size = 0;
    options.try_tcp_on_error = true;
    // A forged answer has to guess the case of the letters as well.
    options.case_randomization = true;
    builder.build()
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
    NameServerConfig::new(address.ip(), true, connections)
}

pub(super) async fn addresses(
    client: &TokioResolver,
    host: &str,
    port: u16,
    weight: u32,
) -> Result<FoundAddresses, ResolveFailure> {
    let found = client.lookup_ip(host).await.map_err(ResolveFailure::Query)?;
    let addresses = found.iter().map(|ip| ResolvedAddress { address: (ip, port).into(), weight });
    Ok(FoundAddresses { addresses: addresses.collect(), ttl: ttl(found.as_lookup()) })
}

pub(super) async fn services(
    client: &TokioResolver,
    name: &str,
) -> Result<FoundAddresses, ResolveFailure> {
    let answer = client.lookup(name, RecordType::SRV).await.map_err(ResolveFailure::Query)?;
    let mut found = FoundAddresses { addresses: Vec::new(), ttl: ttl(&answer) };
    for record in preferred(&answer) {
        let weight = u32::from(record.weight.max(1));
        // Fully qualified: no search list applies to it.
        let target = record.target.to_ascii();
        match addresses(client, &target, record.port, weight).await {
            Ok(of_target) => {
                found.ttl = found.ttl.min(of_target.ttl);
                found.addresses.extend(of_target.addresses);
            }
            Err(ResolveFailure::Query(error)) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The records with the lowest priority, without what stands for "not here" (a target of `.`, a
/// port that can't be connected to).
fn preferred(answer: &Lookup) -> Vec<&SRV> {
    let records = || {
        let records = answer.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(service) => Some(service),
            _ => None,
        });
        records.filter(|record| !record.target.is_root() && record.port != 0)
    };
    let lowest = records().map(|record| record.priority).min();
    let preferred = records().filter(|record| Some(record.priority) == lowest);
    // Each is another lookup.
    preferred.take(MAX_ADDRESSES).collect()
}

/// Of all records, those that lead to another name included.
fn ttl(answer: &Lookup) -> Duration {
    let shortest = answer.answers().iter().map(|record| record.ttl).min();
    Duration::from_secs(shortest.unwrap_or_default().into())
}

/// Whether the answer was that there is no such name, or nothing of that kind. Of one target among
/// others that is no failure.
fn is_absent(error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return false };
    matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError)
}
