//! Whose state metrics show: that of the configuration in force.

use super::*;

impl Running {
    /// A reload that is adopted.
    fn adopt(self, earlier: &Self) -> Self {
        self.providers.show(Some(&earlier.providers));
        self
    }

    /// The value of a series; `None`: it is not shown.
    fn metric(&self, series: &str) -> Option<f64> {
        let (text, series) = (self.metrics.render(), format!("countersign_{series} "));
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.map(|value| value.parse().unwrap())
    }

    /// The usable keys, those left out, and when they were confirmed.
    fn shown_keys(&self, issuer: &str) -> Option<(f64, f64, f64)> {
        let keys = self.metric(&format!("keys{{issuer=\"{issuer}\"}}"))?;
        let text = self.metrics.render();
        let skipped = format!("countersign_keys_skipped{{issuer=\"{issuer}\"");
        let skipped = text.lines().filter(|line| line.starts_with(&skipped));
        let skipped = skipped.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
        let confirmed = format!("keys_confirmed_timestamp_seconds{{issuer=\"{issuer}\"}}");
        Some((keys, skipped.sum(), self.metric(&confirmed)?))
    }
}

/// One usable key, and two that are left out.
fn three_keys() -> String {
    one_key().replace('[', r#"[{"kty":"EC"},{"kty":"none"},"#)
}

const NOW: f64 = 1_800_000_000.0;

/// `corp` with these keys, and `added` with one, if there is such an issuer.
fn with_keys(files: &Files, corp: &str, has_added: bool) -> Settings {
    let of = |name: &str, jwks: &str| issuer(name, &format!("jwks_file = \"{jwks}\""), "");
    let added = files.write("added.json", &one_key());
    let added = if has_added { of("added", &added) } else { String::new() };
    files.settings(&(of("corp", corp) + &added))
}

#[tokio::test]
async fn keys_that_are_only_tried_are_shown_by_no_metric_and_those_adopted_at_once() {
    let files = Files::new();
    let (one, three) = (files.write("one", &one_key()), files.write("three", &three_keys()));
    let running = Running::start(&with_keys(&files, &three, false));
    running.keys("corp").usable().await;
    assert_eq!(running.shown_keys("corp"), Some((1.0, 2.0, NOW)));
    let tried = running.next(&with_keys(&files, &one, true));
    tried.is_usable_after(&running).await.unwrap();
    assert_eq!(running.shown_keys("corp"), Some((1.0, 2.0, NOW)), "as they are in force");
    assert_eq!(running.shown_keys("added"), None);
    let adopted = tried.adopt(&running);
    assert_eq!(adopted.shown_keys("corp"), Some((1.0, 0.0, NOW)), "none is left out of them");
    assert_eq!(adopted.shown_keys("added"), Some((1.0, 0.0, NOW)));
}

#[tokio::test]
async fn keys_of_a_file_that_is_read_again_are_shown_as_they_are_known() {
    let files = Files::new();
    let three = files.write("three", &three_keys());
    let running = Running::start(&with_keys(&files, &three, false));
    running.keys("corp").usable().await;
    let next = running.next(&with_keys(&files, &three, false)).adopt(&running);
    assert!(!next.keys("corp").was_read());
    assert_eq!(next.shown_keys("corp"), Some((1.0, 2.0, NOW)));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_while_it_is_tried_hides_no_key_in_use() {
    let files = Files::new();
    let hex = issuer("corp", &format!("hex = \"{KEY}\""), "");
    let running = Running::start(&files.settings(&hex));
    running.keys("corp").usable().await;
    let broken = running.next(&files.settings(&issuer("corp", &from_url(NOWHERE, ""), "")));
    broken.is_usable_after(&running).await.unwrap_err();
    assert!(broken.keys("corp").was_read());
    assert_eq!(running.shown_keys("corp"), Some((1.0, 0.0, NOW)));
}

/// Introspection at a place where nothing listens.
fn introspected(files: &Files, cache_ttl: &str) -> Settings {
    files.write("secret", "of a client");
    let introspection = format!(
        "[issuers.corp.introspection]\nurl = \"https://127.0.0.1:9/introspect\"\n\
         client_id = \"proxy\"\nclient_secret_file = \"{}\"\ncache_ttl = \"{cache_ttl}\"",
        files.path("secret"),
    );
    files.settings(&issuer("corp", &format!("hex = \"{KEY}\""), &introspection))
}

#[tokio::test]
async fn introspection_that_fails_is_shown_until_other_settings_are_in_force() {
    let up = |of: &Running| of.metric("introspection_up{issuer=\"corp\"}");
    let files = Files::new();
    let settings = introspected(&files, "30s");
    let running = Running::start(&settings);
    assert_eq!(up(&running), Some(1.0));
    let store = &running.providers.introspection;
    let parts = settings.provider_parts();
    let introspectors = parts.introspected.map_with_ids(|id, _| store.of(id).cloned());
    let introspector = introspectors.iter().flatten().next().unwrap();
    introspector.introspect("a.token", running.clock.now()).await;
    assert_eq!(up(&running), Some(0.0));
    let tried = running.next(&introspected(&files, "31s"));
    assert_eq!(up(&running), Some(0.0), "the running one fails as before");
    let adopted = tried.adopt(&running);
    assert_eq!(up(&adopted), Some(1.0), "no request of it has failed");
    introspector.introspect("another.token", running.clock.now()).await;
    assert_eq!(up(&adopted), Some(1.0), "that was of the one before");
}

#[tokio::test]
async fn a_list_and_a_store_are_shown_once_they_are_in_force() {
    let files = Files::new();
    let keys = issuer("corp", &format!("hex = \"{KEY}\""), "");
    let list = files.write("list.json", r#"{"revoked":[{"sub":"mallory"}]}"#);
    let more = format!(
        "[revocation]\nfile = \"{list}\"\n\
         [shared]\nurl = \"redis://127.0.0.1:9/0\"\nintegrity = \"none\"\n"
    );
    let running = Running::start(&files.settings(&keys));
    let next = running.next(&files.settings(&(more + &keys)));
    next.is_usable_after(&running).await.unwrap();
    let shown = || {
        let of = |series: &str| running.metric(series);
        let entries = of("revocation_entries{source=\"list\"}");
        let confirmed = of("revocation_confirmed_timestamp_seconds{source=\"list\"}");
        (entries, confirmed, of("shared_connected"))
    };
    assert_eq!(shown(), (None, None, None));
    let _next = next.adopt(&running);
    assert_eq!(shown(), (Some(1.0), Some(NOW), Some(0.0)));
}
