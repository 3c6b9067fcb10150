//! The demo's identity provider: metadata, JWKS, tokens by client credentials, rotation on demand.
//! For development only: it trusts every client, which is why it listens on loopback.

use std::sync::Arc;

use aws_lc_rs::rand;
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION},
};
use http_body_util::Full;
use parking_lot::{Mutex, MutexGuard};

use super::{
    form::{FormParameters, basic},
    stage::{Responder, json, text},
};
use crate::{
    clock::Clock,
    jose::{Algorithm, SigningError, SigningKey, base64url},
    json::{Json, Object},
};

/// Who the tokens are for.
pub(super) const AUDIENCE: &str = "https://api.demo.example";

/// The default subject of `/token/plain`.
const DEFAULT_CLIENT: &str = "alice";
/// The default scope of a token.
const DEFAULT_SCOPE: &str = "read";
/// Long enough to try everything.
const DEFAULT_LIFETIME: i64 = 600;
/// In seconds, into the future and into the past; a day is enough for any demonstration.
const MAX_LIFETIME: i64 = 86_400;
/// RFC 9068 §2.1.
const TOKEN_TYPE: &str = "at+jwt";
/// Key generation takes no time, unlike RSA's.
const ALGORITHM: Algorithm = Algorithm::Es256;

/// An authorization server of one key.
#[derive(Debug)]
pub(super) struct Provider {
    issuer: String,
    key: Mutex<SigningKey>,
    clock: Arc<dyn Clock>,
}

/// The claims requested for a token.
struct Grant {
    client: String,
    scope: String,
    lifetime: i64,
}

/// An error code of RFC 6749 §5.2.
type OAuthError = &'static str;

impl Provider {
    /// A provider with a fresh key.
    pub(super) fn new(issuer: &str, clock: Arc<dyn Clock>) -> Result<Self, SigningError> {
        let key = Mutex::new(SigningKey::generate(ALGORITHM, None)?);
        Ok(Self { issuer: issuer.to_owned(), key, clock })
    }

    /// OpenID Connect Discovery 1.0 §3 and RFC 8414 §2.
    fn metadata(&self) -> Response<Full<Bytes>> {
        let url = |path: &str| format!("{}{path}", self.issuer);
        let metadata = serde_json::json!({
            "issuer": self.issuer,
            "token_endpoint": url("/token"),
            "jwks_uri": url("/jwks"),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM.name()],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        });
        json(StatusCode::OK, metadata.to_string())
    }

    fn jwks(&self) -> Response<Full<Bytes>> {
        let key = self.key().public_jwk().map(Json::Object);
        let mut set = Object::default();
        set.insert("keys", Json::Array(key.into_iter().collect()));
        json(StatusCode::OK, set.to_text())
    }

    /// The token endpoint (RFC 6749 §4.4): any client, any secret.
    fn token(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let grant = FormParameters::parse(request.body())
            .ok_or("invalid_request")
            .and_then(|form| Grant::authenticated(request, &form));
        let answer = grant.and_then(|grant| {
            Ok(serde_json::json!({
                "access_token": self.sign(&grant)?,
                "token_type": "Bearer",
                "expires_in": grant.lifetime,
                "scope": grant.scope,
            }))
        });
        answer.map_or_else(refusal, |answer| json(StatusCode::OK, format!("{answer}\n")))
    }

    /// The token endpoint for a shell: no credentials needed, and only the token in the response.
    fn plain_token(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let grant = FormParameters::parse(request.body())
            .ok_or("invalid_request")
            .and_then(|form| Grant::new(form.get("client_id").unwrap_or(DEFAULT_CLIENT), &form));
        let token = grant.and_then(|grant| self.sign(&grant));
        token.map_or_else(refusal, |token| text(StatusCode::OK, format!("{token}\n")))
    }

    /// Replaces the key. A real provider goes on publishing the old one until its last token has
    /// expired; this one withdraws it at once, as after a theft, to show both ends: a new key is
    /// fetched when the first token names it, and with that the old one's tokens are worth nothing.
    fn rotate(&self) -> Response<Full<Bytes>> {
        let Ok(key) = SigningKey::generate(ALGORITHM, None) else {
            return refusal("server_error");
        };
        let kid = key.kid().to_owned();
        let old = std::mem::replace(&mut *self.key(), key);
        text(StatusCode::OK, format!("signing with {kid}\nwithdrawn: {}\n", old.kid()))
    }

    fn sign(&self, grant: &Grant) -> Result<String, OAuthError> {
        let now = self.clock.now().0;
        let expires = now.saturating_add(grant.lifetime);
        let mut claims = Object::default();
        claims.insert("iss", self.issuer.as_str());
        claims.insert("sub", grant.client.as_str());
        claims.insert("aud", AUDIENCE);
        claims.insert("client_id", grant.client.as_str());
        claims.insert("scope", grant.scope.as_str());
        // One that has expired already was issued before that.
        claims.insert("iat", now.min(expires.saturating_sub(1)));
        claims.insert("exp", expires);
        claims.insert("jti", token_id()?);
        let mut header = Object::default();
        header.insert("typ", TOKEN_TYPE);
        let token = self.key().sign_compact(&header, claims.to_text().as_bytes());
        token.map_err(|_| "server_error")
    }

    fn key(&self) -> MutexGuard<'_, SigningKey> {
        self.key.lock()
    }
}

impl Responder for Provider {
    fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let post = request.method() == Method::POST;
        let get = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server"
                if get =>
            {
                self.metadata()
            }
            "/jwks" if get => self.jwks(),
            "/token" if post => self.token(request),
            "/token/plain" if get || post => self.plain_token(request),
            "/rotate" if post => self.rotate(),
            "/token" | "/rotate" => post_only(),
            _ => text(StatusCode::NOT_FOUND, PAGES),
        }
    }
}

const PAGES: &str = "\
GET  /.well-known/openid-configuration
GET  /.well-known/oauth-authorization-server
GET  /jwks
POST /token        grant_type=client_credentials, any client and secret; scope, expires_in (seconds)
POST /token/plain  the same without credentials, answers with the bare token; client_id
POST /rotate       signs with a new key and withdraws the old one
";

impl Grant {
    /// The grant of a client that has shown who it is, by Basic or in the form.
    fn authenticated(request: &Request<Bytes>, form: &FormParameters) -> Result<Self, OAuthError> {
        match form.get("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err("unsupported_grant_type"),
            None => return Err("invalid_request"),
        }
        let client = match request.headers().get(AUTHORIZATION) {
            Some(header) => basic(header),
            None => form.get("client_id").zip(form.get("client_secret")).map(owned),
        };
        let (client, _) = client.filter(|(name, _)| !name.is_empty()).ok_or("invalid_client")?;
        Self::new(&client, form)
    }

    fn new(client: &str, form: &FormParameters) -> Result<Self, OAuthError> {
        let scope = form.get("scope").unwrap_or(DEFAULT_SCOPE);
        if !scope.split(' ').all(is_scope) {
            return Err("invalid_scope");
        }
        let lifetime = match form.get("expires_in") {
            Some(seconds) => seconds.parse().map_err(|_| "invalid_request")?,
            None => DEFAULT_LIFETIME,
        };
        if !(-MAX_LIFETIME..=MAX_LIFETIME).contains(&lifetime) {
            return Err("invalid_request");
        }
        Ok(Self { client: client.to_owned(), scope: scope.to_owned(), lifetime })
    }
}

fn owned((name, secret): (&str, &str)) -> (String, String) {
    (name.to_owned(), secret.to_owned())
}

/// A scope-token of RFC 6749 §3.3.
fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(allowed)
}

fn token_id() -> Result<String, OAuthError> {
    let mut id = [0; 16];
    rand::fill(&mut id).map_err(|_| "server_error")?;
    Ok(base64url::encode(&id))
}

/// RFC 6749 §5.2.
fn refusal(error: OAuthError) -> Response<Full<Bytes>> {
    let status = match error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    json(status, format!("{}\n", serde_json::json!({ "error": error })))
}

fn post_only() -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only POST\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

#[cfg(test)]
mod tests;
