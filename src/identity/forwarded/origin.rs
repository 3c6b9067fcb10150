//! Where a request came from, as the upstream hears it of us.

use http::{HeaderMap, HeaderValue};

use super::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::wire::http1::write_line;

/// The origin of a request whose own headers say nothing of it that is believed. Without an address
/// there is no `X-Forwarded-For`.
#[derive(Debug, Clone, Copy)]
pub struct RequestOrigin<'r> {
    pub(super) peer: Option<&'r HeaderValue>,
    pub(super) scheme: &'static str,
    pub(super) authority: &'r HeaderValue,
}

impl RequestOrigin<'_> {
    /// Appends the lines of the fields. Their names are written as they stand here: to look them up
    /// takes as long as to write the values.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(peer) = self.peer {
            write_line(out, b"x-forwarded-for: ", peer.as_bytes());
        }
        write_line(out, b"x-forwarded-proto: ", self.scheme.as_bytes());
        write_line(out, b"x-forwarded-host: ", self.authority.as_bytes());
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
    use crate::wire::http1::write_field;

    #[test]
    fn it_writes_the_fields_that_it_sets() {
        let (peer, authority) =
            (HeaderValue::from_static("192.0.2.7"), HeaderValue::from_static("a.test"));
        for peer in [None, Some(&peer)] {
            let origin = RequestOrigin { peer, scheme: "https", authority: &authority };
            let mut headers = HeaderMap::new();
            origin.set(&mut headers);
            let (mut set, mut written) = (Vec::new(), Vec::new());
            headers.iter().for_each(|(name, value)| write_field(&mut set, name, value.as_bytes()));
            origin.write(&mut written);
            assert_eq!(set.escape_ascii().to_string(), written.escape_ascii().to_string());
        }
    }
}
