//! Loops: an upstream that leads back to this process (threats F-15). Each forwarded request takes
//! a random id of the process along, in a header that every hop keeps; one that comes in with it
//! has been here before.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header::VIA};

use crate::{
    identity::{FixedField, forwarded::settings::LoopHeader},
    reason::Reason,
    telemetry::{SHOWN_PATH, SeldomLine, cut},
};

const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// Random enough that no two processes have the same.
const ID_BYTES: usize = 8;

/// A loop refuses every request of its route.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Marks the requests of one process, and recognises those that it has marked.
#[derive(Debug)]
pub(super) struct LoopGuard {
    id: String,
    header: HeaderName,
    marks: Marks,
    line: Arc<SeldomLine>,
}

/// The element that is added to the header, by the version that the request was received in.
#[derive(Debug)]
struct Marks {
    http1: FixedField,
    http2: FixedField,
}

impl LoopGuard {
    pub(super) fn new(header: LoopHeader) -> Self {
        // The system's randomness, as for every hash table. It need be no secret, so that a start
        // does not wait for the generator of keys (60 ms).
        let random = RandomState::new().hash_one(());
        Self::with_id(header, random.to_be_bytes())
    }

    fn with_id(header: LoopHeader, bytes: [u8; ID_BYTES]) -> Self {
        let id = format!("countersign-{}", hex::encode(bytes));
        let (header, marks) = match header {
            LoopHeader::CdnLoop => (CDN_LOOP, Marks::new(&CDN_LOOP, [id.clone(), id.clone()])),
            LoopHeader::Via => (VIA, Marks::new(&VIA, [format!("1.1 {id}"), format!("2.0 {id}")])),
        };
        Self { id, header, marks, line: Arc::new(SeldomLine::new(LOG_INTERVAL)) }
    }

    /// The same with values of its own: what all workers count references of is a cache line that
    /// they take from each other with every request.
    pub(super) fn of_worker(&self) -> Self {
        let Self { id, header, marks, line } = self;
        let (id, marks) = (id.clone(), marks.copied());
        Self { id, header: header.clone(), marks, line: Arc::clone(line) }
    }

    /// Refuses a request that this process has forwarded already. A client that sends our id
    /// refuses itself.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Reason> {
        if !self.has_marked(request.headers()) {
            return Ok(());
        }
        if let Some(left_out) = self.line.due() {
            tracing::warn!(
                path = cut(request.uri().path(), SHOWN_PATH),
                left_out,
                "a loop: a request came back that this proxy had forwarded"
            );
        }
        Err(Reason::LoopDetected)
    }

    /// The field to add behind those of the hops before.
    pub(super) fn mark(&self, received: Version) -> &FixedField {
        let Marks { http1, http2 } = &self.marks;
        if received == Version::HTTP_2 { http2 } else { http1 }
    }

    fn has_marked(&self, headers: &HeaderMap) -> bool {
        // Most requests have no such header: its look-up takes longer than a pass over the names.
        if !headers.keys().any(|name| *name == self.header) {
            return false;
        }
        let lines = headers.get_all(&self.header).iter();
        lines.flat_map(words).any(|word| word == self.id.as_bytes())
    }
}

impl Marks {
    /// Those of HTTP/1 and of HTTP/2.
    fn new(name: &HeaderName, elements: [String; 2]) -> Self {
        let [http1, http2] = elements.map(|element| {
            // Letters, digits, dots, blanks and hyphens are a value.
            let value = HeaderValue::try_from(element);
            let value = value.unwrap_or(HeaderValue::from_static("countersign"));
            FixedField::new(name.clone(), value)
        });
        Self { http1, http2 }
    }

    fn copied(&self) -> Self {
        Self { http1: self.http1.copied(), http2: self.http2.copied() }
    }
}

/// The words of a list: protocol, id, and the words of parameters and comments.
fn words(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| matches!(byte, b',' | b';' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u8; ID_BYTES] = [0xab; ID_BYTES];
    const ID: &str = "countersign-abababababababab";

    fn marked(header: LoopHeader, received: Version, before: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in before {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let guard = LoopGuard::with_id(header, OURS).of_worker();
        guard.mark(received).append_to(&mut headers);
        headers
    }

    fn verdict(header: LoopHeader, headers: HeaderMap) -> Result<(), Reason> {
        let mut request = Request::new(());
        *request.headers_mut() = headers;
        LoopGuard::with_id(header, OURS).of_worker().check(&request)
    }

    #[test]
    fn f15_what_was_marked_is_recognised_whatever_stands_beside_it() {
        for header in [LoopHeader::CdnLoop, LoopHeader::Via] {
            for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
                let before = [("cdn-loop", "a, b;c"), ("via", "1.1 a, 1.1 b (c)")];
                let headers = marked(header, version, &before);
                assert_eq!(verdict(header, headers), Err(Reason::LoopDetected));
            }
        }
        for line in [
            format!("{ID};x=y"),
            format!("a,{ID}"),
            format!("1.1 {ID} (comment), 2.0 b"),
            format!("a\t,\t{ID}\t"),
        ] {
            let headers = HeaderMap::from_iter([(CDN_LOOP, HeaderValue::try_from(line).unwrap())]);
            assert_eq!(verdict(LoopHeader::CdnLoop, headers), Err(Reason::LoopDetected));
        }
    }

    #[test]
    fn f15_another_process_or_another_header_is_no_loop() {
        for line in ["", "countersign", "countersign-00", &format!("x{ID}"), &format!("{ID}0")] {
            let value = HeaderValue::from_str(line).unwrap();
            let headers = HeaderMap::from_iter([(CDN_LOOP, value)]);
            assert_eq!(verdict(LoopHeader::CdnLoop, headers), Ok(()), "{line}");
        }
        let headers = marked(LoopHeader::CdnLoop, Version::HTTP_11, &[]);
        assert_eq!(verdict(LoopHeader::Via, headers), Ok(()));
    }

    #[test]
    fn f15_hops_before_are_kept_in_their_order() {
        let headers = marked(LoopHeader::Via, Version::HTTP_2, &[("via", "1.0 a"), ("via", "b")]);
        let lines: Vec<_> = headers.get_all(VIA).iter().collect();
        assert_eq!(lines, ["1.0 a", "b", &format!("2.0 {ID}")]);
        assert_eq!(marked(LoopHeader::Via, Version::HTTP_11, &[])[VIA], format!("1.1 {ID}"));
        assert_eq!(marked(LoopHeader::CdnLoop, Version::HTTP_2, &[])[CDN_LOOP], ID);
    }

    #[test]
    fn f15_every_process_has_an_id_of_its_own() {
        let [one, other] = [(); 2].map(|()| LoopGuard::new(LoopHeader::CdnLoop));
        assert_ne!(one.id, other.id);
        assert_eq!(one.id.len(), ID.len());
    }
}
