//! The credential of a request. The input is a header block, one field a line.

use countersign::{
    policy::{
        CanonicalRequest,
        credential::{CredentialRules, CredentialSource, PlaceSet},
    },
    reason::Reason,
    token::{CredentialPlaces, KeptCredentials, credential::settings::CredentialSettings},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri, Version,
    header::{COOKIE, HOST},
};

const COOKIE_NAME: &str = "session";

/// Whatever is extracted is the only credential that any reader could find in the request, and no
/// reader finds one after it was stripped; the rest of the request is left as it was.
pub fn check(input: &[u8]) -> bool {
    let headers = headers(input);
    for forward in [false, true] {
        assert_extraction(&places(forward), &headers);
        assert_stripped(&places(forward), &headers, forward);
    }
    extract(&places(false), &headers).is_ok()
}

fn extract(places: &CredentialPlaces, headers: &HeaderMap) -> Result<Extracted, Reason> {
    let host = HeaderMap::from_iter([(HOST, HeaderValue::from_static("api.test"))]);
    let target = Uri::from_static("/");
    let request = CanonicalRequest::new(&Method::GET, &target, Version::HTTP_11, &host).unwrap();
    let sources = places.of_route(&CredentialRules::default());
    let found = sources.extract(&request, headers)?;
    let credential = found.credential();
    let is_token = credential.check_form().is_ok();
    Ok(Extracted { bytes: credential.as_bytes().to_vec(), is_token })
}

struct Extracted {
    bytes: Vec<u8>,
    /// Whether it has the form of a token.
    is_token: bool,
}

fn places(forward: bool) -> CredentialPlaces {
    let header = |name, scheme: Option<&str>| CredentialSource::Header {
        name: HeaderName::from_static(name),
        scheme: scheme.map(str::to_owned),
    };
    let cookie =
        CredentialSource::Cookie { name: COOKIE_NAME.to_owned(), scheme: None, chunks: false };
    let sources = vec![header("authorization", Some("Bearer")), header("x-token", None), cookie];
    let settings = CredentialSettings { sources, forward, ..CredentialSettings::default() };
    CredentialPlaces::new(&settings, [])
}

fn headers(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let name = HeaderName::from_bytes(name).ok();
        if let Some((name, value)) = name.zip(HeaderValue::from_bytes(value).ok()) {
            headers.append(name, value);
        }
    }
    headers
}

fn assert_extraction(places: &CredentialPlaces, headers: &HeaderMap) {
    let carried = carried(headers);
    match extract(places, headers) {
        Ok(found) => {
            assert!(!carried.is_empty() && !found.bytes.is_empty());
            if found.is_token {
                assert!(carried.iter().all(|other| *other == found.bytes), "{carried:?}");
                assert!(found.bytes.iter().all(u8::is_ascii_graphic));
                assert!(!found.bytes.iter().any(|byte| b",;\"\\%".contains(byte)));
            }
        }
        Err(Reason::CredentialMissing | Reason::CredentialSchemeUnknown) => {
            assert!(carried.is_empty(), "passed over: {carried:?}");
        }
        Err(_) => assert!(headers.keys_len() > 0),
    }
}

/// Every credential in every place, as a server would read it.
fn carried(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let authorization = headers.get_all("authorization").iter();
    let bearer = authorization.filter_map(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked("bearer".len())?;
        let is_bearer = scheme.eq_ignore_ascii_case(b"bearer")
            && token.first().is_none_or(u8::is_ascii_whitespace);
        is_bearer.then(|| token.trim_ascii_start())
    });
    let whole = headers.get_all("x-token").iter().map(HeaderValue::as_bytes);
    let cookies = pairs(headers)
        .into_iter()
        .filter_map(|(name, value)| (name == COOKIE_NAME.as_bytes()).then_some(unquoted(value)));
    let bare = whole.chain(cookies).filter(|token| !token.is_empty());
    bearer.chain(bare).map(<[u8]>::to_vec).collect()
}

/// Without the quotes that are not a part of a cookie's value.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    }
}

/// Name and value of every cookie. A cookie without `=` has no name.
fn pairs(headers: &HeaderMap) -> Vec<(&[u8], &[u8])> {
    let values = headers.get_all(COOKIE).iter();
    let pairs = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs
        .filter(|pair| !pair.trim_ascii().is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()),
            None => (&b""[..], pair.trim_ascii()),
        })
        .collect()
}

fn assert_stripped(places: &CredentialPlaces, headers: &HeaderMap, forward: bool) {
    let kept = KeptCredentials { verified_token: forward, ..KeptCredentials::default() };
    let mut verified = headers.clone();
    places.strip(&mut verified, Some(PlaceSet::ALL), kept);
    if forward {
        assert_eq!(&verified, headers);
    } else {
        assert!(!verified.contains_key("authorization") && !verified.contains_key("x-token"));
    }
    let mut unverified = headers.clone();
    places.strip(&mut unverified, None, kept);
    assert!(carried(&unverified).is_empty(), "left behind: {unverified:?}");
    assert!(matches!(
        extract(places, &unverified).map(|_| ()),
        Err(Reason::CredentialMissing
            | Reason::CredentialSchemeUnknown
            | Reason::CredentialAmbiguous)
    ));
    assert_rest_is_kept(headers, &unverified);
}

fn assert_rest_is_kept(before: &HeaderMap, after: &HeaderMap) {
    let is_own = |(name, _): &(&HeaderName, &HeaderValue)| {
        ["authorization", "x-token", "cookie"].contains(&name.as_str())
    };
    let others = |headers: &HeaderMap| -> Vec<(HeaderName, HeaderValue)> {
        let others = headers.iter().filter(|field| !is_own(field));
        let mut others: Vec<_> =
            others.map(|(name, value)| (name.clone(), value.clone())).collect();
        // Only the order of one name's values says something; the sort keeps it.
        others.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        others
    };
    assert_eq!(others(before), others(after));
    let mut kept = pairs(before);
    kept.retain(|(name, _)| *name != COOKIE_NAME.as_bytes());
    assert_eq!(kept, pairs(after), "another cookie is lost");
}
