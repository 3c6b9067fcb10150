//! From where, and with which certificate, a route may be used, checked before any credential is looked at.

use std::{net::IpAddr, sync::Arc};

use http::HeaderMap;

use super::{Denial, Gate, Peer, Route};
use crate::{
    policy::settings::{AddressSettings, key},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
};

impl Gate {
    /// Whether the client may use the route at all.
    pub(super) fn check_restrictions(
        &self,
        route: &Arc<Route>,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<(), Denial> {
        let deny = |cause: Cause| Denial::new(cause).on(route);
        if let Some(addresses) = route.addresses() {
            let client = self.forwarded.client(headers, peer.address.as_ref());
            check(addresses, client).map_err(deny)?;
        }
        match route.client_certificate() {
            None => Ok(()),
            Some(rule) => rule.check(peer.certificate.as_deref()).map_err(deny),
        }
    }
}

/// A client whose address is not known does not pass.
fn check(addresses: &AddressSettings, client: Option<IpAddr>) -> Result<(), Cause> {
    let subject = match client {
        Some(client) if addresses.permit(client) => return Ok(()),
        Some(client) => Subject::new(Part::Address, Fault::NotAllowed)
            .found(Excerpt::own(format_args!("{client}"))),
        None => Subject::new(Part::Address, Fault::Unknown),
    };
    Err(Reason::AddressNotAllowed.about(subject.setting(key::ADDRESSES)))
}
