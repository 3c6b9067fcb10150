//! What keeps requests from a route whatever their credential, checked before any credential is
//! looked at.

use std::{net::IpAddr, sync::Arc};

use http::HeaderMap;

use super::{Denial, Gate, GateParts, Peer, Route};
use crate::{
    policy::settings::{AddressSettings, RouteSettings, key},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
};

/// The restrictions of one route.
#[derive(Debug)]
pub(super) struct Restrictions {
    pub(super) addresses: AddressSettings,
    /// Its upstream is switched off. A redirect has none.
    in_maintenance: bool,
}

impl Restrictions {
    /// `None`: there are none.
    pub(super) fn compile(route: &RouteSettings, parts: &GateParts<'_>) -> Option<Box<Self>> {
        let addresses = route.addresses.clone();
        let upstream = route.destination.upstream();
        let in_maintenance = upstream.is_some_and(|upstream| *parts.maintenance.get(upstream));
        let is_restricted = in_maintenance || addresses.is_set();
        is_restricted.then(|| Box::new(Self { addresses, in_maintenance }))
    }
}

impl Gate {
    /// Whether the route takes requests from there, and has an upstream that is in use.
    pub(super) fn check_restrictions(
        &self,
        route: &Arc<Route>,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<(), Denial> {
        if let Some(rule) = route.client_certificate() {
            let checked = rule.check(peer.certificate.as_deref());
            checked.map_err(|cause| Denial::new(cause).on(route))?;
        }
        if route.restrictions().is_none() {
            return Ok(());
        }
        self.check_address(route, headers, peer)?;
        check_maintenance(route)
    }

    /// Whether the route takes requests from there. A client whose address is not known does not
    /// pass.
    pub(super) fn check_address(
        &self,
        route: &Arc<Route>,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<(), Denial> {
        let Some(addresses) = route.addresses() else {
            return Ok(());
        };
        match self.forwarded.client(headers, peer.address.as_ref()) {
            Some(client) if addresses.permit(client) => Ok(()),
            client => Err(Denial::new(not_allowed(client)).on(route)),
        }
    }
}

/// Whether the route's upstream is in use.
pub(super) fn check_maintenance(route: &Arc<Route>) -> Result<(), Denial> {
    if route.restrictions().is_some_and(|restrictions| restrictions.in_maintenance) {
        return Err(Denial::new(Reason::UpstreamMaintenance).on(route));
    }
    Ok(())
}

#[cold]
fn not_allowed(client: Option<IpAddr>) -> Cause {
    let subject = match client {
        Some(client) => Subject::new(Part::Address, Fault::NotAllowed)
            .found(Excerpt::own(format_args!("{client}"))),
        None => Subject::new(Part::Address, Fault::Unknown),
    };
    Reason::AddressNotAllowed.about(subject.setting(key::ADDRESSES))
}
