//! What a client asks Keycloak for.

use std::sync::Arc;

use countersign::{
    clock::{Clock, SystemClock},
    jose::Algorithm,
};
use serde_json::{Value, json};

use crate::{
    keycloak::server::Keycloak,
    support::{
        client::{Answer, Client, Request},
        form::with_form,
        issuer::{key, public, sign},
        wait_until,
        world::claims,
    },
};

pub(crate) const CLIENT_SECRET: &str = "the-clients-secret";
pub(crate) const SERVICE: &str = "my-api";
pub(crate) const SERVICE_SECRET: &str = "the-services-secret";
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "the-users-password";

/// The paths of endpoints below the realm's.
pub(crate) const AUTHORIZATION: &str = "/protocol/openid-connect/auth";
const INTROSPECTION: &str = "/protocol/openid-connect/token/introspect";
const LOGOUT: &str = "/protocol/openid-connect/logout";
const REVOCATION: &str = "/protocol/openid-connect/revoke";
const TOKEN: &str = "/protocol/openid-connect/token";
const USER_INFO: &str = "/protocol/openid-connect/userinfo";

/// Everything that the token endpoint gave.
pub(crate) struct Tokens(Value);

impl Tokens {
    pub(crate) fn access(&self) -> &str {
        self.get("access_token")
    }

    pub(crate) fn id(&self) -> &str {
        self.get("id_token")
    }

    pub(crate) fn refresh(&self) -> &str {
        self.get("refresh_token")
    }

    fn get(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.0))
    }
}

impl Keycloak {
    /// A user's tokens, by the password grant.
    pub(crate) fn tokens(&self, client: &str, scope: &str) -> Tokens {
        self.tokens_of(USER, client, scope)
    }

    /// The same of another user, who has the same password.
    pub(crate) fn tokens_of(&self, user: &str, client: &str, scope: &str) -> Tokens {
        let form = [
            ("grant_type", "password"),
            ("username", user),
            ("password", PASSWORD),
            ("scope", scope),
        ];
        self.grant(client, &form, None)
    }

    /// A client's own, by the client credentials grant.
    pub(crate) fn client_token(&self, client: &str) -> String {
        let tokens = self.grant(client, &[("grant_type", "client_credentials")], None);
        tokens.access().to_owned()
    }

    /// A user's tokens that are bound to a key (RFC 9449).
    pub(crate) fn bound_tokens(&self) -> Tokens {
        let form = [
            ("grant_type", "password"),
            ("username", USER),
            ("password", PASSWORD),
            ("scope", "openid"),
        ];
        self.grant("dpop", &form, Some(&self.proof()))
    }

    /// What the token endpoint gives for a grant.
    pub(crate) fn grant(&self, client: &str, form: &[(&str, &str)], proof: Option<&str>) -> Tokens {
        let request = self.request("POST", TOKEN);
        let request = match proof {
            Some(proof) => request.field("dpop", proof),
            None => request,
        };
        let answer = self.ask(&by_client(request, client, form));
        assert_eq!(answer.status, 200, "{answer:?}");
        Tokens(serde_json::from_slice(&answer.body.bytes).unwrap())
    }

    /// A proof of a fresh key (RFC 9449 §4.2) for one request to the token endpoint.
    fn proof(&self) -> String {
        let key = key(Algorithm::Es256, "not in the proof");
        let public = public(&key);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": public["x"], "y": public["y"] });
        let claims = json!({
            "jti": key.public_jwk().unwrap().to_text(),
            "htm": "POST",
            "htu": format!("http://{}/realms/{}{TOKEN}", self.address(), self.realm),
            "iat": SystemClock.now().0,
        });
        let header = json!({ "typ": "dpop+jwt", "kid": null, "jwk": jwk });
        sign(&key, header, claims.to_string().as_bytes())
    }

    /// The `UserInfo` response, which is a JWT for these clients.
    pub(crate) fn user_info(&self, access_token: &str) -> String {
        let request = self.request("GET", USER_INFO).bearer(access_token);
        let answer = self.ask(&request);
        assert_eq!(answer.field("content-type"), Some("application/jwt"), "{answer:?}");
        String::from_utf8(answer.body.bytes).unwrap()
    }

    /// What is answered about a token to who wants a JWT: a member of the usual answer.
    pub(crate) fn introspection_response(&self, token: &str) -> String {
        let form = [("token", token), ("client_id", SERVICE), ("client_secret", SERVICE_SECRET)];
        let request = self.request("POST", INTROSPECTION).field("accept", "application/jwt");
        let answer = self.ask(&with_form(request, &form));
        Tokens(serde_json::from_slice(&answer.body.bytes).unwrap()).get("jwt").to_owned()
    }

    /// What is answered about a token.
    pub(crate) fn introspected(&self, token: &str) -> Value {
        let form = [("token", token), ("client_id", SERVICE), ("client_secret", SERVICE_SECRET)];
        let answer = self.ask(&with_form(self.request("POST", INTROSPECTION), &form));
        serde_json::from_slice(&answer.body.bytes).unwrap()
    }

    /// Revokes an access token of `rs256` (RFC 7009).
    pub(crate) fn revoke(&self, access_token: &str) {
        let form = [("token", access_token), ("token_type_hint", "access_token")];
        let answer = self.ask(&by_client(self.request("POST", REVOCATION), "rs256", &form));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Ends the session of a refresh token of `rs256`.
    pub(crate) fn end_session(&self, refresh_token: &str) {
        let request = self.request("POST", LOGOUT);
        let answer = self.ask(&by_client(request, "rs256", &[("refresh_token", refresh_token)]));
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// The same; the logout token that comes of it.
    pub(crate) fn log_out(&self, refresh_token: &str) -> String {
        self.end_session(refresh_token);
        let session = claims(refresh_token)["sid"].clone();
        let mut logout_token = None;
        wait_until("the logout token", || {
            let of_session = |token: &String| claims(token)["sid"] == session;
            logout_token = self.logout_tokens().into_iter().find(of_session);
            logout_token.is_some()
        });
        logout_token.unwrap()
    }

    /// Every logout token so far.
    fn logout_tokens(&self) -> Vec<String> {
        let token = |body: &[u8]| {
            let body = std::str::from_utf8(body).unwrap();
            body.strip_prefix("logout_token=").unwrap().to_owned()
        };
        self.logouts.requests().iter().map(|request| token(&request.body.bytes)).collect()
    }

    /// A request to a path below the realm's.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::to(&self.address().to_string(), method, &format!("/realms/{}{path}", self.realm))
    }

    /// One exchange on a connection of its own.
    pub(crate) fn ask(&self, request: &Request) -> Answer {
        Client::connect(self.address(), &Arc::default()).exchange(request)
    }
}

/// With the form, and with the credentials of a client.
fn by_client(request: Request, client: &str, form: &[(&str, &str)]) -> Request {
    let credentials = [("client_id", client), ("client_secret", CLIENT_SECRET)];
    with_form(request, &[&credentials, form].concat())
}
