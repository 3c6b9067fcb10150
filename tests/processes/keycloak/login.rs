//! A login in a browser: the page with its form, and where that leads back to.

use crate::{
    keycloak::{
        requests::{AUTHORIZATION, PASSWORD, Tokens, USER},
        server::Keycloak,
    },
    support::{
        client::Answer,
        form::{cookies, encoded, redirected_with, with_form},
    },
};

/// Where no client listens: the test reads it out of the redirection.
const CALLBACK: &str = "http://127.0.0.1/callback";

impl Keycloak {
    /// A user's tokens, by the authorization code grant.
    pub(crate) fn browser_tokens(&self, client: &str) -> Tokens {
        let code = self.log_in(client, "query", "code");
        let form =
            [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        self.grant(client, &form, None)
    }

    /// The authorization response as a JWT (JARM).
    pub(crate) fn authorization_response(&self, client: &str) -> String {
        self.log_in(client, "query.jwt", "response")
    }

    /// Logs the user in; one parameter of the redirection back to the client.
    fn log_in(&self, client: &str, response_mode: &str, parameter: &str) -> String {
        let query = encoded(&[
            ("client_id", client),
            ("response_type", "code"),
            ("response_mode", response_mode),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("nonce", "n-1"),
            ("state", "s-1"),
        ]);
        let page = self.ask(&self.request("GET", &format!("{AUTHORIZATION}?{query}")));
        assert_eq!(page.status, 200, "{page:?}");
        let request = self.request("POST", &self.action(&page)).field("cookie", cookies(&[&page]));
        let answer = self.ask(&with_form(request, &[("username", USER), ("password", PASSWORD)]));
        redirected_with(&answer, parameter)
    }

    /// The path below the realm's that the page's form is sent to.
    fn action(&self, page: &Answer) -> String {
        let text = String::from_utf8_lossy(&page.body.bytes);
        let (_, rest) = text.split_once("action=\"").unwrap();
        let (url, _) = rest.split_once('"').unwrap();
        let (_, path) = url.split_once(&self.realm).unwrap_or_else(|| panic!("{url}"));
        path.replace("&amp;", "&")
    }
}
