//! `required`: what the proxy is not ready without.

use super::*;

const ROUTES: &str = "[[routes]]\npath = \"/**\"\n";

/// A configuration with that table of each kind.
fn with_readiness(text: &str) -> String {
    format!(
        "[upstreams.app]\nurls = [\"http://127.0.0.1:3000\"]\n[upstreams.app.readiness]\n{text}\n\
         [issuers.corp]\nissuer = \"https://idp.test\"\naudiences = [\"a\"]\n\
         keys = {{ jwks_url = \"https://idp.test/jwks\" }}\n[issuers.corp.readiness]\n{text}\n\
         [signatures.partner]\nsigner = {{ fixed = \"a\" }}\ncaller = \"unrelated\"\n\
         keys = {{ jwks_url = \"https://idp.test/jwks\" }}\n[signatures.partner.readiness]\n{text}\n\
         {ROUTES}"
    )
}

#[test]
fn what_is_not_written_is_told_from_both_that_can_be() {
    for (text, expected) in [("", None), ("required = false", Some(false))] {
        let settings = settings(&with_readiness(text));
        assert_eq!(first(&settings.issuers).required, expected);
        assert_eq!(first(&settings.signatures).required, expected);
        assert_eq!(first(&settings.upstreams).endpoints.as_ref().unwrap().required, expected);
    }
}

#[test]
fn x1_every_mistake_about_readiness_is_reported_in_one_run() {
    let text = "required = \"yes\"\nneeded = true";
    let expected: Vec<_> = ["upstreams.app", "issuers.corp", "signatures.partner"]
        .iter()
        .flat_map(|table| {
            [
                format!(
                    "countersign.toml: {table}.readiness.required: found \"yes\", expected true \
                         or false"
                ),
                format!(
                    "countersign.toml: {table}.readiness.needed: unknown key; known here: \
                         required"
                ),
            ]
        })
        .collect();
    let mut found = mistakes(&with_readiness(text));
    found.sort();
    let mut expected = expected;
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn x1_an_upstream_is_required_by_its_health_checks_and_a_borrowed_key_set_by_its_issuer() {
    let required = with_readiness("required = true");
    let borrowed = required.replace(
        "caller = \"unrelated\"\nkeys = { jwks_url = \"https://idp.test/jwks\" }",
        "caller = \"unrelated\"\nkeys = { issuer = \"corp\" }",
    );
    assert_eq!(
        mistakes(&borrowed),
        [
            "countersign.toml: upstreams.app.readiness: only health checks find out that no \
             endpoint works; expected [upstreams.NAME.health] as well",
            "countersign.toml: signatures.partner.readiness: has no effect with the keys of an \
             issuer, which says that itself; expected it to be absent",
        ]
    );
    let single = required.replace("urls = [\"http://127.0.0.1:3000\"]", "url = \"http://a:80\"");
    let found = mistakes(&single);
    assert!(
        found[0].starts_with(
            "countersign.toml: upstreams.app.readiness: has no effect on a \
                                  single endpoint"
        ),
        "{found:?}"
    );
}

#[test]
fn x1_streams_have_no_longer_than_everything_else() {
    let text =
        format!("{MINIMAL}\n[server]\ndrain_timeout = \"5s\"\nstream_drain_timeout = \"6s\"\n");
    assert_eq!(
        mistakes(&text),
        ["countersign.toml: server.stream_drain_timeout: found 6s; expected no more than \
          drain_timeout (5s)"]
    );
    let drain = format!("{MINIMAL}\n[server]\ndrain_timeout = \"5s\"\n");
    assert_eq!(settings(&drain).server.stream_drain_timeout.as_secs(), 5);
}
