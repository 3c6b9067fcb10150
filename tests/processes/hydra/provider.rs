//! Hydra's process, and what a client, a login page and a consent page say to it.

use std::{env, fs, net::SocketAddr, path::Path, sync::Arc};

use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Client, Request},
    foreign::ForeignServer,
    form::{cookies, encoded, redirected_with, with_form},
    optional,
};

/// A running Hydra with one client. It ends with this value, or with the test's process.
pub(crate) struct Hydra {
    server: ForeignServer<2>,
    _folder: tempfile::TempDir,
}

/// What its access tokens are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strategy {
    Opaque,
    Jwt,
}

pub(crate) const CLIENT: &str = "web";
pub(crate) const USER: &str = "alice";
pub(crate) const AUDIENCE: &str = "my-api";
pub(crate) const SCOPES: [&str; 3] = ["openid", "offline", "orders:read"];

const CLIENT_SECRET: &str = "the-clients-secret";

/// The set that access tokens are signed with.
const KEYS: &str = "/admin/keys/hydra.jwt.access-token";

/// Where no client listens: the test reads it out of the redirection.
const CALLBACK: &str = "http://127.0.0.1/callback";

impl Hydra {
    /// Starts it; `None`, with a notice, where `HYDRA_PROGRAM` names none.
    /// `tests/processes/hydra/run` does.
    pub(crate) fn start(strategy: Strategy) -> Option<Self> {
        let Some(program) = env::var_os("HYDRA_PROGRAM") else {
            optional::say_skipped("Hydra", "tests/processes/hydra/run builds one");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let server =
            ForeignServer::start(Path::new(&program), &log, "/health/ready", |command, at| {
                let file = folder.path().join("hydra.json");
                fs::write(&file, settings(strategy, at).to_string()).unwrap();
                command.args(["serve", "all", "--dev", "--config"]).arg(file);
                command.env("DSN", "memory").env("SQA_OPT_OUT", "true");
            });
        let hydra = Self { server: server.unwrap(), _folder: folder };
        hydra.register_client();
        Some(hydra)
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.public())
    }

    pub(crate) fn introspection_url(&self) -> String {
        format!("http://{}/admin/oauth2/introspect", self.admin())
    }

    /// A user's access, ID and refresh token, by the authorization code grant.
    pub(crate) fn tokens(&self) -> Value {
        self.redeem(&self.code())
    }

    fn redeem(&self, code: &str) -> Value {
        let form =
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        self.grant(&form)
    }

    /// The client's own access token.
    pub(crate) fn client_token(&self) -> String {
        let scope = SCOPES.join(" ");
        let form =
            [("grant_type", "client_credentials"), ("scope", &scope), ("audience", AUDIENCE)];
        text(&self.grant(&form)["access_token"])
    }

    /// The `UserInfo` response, which is a JWT for this client.
    pub(crate) fn user_info(&self, access_token: &str) -> String {
        let request = self.request("GET", "/userinfo").bearer(access_token);
        String::from_utf8(ask(self.public(), &request, 200).body.bytes).unwrap()
    }

    /// An authorization code, as the user's browser brings it back to the client.
    pub(crate) fn code(&self) -> String {
        self.remembered_code().0
    }

    /// The same, and the cookies of the browser, which is logged in then.
    fn remembered_code(&self) -> (String, String) {
        let query = encoded(&[
            ("client_id", CLIENT),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", &SCOPES.join(" ")),
            ("audience", AUDIENCE),
            ("state", "a-state-of-the-client"),
            ("nonce", "a-nonce-of-the-client"),
        ]);
        let begun = ask(self.public(), &self.request("GET", &format!("/oauth2/auth?{query}")), 302);
        let login = self.accept("login", &begun, &json!({ "subject": USER, "remember": true }));
        let request = self.request("GET", &login).field("cookie", cookies(&[&begun]));
        let logged_in = ask(self.public(), &request, 302);
        let grant = json!({ "grant_scope": SCOPES, "grant_access_token_audience": [AUDIENCE] });
        let consent = self.accept("consent", &logged_in, &grant);
        let session = cookies(&[&begun, &logged_in]);
        let request = self.request("GET", &consent).field("cookie", &session);
        (redirected_with(&ask(self.public(), &request, 303), "code"), session)
    }

    /// Makes it sign with another key from now on.
    pub(crate) fn rotate_key(&self) {
        let key = json!({ "alg": "RS256", "use": "sig", "kid": "the-second-key" });
        self.administer("POST", KEYS, &key, 201);
    }

    /// Withdraws a key.
    pub(crate) fn delete_key(&self, kid: &str) {
        let request = Request::to(&self.admin().to_string(), "DELETE", &format!("{KEYS}/{kid}"));
        ask(self.admin(), &request, 204);
    }

    /// Revokes a token (RFC 7009).
    pub(crate) fn revoke(&self, token: &str) {
        let request = self.request("POST", "/oauth2/revoke");
        let form = [("token", token), ("client_id", CLIENT), ("client_secret", CLIENT_SECRET)];
        ask(self.public(), &with_form(request, &form), 200);
    }

    /// Has Hydra tell that URL of logouts.
    pub(crate) fn set_logout_url(&self, url: &str) {
        let change = json!([{
            "op": "replace", "path": "/backchannel_logout_uri", "value": url,
        }]);
        self.administer("PATCH", &format!("/admin/clients/{CLIENT}"), &change, 200);
    }

    /// A login that the browser remembers, and then the user's logout in that browser.
    pub(crate) fn log_in_and_out(&self) -> Value {
        let (code, session) = self.remembered_code();
        let tokens = self.redeem(&code);
        let query = encoded(&[("id_token_hint", &text(&tokens["id_token"]))]);
        let target = format!("/oauth2/sessions/logout?{query}");
        let request = self.request("GET", &target).field("cookie", &session);
        let begun = ask(self.public(), &request, 302);
        let confirmed = self.accept("logout", &begun, &json!({}));
        let request = self.request("GET", &confirmed).field("cookie", &session);
        ask(self.public(), &request, 302);
        tokens
    }

    /// Ends all that the user has consented to, the tokens with it.
    pub(crate) fn withdraw_consent(&self) {
        let path = format!("/admin/oauth2/auth/sessions/consent?subject={USER}&all=true");
        ask(self.admin(), &Request::to(&self.admin().to_string(), "DELETE", &path), 204);
    }

    /// Accepts the challenge of a redirection, as the page does that it leads to. Where the browser
    /// is to go next.
    fn accept(&self, page: &str, redirection: &Answer, decision: &Value) -> String {
        let name = format!("{page}_challenge");
        let challenge = redirected_with(redirection, &name);
        let path = format!("/admin/oauth2/auth/requests/{page}/accept?{name}={challenge}");
        let accepted = self.administer("PUT", &path, decision, 200);
        let url = text(&accepted["redirect_to"]);
        url.strip_prefix(&self.issuer()).unwrap().to_owned()
    }

    fn register_client(&self) {
        let client = json!({
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types": ["code"],
            "redirect_uris": [CALLBACK],
            "scope": SCOPES.join(" "),
            "audience": [AUDIENCE],
            "userinfo_signed_response_alg": "RS256",
        });
        self.administer("POST", "/admin/clients", &client, 201);
    }

    fn grant(&self, form: &[(&str, &str)]) -> Value {
        let credentials = [("client_id", CLIENT), ("client_secret", CLIENT_SECRET)];
        let request = self.request("POST", "/oauth2/token");
        let request = with_form(request, &[&credentials, form].concat());
        serde_json::from_slice(&ask(self.public(), &request, 200).body.bytes).unwrap()
    }

    fn administer(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let request = Request::to(&self.admin().to_string(), method, path)
            .field("content-type", "application/json")
            .body(body.to_string().as_bytes());
        serde_json::from_slice(&ask(self.admin(), &request, status).body.bytes).unwrap()
    }

    fn request(&self, method: &str, target: &str) -> Request {
        Request::to(&self.public().to_string(), method, target)
    }

    fn public(&self) -> SocketAddr {
        self.server.addresses[0]
    }

    fn admin(&self) -> SocketAddr {
        self.server.addresses[1]
    }
}

fn settings(strategy: Strategy, [public, admin]: &[SocketAddr; 2]) -> Value {
    let access_token = match strategy {
        Strategy::Opaque => "opaque",
        Strategy::Jwt => "jwt",
    };
    let listen = |address: &SocketAddr| json!({ "host": address.ip(), "port": address.port() });
    json!({
        "serve": { "public": listen(public), "admin": listen(admin) },
        "urls": { "self": { "issuer": format!("http://{public}") } },
        "strategies": { "access_token": access_token, "jwt": { "scope_claim": "list" } },
        "secrets": { "system": ["the-tests-secret-of-thirty-two-bytes"] },
        "log": { "level": "warn" },
    })
}

/// One exchange on a connection of its own, and the status that it must have.
fn ask(address: SocketAddr, request: &Request, status: u16) -> Answer {
    let answer = Client::connect(address, &Arc::default()).exchange(request);
    assert_eq!(answer.status, status, "{answer:?}");
    answer
}

/// A member that is a text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
