//! Tokens that were verified before a reload are decided as a fresh process decides them: nothing
//! that is cached outlives the rules that it depends on.

use std::{collections::HashMap, fs};

use countersign::jose::{Algorithm, base64url};
use serde_json::{Value, json};

use crate::{
    introspection::scene::{claims, opaque},
    support::{
        NOW,
        client::Request,
        introspection::Endpoint,
        issuer::{Issuer, key},
        key_server::{KeyServer, Page},
        proxy::{Proxy, metric_in},
        setup::Setup,
        upstream::Upstream,
        world::JWKS,
    },
};

/// What a configuration may say, by what it is about: one choice of each.
const CHOICES: &[(&str, &[&str])] = &[
    ("audiences", &["", "audiences = [\"https://other.test\"]", "audiences = \"any\""]),
    ("claim rule", &["", "require_values = { dept = \"sales\" }", "require = [\"dept\"]"]),
    ("algorithms", &["", "algorithms = [\"ES256\"]"]),
    ("life", &["", "max_lifetime = \"10m\"", "clock_skew = \"0s\""]),
    ("types", &["", "token_types = [\"at+jwt\"]"]),
    (
        "cookie",
        &[
            "",
            "cookie_binding = { cookie = \"fgp\", reference = \"ref\", type = { claim = \"sub\", \
             value = \"alice\" } }",
        ],
    ),
    ("claims", &["", "[claims]\nx-auth-dept = \"dept\"", "[claims]\nx-auth-subject = \"dept\""]),
    ("header limit", &["", "[forwarding]\nmax_header_bytes = 64"]),
    (
        "credential",
        &[
            "",
            "[credential]\nsources = [{ header = \"x-token\" }]",
            "[credential]\nmax_bytes = 600",
        ],
    ),
    (
        "assertion",
        &[
            "",
            "[identity.assertion]\nprivate_key_file = \"FILES/key\"\nalgorithm = \"ES256\"\n\
             issuer = \"gateway\"",
            "[identity.assertion]\nprivate_key_file = \"FILES/key\"\nalgorithm = \"ES256\"\n\
             issuer = \"another\"",
        ],
    ),
    ("cache", &["", "[cache]\nmax_age = \"1m\""]),
    ("introspection", &["", "opaque", "subject = [\"dept\"]", "when = \"only\""]),
    ("iss", &["", "https://renamed.test"]),
    (
        "revoked",
        &["", "[revocation]\nfile = \"FILES/mallory\"", "[revocation]\nfile = \"FILES/all\""],
    ),
    // Before the usual issuer, which moves it; and one that owns the name of a token.
    ("others", &["", "acme", "zeta"]),
    ("route", &["", "scopes = [\"read\"]", "issuers = [\"corp\"]"]),
];

/// From here on the choices are not about how a token is verified.
const APART_FROM: usize = 13;

/// One choice of each.
type Draft = Vec<usize>;

/// All parties, and the files that configurations name.
struct Scene {
    issuer: Issuer,
    other: Issuer,
    key_server: KeyServer,
    endpoint: Endpoint,
    files: tempfile::TempDir,
    tokens: Vec<(&'static str, String)>,
}

/// How a request ends: its status, the reason, and what the upstream receives.
type Outcome = (u16, Option<String>, Vec<(String, String)>);

impl Scene {
    fn new() -> Self {
        let (issuer, other) =
            (Issuer::usual(), Issuer::new("https://acme.test", &[Algorithm::Es256]));
        let (key_server, endpoint) = (KeyServer::start(), Endpoint::start());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        key_server.serve("/acme/jwks", Page::json(&other.jwks()));
        key_server.serve("/zeta/jwks", Page::json(&other.jwks()));
        let files = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(files.path().join(name), text).unwrap();
        write("mallory", json!({ "revoked": [{ "sub": "mallory" }] }).to_string());
        let all = [json!({ "sub": "mallory" }), json!({ "sub": "alice" }), json!({ "sub": "o" })];
        write("all", json!({ "revoked": all }).to_string());
        write("secret", "the secret of the proxy".to_owned());
        write("key", key(Algorithm::Es256, "gateway-1").private_jwk().to_text());
        endpoint.activate(&opaque("one"), &claims(json!({ "sub": "o", "dept": "sales" })));
        let tokens = tokens(&issuer, &other);
        for (name, token) in tokens.iter().filter(|(name, _)| ["plain", "by RSA"].contains(name)) {
            endpoint.activate(token, &claims(json!({ "sub": name })));
        }
        Self { issuer, other, key_server, endpoint, files, tokens }
    }

    fn setup(&self, draft: &Draft) -> Setup {
        let chosen: HashMap<&str, &str> =
            CHOICES.iter().zip(draft).map(|((name, texts), n)| (*name, texts[*n])).collect();
        let rules = ["audiences", "claim rule", "algorithms", "life", "types", "cookie"];
        let rules = rules.map(|name| chosen[name]).join("\n");
        let usual = |setup: Setup| {
            let introspection = self.introspection(chosen["introspection"]);
            let issuer = match chosen["iss"] {
                "" => self.issuer.clone(),
                iss => self.issuer.named(iss),
            };
            setup.issuer("corp", &issuer, &self.key_server, &rules, &introspection)
        };
        let setup = match chosen["others"] {
            "" => usual(Setup::new()),
            name => usual(Setup::new().issuer(name, &self.other, &self.key_server, "", "")),
        };
        let tables = ["claims", "header limit", "credential", "revoked", "assertion", "cache"];
        let tables = tables.map(|name| chosen[name]).join("\n");
        let tables = tables.replace("FILES", self.files.path().to_str().unwrap());
        setup.with(&tables).routes(&format!("[[routes]]\npath = \"/**\"\n{}", chosen["route"]))
    }

    fn introspection(&self, choice: &str) -> String {
        if choice.is_empty() {
            return String::new();
        }
        format!(
            "[issuers.corp.introspection]\nurl = \"{}\"\nclient_id = \"proxy\"\n\
             client_secret_file = \"{}/secret\"\n{}",
            self.endpoint.url("/introspect"),
            self.files.path().display(),
            choice.strip_prefix("opaque").unwrap_or(choice),
        )
    }

    /// The outcome of each token, in each place where tokens may be.
    fn outcomes(&self, proxy: &Proxy, upstream: &Upstream) -> Vec<(String, Outcome)> {
        let mut client = proxy.client();
        let places: [fn(Request, &str) -> Request; 2] = [
            |request, token| request.bearer(token),
            |request, token| request.field("x-token", token),
        ];
        let requests = self.tokens.iter().flat_map(|(name, token)| {
            places.iter().enumerate().map(move |(place, put)| {
                (format!("{name}, place {place}"), put(Request::get("/"), token))
            })
        });
        let outcomes = requests.map(|(name, request)| {
            let before = upstream.record().count();
            let answer = client.exchange(&request);
            let received = upstream.record().since(before);
            let fields = received.iter().flat_map(|received| &received.head.fields);
            let ours =
                fields.filter(|(name, _)| name.starts_with("x-auth") || name.contains("jwt"));
            (name, (answer.status, answer.reason(), ours.map(comparable).collect()))
        });
        outcomes.collect()
    }

    /// As a process decides that has never had another configuration.
    fn fresh(&self, draft: &Draft) -> Vec<(String, Outcome)> {
        let upstream = Upstream::start();
        let mut proxy = self.setup(draft).start(&upstream);
        proxy.expect_unmatched_answers();
        self.outcomes(&proxy, &upstream)
    }
}

/// Of a signed assertion only what it says: each signature is another.
fn comparable((name, value): &(String, String)) -> (String, String) {
    let payload = name.contains("jwt").then(|| value.split('.').nth(1).unwrap());
    let payload =
        payload.map(|text| String::from_utf8(base64url::decode(text.as_bytes()).unwrap()).unwrap());
    (name.clone(), payload.unwrap_or_else(|| value.clone()))
}

/// Good ones, and those that some configuration refuses.
fn tokens(issuer: &Issuer, other: &Issuer) -> Vec<(&'static str, String)> {
    let of = |changes: Value| issuer.mint(changes);
    let by = |kid: &str| issuer.mint_with(json!({ "kid": kid, "alg": "RS256" }), json!({}));
    let typed = |typ: &str| issuer.mint_with(json!({ "typ": typ }), json!({ "dept": "sales" }));
    vec![
        ("plain", of(json!({ "scope": "read" }))),
        ("of sales", of(json!({ "dept": "sales", "scope": "read write" }))),
        ("of the board", of(json!({ "dept": "board", "scope": "write" }))),
        ("elsewhere", of(json!({ "aud": ["https://other.test"], "dept": "sales" }))),
        ("for both", of(json!({ "aud": ["https://other.test", "https://api.test"] }))),
        ("long-lived", of(json!({ "exp": NOW + 3_000, "dept": "sales" }))),
        ("just expired", of(json!({ "exp": NOW - 30, "dept": "sales" }))),
        ("of mallory", of(json!({ "sub": "mallory", "dept": "sales" }))),
        ("large", of(json!({ "sub": "a".repeat(100), "more": "b".repeat(600) }))),
        ("by RSA", by("rsa")),
        ("typed", typed("at+jwt")),
        ("of another issuer", other.mint(json!({ "sub": "o", "scope": "read" }))),
        ("of the renamed issuer", issuer.mint(json!({ "iss": "https://renamed.test" }))),
        ("opaque", opaque("one")),
    ]
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX: its high bits are good enough to choose by.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

fn hits(proxy: &Proxy) -> f64 {
    let metrics = proxy.metrics();
    let of_algorithm = |algorithm: &str| -> f64 {
        let labels = format!("{{algorithm=\"{algorithm}\",cache=\"hit\"}}");
        let series = format!("countersign_verification_seconds_count{labels}");
        metric_in(&metrics, &series).map_or(0.0, |value| value.parse().unwrap())
    };
    ["ES256", "RS256", "introspection"].map(of_algorithm).iter().sum()
}

/// So many configurations follow each other; with `COUNTERSIGN_LOAD=full` forty times as many.
const STEPS: usize = 20;

#[test]
fn x3_tokens_verified_before_a_reload_are_decided_as_by_a_fresh_process() {
    let is_full = std::env::var("COUNTERSIGN_LOAD").is_ok_and(|load| load == "full");
    let steps = if is_full { 40 * STEPS } else { STEPS };
    let scene = Scene::new();
    let upstream = Upstream::start();
    let mut draft: Draft = vec![0; CHOICES.len()];
    let mut proxy = scene.setup(&draft).start(&upstream);
    proxy.expect_unmatched_answers();
    let (mut numbers, mut known, mut carried) = (Numbers(20), HashMap::new(), 0.0);
    for step in 0..steps {
        // Warm, in both senses of the cache: verified, and found.
        scene.outcomes(&proxy, &upstream);
        scene.outcomes(&proxy, &upstream);
        let mut said = Vec::new();
        for _ in 0..=numbers.below(2) {
            // Every other time something that leaves the tokens' own rules alone: much is at stake
            // only where much is carried over.
            let is_apart = numbers.below(2) == 0;
            let places = if is_apart { APART_FROM..CHOICES.len() } else { 0..CHOICES.len() };
            let place = places.start + numbers.below(places.len());
            let (name, texts) = CHOICES[place];
            draft[place] = numbers.below(texts.len());
            said.push(format!("{name}: {:?}", texts[draft[place]]));
        }
        let settings = scene.setup(&draft).load(&upstream);
        let settings = settings.unwrap_or_else(|errors| panic!("{said:?}: {errors}"));
        proxy.server().reload(settings).unwrap();
        let before = hits(&proxy);
        let warm = scene.outcomes(&proxy, &upstream);
        carried += hits(&proxy) - before;
        let fresh = known.entry(draft.clone()).or_insert_with(|| scene.fresh(&draft));
        for (warm, fresh) in warm.iter().zip(fresh.iter()) {
            assert_eq!(warm, fresh, "step {step}, after {said:?}; all choices: {draft:?}");
        }
    }
    println!("{steps} reloads, {carried} tokens found in a cache of before");
    assert!(carried > 50.0, "{carried}: nothing was at stake");
}
