//! Where a request came from, as the upstream hears it of us.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};

/// The origin of a request whose own headers say nothing of it that is believed. Without an address
/// there is no `X-Forwarded-For`.
#[derive(Debug, Clone, Copy)]
pub struct RequestOrigin<'r> {
    pub(super) peer: Option<&'r HeaderValue>,
    pub(super) scheme: &'static str,
    pub(super) authority: &'r HeaderValue,
}

impl<'r> RequestOrigin<'r> {
    /// The header fields.
    pub fn fields(&self) -> impl Iterator<Item = (HeaderName, &'r [u8])> {
        let peer = self.peer.map(|peer| (X_FORWARDED_FOR, peer.as_bytes()));
        let others = [
            (X_FORWARDED_PROTO, self.scheme.as_bytes()),
            (X_FORWARDED_HOST, self.authority.as_bytes()),
        ];
        peer.into_iter().chain(others)
    }

    /// Puts the fields among the headers, which have none of these names.
    pub fn set(&self, headers: &mut HeaderMap) {
        if let Some(peer) = self.peer {
            headers.insert(X_FORWARDED_FOR, peer.clone());
        }
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(self.scheme));
        headers.insert(X_FORWARDED_HOST, self.authority.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_fields_are_those_that_it_sets() {
        let (peer, authority) =
            (HeaderValue::from_static("192.0.2.7"), HeaderValue::from_static("a.test"));
        for peer in [None, Some(&peer)] {
            let origin = RequestOrigin { peer, scheme: "https", authority: &authority };
            let mut headers = HeaderMap::new();
            origin.set(&mut headers);
            let set = headers.iter().map(|(name, value)| (name.clone(), value.as_bytes()));
            assert!(set.eq(origin.fields()), "{headers:?}");
        }
    }
}
