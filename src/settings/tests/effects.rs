//! a setting that would have no effect, or another one than it seems to have.

use super::*;

#[test]
fn x8_a_word_for_all_is_no_name_in_a_list() {
    let forms = "names only, or \"any\" without a list for all of them";
    let asked = "[issuers.corp.introspection]\nauth = \"none\"\nclient_id = \"api\"\n";
    for (word, shown) in [("any", "any"), ("Any", "Any"), ("*", "*")] {
        let found = format!(
            "found \"{shown}\" in a list, where it would be a name like others; expected {forms}"
        );
        let audiences = MINIMAL.replace("\"https://api.example.com\"", &format!("\"{word}\""));
        assert_eq!(
            mistakes(&audiences),
            [format!("countersign.toml: issuers.corp.audiences: {found}")]
        );
        for key in ["issuers", "audiences", "client_ids"] {
            assert_mistake(
                &format!("{asked}{key} = [\"api\", \"{word}\"]"),
                &format!("countersign.toml: issuers.corp.introspection.{key}: {found}"),
            );
        }
        for (addition, key) in [
            (format!("{asked}token_types = [\"{word}\"]"), "introspection.token_types[0]"),
            (
                format!("[issuers.corp.backchannel_logout]\nclient_ids = [\"{word}\"]"),
                "backchannel_logout.client_ids[0]",
            ),
        ] {
            let found = mistakes_with(&addition);
            assert_eq!(found.len(), 1, "{found:?}");
            let start = format!("countersign.toml: issuers.corp.{key}: found \"{word}\" in a list");
            assert!(found[0].starts_with(&start), "{found:?}");
        }
        assert_eq!(
            mistakes(&with_issuer(&format!("token_types = [\"JWT\", \"{word}\"]"))),
            [format!(
                "countersign.toml: issuers.corp.token_types[1]: found {word:?}, expected token \
                 types by their names: what may pass is listed"
            )]
        );
        let found = mistakes_with(&format!("methods = [\"{word}\"]"));
        assert_eq!(
            found,
            [format!(
                "countersign.toml: routes[0].methods[0]: found {word:?}, expected methods by \
                 their names; a route without methods takes all of them"
            )]
        );
    }
    // Alone it has its effect.
    let any = MINIMAL.replace("[\"https://api.example.com\"]", "\"any\"");
    assert_eq!(first(&settings(&any).issuers).audiences, None);
    let named = MINIMAL.replace("https://api.example.com", "anything");
    assert_eq!(first(&settings(&named).issuers).audiences, Some(vec!["anything".to_owned()]));
}

#[test]
fn x8_a_unix_socket_is_trusted_only_where_there_is_one() {
    let trusting = "[forwarding]\ntrusted_proxies = [\"10.0.0.0/8\", \"unix\"]";
    assert_mistake(
        trusting,
        "countersign.toml: forwarding.trusted_proxies: found \"unix\", which has no effect: \
         server.listen is 0.0.0.0:8080, no unix socket",
    );
    let listening = format!("[server]\nlisten = \"unix:/run/in.sock\"\n{trusting}");
    let loaded = settings(&format!("{MINIMAL}{listening}"));
    assert!(loaded.to_toml().contains("trusted_proxies = [\"10.0.0.0/8\", \"unix\"]"));
}

fn idle(list: &str, name: &str, problem: &str) -> String {
    format!("countersign.toml: forwarding.{list}: found {name:?}, which has no effect: {problem}")
}

#[test]
fn x8_a_kept_header_that_is_not_kept_is_a_mistake() {
    let credential = "it may carry the credential, and credential.forward = true sends a verified \
                      one on";
    for (name, problem) in [
        ("authorization", credential),
        ("cookie", "it is not removed in the first place"),
        ("content-type", "it is not removed in the first place"),
        ("x-request-id", "it is not removed in the first place"),
        ("te", "it is for one connection only, and is always removed"),
        ("proxy-authorization", "it is for one connection only, and is always removed"),
        (
            "content_length",
            "upstreams may take it for \"content-length\", and it is always removed",
        ),
        ("x-forwarded-host", "the proxy sets it, and trusted_proxies says whose value is believed"),
    ] {
        let keep = format!("[forwarding]\nkeep = [\"{name}\"]");
        assert_eq!(mistakes_with(&keep), [idle("keep", name, problem)]);
    }
    let keep = "[forwarding]\nkeep = [\"x-api-token\"]\n\
                [credential]\nforward = true\nsources = [{ header = \"x-api-token\" }]";
    assert_eq!(mistakes_with(keep), [idle("keep", "x-api-token", credential)]);
    let keep = "[forwarding]\nkeep = [\"authorization\"]\n\
                [credential]\nsources = [{ header = \"x-api-token\" }]";
    let problem = "it is not removed in the first place";
    assert_eq!(mistakes_with(keep), [idle("keep", "authorization", problem)]);
}

#[test]
fn x8_a_kept_header_that_would_be_removed_is_none() {
    for name in [
        "x-real-ip",
        "x-envoy-attempt-count",
        "x_custom",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-user",
    ] {
        settings(&format!("{MINIMAL}\n[forwarding]\nkeep = [\"{name}\"]"));
    }
    let without = "drop_underscores = false\nkeep = [\"x_custom\"]";
    let problem = "it is not removed in the first place";
    let found = mistakes_with(&format!("[forwarding]\n{without}"));
    assert_eq!(found, [idle("keep", "x_custom", problem)]);
}

#[test]
fn x8_a_removed_header_that_is_sent_all_the_same_is_a_mistake() {
    let set = "the proxy sets it for the upstream, and removes what clients send in it";
    for name in ["x-auth-subject", "x_auth_subject"] {
        let remove = format!("[forwarding]\nremove = [\"{name}\"]");
        assert_eq!(mistakes_with(&remove), [idle("remove", name, set)]);
    }
    let remove = "[forwarding]\nremove = [\"authorization\"]\n[credential]\nforward = ";
    let problem = "it may carry the credential, which credential.forward = true sends on";
    let expected = idle("remove", "authorization", problem);
    assert_eq!(mistakes_with(&format!("{remove}true")), [expected]);
    settings(&format!("{MINIMAL}\n{remove}false"));
    settings(&format!("{MINIMAL}\n[forwarding]\nremove = [\"x-internal\", \"te\", \"x-real-ip\"]"));
}

#[test]
fn f13_to_repeat_every_method_is_a_warning() {
    let repeats = |retry: &str| {
        let url = "url = \"http://127.0.0.1:3000\"";
        let text = MINIMAL.replace(url, &format!("{url}\nretry = \"{retry}\""));
        settings(&text).warnings()
    };
    assert_eq!(
        repeats("unanswered"),
        ["upstreams.app.retry: unanswered; what a POST does may be done twice"]
    );
    assert_eq!((repeats("idempotent"), repeats("none")), (vec![], vec![]));
}
