//! Section by section: what the settings mean, and the rules across them.

use std::time::Duration;

use super::*;
use crate::{
    identity::{Encoding, TextForm},
    jose::Algorithm,
    policy::settings::AccessSettings,
    token::credential::settings::CredentialSource,
    upstream::settings::UpstreamAddress,
};

#[test]
fn the_minimal_configuration_is_filled_with_safe_defaults() {
    let settings = settings(MINIMAL);
    assert_eq!(settings.admin.listen.to_string(), "127.0.0.1:9901");
    assert_eq!(settings.server.workers, None);
    let issuer = first(&settings.issuers);
    assert_eq!(names(&issuer.require), ["exp"]);
    assert_eq!(issuer.clock_skew, Duration::from_mins(1));
    assert!(!issuer.algorithms.iter().any(Algorithm::is_symmetric));
    assert!(!issuer.accept_id_tokens && !issuer.binding.ignore);
    assert!(!settings.credential.forward && settings.forwarding.drop_underscores);
    assert!(settings.forwarding.trusted_proxies.is_empty());
    let sources = &settings.credential.sources;
    assert!(matches!(
        sources.as_slice(),
        [CredentialSource::Header { name, scheme: Some(scheme) }]
            if name == "authorization" && scheme == "Bearer"
    ));
    let AccessSettings::Token(requirement) = &first(settings.routes.all()).access else {
        panic!("a route asks for a token unless it says otherwise");
    };
    let issuers: Vec<_> = settings.issuers.iter_with_ids().map(|(issuer, _)| issuer).collect();
    assert_eq!((issuers.len(), &requirement.issuers), (1, &issuers));
    let upstream = first(settings.routes.all()).destination.upstream().unwrap();
    assert_eq!(settings.upstreams.get(upstream).name, "app");
    assert_eq!(settings.warnings(), Vec::<String>::new());
}

#[test]
fn what_is_printed_loads_again_and_means_the_same() {
    let workspace = Workspace::new();
    let secret = workspace.write("secret", [7; 32]);
    let text = with_route(&format!(
        r#"
        methods = ["GET", "POST"]
        hosts = ["api.example.com", "*.example.org"]
        issuers = ["corp", "legacy"]
        scopes = ["a", "b"]
        any_scopes = ["c"]
        claims = {{ "role" = "admin", "/realm/groups" = ["x", "y"] }}
        upstream = "app"

        [[routes]]
        path = "/healthz"
        access = "public"
        upstream = "socket"

        [upstreams.socket]
        url = "unix:/run/app.sock"
        connect_timeout = "1500ms"

        [issuers.legacy]
        issuer = "legacy"
        audiences = "any"
        algorithms = ["HS256"]
        token_types = ["JWT", "application/at+jwt"]
        require = ["sub"]
        max_lifetime = "24h"
        keys.secret_file = "{secret}"

        [issuers.third]
        issuer = "http://idp.internal"
        audiences = ["a"]
        accept_without_expiry = true
        keys.allow_http = true

        [issuers.fourth]
        issuer = "https://four.example.com"
        audiences = ["a"]
        keys.discovery = "https://four.example.com/meta"

        [credential]
        sources = [{{ header = "x-api-token" }}, {{ cookie = "session" }}]
        max_bytes = "16KiB"

        [forwarding]
        trusted_proxies = ["10.0.0.0/8", "::1"]
        remove = ["x-internal"]

        [denials]
        realm = "loans"
        "#
    ));
    let first = workspace.load(&text).unwrap().to_toml();
    let second = workspace.load(&first).unwrap().to_toml();
    assert_eq!(first, second);
    assert!(first.contains("token_types = [\"jwt\", \"at+jwt\"]"), "{first}");
    assert!(first.contains("connect_timeout = \"1s 500ms\""), "{first}");
    assert!(first.contains("\"/realm/groups\" = [\"x\", \"y\"]"), "{first}");
}

#[test]
fn o2_the_effective_configuration_and_debug_never_show_a_secret() {
    let workspace = Workspace::new();
    let secret = workspace.write("secret", "correct-horse-battery-staple-0123456789");
    let settings = workspace
        .load(&with_issuer(&format!("algorithms = [\"HS256\"]\nkeys.secret_file = \"{secret}\"")))
        .unwrap();
    let shown = format!("{}{settings:?}", settings.to_toml());
    assert!(!shown.contains("correct-horse"), "{shown}");
    assert!(shown.contains("secret_file"));
}

#[test]
fn upstream_addresses() {
    let address = |url: &str| {
        let text = MINIMAL.replace("http://127.0.0.1:3000", url);
        let settings = Workspace::new().load(&text).ok()?;
        Some(settings.upstreams.iter().next()?.address.clone())
    };
    let http = |authority: &str| Some(UpstreamAddress::Http(authority.to_owned()));
    assert_eq!(address("http://app"), http("app:80"));
    assert_eq!(address("http://app:3000/"), http("app:3000"));
    assert_eq!(address("http://[::1]:3000"), http("[::1]:3000"));
    let https = |authority: &str| Some(UpstreamAddress::Https(authority.to_owned()));
    assert_eq!(address("https://app"), https("app:443"));
    assert_eq!(address("https://[::1]:8443/"), https("[::1]:8443"));
    assert_eq!(address("h2c://app"), Some(UpstreamAddress::H2c("app:80".to_owned())));
    assert_eq!(address("unix:/a b"), Some(UpstreamAddress::Unix("/a b".into())));
    for wrong in [
        "app:3000",
        "http://",
        "http://app:0",
        "http://app:99999",
        "http://app:",
        "http://app/base?x",
        "http://app?x",
        "http://app/#x",
        "https://app..internal",
        "https://app/prefix?x",
        "ftp://app",
        "unix:relative",
        "",
    ] {
        assert_eq!(address(wrong), None, "{wrong}");
    }
}

#[test]
fn an_upstream_may_have_a_path() {
    let path = |url: &str| {
        let text = MINIMAL.replace("http://127.0.0.1:3000", url);
        let settings = Workspace::new().load(&text).ok()?;
        let upstream = settings.upstreams.iter().next()?;
        assert!(settings.to_toml().contains(upstream.path.as_str()));
        Some(upstream.path.as_str().to_owned())
    };
    for (url, expected) in [
        ("http://app", ""),
        ("http://app/", ""),
        ("http://app/base", "/base"),
        ("https://app/prefix", "/prefix"),
        ("h2c://app:80/base/v1/", "/base/v1"),
        ("unix:/run/app.sock", ""),
    ] {
        assert_eq!(path(url).as_deref(), Some(expected), "{url}");
    }
    for wrong in ["/a/../b", "/a//b", "//a", "/a%2Fb", "/%61", "/a;b", "/{a}", "/a|b"] {
        assert_eq!(path(&format!("http://app{wrong}")), None, "{wrong}");
    }
}

#[test]
fn names_become_labels_and_files_and_are_kept_plain() {
    for name in ["../etc", "a b", "ä", ""] {
        let addition = format!("[upstreams.\"{name}\"]\nurl = \"http://127.0.0.1:1\"");
        let found = mistakes_with(&addition);
        assert!(found.iter().any(|line| line.contains("the name")), "{found:?}");
    }
}

#[test]
fn wrong_words_elsewhere() {
    for addition in [
        "[credential]\nsources = []",
        "[credential]\nsources = [{ header = \"a\", cookie = \"b\" }]",
        "[credential]\nsources = [{ query = \"b\", scheme = \"Bearer\" }]",
        "[credential]\nsources = [{ hedaer = \"a\" }]",
        "[credential]\nsources = [{ cookie = \"a;b\" }]",
        "[credential]\nsources = [{ cookie = \"a\" }, { cookie = \"a\" }]",
        "[credential]\nmax_bytes = \"64KiB\"",
        "[forwarding]\ntrusted_proxies = [\"0.0.0.0/0\"]",
        "[forwarding]\ntrusted_proxies = [\"10.1.2.3/8\"]",
        "[forwarding]\ntrusted_proxies = [\"proxy.local\"]",
        "[forwarding]\nkeep = [\"X-Auth_Subject\"]",
        "[forwarding]\nkeep = [\"x-a\"]\nremove = [\"x-a\"]",
        "[denials]\nrealm = \"a\\\"b\"",
        "[log]\nformat = \"xml\"",
        "[log]\naccess_log = \"yes\"",
        "[log]\naccess = \"some\"",
        "[log]\naccess = \"off\"\naccess_log = true",
        "[log]\nfields = [\"id\", \"token_text\"]",
        "[log]\nfields = [\"id\", \"path\", \"id\"]",
        "[log]\nfields = []",
        "[log]\nformat = \"common\"\nfields = [\"id\"]",
        "[log]\naccess = \"all\"\nsample = 1.5",
        "[log]\nsample = 0.5",
        "[log]\nsubject = \"sub\"",
        "[log]\nsubject_key_file = \"/nonexistent/key\"",
        concat!(
            "[log]\nsubject = \"plain\"\nsubject_key_file = \"",
            env!("CARGO_MANIFEST_DIR"),
            "/Cargo.toml\""
        ),
        "[log]\nlines_per_second = 0",
        "[log]\nburst = 1000000",
        "[log]\nsummary_interval = \"10ms\"",
        "[request_id]\nheader = \"host\"",
        "[request_id]\nheader = \"traceparent\"",
        "[request_id]\nheader = \"x-real-ip\"",
        "[request_id]\nanswers = \"some\"",
        "[request_id]\ntraceparent = \"never\"",
        "[admin]\nlisten = \"0.0.0.0:8080\"",
    ] {
        let found = mistakes_with(addition);
        assert_eq!(found.len(), 1, "{addition}: {found:?}");
    }
}

#[test]
fn h1_a_claim_header_that_carries_the_credential_is_refused() {
    let found = mistakes_with("[credential]\nsources = [{ header = \"x-auth-subject\" }]");
    assert_eq!(
        found,
        [
            "countersign.toml: claims.x-auth-subject: credential.sources reads the token from this header \
          (\"x-auth-subject\"), and what clients send in the header of a claim is removed"
        ]
    );
}

#[test]
fn what_weakens_verification_is_pointed_out() {
    let text =
        with_issuer("accept_id_tokens = true\nignore_binding = true\naccept_without_expiry = true")
            + "\n[admin]\nlisten = \"0.0.0.0:9901\"\n[forwarding]\ndrop_underscores = false";
    assert_eq!(settings(&text).warnings().len(), 5);
}

#[test]
fn claims_become_headers() {
    let text = format!(
        "{MINIMAL}\n[claims]\n\"X-Auth-Roles\" = {{ claim = \"/realm_access/roles\", encoding = \
         \"base64-json\" }}\n\"x-auth-name\" = \"name\""
    );
    let settings = settings(&text);
    let claims: Vec<_> = settings
        .claims
        .iter()
        .map(|claim| (claim.header.as_str(), claim.claims[0].as_str(), claim.encoding))
        .collect();
    assert_eq!(
        claims,
        [
            ("x-auth-name", "name", Encoding::Csv),
            ("x-auth-roles", "/realm_access/roles", Encoding::Base64Json),
        ]
    );
}

#[test]
fn an_empty_claims_table_forwards_no_claim() {
    assert!(settings(&format!("{MINIMAL}\n[claims]")).claims.is_empty());
    assert_eq!(settings(MINIMAL).claims.len(), 3);
}

#[test]
fn h8_claims_can_not_overwrite_what_frames_or_routes_a_request() {
    for header in ["host", "Content-Length", "connection", "transfer-encoding", "not a header"] {
        let found = mistakes_with(&format!("[claims]\n\"{header}\" = \"sub\""));
        assert_eq!(found.len(), 1, "{header}: {found:?}");
        assert!(found[0].contains("claims."), "{found:?}");
    }
}

#[test]
fn h2_two_claims_that_fold_to_the_same_header_are_refused() {
    let found = mistakes_with("[claims]\n\"x-auth-user\" = \"sub\"\n\"X-Auth.User\" = \"name\"");
    let twice = mistakes_with("[claims]\n\"x-auth-user\" = \"sub\"\n\"x-auth--user\" = \"name\"");
    assert_eq!(twice.len(), 1, "{twice:?}");
    assert_eq!(
        found,
        ["countersign.toml: claims.\"X-Auth.User\": is the same header as \"x-auth-user\" to \
             many servers"]
    );
}

#[test]
fn h13_a_header_may_have_a_form_of_text_of_its_own() {
    let text = format!(
        "{MINIMAL}\n[claims]\nx-a = \"a\"\nx-b = {{ claim = \"b\", text = \"rfc8187\" }}\nx-c = {{ \
         claim = [\"c\", \"d\"], encoding = \"space\", text = \"utf-8\" }}"
    );
    let settings = settings(&text);
    let forms: Vec<_> = settings.claims.iter().map(|claim| claim.text).collect();
    assert_eq!(forms, [TextForm::Percent, TextForm::Rfc8187, TextForm::Utf8]);
    let written = settings.to_toml();
    assert!(written.contains("text = \"utf-8\""), "{written}");
    assert_eq!(super::settings(&written).to_toml(), written);
}

#[test]
fn wrong_claims() {
    for (line, problem) in [
        ("x = 5", "found 5, expected the name of a claim"),
        ("x = {}", "no claim"),
        ("x = { claim = \"a\", encoding = \"xml\" }", "found \"xml\""),
        ("x = { clam = \"a\" }", "unknown key \"clam\""),
        ("x = \"\"", "found \"\""),
        ("x = { claim = \"a\", text = \"latin-1\" }", "found \"latin-1\""),
        (
            "x = { claim = \"a\", encoding = \"json\", text = \"utf-8\" }",
            "text has no effect on JSON",
        ),
    ] {
        let found = mistakes_with(&format!("[claims]\n{line}"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains(problem), "{found:?}");
    }
}

#[test]
fn f9_upgrades_are_named_and_never_to_http() {
    let with = |lines: &str| MINIMAL.replace("[issuers.corp]", &format!("{lines}\n[issuers.corp]"));
    settings(&with("upgrades = [\"websocket\", \"SPDY/3.1\", \"tcp\"]"));
    settings(&with("upgrades = \"none\""));
    for (line, expected) in [
        ("upgrades = []", "a list of protocols"),
        ("upgrades = \"websocket\"", "a list of protocols"),
        ("upgrades = [\"a b\"]", "a protocol such as"),
        ("upgrades = [\"SPDY/\"]", "a protocol such as"),
        ("upgrades = [\"a, b\"]", "a protocol such as"),
        ("upgrades = [\"h2c\"]", "without being checked"),
        ("upgrades = [\"HTTP/2.0\"]", "without being checked"),
        ("upgrades = [\"TLS/1.2\"]", "without being checked"),
        ("upgrades = [\"tcp\", \"TCP\"]", "twice"),
    ] {
        let found = mistakes(&with(line));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
    let h2c = MINIMAL.replace("http://127", "h2c://127");
    let found = mistakes(&h2c.replace("[issuers.corp]", "upgrades = [\"tcp\"]\n[issuers.corp]"));
    assert!(found[0].contains("has no effect with h2c"), "{found:?}");
}
