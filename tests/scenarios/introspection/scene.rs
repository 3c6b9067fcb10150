//! The usual world whose issuer can be asked.

use std::fs;

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::Request,
    introspection::Endpoint,
    issuer::{AUDIENCE, Issuer, LIFETIME},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::{Received, Upstream},
    world::{JWKS, World},
};

/// All parties, and the files that the configuration names.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) endpoint: Endpoint,
    pub(crate) files: tempfile::TempDir,
}

/// Where the endpoint is, and who the proxy is there.
pub(crate) const PATH: &str = "/introspect";
pub(crate) const CLIENT: &str = "proxy";
pub(crate) const SECRET: &str = "the secret of the proxy: 100 %";

/// What the upstream learns of the usual token.
const IDENTITY: [(&str, &str); 3] =
    [("x-auth-issuer", "https://idp.test"), ("x-auth-scope", "read"), ("x-auth-subject", "alice")];

impl Scene {
    /// With further lines of `[issuers.corp.introspection]`. A `url` or an `auth` in them is
    /// instead of the usual one; `FILES` is the folder of files, `ENDPOINT` the endpoint's URL.
    pub(crate) fn start(lines: &str) -> Self {
        Self::with(lines, |setup| setup)
    }

    /// With an endpoint that authenticates no client.
    pub(crate) fn unauthenticated(lines: &str) -> Self {
        Self::start(&format!("# unauthenticated\n{lines}"))
    }

    /// With something else in the configuration.
    pub(crate) fn with(lines: &str, change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::at(Endpoint::start(), tempfile::tempdir().unwrap(), lines, change)
    }

    /// With an endpoint and a folder that are there already.
    pub(crate) fn at(
        endpoint: Endpoint,
        files: tempfile::TempDir,
        lines: &str,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let (issuer, upstream, key_server) =
            (Issuer::usual(), Upstream::start(), KeyServer::start());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        fs::write(files.path().join("secret"), format!("{SECRET}\n")).unwrap();
        let tables = tables(&endpoint, &files, lines);
        let setup = change(Setup::new().issuer("corp", &issuer, &key_server, "", &tables));
        let proxy = setup.start(&upstream);
        let world = World { proxy, upstream, key_server, issuer };
        Self { world, endpoint, files }
    }

    /// A token that the endpoint calls active: the usual claims with changes put over them.
    pub(crate) fn active(&self, name: &str, changes: Value) -> String {
        let token = opaque(name);
        self.endpoint.activate(&token, &claims(changes));
        token
    }

    /// The token passes in the name of `alice`, cold and again warm.
    #[track_caller]
    pub(crate) fn admits(&self, case: &str, token: &str) -> Received {
        self.admits_as(case, token, &IDENTITY)
    }

    /// The same with that identity.
    #[track_caller]
    pub(crate) fn admits_as(&self, case: &str, token: &str, identity: &[(&str, &str)]) -> Received {
        let identity: Vec<_> =
            identity.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        self.world.admits_request(case, &Request::get("/").bearer(token), &identity)
    }

    /// The token is refused for that reason, cold and again warm.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, token: &str, reason: Reason) {
        self.world.refuses(case, token, reason);
    }

    /// Whether the token passes, asked once.
    pub(crate) fn passes(&self, token: &str) -> bool {
        self.world.proxy.get("/", Some(token)).is_from_upstream()
    }

    /// Why the token does not pass, asked once.
    #[track_caller]
    pub(crate) fn reason(&self, token: &str) -> String {
        let answer = self.world.proxy.get("/", Some(token));
        answer.reason().unwrap_or_else(|| panic!("no refusal: {answer:?}"))
    }

    /// How many questions had that outcome.
    pub(crate) fn outcomes(&self, outcome: &str) -> usize {
        let labels = format!("{{issuer=\"corp\",outcome=\"{outcome}\"}}");
        let count = self.world.proxy.metric(&format!("countersign_introspections_total{labels}"));
        format!("{count}").parse().unwrap()
    }

    /// Whether the endpoint is said to work.
    pub(crate) fn is_up(&self) -> bool {
        self.world.proxy.metric("countersign_introspection_up{issuer=\"corp\"}") > 0.5
    }

    /// Writes a file that the configuration names.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.files.path().join(name), content).unwrap();
    }
}

/// `[issuers.corp.introspection]`, ahead of which further lines of `[issuers.corp.keys]` may be.
pub(crate) fn tables(endpoint: &Endpoint, files: &tempfile::TempDir, lines: &str) -> String {
    let folder = files.path().to_str().unwrap();
    let is_set = |key: &str| lines.lines().any(|line| line.starts_with(key));
    let mut all = String::from("[issuers.corp.introspection]\n");
    if !is_set("url") && !is_set("# discovered") {
        all.push_str("url = \"ENDPOINT\"\n");
    }
    if !is_set("auth") && !is_set("# unauthenticated") {
        all.push_str("client_id = \"proxy\"\nclient_secret_file = \"FILES/secret\"\n");
    }
    all.push_str(lines);
    all.replace("ENDPOINT", &endpoint.url(PATH)).replace("FILES", folder)
}

/// A token that is no JWT. Its last part is long enough to be searched for in logs (INV-4).
pub(crate) fn opaque(name: &str) -> String {
    format!("opaque.{name}-8d1f6c0b5a7e4932b1c6")
}

/// What the endpoint says of the usual token.
pub(crate) fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": "https://idp.test",
        "aud": AUDIENCE,
        "sub": "alice",
        "scope": "read",
        "exp": NOW + LIFETIME,
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}
