//! The metadata can't be had, though the key set that they name can.

use std::time::{Duration, Instant};

use tokio::time::{advance, pause, resume};

use crate::{
    fetch::FetchError,
    keys::{
        KeyError,
        source::{OpenKeySource, Origin},
        testing::{
            KeyServer, Manner, OAUTH, OPENID, Reply, eventually, from_discovery, jwk, jwks,
            metadata,
        },
    },
};

const KEYS: &str = "/jwks";

/// After this time the metadata are read again.
const LIFETIME: Duration = Duration::from_hours(1);
/// After this time they are read again once that has failed.
const PAUSE: Duration = Duration::from_mins(1);

/// How long an exchange may take: no test waits for that.
const DEADLINE: Duration = Duration::from_secs(30);

/// A provider whose key set was found by its metadata and read once.
struct Provider {
    server: KeyServer,
    source: OpenKeySource,
}

impl Provider {
    async fn start() -> Self {
        let server = KeyServer::start().await;
        server.answer(KEYS, Reply::ok(jwks(&[jwk("a")])));
        server.answer(OPENID, metadata(&server.url(""), &server.url(KEYS)));
        let mut settings = from_discovery(&server);
        settings.keys.timeout = DEADLINE;
        let mut source = OpenKeySource::new(&settings);
        source.read().await.unwrap();
        assert_eq!((server.requests(OPENID).len(), server.requests(KEYS).len()), (1, 1));
        Self { server, source }
    }

    fn no_metadata(&self, reply: &Reply) {
        self.server.answer(OPENID, reply.clone());
        self.server.answer(OAUTH, reply.clone());
    }

    /// Reads the key set, which must not wait for the metadata.
    async fn reads(&mut self, case: &str) {
        let (began, before) = (Instant::now(), self.server.requests(KEYS).len());
        self.source.read().await.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(began.elapsed() < DEADLINE / 2, "{case}: it waited");
        assert_eq!(self.server.requests(KEYS).len(), before + 1, "{case}");
    }

    /// The last of the two documents was requested that often.
    async fn metadata_read(&self, times: usize) {
        eventually("the metadata", || self.server.requests(OAUTH).len() >= times).await;
        // What else was begun has begun.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(self.server.requests(OAUTH).len(), times);
    }
}

/// Lets that time pass at once; the server and the source go on by the usual one.
async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

#[tokio::test]
async fn metadata_that_hang_delay_no_reading_of_the_keys() {
    let mut provider = Provider::start().await;
    provider.no_metadata(&Reply::ok("").manner(Manner::Hang));
    pass(LIFETIME).await;
    for _ in 0..5 {
        provider.reads("while the metadata hang").await;
    }
}

#[tokio::test]
async fn metadata_that_fail_are_read_once_in_a_minute() {
    let mut provider = Provider::start().await;
    provider.no_metadata(&Reply::new(500, ""));
    pass(LIFETIME).await;
    for _ in 0..5 {
        provider.reads("while the metadata fail").await;
    }
    provider.metadata_read(1).await;
    pass(PAUSE).await;
    for _ in 0..5 {
        provider.reads("a minute later").await;
    }
    provider.metadata_read(2).await;
}

#[tokio::test]
async fn a_key_set_that_fails_once_is_read_again_without_the_metadata() {
    let mut provider = Provider::start().await;
    provider.no_metadata(&Reply::new(500, ""));
    let keys = Reply::ok(jwks(&[jwk("a")]));
    for n in 0..5 {
        provider.server.answer(KEYS, keys.clone().manner(Manner::Close));
        let error = provider.source.read().await.unwrap_err();
        assert!(matches!(error, KeyError::Fetch(FetchError::Interrupted { .. })), "{n}: {error}");
        provider.server.answer(KEYS, keys.clone());
        provider.reads("after a broken connection").await;
    }
    provider.metadata_read(1).await;
}

#[tokio::test]
async fn a_key_set_that_goes_on_failing_costs_the_metadata_a_reading_a_second() {
    let mut provider = Provider::start().await;
    provider.server.answer(KEYS, Reply::new(500, ""));
    let began = Instant::now();
    for _ in 0..20 {
        provider.source.read().await.unwrap_err();
    }
    let most = 2 + began.elapsed().as_secs() + 1;
    eventually("a second reading", || provider.server.requests(OPENID).len() >= 2).await;
    assert!(provider.server.requests(OPENID).len() as u64 <= most);

    // Metadata that are corrected are found soon.
    let moved = metadata(&provider.server.url(""), &provider.server.url("/moved"));
    provider.server.answer("/moved", Reply::ok(jwks(&[jwk("b")])));
    provider.server.answer(OPENID, moved);
    pass(Duration::from_secs(1)).await;
    while provider.source.read().await.is_err() {}
}

#[tokio::test]
async fn keys_that_move_are_found_beside_the_readings() {
    let mut provider = Provider::start().await;
    let moved = metadata(&provider.server.url(""), &provider.server.url("/moved"));
    provider.server.answer("/moved", Reply::ok(jwks(&[jwk("b")])));
    provider.server.answer(OPENID, moved);
    pass(LIFETIME).await;
    provider.reads("at the place before").await;
    eventually("the metadata", || provider.server.requests(OPENID).len() == 2).await;
    while provider.server.requests("/moved").is_empty() {
        provider.source.read().await.unwrap();
    }
}

/// The issuer itself says so: that is no outage.
#[tokio::test]
async fn metadata_that_name_the_keys_no_more_end_their_use() {
    for issuer in [None, Some("https://other.example")] {
        let mut provider = Provider::start().await;
        let (own, keys) = (provider.server.url(""), provider.server.url(KEYS));
        let without_keys = || Reply::ok(format!(r#"{{"issuer":{own:?}}}"#));
        let refused = issuer.map_or_else(without_keys, |other| metadata(other, &keys));
        provider.server.answer(OPENID, refused);
        pass(LIFETIME).await;
        provider.reads("nothing else is known yet").await;
        let mut reads = 0;
        let error = loop {
            match provider.source.read().await {
                Ok(_) => reads += 1,
                Err(error) => break error,
            }
            assert!(reads < 1_000, "they are used for ever");
        };
        assert!(
            matches!(error, KeyError::IssuerMismatch { .. } | KeyError::JwksUri { .. }),
            "{error}"
        );
        // With the right metadata they are back at once.
        provider.server.answer(OPENID, metadata(&own, &keys));
        provider.reads("the right metadata").await;
    }
}

/// Some providers name the endpoint in one of the two documents only.
#[tokio::test]
async fn an_outage_of_the_document_that_names_the_keys_is_no_verdict_of_the_other() {
    let mut provider = Provider::start().await;
    let own = provider.server.url("");
    provider.server.answer(OPENID, Reply::ok(format!(r#"{{"issuer":{own:?}}}"#)));
    provider.server.answer(OAUTH, Reply::new(503, ""));
    pass(LIFETIME).await;
    provider.reads("metadata are due").await;
    provider.metadata_read(1).await;
    provider.reads("one document names no keys, the other is down").await;
}
