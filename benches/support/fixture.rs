//! One issuer with one key, a token of it, and the settings and verifier that belong to them.

use std::{fmt::Write as _, fs, sync::Arc, time::Duration};

use countersign::{
    clock::{Clock, SystemClock},
    identity::ClaimHeaders,
    jose::{Algorithm, SigningKey},
    json::{Json, Object},
    providers::{ProviderTasks, Providers},
    settings::{self, Settings, Sources},
    telemetry::MetricRegistry,
    token::TokenVerifier,
};
use tempfile::TempDir;

use super::floor::Floor;

pub(crate) const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "https://api.example";
/// Keys are read from a file: what takes longer than this is broken.
const KEYS_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Fixture {
    pub(crate) token: String,
    pub(crate) floor: Floor,
    pub(crate) settings: Settings,
    _home: TempDir,
}

impl Fixture {
    /// With so many routes for tokens, `/r0/**` and on.
    pub(crate) fn new(algorithm: Algorithm, routes: usize) -> Self {
        let key = SigningKey::generate(algorithm, Some("key-1")).expect("a key");
        let public = key.public_jwk().expect("an asymmetric key");
        let token =
            key.sign_compact(&token_header(), claims().to_text().as_bytes()).expect("a token");
        let home = TempDir::new().expect("a directory");
        Self {
            floor: Floor::new(algorithm, &public, &token).expect("a floor"),
            settings: settings(&home, algorithm, public, routes),
            token,
            _home: home,
        }
    }

    /// The verifier, with its keys loaded.
    pub(crate) fn verifier(&self) -> TokenVerifier {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = MetricRegistry::default();
        let (providers, tasks) = Providers::new(&self.settings.provider_parts(), &clock, &metrics)
            .expect("nothing is shared");
        load_keys(&providers, tasks);
        TokenVerifier::new(
            &self.settings.issuers,
            &providers,
            self.claim_headers(),
            self.settings.credential.max_bytes,
            clock,
            &metrics,
        )
    }

    pub(crate) fn claim_headers(&self) -> ClaimHeaders {
        ClaimHeaders::compile(&self.settings.claims, self.settings.forwarding.max_header_bytes)
    }
}

/// As large as the access tokens of well-known identity providers.
pub(crate) fn claims() -> Object {
    let now = SystemClock.now().0;
    let mut claims = Object::default();
    claims.insert("iss", ISSUER);
    claims.insert("sub", "user-000042");
    claims.insert("aud", AUDIENCE);
    claims.insert("client_id", "0oa1b2c3d4e5f6g7h8i9");
    claims.insert("scope", "openid profile email orders:read orders:write");
    claims.insert("jti", "7d1f0f7e-1b1a-4b7e-9d3c-000000000042");
    claims.insert("iat", now);
    claims.insert("exp", now + 86_400);
    claims
}

fn token_header() -> Object {
    let mut header = Object::default();
    header.insert("typ", "at+jwt");
    header
}

fn settings(home: &TempDir, algorithm: Algorithm, public: Object, routes: usize) -> Settings {
    let jwks = home.path().join("jwks.json");
    let mut set = Object::default();
    set.insert("keys", Json::Array([Json::Object(public)].into()));
    fs::write(&jwks, set.to_text()).expect("a file");
    let mut text = format!(
        r#"
        upstreams.app.url = "http://127.0.0.1:3000"
        claims = {{ "x-auth-subject" = "sub", "x-auth-scope" = "scope" }}
        [issuers.idp]
        issuer = "{ISSUER}"
        audiences = ["{AUDIENCE}"]
        algorithms = ["{}"]
        keys.jwks_file = "{}"
        "#,
        algorithm.name(),
        jwks.display(),
    );
    for route in 0..routes {
        // Writing to a String can't fail.
        let _ = writeln!(text, "[[routes]]\npath = \"/r{route}/orders/**\"");
    }
    let file = home.path().join("countersign.toml");
    fs::write(&file, text).expect("a file");
    settings::load(&Sources { file: Some(file), ..Sources::default() })
        .expect("a valid configuration")
}

fn load_keys(providers: &Providers, tasks: ProviderTasks) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let _tasks = tasks.spawn();
        let loaded = async {
            let now = SystemClock.now();
            while !providers.keys.iter().all(|keys| keys.current(now).is_some()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(KEYS_DEADLINE, loaded).await.expect("keys in time");
    });
}
