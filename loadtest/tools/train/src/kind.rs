//! A kind of request: what it carries, how it comes, and the answer that it must get.

use std::net::SocketAddr;

use hyper::{
    Method, Request, StatusCode,
    header::{AUTHORIZATION, HOST},
};

use crate::{Outcome, body::Pieces, client::Protocol, material::Material};

const CHUNK: usize = 16 * 1024;
/// Every other request has them: many clients send a dozen, and others none.
const OF_A_BROWSER: [(&str, &str); 8] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "application/json, text/plain, */*"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br"),
    ("cookie", "theme=dark; consent=1"),
    ("x-request-id", "7b0f0d52-39a6-4a5e-8a2b-1c9a1f2e3d4c"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("x-forwarded-for", "192.0.2.7"),
];

/// One kind of request.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Of 1,000 requests.
    pub share: usize,
    pub protocol: Protocol,
    pub path: &'static str,
    pub credential: Credential,
    pub content: Content,
    pub expected: StatusCode,
}

#[derive(Debug, Clone, Copy)]
pub enum Credential {
    None,
    /// A token of the algorithm at that place in [`crate::material::ALGORITHMS`].
    Token(usize),
    Forged,
    Malformed,
    Opaque,
    UnknownOpaque,
    Expired,
    ForAnotherAudience,
    OfAnotherIssuer,
}

#[derive(Debug, Clone, Copy)]
pub enum Content {
    None,
    /// So many bytes, with their length.
    Announced(usize),
    /// So many chunks.
    Chunked(usize),
    Signed,
    SignedWrongly,
}

impl Kind {
    /// The request of that number.
    pub fn request(
        &self,
        address: SocketAddr,
        material: &Material,
        number: usize,
    ) -> Outcome<Request<Pieces>> {
        let (method, body) = self.content.of(material);
        let builder = Request::builder().method(method);
        let builder = match self.protocol {
            Protocol::Http1 => builder.uri(self.path).header(HOST, address.to_string()),
            Protocol::Http2 => builder.uri(format!("http://{address}{}", self.path)),
        };
        let mut request = builder.body(body)?;
        let headers = request.headers_mut();
        if number.is_multiple_of(2) {
            for (name, value) in OF_A_BROWSER {
                headers.insert(name, value.parse()?);
            }
        }
        if let Some(token) = self.credential.of(material, number) {
            headers.insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
        }
        if let Some(signature) = self.content.signature(material) {
            headers.insert("x-jws-signature", signature.parse()?);
        }
        Ok(request)
    }
}

impl Credential {
    fn of(self, material: &Material, number: usize) -> Option<String> {
        let genuine = |algorithm: usize| {
            let tokens = material.tokens.get(algorithm)?;
            tokens.get(number % tokens.len()).cloned()
        };
        match self {
            Self::None => None,
            Self::Token(algorithm) => genuine(algorithm),
            Self::Forged => genuine(0).map(|token| forged(&token)),
            Self::Malformed => genuine(0).map(|token| token.replace('.', "")),
            Self::Opaque => Some(format!("opaque-{}", number % 16)),
            Self::UnknownOpaque => Some(format!("unknown-{}", number % 16)),
            Self::Expired => Some(material.expired.clone()),
            Self::ForAnotherAudience => Some(material.for_another_audience.clone()),
            Self::OfAnotherIssuer => Some(material.of_another_issuer.clone()),
        }
    }
}

impl Content {
    fn of(self, material: &Material) -> (Method, Pieces) {
        match self {
            Self::None => (Method::GET, Pieces::default()),
            Self::Announced(bytes) => (Method::POST, Pieces::whole(vec![b'x'; bytes])),
            Self::Chunked(count) => (Method::POST, Pieces::unannounced(vec![b'x'; CHUNK], count)),
            Self::Signed | Self::SignedWrongly => {
                (Method::POST, Pieces::whole(material.body.clone()))
            }
        }
    }

    fn signature(self, material: &Material) -> Option<String> {
        match self {
            Self::Signed => Some(material.signature.clone()),
            Self::SignedWrongly => Some(forged(&material.signature)),
            _ => None,
        }
    }
}

/// Well-formed, and wrong: another first character of the signature.
fn forged(token: &str) -> String {
    let (content, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let rest: String = signature.chars().skip(1).collect();
    format!("{content}.{first}{rest}")
}
