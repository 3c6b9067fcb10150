//! A browser as far as the Fetch standard's CORS protocol goes (§3.2, §4.8 to §4.10): what a page
//! may send to another origin, and what it may read of the answer.

use super::{
    client::{Answer, Request},
    proxy::Proxy,
};

/// A page of an origin, which calls the proxy as another one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'p> {
    pub(crate) origin: &'p str,
    /// Whether its requests carry the user's cookies (`credentials: "include"`).
    pub(crate) with_credentials: bool,
}

/// What the page wants to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'c> {
    pub(crate) method: &'c str,
    pub(crate) target: &'c str,
    pub(crate) headers: &'c [(&'c str, &'c str)],
}

/// Where a page's call ended in a network error, of which it learns nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// The preflight's answer is not for this page, or no success.
    Preflight,
    /// The answer to the preflight does not allow the method.
    Method,
    /// The answer to the preflight does not allow one of the headers.
    Header,
    /// The answer itself is not for this page.
    Answer,
}

/// An answer as the page reads it.
#[derive(Debug)]
pub(crate) struct Readable {
    pub(crate) status: u16,
    /// Without those that the page may not read.
    pub(crate) headers: Vec<(String, String)>,
}

/// Methods and headers that forms could always send.
const SAFELISTED_METHODS: &[&str] = &["GET", "HEAD", "POST"];
const SAFELISTED_HEADERS: &[&str] = &["accept", "accept-language", "content-language"];
const SAFELISTED_ANSWER_HEADERS: &[&str] = &[
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

impl Page<'_> {
    /// The page's `fetch()`.
    pub(crate) fn call(self, proxy: &Proxy, call: Call<'_>) -> Result<Readable, Blocked> {
        if call.needs_preflight() {
            self.ask(&proxy.exchange(&self.preflight(call)), call)?;
        }
        let fields = call.headers.iter();
        let request = fields
            .fold(Request::new(call.method, call.target), |request, (name, value)| {
                request.field(name, value)
            });
        let answer = proxy.exchange(&request.field("origin", self.origin));
        if !self.may_read(&answer) {
            return Err(Blocked::Answer);
        }
        let exposed = list(&answer, "access-control-expose-headers");
        let is_readable = |(name, _): &&(String, String)| {
            SAFELISTED_ANSWER_HEADERS.contains(&&**name)
                || exposed.iter().any(|exposed| exposed.eq_ignore_ascii_case(name))
        };
        let headers = answer.head.fields.iter().filter(is_readable).cloned().collect();
        Ok(Readable { status: answer.status, headers })
    }

    /// CORS-preflight fetch: never with credentials.
    pub(crate) fn preflight(self, call: Call<'_>) -> Request {
        let mut request = Request::new("OPTIONS", call.target)
            .field("accept", "*/*")
            .field("origin", self.origin)
            .field("access-control-request-method", call.method);
        let mut names: Vec<_> = call.unsafe_headers().collect();
        names.sort_unstable();
        if !names.is_empty() {
            request = request.field("access-control-request-headers", names.join(","));
        }
        request
    }

    fn ask(self, answer: &Answer, call: Call<'_>) -> Result<(), Blocked> {
        if !self.may_read(answer) || !(200..300).contains(&answer.status) {
            return Err(Blocked::Preflight);
        }
        let methods = list(answer, "access-control-allow-methods");
        let allowed = |method: &str| methods.iter().any(|allowed| allowed == method);
        if !allowed(call.method)
            && !SAFELISTED_METHODS.contains(&call.method)
            && (self.with_credentials || !allowed("*"))
        {
            return Err(Blocked::Method);
        }
        let headers = list(answer, "access-control-allow-headers");
        let allowed = |name: &str| headers.iter().any(|header| header.eq_ignore_ascii_case(name));
        let by_wildcard =
            |name: &str| !self.with_credentials && allowed("*") && name != "authorization";
        if call.unsafe_headers().all(|name| allowed(name) || by_wildcard(name)) {
            Ok(())
        } else {
            Err(Blocked::Header)
        }
    }

    /// CORS check.
    fn may_read(self, answer: &Answer) -> bool {
        let origin = combined(answer, "access-control-allow-origin");
        if !self.with_credentials && origin == "*" {
            return true;
        }
        let credentials = combined(answer, "access-control-allow-credentials");
        origin == self.origin && (!self.with_credentials || credentials == "true")
    }
}

impl Call<'_> {
    fn needs_preflight(&self) -> bool {
        !SAFELISTED_METHODS.contains(&self.method) || self.unsafe_headers().next().is_some()
    }

    fn unsafe_headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| *name).filter(|name| !SAFELISTED_HEADERS.contains(name))
    }
}

fn list(answer: &Answer, name: &str) -> Vec<String> {
    let combined = combined(answer, name);
    combined.split(',').map(|element| element.trim().to_owned()).collect()
}

/// All values of a header as one, as browsers read it.
fn combined(answer: &Answer, name: &str) -> String {
    answer.head.all(name).collect::<Vec<_>>().join(", ")
}
