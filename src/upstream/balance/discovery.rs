//! Where the endpoints are: as configured, or what names are resolved to again and again.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    bounded::backoff::{Backoff, random_fraction},
    resolver::{MAX_ADDRESSES, ResolveFailure, ResolvedName, Resolver},
    upstream::settings::{EndpointSettings, Resolve, UpstreamAddress, WeightedUrl},
};

use super::{EndpointTarget, SharedEndpoints};

/// After failures the name is resolved again sooner than a long time to live says, and not so often
/// that it would keep a resolver down.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30), jitter: 0.2 };

/// So much of a time to live is random: replicas do not all send their queries at once.
const JITTER: f64 = 0.1;

/// An endpoint for each URL.
pub(super) fn configured(settings: &EndpointSettings) -> Vec<EndpointTarget> {
    let target = |url: &WeightedUrl| EndpointTarget {
        url: url.address.clone(),
        address: None,
        weight: url.weight,
    };
    settings.urls.iter().map(target).collect()
}

/// Resolves the names as often as their times to live say.
pub(super) async fn keep_resolved(shared: Arc<SharedEndpoints>, resolver: Resolver) {
    let mut failures = 0;
    loop {
        let wait = match targets(&shared, &resolver).await {
            Ok((targets, keep)) => {
                report_recovery(&shared, failures);
                shared.metrics.resolved(true);
                shared.replace(&targets);
                failures = 0;
                keep.mul_f64(1.0 - JITTER * random_fraction())
            }
            Err(error) => {
                report_failure(&shared, &error, failures);
                shared.metrics.resolved(false);
                failures += 1;
                BACKOFF.after(failures - 1)
            }
        };
        sleep(wait).await;
    }
}

/// All endpoints now, and for how long they may be used. If one of several names can't be resolved,
/// all of them stay as they are: an endpoint must not be lost with it.
async fn targets(
    shared: &SharedEndpoints,
    resolver: &Resolver,
) -> Result<(Vec<EndpointTarget>, Duration), ResolveFailure> {
    let (mut targets, mut keep) = (Vec::new(), Duration::MAX);
    for url in &shared.settings.urls {
        let resolved = resolve(resolver, &url.address, shared.settings.resolve).await?;
        if resolved.left_out > 0 {
            let (upstream, left_out) = (shared.upstream.as_str(), resolved.left_out);
            tracing::warn!(upstream, left_out, "the name has more addresses than are used");
        }
        keep = keep.min(resolved.keep);
        targets.extend(resolved.addresses.into_iter().map(|resolved| EndpointTarget {
            url: url.address.clone(),
            address: Some(resolved.address),
            weight: url.weight * resolved.weight,
        }));
    }
    targets.truncate(MAX_ADDRESSES);
    Ok((targets, keep))
}

async fn resolve(
    resolver: &Resolver,
    url: &UpstreamAddress,
    rule: Resolve,
) -> Result<ResolvedName, ResolveFailure> {
    let (host, port) = url.host_and_port().ok_or(ResolveFailure::NoAddress)?;
    match rule {
        Resolve::Srv => resolver.services(host).await,
        Resolve::All | Resolve::First => resolver.addresses(host, port).await,
    }
}

/// The first failure is a warning: the endpoints that are known are used on.
fn report_failure(shared: &SharedEndpoints, error: &ResolveFailure, earlier: u32) {
    let (upstream, known) = (shared.upstream.as_str(), shared.targets().len());
    if earlier == 0 {
        tracing::warn!(upstream, %error, known, "cannot resolve the name of the upstream");
    } else {
        tracing::debug!(upstream, %error, known, "cannot resolve the name of the upstream");
    }
}

fn report_recovery(shared: &SharedEndpoints, failures: u32) {
    if failures > 0 {
        let upstream = shared.upstream.as_str();
        tracing::info!(upstream, failures, "the name of the upstream is resolved again");
    }
}
