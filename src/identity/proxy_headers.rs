//! What every request says of itself to the upstream, in headers of ours.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{IdText, RequestId, RequestOrigin};
use crate::wire::http1::write_field;

/// The headers of ours that nothing reads or replaces on the way. Over HTTP/1.1 they are written
/// from here: to put them among the others first takes four times as long.
#[derive(Debug)]
pub(crate) struct ProxyHeaders<'r> {
    /// The request's id, and what the header is called.
    pub(crate) id: (&'r HeaderName, &'r RequestId),
    /// What a loop is recognised by: behind the elements of the hops before.
    pub(crate) loop_mark: (&'r HeaderName, &'r HeaderValue),
    /// `None`: the other headers say it.
    pub(crate) origin: Option<RequestOrigin<'r>>,
}

impl ProxyHeaders<'_> {
    /// Appends their lines.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in self.origin.iter().flat_map(RequestOrigin::fields) {
            write_field(out, &name, value);
        }
        let (name, id) = self.id;
        write_field(out, name, id.text(&mut IdText::default()).as_bytes());
        let (name, mark) = self.loop_mark;
        write_field(out, name, mark.as_bytes());
    }

    /// Puts them among the others.
    pub(crate) fn set(&self, headers: &mut HeaderMap) {
        self.origin.iter().for_each(|origin| origin.set(headers));
        let (name, id) = self.id;
        headers.insert(name, id.value());
        let (name, mark) = self.loop_mark;
        headers.append(name, mark.clone());
    }
}

#[cfg(test)]
mod tests {
    use http::header::VIA;

    use super::*;

    #[test]
    fn what_is_written_is_what_is_set() {
        let id = (&HeaderName::from_static("x-request-id"), &RequestId::Made([7; 16]));
        let loop_mark = (&VIA, &HeaderValue::from_static("1.1 us"));
        let own = ProxyHeaders { id, loop_mark, origin: None };
        let mut out = Vec::new();
        own.write(&mut out);
        let id = RequestId::Made([7; 16]);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("x-request-id: {id}\r\nvia: 1.1 us\r\n")
        );

        let mut headers = HeaderMap::from_iter([(VIA, HeaderValue::from_static("1.0 before"))]);
        own.set(&mut headers);
        assert_eq!(headers["x-request-id"], id.to_string());
        assert!(headers.get_all(VIA).iter().eq(["1.0 before", "1.1 us"]));
    }
}
