//! What the scenarios of several endpoints have in common.

use crate::support::{bare, fleet::Instance, proxy::Proxy, world::World};

/// A proxy in front of these instances, with further lines of the upstream.
pub(super) fn in_front_of(instances: &[Instance], lines: &str) -> World {
    let urls: Vec<_> = instances.iter().map(Instance::url).collect();
    bare::in_front_of_several(&format!("urls = {urls:?}\n{lines}"), "")
}

/// How many endpoints are in that state.
pub(crate) fn endpoints(proxy: &Proxy, state: &str) -> f64 {
    let labels = format!("{{state=\"{state}\",upstream=\"other\"}}");
    proxy.metric(&format!("countersign_upstream_endpoints{labels}"))
}

/// How many endpoints were taken out of use for that.
pub(super) fn ejections(proxy: &Proxy, cause: &str) -> f64 {
    let labels = format!("{{cause=\"{cause}\",upstream=\"other\"}}");
    proxy.metric(&format!("countersign_upstream_ejections_total{labels}"))
}

/// Whether two counts are equal.
pub(crate) fn is(found: f64, expected: u32) -> bool {
    (found - f64::from(expected)).abs() < f64::EPSILON
}
