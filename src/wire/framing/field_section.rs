//! The size of a request's head over HTTP/2, as `SETTINGS_MAX_HEADER_LIST_SIZE` counts it
//! (RFC 9113 §6.5.2).

use http::Request;

/// What each field counts besides its name and its value.
const PER_FIELD: usize = 32;

/// The size of all fields, the pseudo-header fields included.
pub(super) fn size<B>(request: &Request<B>) -> usize {
    let of_headers: usize =
        request.headers().iter().map(|(name, value)| field(name.as_str(), value.len())).sum();
    pseudo_fields(request).map(|(name, length)| field(name, length)).sum::<usize>() + of_headers
}

/// The name of the largest field, and the size of its value.
#[cold]
pub(super) fn largest<B>(request: &Request<B>) -> (&str, usize) {
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.len()));
    let largest = pseudo_fields(request).chain(headers);
    largest.max_by_key(|(name, length)| field(name, *length)).unwrap_or_default()
}

fn field(name: &str, value: usize) -> usize {
    name.len() + value + PER_FIELD
}

/// The pseudo-header fields of which the request was made, with the sizes of their values.
fn pseudo_fields<B>(request: &Request<B>) -> impl Iterator<Item = (&str, usize)> {
    let uri = request.uri();
    let fields = [
        (":method", Some(request.method().as_str().len())),
        (":scheme", uri.scheme_str().map(str::len)),
        (":authority", uri.authority().map(|authority| authority.as_str().len())),
        (":path", uri.path_and_query().map(|path| path.as_str().len())),
    ];
    fields.into_iter().filter_map(|(name, length)| length.map(|length| (name, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f14_a_field_counts_32_bytes_more_than_it_has() {
        let uri = "http://api.test/path";
        let request = Request::get(uri).header("x-ab", "1234").header("x-ab", "").body(()).unwrap();
        let pseudo = (7 + 3) + (7 + 4) + (10 + 8) + (5 + 5) + 4 * 32;
        assert_eq!(size(&request), pseudo + (4 + 4 + 32) + (4 + 32));
        assert_eq!(largest(&request), (":authority", 8));
    }
}
