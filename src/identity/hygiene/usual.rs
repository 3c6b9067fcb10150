//! Names of headers that most requests have.

use http::{
    HeaderName,
    header::{
        ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH,
        CONTENT_TYPE, COOKIE, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, ORIGIN, PRAGMA, REFERER,
        UPGRADE_INSECURE_REQUESTS, USER_AGENT,
    },
};

/// Defines the list, and a comparison with all of it that costs as much as one with a single name.
macro_rules! usual {
    ($($name:ident)*) => {
        pub(super) const USUAL: &[HeaderName] = &[$($name),*];

        pub(super) fn is_usual(name: &HeaderName) -> bool {
            matches!(*name, $($name)|*)
        }
    };
}

usual! {
    ACCEPT
    ACCEPT_ENCODING
    ACCEPT_LANGUAGE
    AUTHORIZATION
    CACHE_CONTROL
    CONTENT_LENGTH
    CONTENT_TYPE
    COOKIE
    HOST
    IF_MODIFIED_SINCE
    IF_NONE_MATCH
    ORIGIN
    PRAGMA
    REFERER
    UPGRADE_INSECURE_REQUESTS
    USER_AGENT
}
