//! How long the body of an answer is: RFC 9112 §6.3, from top to bottom.

use http::{Method, StatusCode, response::Parts};

use crate::wire::framing::{MisframedAnswer, StatedLength, check_answer};

/// Where the body of a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// With the head.
    Nothing,
    /// After so many bytes.
    Exact(u64),
    /// Behind the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

impl BodyLength {
    /// That of an answer to a request with this method. Leaves at most one canonical
    /// `Content-Length` in the head.
    ///
    /// # Errors
    /// The head contradicts itself (rules 3 to 5).
    pub fn of_answer(method: &Method, head: &mut Parts) -> Result<Self, MisframedAnswer> {
        // Rules 3 to 5, before the others: a contradiction is one, whatever the status. A coding
        // that is not just `chunked` is refused as well (rule 4), since we send no `TE`.
        let stated = check_answer(head)?;
        Ok(match stated {
            // Rule 1. An answer to `HEAD`, and a 304, state what they would have had.
            _ if *method == Method::HEAD || ends_with_head(head.status) => Self::Nothing,
            // Rule 2 is for `CONNECT`, which is never sent.
            // Rule 4.
            StatedLength::Chunked => Self::Chunked,
            // Rule 6.
            StatedLength::Bytes(bytes) => Self::Exact(bytes),
            // Rule 8; rule 7 is for requests.
            StatedLength::Nowhere => Self::UntilClose,
        })
    }
}

fn ends_with_head(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Response};

    use super::*;

    fn length(method: &Method, status: u16, fields: &[(&'static str, &'static str)]) -> BodyLength {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::from_u16(status).unwrap();
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        head.headers = fields.collect::<HeaderMap>();
        BodyLength::of_answer(method, &mut head).unwrap()
    }

    #[test]
    fn f12_the_table_of_rfc_9112_6_3() {
        const LENGTH: (&str, &str) = ("content-length", "5");
        const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");
        for (fields, get) in [
            (&[LENGTH][..], BodyLength::Exact(5)),
            (&[("content-length", "0")], BodyLength::Exact(0)),
            (&[("content-length", "05, 5")], BodyLength::Exact(5)),
            (&[CHUNKED], BodyLength::Chunked),
            (&[], BodyLength::UntilClose),
        ] {
            for status in [200, 206, 404, 500] {
                assert_eq!(length(&Method::GET, status, fields), get, "{status} {fields:?}");
                assert_eq!(length(&Method::POST, status, fields), get, "{status} {fields:?}");
                let head = length(&Method::HEAD, status, fields);
                assert_eq!(head, BodyLength::Nothing, "{status} {fields:?}");
            }
            assert_eq!(length(&Method::GET, 304, fields), BodyLength::Nothing, "{fields:?}");
        }
        for status in [101, 204] {
            assert_eq!(length(&Method::GET, status, &[]), BodyLength::Nothing, "{status}");
        }
    }
}
