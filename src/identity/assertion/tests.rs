use std::{num::NonZeroUsize, thread};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::time::Instant;

use super::*;
use crate::{
    identity::ClaimPath,
    jose::{Algorithm, SigningKey, base64url, verify_compact},
};

/// Whose token it is.
const ISSUER: &str = "https://other.test";
const NOW: UnixTime = UnixTime(1_900_000_000);
const TOKEN_ENDS: UnixTime = UnixTime(1_900_003_600);

fn settings(alg: Algorithm) -> AssertionSettings {
    AssertionSettings {
        header: HeaderName::from_static("x-jwt-assertion"),
        private_key_file: "key".into(),
        key: Arc::new(SigningKey::generate(alg, Some("k")).unwrap()),
        previous_keys_file: None,
        jwks: "".into(),
        issuer: "gateway".to_owned(),
        audience: None,
        lifetime: Duration::from_mins(5),
        claims: AssertedClaims::All,
        mapping: Vec::new(),
        encoding: PartEncoding::Base64Url,
    }
}

/// The loaded section, and the token to assert.
struct Scene {
    settings: AssertionSettings,
    assertions: Assertions,
    metrics: MetricRegistry,
    claims: Object,
    slot: AssertionSlot,
}

impl Scene {
    fn new(settings: AssertionSettings, claims: &str) -> Self {
        let metrics = MetricRegistry::default();
        let assertions = Assertions::compile(&settings, 0, &metrics);
        let claims = Object::parse(claims.as_bytes()).unwrap();
        let slot = assertions.reserve(ISSUER, &claims).unwrap();
        Self { settings, assertions, metrics, claims, slot }
    }

    fn usual() -> Self {
        Self::new(settings(Algorithm::Es256), r#"{"sub":"alice"}"#)
    }

    async fn value_at(&self, now: UnixTime) -> Result<HeaderValue, UnsignedAssertion> {
        let token = AssertedToken { issuer: ISSUER, claims: &self.claims, ends: TOKEN_ENDS };
        self.assertions.value(&self.slot, token, now).await
    }

    async fn text_at(&self, now: UnixTime) -> String {
        self.value_at(now).await.unwrap().to_str().unwrap().to_owned()
    }

    /// The verified payload of the assertion at [`NOW`].
    async fn payload(&self) -> String {
        let text = self.text_at(NOW).await;
        let key = self.settings.key.verification_key().unwrap();
        String::from_utf8(verify_compact(text.as_bytes(), &key).unwrap()).unwrap()
    }

    fn signed(&self) -> u64 {
        Metrics::register(&self.metrics).assertions_signed().get()
    }
}

#[tokio::test]
async fn it_says_what_was_verified_under_our_name() {
    let claims = r#"{"iss":"https://other.test","sub":"alice","aud":"api","iat":1,"nbf":1,
        "exp":1900003600,"jti":"7","cnf":{"jkt":"x"},"scope":"a b","n":9007199254740993,
        "token_iss":"https://forged.test","z":null}"#;
    let scene = Scene::new(settings(Algorithm::Es256), claims);
    assert_eq!(
        scene.payload().await,
        r#"{"iss":"gateway","token_iss":"https://other.test","iat":1900000000,"exp":1900000300,"sub":"alice","scope":"a b","n":9007199254740993,"z":null}"#
    );
    let text = scene.text_at(NOW).await;
    let header = base64url::decode(text.split('.').next().unwrap().as_bytes()).unwrap();
    assert_eq!(header, br#"{"typ":"JWT","alg":"ES256","kid":"k"}"#);
}

#[tokio::test]
async fn claims_are_chosen_and_renamed() {
    let claims = r#"{"sub":"alice","role":"clerk","realm":{"id":[7,null]},"mail":"m"}"#;
    let path = |text| ClaimPath::parse(text).unwrap();
    let mut settings = settings(Algorithm::Es256);
    settings.audience = Some("app".to_owned());
    settings.claims = AssertedClaims::Listed(vec!["role".to_owned(), "absent".to_owned()]);
    settings.mapping = vec![
        ("http://wso2.org/claims/enduser".to_owned(), path("sub")),
        ("first".to_owned(), path("/realm/id/0")),
        ("second".to_owned(), path("/realm/id/1")),
        ("third".to_owned(), path("absent")),
    ];
    let scene = Scene::new(settings.clone(), claims);
    assert_eq!(
        scene.payload().await,
        r#"{"iss":"gateway","aud":"app","token_iss":"https://other.test","iat":1900000000,"exp":1900000300,"http://wso2.org/claims/enduser":"alice","first":7,"role":"clerk"}"#
    );

    // A mapped name is there once, whatever the token has under it.
    settings.claims = AssertedClaims::All;
    settings.mapping = vec![("role".to_owned(), path("sub"))];
    let payload = Scene::new(settings, claims).payload().await;
    assert!(Object::parse(payload.as_bytes()).is_ok(), "{payload}");
    assert!(payload.contains(r#""role":"alice""#), "{payload}");
}

#[tokio::test]
async fn plain_base64_is_signed_as_it_is_written() {
    let mut settings = settings(Algorithm::Es256);
    settings.encoding = PartEncoding::Base64;
    let scene = Scene::new(settings, r#"{"sub":"ÿÿÿ>>>???"}"#);
    let text = scene.text_at(NOW).await;
    assert_eq!(text.len(), scene.assertions.signer.signed_bytes(scene_payload_bytes(&text)));
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let signature = BASE64_STANDARD.decode(signature).unwrap();
    let key = scene.settings.key.verification_key().unwrap();
    assert!(key.verify(Algorithm::Es256, signed.as_bytes(), &signature));
    let header = BASE64_STANDARD.decode(signed.split('.').next().unwrap()).unwrap();
    assert!(header.starts_with(b"{\"typ\":\"JWT\""));
}

fn scene_payload_bytes(text: &str) -> usize {
    BASE64_STANDARD.decode(text.split('.').nth(1).unwrap()).unwrap().len()
}

#[tokio::test]
async fn it_is_signed_once_until_it_is_about_to_end() {
    let scene = Scene::usual();
    let first = scene.text_at(NOW).await;
    assert_eq!(scene.text_at(UnixTime(NOW.0 + 240)).await, first);
    assert_eq!(scene.signed(), 1);
    let second = scene.text_at(UnixTime(NOW.0 + 241)).await;
    assert_ne!(second, first);
    assert_eq!(scene.text_at(UnixTime(NOW.0 + 242)).await, second);
    assert_eq!(scene.signed(), 2);
}

#[tokio::test]
async fn however_many_ask_one_is_signed() {
    let scene = Scene::usual();
    let (a, b, c, d) = tokio::join!(
        scene.text_at(NOW),
        scene.text_at(NOW),
        scene.text_at(NOW),
        scene.text_at(NOW)
    );
    assert!(a == b && b == c && c == d);
    assert_eq!(scene.signed(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_signature_to_the_next() {
    let scene = Scene::usual();
    tokio::select! {
        biased;
        _ = scene.value_at(NOW) => {}
        () = std::future::ready(()) => {}
    }
    scene.text_at(NOW).await;
    assert_eq!(scene.signed(), 1);
}

#[tokio::test(start_paused = true)]
async fn d4_no_request_waits_longer_than_the_deadline() {
    let scene = Scene::usual();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut turns = Vec::new();
    for _ in 0..cores.div_ceil(2) {
        turns.push(scene.assertions.signer.turn().await.unwrap());
    }
    let started = Instant::now();
    assert_eq!(scene.value_at(NOW).await, Err(UnsignedAssertion));
    assert_eq!(started.elapsed().as_secs(), SIGNING_DEADLINE.as_secs());
    drop(turns);
    assert!(scene.value_at(NOW).await.is_ok(), "with the next turn it is there");
}

#[tokio::test]
async fn h6_too_long_is_refused_and_what_it_takes_is_known_before() {
    let scene = Scene::usual();
    let claims = |bytes: usize| {
        let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes));
        Object::parse(text.as_bytes()).unwrap()
    };
    assert!(scene.assertions.reserve(ISSUER, &claims(5_800)).is_ok());
    let refused = scene.assertions.reserve(ISSUER, &claims(6_100)).unwrap_err();
    assert_eq!(refused.header, "x-jwt-assertion");
    let roomy = Assertions::compile(&scene.settings, 64 * 1024, &MetricRegistry::default());
    assert!(roomy.reserve(ISSUER, &claims(6_100)).is_ok());

    let memory = |bytes| scene.assertions.reserve(ISSUER, &claims(bytes)).unwrap().memory();
    assert_eq!(memory(3_000) - memory(0), 4_000);
    let text = scene.text_at(NOW).await;
    assert!(scene.slot.memory() > text.len(), "{text}");
}

#[tokio::test]
async fn o2_no_assertion_and_no_key_in_debug_output() {
    let scene = Scene::usual();
    let text = scene.text_at(NOW).await;
    let shown = format!("{:?}{:?}{:?}", scene.slot, scene.assertions, scene.settings);
    let signature = text.rsplit('.').next().unwrap();
    let jwk = scene.settings.key.private_jwk();
    let secret = jwk.get("d").and_then(crate::json::Json::as_str).unwrap();
    assert!(!shown.contains(signature) && !shown.contains(secret), "{shown}");
}
