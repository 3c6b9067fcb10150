//! An origin as browsers write it (RFC 6454 §6.2, the HTML standard).

use http::HeaderValue;

use super::canonical_host;

/// A scheme, a host and a port, in the one spelling that the `Origin` header of a browser has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebOrigin(HeaderValue);

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebOriginError {
    /// `null` stands for pages without an origin, sandboxed ones of any site among them.
    #[error("null is what pages of any site can send")]
    Null,
    /// A pattern.
    #[error("origins are compared as a whole; there are no patterns")]
    Pattern,
    /// No scheme, or `file`, whose origin is `null`.
    #[error("it does not begin with a scheme such as https:// in small letters")]
    Scheme,
    /// Anything behind the port: a path, or a `/` alone.
    #[error("an origin has no path, no query and no user information, and no / at its end")]
    Rest,
    /// No host, or one that browsers write in another way.
    #[error("the host is not written as browsers do: small letters, no dot at the end")]
    Host,
    /// No port, or one that browsers leave out.
    #[error("the port is no number, or the scheme's own, which browsers leave out")]
    Port,
}

impl WebOrigin {
    /// Reads an origin.
    ///
    /// # Errors
    /// [`WebOriginError`]: no `Origin` header would ever be equal to it, or that of too many pages.
    pub fn parse(text: &str) -> Result<Self, WebOriginError> {
        if text.eq_ignore_ascii_case("null") {
            return Err(WebOriginError::Null);
        }
        if text.contains('*') {
            return Err(WebOriginError::Pattern);
        }
        let (scheme, rest) = text.split_once("://").ok_or(WebOriginError::Scheme)?;
        if !is_scheme(scheme) || scheme == "file" {
            return Err(WebOriginError::Scheme);
        }
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err(WebOriginError::Rest);
        }
        let (host, port) = split_port(rest);
        if canonical_host(host).is_none_or(|canonical| *canonical != *host) {
            return Err(WebOriginError::Host);
        }
        if !port.is_none_or(|port| is_port(scheme, port)) {
            return Err(WebOriginError::Port);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| WebOriginError::Host)
    }

    /// As the header has it.
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        // Never the default: only visible ASCII gets in.
        self.0.to_str().unwrap_or_default()
    }
}

/// RFC 3986 §3.1, in small letters. Applications in a web view have one of their own, such as
/// `capacitor`.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
        })
}

fn split_port(rest: &str) -> (&str, Option<&str>) {
    let after_address = rest.rfind(']').map_or(0, |end| end + 1);
    match rest.get(after_address..).and_then(|tail| tail.find(':')) {
        Some(colon) => {
            let colon = after_address + colon;
            (rest.get(..colon).unwrap_or_default(), rest.get(colon + 1..))
        }
        None => (rest, None),
    }
}

fn is_port(scheme: &str, port: &str) -> bool {
    let own = match scheme {
        "https" => "443",
        "http" => "80",
        _ => "",
    };
    let number = port.parse::<u16>().is_ok_and(|number| number > 0);
    number && !port.starts_with(['0', '+']) && port != own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_as_browsers_write_it_is_taken() {
        for text in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "https://[2001:db8::1]:8443",
            "https://[::1]",
            "https://xn--bcher-kva.example",
            "http://app.test:443",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        ] {
            assert_eq!(WebOrigin::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn p16_what_no_browser_sends_or_any_page_can_send_is_refused() {
        for (text, error) in [
            ("null", WebOriginError::Null),
            ("NULL", WebOriginError::Null),
            ("*", WebOriginError::Pattern),
            ("https://*.example.com", WebOriginError::Pattern),
            ("app.example.com", WebOriginError::Scheme),
            ("HTTPS://app.example.com", WebOriginError::Scheme),
            ("file://", WebOriginError::Scheme),
            ("file://x", WebOriginError::Scheme),
            ("://app.example.com", WebOriginError::Scheme),
            ("https://app.example.com/", WebOriginError::Rest),
            ("https://app.example.com/path", WebOriginError::Rest),
            ("https://me@app.example.com", WebOriginError::Rest),
            ("https://app.example.com#x", WebOriginError::Rest),
            ("https://App.example.com", WebOriginError::Host),
            ("https://app.example.com.", WebOriginError::Host),
            ("https://", WebOriginError::Host),
            ("https://bücher.example", WebOriginError::Host),
            ("https://a b", WebOriginError::Host),
            ("https://a\r\nx", WebOriginError::Host),
            ("https://[::0:1]", WebOriginError::Host),
            ("https://app.example.com:443", WebOriginError::Port),
            ("http://app.example.com:80", WebOriginError::Port),
            ("https://app.example.com:", WebOriginError::Port),
            ("https://app.example.com:0", WebOriginError::Port),
            ("https://app.example.com:08443", WebOriginError::Port),
            ("https://app.example.com:8443:1", WebOriginError::Port),
        ] {
            assert_eq!(WebOrigin::parse(text), Err(error), "{text:?}");
        }
    }
}
