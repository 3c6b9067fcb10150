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
    pub(crate) loop_mark: &'r FixedField,
    /// `None`: the other headers say it.
    pub(crate) origin: Option<RequestOrigin<'r>>,
}

/// A field that is the same in all requests, and the line that it makes.
#[derive(Debug)]
pub(crate) struct FixedField {
    name: HeaderName,
    value: HeaderValue,
    line: Box<[u8]>,
}

impl ProxyHeaders<'_> {
    /// Appends their lines.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.origin.iter().for_each(|origin| origin.write(out));
        let (name, id) = self.id;
        write_field(out, name, id.text(&mut IdText::default()).as_bytes());
        out.extend_from_slice(&self.loop_mark.line);
    }

    /// Puts them among the others.
    pub(crate) fn set(&self, headers: &mut HeaderMap) {
        self.origin.iter().for_each(|origin| origin.set(headers));
        let (name, id) = self.id;
        headers.insert(name, id.value());
        self.loop_mark.append_to(headers);
    }
}

impl FixedField {
    pub(crate) fn new(name: HeaderName, value: HeaderValue) -> Self {
        let mut line = Vec::new();
        write_field(&mut line, &name, value.as_bytes());
        Self { name, value, line: line.into() }
    }

    /// Puts it behind the fields of its name.
    pub(crate) fn append_to(&self, headers: &mut HeaderMap) {
        headers.append(&self.name, self.value.clone());
    }

    /// The same with a value of its own, whose references nothing else counts.
    pub(crate) fn copied(&self) -> Self {
        let value = HeaderValue::from_bytes(self.value.as_bytes());
        let value = value.unwrap_or_else(|_| self.value.clone());
        Self { name: self.name.clone(), value, line: self.line.clone() }
    }
}

#[cfg(test)]
mod tests {
    use http::header::VIA;

    use super::*;

    #[test]
    fn what_is_written_is_what_is_set() {
        let id = (&HeaderName::from_static("x-request-id"), &RequestId::Made([7; 16]));
        let loop_mark = &FixedField::new(VIA, HeaderValue::from_static("1.1 us")).copied();
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
