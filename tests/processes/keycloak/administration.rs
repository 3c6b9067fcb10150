//! What an administrator does to a realm, by Keycloak's admin API.

use serde_json::{Value, json};

use crate::{
    keycloak::server::{ADMINISTRATOR, Keycloak, LOGOUT_URL, REALM, REALM_FILE},
    support::{client::Request, form::with_form},
};

const MASTER_TOKEN: &str = "/realms/master/protocol/openid-connect/token";

impl Keycloak {
    /// A realm of its own, for a test that changes it: as in `realm.json`, but for the change.
    pub(crate) fn another_realm(&self, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let text = REALM_FILE
            .replace(REALM, name)
            .replace(&format!("${{{LOGOUT_URL}}}"), &self.logouts.url());
        let mut realm = serde_json::from_str(&text).unwrap();
        change(&mut realm);
        self.administer("POST", "/admin/realms", Some(&realm));
        self.of_realm(name)
    }

    /// Adds an RS256 key that signs from now on; the old one still verifies.
    pub(crate) fn rotate_key(&self) {
        let key = json!({
            "name": "new",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": { "algorithm": ["RS256"], "priority": ["200"] },
        });
        self.administer("POST", &self.path("/components"), Some(&key));
    }

    /// Withdraws the RS256 key that the realm began with.
    pub(crate) fn disable_first_key(&self) {
        let query = "/components?type=org.keycloak.keys.KeyProvider&name=rs256";
        let mut key = self.administer("GET", &self.path(query), None)[0].take();
        key["config"]["active"] = json!(["false"]);
        key["config"]["enabled"] = json!(["false"]);
        self.administer("PUT", &self.path(&format!("/components/{}", id(&key))), Some(&key));
    }

    pub(crate) fn disable_user(&self, name: &str) {
        let query = self.path(&format!("/users?exact=true&username={name}"));
        let mut user = self.administer("GET", &query, None)[0].take();
        user["enabled"] = json!(false);
        self.administer("PUT", &self.path(&format!("/users/{}", id(&user))), Some(&user));
    }

    /// Where Keycloak sends logout tokens for that client.
    pub(crate) fn set_logout_url(&self, client: &str, url: &str) {
        let query = self.path(&format!("/clients?clientId={client}"));
        let mut client = self.administer("GET", &query, None)[0].take();
        client["attributes"]["backchannel.logout.url"] = json!(url);
        self.administer("PUT", &self.path(&format!("/clients/{}", id(&client))), Some(&client));
    }

    fn path(&self, below: &str) -> String {
        format!("/admin/realms/{}{below}", self.realm)
    }

    /// One exchange with the admin API; `null` where its answer is empty.
    fn administer(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let request = self.on_host(method, path).bearer(&self.administrators_token());
        let request = match body {
            Some(body) => {
                request.field("content-type", "application/json").body(body.to_string().as_bytes())
            }
            None => request,
        };
        let answer = self.ask(&request);
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        serde_json::from_slice(&answer.body.bytes).unwrap_or_default()
    }

    fn administrators_token(&self) -> String {
        let [username, password] = ADMINISTRATOR;
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", username),
            ("password", password),
        ];
        let answer = self.ask(&with_form(self.on_host("POST", MASTER_TOKEN), &form));
        let tokens: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
        tokens["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    fn on_host(&self, method: &str, path: &str) -> Request {
        Request::to(&self.address().to_string(), method, path)
    }
}

fn id(representation: &Value) -> &str {
    representation["id"].as_str().unwrap_or_else(|| panic!("no id: {representation}"))
}
