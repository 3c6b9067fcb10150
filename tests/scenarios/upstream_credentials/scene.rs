//! The usual world with a token endpoint, whose tokens the upstream receives.

use std::{fmt::Write as _, fs};

use countersign::{reason::Reason, settings::Settings};
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::{Answer, Request},
    introspection::{Endpoint, Question},
    issuer::{Issuer, LIFETIME},
    key_server::{KeyServer, Page},
    oracle::assert_refused,
    setup::Setup,
    upstream::{Received, Upstream},
    wait_until,
    world::{JWKS, World, claims},
};

/// All parties, and the files that the configuration names.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) endpoint: Endpoint,
    pub(crate) files: tempfile::TempDir,
}

pub(crate) const PATH: &str = "/token";
pub(crate) const SECRET: &str = "the secret of the gateway: 100 %";

/// How long the tokens of the endpoint live, in seconds.
pub(crate) const LIFE: i64 = 100;

/// A public route, and one with the credential `orders`.
pub(crate) const ROUTES: &str = r#"
[[routes]]
path = "/public/**"
access = "public"

[[routes]]
path = "/**"
upstream_credential = "orders"
"#;

/// What `[upstream_credentials.orders]` has in most tests.
pub(crate) const EXCHANGE: &str = "kind = \"exchange\"\naudience = \"orders\"\n";
pub(crate) const CLIENT: &str = "kind = \"client-credentials\"\n";

impl Scene {
    /// With an exchange, and further lines of `[upstream_credentials.orders]`. `FILES` is the
    /// folder of files.
    pub(crate) fn exchange(lines: &str) -> Self {
        Self::start(&format!("{EXCHANGE}{lines}"), |setup| setup)
    }

    /// With these lines of `[upstream_credentials.orders]`, and something else in the
    /// configuration.
    pub(crate) fn start(lines: &str, change: impl FnOnce(Setup) -> Setup) -> Self {
        let (issuer, upstream, key_server) =
            (Issuer::usual(), Upstream::start(), KeyServer::start());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let (endpoint, files) = (Endpoint::start(), tempfile::tempdir().unwrap());
        fs::write(files.path().join("secret"), format!("{SECRET}\n")).unwrap();
        endpoint.answer_by(issue);
        let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "").routes(ROUTES);
        let table = table("orders", &endpoint, &files, lines);
        let proxy = change(setup.with(&table)).start(&upstream);
        Self { world: World { proxy, upstream, key_server, issuer }, endpoint, files }
    }

    /// The settings of the running scene, with other lines.
    pub(crate) fn settings(&self, lines: &str, change: impl FnOnce(Setup) -> Setup) -> Settings {
        let World { issuer, key_server, upstream, .. } = &self.world;
        let setup = Setup::new().issuer("corp", issuer, key_server, "", "").routes(ROUTES);
        let table = table("orders", &self.endpoint, &self.files, lines);
        change(setup.with(&table)).load(upstream).unwrap()
    }

    /// A caller's token that lives long.
    pub(crate) fn caller(&self, sub: &str) -> String {
        self.world.issuer.mint(json!({ "sub": sub, "exp": NOW + 100 * LIFETIME }))
    }

    /// What the upstream receives of a request that passes.
    #[track_caller]
    pub(crate) fn received(&self, request: &Request) -> Received {
        let before = self.world.mark();
        let answer = self.world.proxy.exchange(request);
        assert!(answer.is_from_upstream(), "{answer:?}");
        before.only_request("passes")
    }

    /// What the upstream receives in `Authorization` of a caller's request.
    #[track_caller]
    pub(crate) fn authorization(&self, token: &str) -> String {
        let received = self.received(&Request::get("/").bearer(token));
        assert_eq!(received.head.all("authorization").count(), 1, "{received:?}");
        received.head.field("authorization").unwrap().to_owned()
    }

    /// A caller's request is refused for that reason.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, token: &str, reason: Reason) -> Answer {
        let before = self.world.mark();
        let answer = self.world.proxy.get("/", Some(token));
        assert_refused(case, &answer, reason, &before);
        answer
    }

    /// How many tokens were requested.
    pub(crate) fn requests(&self) -> usize {
        self.endpoint.visits(PATH).len()
    }

    /// The last request for a token.
    pub(crate) fn last(&self) -> Question {
        self.endpoint.visits(PATH).pop().unwrap()
    }

    pub(crate) fn wait_for_requests(&self, count: usize) {
        wait_until(&format!("{count} token requests"), || self.requests() >= count);
    }

    /// How many requests of `orders` had that outcome.
    pub(crate) fn outcomes(&self, outcome: &str) -> f64 {
        let labels = format!("{{credential=\"orders\",outcome=\"{outcome}\"}}");
        self.world.proxy.metric(&format!("countersign_upstream_credential_requests_total{labels}"))
    }

    /// Writes a file that the configuration names.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.files.path().join(name), content).unwrap();
    }
}

/// `[upstream_credentials.NAME]`. Where it has a token endpoint, that of the scene.
pub(crate) fn table(
    name: &str,
    endpoint: &Endpoint,
    files: &tempfile::TempDir,
    lines: &str,
) -> String {
    let has = |key: &str| lines.lines().any(|line| line.starts_with(key));
    let mut all = format!("[upstream_credentials.{name}]\n{lines}\n");
    let has_endpoint = !has("kind = \"static\"") && !has("kind = \"assertion\"");
    if has_endpoint && !has("token_url") {
        writeln!(all, "token_url = \"{}\"", endpoint.url(PATH)).unwrap();
    }
    if has_endpoint && !has("auth") {
        all.push_str("client_id = \"gateway\"\nclient_secret_file = \"FILES/secret\"\n");
    }
    all.replace("FILES", files.path().to_str().unwrap())
}

/// A token endpoint as RFC 6749 and RFC 8693 describe it: what it issues says for whom, by whom
/// and for what, and is another one each time.
pub(crate) fn issue(question: &Question) -> Page {
    granted(&issued(question), json!({}))
}

/// The token that [`issue`] answers with.
pub(crate) fn issued(question: &Question) -> String {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let sub = match question.parameter("subject_token") {
        Some(token) => claims(token)["sub"].as_str().unwrap().to_owned(),
        None => "gateway".to_owned(),
    };
    let of = |name| question.parameter(name).unwrap_or("none").replace(' ', "+");
    let (audience, scope, actor) = (of("audience"), of("scope"), of("actor_token"));
    format!("issued-{count}.{sub}.{audience}.{scope}.{actor}")
}

/// The answer with that token, with changes put over it.
pub(crate) fn granted(token: &str, changes: Value) -> Page {
    let mut answer = json!({
        "access_token": token,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": LIFE,
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(answer.as_object_mut().unwrap().remove(name)),
            value => answer[name] = value.clone(),
        }
    }
    Page::json(&answer)
}

/// The refusal of a token endpoint.
pub(crate) fn denied(status: u16, error: &str) -> Page {
    let text = "the words of the provider";
    Page::json(&json!({ "error": error, "error_description": text })).with_status(status)
}
