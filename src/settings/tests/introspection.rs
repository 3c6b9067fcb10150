//! `[issuers.NAME.introspection]`.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use super::*;
use crate::{
    introspection::settings::{IntrospectWhen, IntrospectionEndpoint, IntrospectionSettings},
    oauth_client::settings::ClientProof,
};

/// The minimal configuration with these introspection settings.
fn introspection_of(lines: &str) -> String {
    format!("{MINIMAL}\n[issuers.corp.introspection]\n{lines}")
}

fn introspection(lines: &str) -> IntrospectionSettings {
    first(&settings(&introspection_of(lines)).issuers).introspection.clone().unwrap()
}

/// Asserts that these settings make exactly this one mistake.
#[track_caller]
fn assert_introspection_mistake(lines: &str, mistake: &str) {
    let found = mistakes(&introspection_of(lines));
    let expected = format!("countersign.toml: issuers.corp.introspection.{mistake}");
    assert_eq!(found, [expected], "{lines}");
}

#[test]
fn the_defaults_ask_about_opaque_tokens_where_the_metadata_says() {
    let introspection = introspection("auth = \"none\"\nclient_id = \"api\"");
    assert_eq!(introspection.when, IntrospectWhen::Opaque);
    assert!(matches!(introspection.endpoint, IntrospectionEndpoint::Discovery { .. }));
    assert_eq!(introspection.issuers, Some(vec!["https://idp.example.com".to_owned()]));
    assert_eq!(introspection.audiences, Some(vec!["https://api.example.com".to_owned()]));
    assert_eq!(introspection.cache_ttl, Duration::from_secs(30));
    assert_eq!(introspection.negative_ttl, Duration::from_secs(5));
    assert_eq!(introspection.stale_if_error, Duration::ZERO);
    assert_eq!(
        (introspection.client.timeout, introspection.client.concurrency),
        (Duration::from_secs(2), 64)
    );
}

#[test]
fn never_is_as_if_it_were_not_there() {
    let text = introspection_of("when = \"never\"\nauth = \"none\"\nclient_id = \"api\"");
    assert!(first(&settings(&text).issuers).introspection.is_none());
}

#[test]
fn a_secret_that_every_user_can_read_is_a_warning() {
    let workspace = Workspace::new();
    let secret = workspace.write("secret", "s3cret");
    let key = workspace.write("key", private_jwk(Algorithm::Es256));
    let warnings = |lines: &str, mode: u32| {
        for file in [&secret, &key] {
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        }
        settings(&introspection_of(lines)).warnings()
    };
    let token_url = "token_url = \"https://idp.example.com/token\"";
    for (auth, name) in [
        ("auth = \"client_secret_basic\"\nclient_id = \"api\"", "client_secret_file"),
        ("auth = \"client_secret_post\"\nclient_id = \"api\"", "client_secret_file"),
        ("auth = \"basic\"\nusername = \"u\"", "password_file"),
        ("auth = \"private_key_jwt\"\nclient_id = \"api\"", "private_key_file"),
        (&format!("auth = \"bearer\"\n{token_url}\nclient_id = \"api\""), "client_secret_file"),
    ] {
        let file = if name == "private_key_file" { &key } else { &secret };
        let lines = format!("{auth}\n{name} = \"{file}\"");
        assert_eq!(warnings(&lines, 0o600), [""; 0], "{auth}");
        let exposed = format!(
            "issuers.corp.introspection.{name}: every user of the machine can get at the file"
        );
        assert_eq!(warnings(&lines, 0o644), [exposed], "{auth}");
    }
}

#[test]
fn what_is_printed_of_it_loads_again_and_means_the_same() {
    let workspace = Workspace::new();
    let secret = workspace.write("secret", "s3cret");
    let key = workspace.write("key", private_jwk(Algorithm::Es256));
    let url = "url = \"https://idp.example.com/introspect\"";
    for lines in [
        "auth = \"none\"\nclient_id = \"api\"".to_owned(),
        format!("{url}\nclient_id = \"api\"\nclient_secret_file = \"{secret}\""),
        format!(
            "{url}\nauth = \"client_secret_post\"\nclient_id = \"api\"\nclient_secret_file = \"{secret}\""
        ),
        format!("{url}\nauth = \"basic\"\nusername = \"u\"\npassword_file = \"{secret}\""),
        format!(
            "{url}\nauth = \"private_key_jwt\"\nclient_id = \"api\"\nprivate_key_file = \"{key}\""
        ),
        format!(
            "{url}\nauth = \"bearer\"\ntoken_url = \"https://idp.example.com/token\"\n\
             token_scope = \"introspect\"\ntoken_auth = \"client_secret_post\"\n\
             client_id = \"api\"\nclient_secret_file = \"{secret}\""
        ),
        format!("{url}\nmethod = \"validate_access_token\""),
        format!(
            "{url}\nauth = \"none\"\nclient_id = \"api\"\nwhen = \"hybrid\"\nrecheck = \"1m\"\n\
             issuers = \"any\"\naudiences = \"any\"\nclient_ids = [\"web\"]\n\
             token_types = [\"Bearer\"]\nrequire = [\"token_type\"]\nsubject = [\"username\"]\nsigned = true\n\
             token_type_hint = \"access_token\"\nparameters = {{ strict = true }}\n\
             cache_ttl = \"10s\"\nstale_if_error = \"1m\"\ncache_entries = 7"
        ),
    ] {
        let first = workspace.load(&introspection_of(&lines)).unwrap().to_toml();
        let second = workspace.load(&first).unwrap().to_toml();
        assert_eq!(first, second);
        assert!(first.contains("[issuers.corp.introspection]"), "{first}");
        assert!(!first.contains("s3cret"), "{first}");
    }
}

#[test]
fn an_issuer_that_is_only_introspected_has_no_keys_here_and_where_it_is_printed() {
    let text = introspection_of("auth = \"none\"\nclient_id = \"api\"\nwhen = \"only\"");
    let printed = settings(&text).to_toml();
    assert!(!printed.contains("[issuers.corp.keys]"), "{printed}");
    for text in [&text, &printed] {
        assert!(first(&settings(text).issuers).keys.is_none(), "{text}");
    }
    let signed = settings(&format!("{text}\nsigned = true"));
    assert!(first(&signed.issuers).keys.is_some(), "its answers are verified");
}

#[test]
fn a_hint_is_given_once() {
    let lines = "url = \"https://idp.example.com/introspect\"\nauth = \"none\"\nclient_id = \"api\"\n\
                 parameters = { token_type_hint = \"b\" }";
    assert!(Workspace::new().load(&introspection_of(lines)).is_ok());
    let found = mistakes(&introspection_of(&format!("{lines}\ntoken_type_hint = \"a\"")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("\"token_type_hint\" is set by other settings"), "{found:?}");
}

#[test]
fn a_client_needs_what_its_way_to_authenticate_asks_for() {
    let url = "url = \"https://idp.example.com/introspect\"";
    for (lines, missing) in [
        ("", vec!["client_id", "client_secret_file"]),
        ("auth = \"client_secret_post\"", vec!["client_id", "client_secret_file"]),
        ("auth = \"basic\"", vec!["username", "password_file"]),
        ("auth = \"private_key_jwt\"", vec!["client_id", "private_key_file"]),
        ("auth = \"bearer\"", vec!["token_url", "client_id", "client_secret_file"]),
        ("auth = \"tls_client_auth\"", vec!["auth"]),
        ("auth = \"tls_client_auth\"\nclient_id = \"api\"", vec!["auth"]),
    ] {
        let found = mistakes(&introspection_of(&format!("{url}\n{lines}")));
        assert_eq!(found.len(), missing.len(), "{lines}: {found:?}");
        for name in missing {
            let at = format!("issuers.corp.introspection.{name}: ");
            assert!(found.iter().any(|mistake| mistake.contains(&at)), "{name}: {found:?}");
        }
    }
}

#[test]
fn a_client_without_authentication_needs_no_id_and_is_written_back_so() {
    let text = introspection_of("url = \"https://idp.example.com/introspect\"\nauth = \"none\"");
    let settings = settings(&text);
    let introspection = first(&settings.issuers).introspection.as_ref().unwrap();
    assert_eq!(introspection.client.proof, ClientProof::Unauthenticated);
    let written = settings.to_toml();
    assert!(written.contains("auth = \"none\""), "{written}");
    assert_eq!(super::settings(&written).to_toml(), written);
}

#[test]
fn what_goes_over_plain_http_is_named() {
    for (lines, what) in [
        (
            "url = \"http://idp.example.com/introspect\"\nauth = \"none\"",
            "url: found \"http://idp.example.com/introspect\", expected a URL with https, since \
             tokens sent over plain http can be read on the way, and answers forged (allow_http = \
             true permits it all the same)",
        ),
        (
            "url = \"https://a.test\"\nauth = \"bearer\"\nclient_id = \"a\"\n\
             client_secret_file = \"/dev/null\"\ntoken_url = \"http://a.test\"",
            "token_url: found \"http://a.test\", expected a URL with https, since credentials sent \
             over plain http can be read on the way (allow_http = true permits it all the same)",
        ),
    ] {
        let found = mistakes(&introspection_of(lines));
        let expected = format!("countersign.toml: issuers.corp.introspection.{what}");
        assert!(found.contains(&expected), "{found:?}");
    }
}

#[test]
fn i17_only_an_answer_that_is_waited_for_can_fill_a_token() {
    for when in ["opaque", "hybrid", "only"] {
        assert_introspection_mistake(
            &format!(
                "when = \"{when}\"\nfill_claims = true\nurl = \"https://a.test\"\nauth = \"none\"\n\
                 client_id = \"a\""
            ),
            "fill_claims: only an answer that a request waits for can fill its token; expected \
             when = \"always\"",
        );
    }
}

#[test]
fn what_has_no_effect_is_a_mistake() {
    let none = "auth = \"none\"\nclient_id = \"api\"";
    for (lines, name) in [
        ("username = \"u\"", "username"),
        ("token_url = \"https://idp.example.com/token\"", "token_url"),
        ("assertion_audience = \"x\"", "assertion_audience"),
    ] {
        let mistake = format!("{name}: has no effect with this way of auth");
        assert_introspection_mistake(&format!("{none}\n{lines}"), &mistake);
    }
}

#[test]
fn mistakes_are_told_with_what_was_expected() {
    let none = "auth = \"none\"\nclient_id = \"api\"";
    for (lines, name) in [
        ("when = \"sometimes\"", "when"),
        ("url = \"http://idp.internal/introspect\"", "url"),
        ("url = \"https://user:secret@idp.example.com/\"", "url"),
        ("cache_ttl = \"2h\"", "cache_ttl"),
        ("negative_ttl = \"1h\"", "negative_ttl"),
        ("stale_if_error = \"2h\"", "stale_if_error"),
        ("timeout = \"1m\"", "timeout"),
        ("concurrency = 0", "concurrency"),
        ("recheck = \"0s\"", "recheck"),
        ("token_types = \"Bearer\"", "token_types"),
        ("issuers = \"some\"", "issuers"),
        ("parameters = { token = \"x\" }", "parameters.token"),
        ("parameters = { client_secret = \"x\" }", "parameters.client_secret"),
        ("client_certificate = \"/none/there\"", "client_certificate"),
    ] {
        let found = mistakes(&introspection_of(&format!("{none}\n{lines}")));
        let at = format!("countersign.toml: issuers.corp.introspection.{name}: ");
        assert!(found.iter().any(|mistake| mistake.starts_with(&at)), "{lines}: {found:?}");
        assert!(!found.join("").contains("user:secret"), "{found:?}");
    }
}

#[test]
fn validate_token_is_at_a_url_and_not_signed() {
    let found = mistakes(&introspection_of("method = \"validate_access_token\""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("introspection.url: missing"), "{found:?}");
    let url = "url = \"https://idp.example.com/api/v2/oidc/validate_token\"";
    assert_introspection_mistake(
        &format!("method = \"validate_id_token\"\n{url}\nsigned = true"),
        "signed: the answers of validate_token are not signed",
    );
    let introspection = introspection(&format!("method = \"validate_access_token\"\n{url}"));
    assert_eq!(introspection.client.proof, ClientProof::Unauthenticated);
}

/// An opaque token does not name its issuer.
#[test]
fn i15_a_route_asks_one_issuer_at_most() {
    let two = "[issuers.corp.introspection]\nauth = \"none\"\nclient_id = \"api\"\n\
               [issuers.other]\nissuer = \"https://other.example.com\"\naudiences = \"any\"\n\
               [issuers.other.introspection]\nauth = \"none\"\nclient_id = \"api\"\n";
    let found = mistakes(&format!("{MINIMAL}\n{two}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("corp") && found[0].contains("other"), "{found:?}");
    let apart = MINIMAL.replace("path = \"/**\"", "path = \"/**\"\nissuers = [\"corp\"]");
    assert_eq!(mistakes(&format!("{apart}\n{two}")), Vec::<String>::new());
}

#[test]
fn t24_check_says_where_an_answer_may_be_about_a_refresh_token() {
    let warnings = |lines: &str| {
        let text = introspection_of(&format!("auth = \"none\"\nclient_id = \"api\"\n{lines}"));
        let settings = settings(&text);
        let about = |warning: &String| warning.contains("introspection.require");
        settings.warnings().into_iter().filter(about).count()
    };
    assert_eq!(warnings(""), 0, "the audience tells them apart");
    assert_eq!(warnings("audiences = \"any\""), 1);
    assert_eq!(warnings("audiences = \"any\"\nrequire = [\"token_type\"]"), 0);
}
