//! Headers of requests that are handled one by one, and that most requests do not have.

use http::{
    HeaderMap,
    header::{COOKIE, EXPECT, TE},
};

/// Which of them a client's request has. One pass over its names costs less than a look-up for
/// each, which is spared where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RareHeaders {
    pub(super) cookie: bool,
    pub(super) expect: bool,
    pub(super) te: bool,
}

impl RareHeaders {
    /// Those of a request as it came. What is set for the upstream later is none of them.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for name in headers.keys() {
            match *name {
                COOKIE => found.cookie = true,
                EXPECT => found.expect = true,
                TE => found.te = true,
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn each_is_found_among_others_however_it_is_written() {
        let found = |names: &[&'static str]| {
            let value = HeaderValue::from_static("x");
            let fields = names.iter().map(|name| (name.parse().unwrap(), value.clone()));
            RareHeaders::of(&fields.collect())
        };
        let none = RareHeaders::default();
        assert_eq!(found(&["host", "x-te", "cookies", "upgrade-insecure-requests"]), none);
        assert_eq!(found(&["host", "Cookie", "accept"]), RareHeaders { cookie: true, ..none });
        assert_eq!(found(&["EXPECT"]), RareHeaders { expect: true, ..none });
        assert_eq!(found(&["te", "te"]), RareHeaders { te: true, ..none });
        let all = RareHeaders { cookie: true, expect: true, te: true };
        assert_eq!(found(&["te", "expect", "cookie"]), all);
    }
}
