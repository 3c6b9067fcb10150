//! A configuration in the making: TOML, as an operator would write it.

use std::fmt::Write as _;

use countersign::{
    config::ConfigErrors,
    settings::{self, Settings, Sources},
};

use super::{
    NOW,
    issuer::{AUDIENCE, Issuer},
    key_server::KeyServer,
    proxy::Proxy,
    upstream::Upstream,
};

/// The text of a configuration. Its defaults: ephemeral loopback ports, one worker, reasons in
/// answers, the default claim headers, `/public/**` public and a token for the rest.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    server: String,
    issuers: String,
    routes: String,
    upstream: String,
    more: String,
    now: i64,
}

const SERVER: &str = r#"
[server]
listen = "127.0.0.1:0"
workers = 1
shutdown_grace = "0s"
drain_timeout = "1s"
"#;

const ROUTES: &str = r#"
[[routes]]
path = "/public/**"
access = "public"

[[routes]]
path = "/**"
"#;

/// What every configuration of a test has in common.
const REST: &str = r#"
[admin]
listen = "127.0.0.1:0"

[denials]
expose_reasons = true

[log]
level = "LEVEL"
access_log = true
"#;

/// As much as the build can log: what no line may hold is looked for in all of them.
pub(crate) const LOG_LEVEL: &str = if cfg!(debug_assertions) { "trace" } else { "debug" };

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            server: SERVER.to_owned(),
            issuers: String::new(),
            routes: ROUTES.to_owned(),
            upstream: String::new(),
            more: String::new(),
            now: NOW,
        }
    }

    /// Accepts the issuer's tokens, by the JWKS at `/NAME/jwks` of the key server. `rules` are
    /// further lines of `[issuers.NAME]`, `keys` of `[issuers.NAME.keys]`.
    pub(crate) fn issuer(
        self,
        name: &str,
        issuer: &Issuer,
        key_server: &KeyServer,
        rules: &str,
        keys: &str,
    ) -> Self {
        let url = key_server.url(&format!("/{name}/jwks"));
        self.issuer_from(name, issuer, rules, &format!("jwks_url = \"{url}\"\n{keys}"))
    }

    /// The same with any source of keys. An `audiences` in `rules` is instead of the usual one.
    pub(crate) fn issuer_from(
        mut self,
        name: &str,
        issuer: &Issuer,
        rules: &str,
        keys: &str,
    ) -> Self {
        let iss = serde_json::Value::from(issuer.iss());
        let _ = writeln!(self.issuers, "[issuers.{name}]\nissuer = {iss}");
        if !rules.contains("audiences") {
            let _ = writeln!(self.issuers, "audiences = [\"{AUDIENCE}\"]");
        }
        let _ = writeln!(self.issuers, "{rules}\n[issuers.{name}.keys]\n{keys}");
        self
    }

    /// With these `[[routes]]` instead of the usual ones.
    pub(crate) fn routes(self, routes: &str) -> Self {
        Self { routes: routes.to_owned(), ..self }
    }

    /// With further lines of `[upstreams.app]`.
    pub(crate) fn upstream(self, lines: &str) -> Self {
        Self { upstream: lines.to_owned(), ..self }
    }

    /// With further lines of `[server]` and its sub-tables; they replace those of the same key.
    pub(crate) fn server(mut self, lines: &str) -> Self {
        let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
        let new: Vec<_> = lines.lines().filter_map(key).collect();
        let kept = self.server.lines().filter(|line| key(line).is_none_or(|k| !new.contains(&k)));
        self.server = [&*kept.collect::<Vec<_>>().join("\n"), lines, ""].join("\n");
        self
    }

    /// With further tables, e.g. `[claims]`.
    pub(crate) fn with(mut self, tables: &str) -> Self {
        let _ = writeln!(self.more, "{tables}");
        self
    }

    /// With one text of the issuers' tables in place of another.
    pub(crate) fn rewritten(mut self, found: &str, instead: &str) -> Self {
        assert!(self.issuers.contains(found), "{found}: {}", self.issuers);
        self.issuers = self.issuers.replace(found, instead);
        self
    }

    /// At another moment than [`NOW`].
    pub(crate) fn at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    /// The whole configuration in front of that upstream.
    pub(crate) fn toml(&self, upstream: &Upstream) -> String {
        let Self { server, issuers, routes, upstream: lines, more, now: _ } = self;
        let url = upstream.url();
        let upstreams = format!("[upstreams.app]\nurl = \"{url}\"\n{lines}\n");
        // A table of the test's own replaces the common one.
        let rest: String = REST
            .split_inclusive("\n\n")
            .filter(|table| !table.trim().lines().next().is_some_and(|name| more.contains(name)))
            .collect();
        let rest = rest.replace("LEVEL", LOG_LEVEL);
        [server, &upstreams, issuers, &rest, more, routes].map(String::as_str).join("\n")
    }

    /// The settings.
    pub(crate) fn load(&self, upstream: &Upstream) -> Result<Settings, ConfigErrors> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, self.toml(upstream)).unwrap();
        settings::load(&Sources { file: Some(file), ..Sources::default() })
    }

    /// Starts the proxy and waits until it is ready.
    pub(crate) fn start(&self, upstream: &Upstream) -> Proxy {
        let proxy = self.start_unready(upstream);
        proxy.wait_until_ready();
        proxy
    }

    /// Starts the proxy and waits only until it is alive.
    pub(crate) fn start_unready(&self, upstream: &Upstream) -> Proxy {
        let settings = self.load(upstream);
        let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
        Proxy::start(settings, upstream, self.now)
    }
}
