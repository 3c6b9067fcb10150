//! A preflight: the question of a browser whether a page may send a request.

use http::{
    HeaderMap, Method,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};

use super::only;

/// What makes an `OPTIONS` request a preflight (the Fetch standard, CORS-preflight fetch). It has
/// no credentials, whatever the announced request will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    announced: Method,
}

impl Preflight {
    /// `None`: the request is one like any other. One that names two origins or two methods is, as
    /// no browser sends that.
    pub fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if *method != Method::OPTIONS {
            return None;
        }
        only(headers, &ORIGIN)?;
        let announced = only(headers, &ACCESS_CONTROL_REQUEST_METHOD)?;
        let announced = Method::from_bytes(announced.as_bytes()).ok()?;
        Some(Self { announced })
    }

    /// The method of the request that the browser will send.
    pub fn announced(self) -> Method {
        self.announced
    }
}
