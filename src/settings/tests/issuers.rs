//! Issuers and where their keys come from.

use super::*;
use crate::{
    keys::settings::KeySource,
    token::issuer::settings::{ClaimForm, ClaimWaivers},
};

#[test]
fn discovery_is_the_default_key_source() {
    let settings = settings(MINIMAL);
    let KeySource::Discovery { urls, allow_http } =
        &first(&settings.issuers).keys.as_ref().unwrap().source
    else {
        panic!("{:?}", first(&settings.issuers).keys.as_ref().unwrap().source);
    };
    assert!(!allow_http);
    let urls: Vec<_> = urls.iter().map(ToString::to_string).collect();
    assert_eq!(
        urls,
        [
            "https://idp.example.com/.well-known/openid-configuration",
            "https://idp.example.com/.well-known/oauth-authorization-server",
        ]
    );
}

#[test]
fn k11_plain_http_needs_permission_unless_it_stays_on_the_machine() {
    let keys = |url: &str| format!("{MINIMAL}\n[issuers.corp.keys]\njwks_url = \"{url}\"");
    assert_eq!(
        mistakes(&keys("http://idp.example.com/jwks")),
        ["countersign.toml: issuers.corp.keys.jwks_url: found \"http://idp.example.com/jwks\", \
          expected a URL with https, since keys fetched over plain http can be forged on the way \
          (allow_http = true permits it all the same)"]
    );
    settings(&keys("http://127.0.0.1:8000/jwks"));
    let allowed = keys("http://idp.example.com/jwks") + "\nallow_http = true";
    assert_eq!(
        settings(&allowed).warnings(),
        ["issuers.corp.keys: fetched over plain http, where they can be forged on the way"]
    );
    assert_eq!(
        mistakes(&MINIMAL.replace("https://idp", "http://idp")),
        ["countersign.toml: issuers.corp.keys: no key source is given, and the issuer is not \
          https, so that its keys could be forged on the way (allow_http = true permits it all \
          the same); expected one of jwks_url, jwk_url, discovery, jwks_file, pem_file, hex, \
          secret_file"]
    );
}

#[test]
fn t2_shared_secrets_and_public_keys_never_serve_the_same_issuer() {
    let workspace = Workspace::new();
    let secret = workspace.write("secret", [7; 32]);
    let keys = format!("keys.secret_file = \"{secret}\"");
    let found = |lines: &str| workspace.mistakes(&with_issuer(lines));
    assert_eq!(
        found(&format!("algorithms = [\"HS256\", \"RS256\"]\n{keys}")),
        ["countersign.toml: issuers.corp.algorithms: found \"RS256\"; a secret_file holds a \
          shared secret, which only HS256, HS384 and HS512 use"]
    );
    assert_eq!(
        found("algorithms = [\"RS256\", \"HS256\"]"),
        ["countersign.toml: issuers.corp.algorithms: found \"HS256\"; HMAC algorithms need a \
          shared secret (secret_file), never public keys"]
    );
    assert_eq!(
        found(&keys),
        ["countersign.toml: issuers.corp.algorithms: missing; expected the HMAC algorithms of \
          the shared secret, such as [\"HS256\"]"]
    );
    assert!(found(&format!("algorithms = [\"HS256\"]\n{keys}")).is_empty());
    assert_eq!(found("algorithms = [\"none\"]").len(), 1);
}

#[test]
fn c7_audiences_are_named_or_waived_but_never_forgotten() {
    let missing = MINIMAL.replace("audiences", "# audiences");
    assert_eq!(
        mistakes(&missing),
        ["countersign.toml: issuers.corp.audiences: missing; expected a list such as \
          [\"https://api.example.com\"], or \"any\" to accept tokens made for any service \
          (flag --audience)"]
    );
    let any = MINIMAL.replace("[\"https://api.example.com\"]", "\"any\"");
    let settings = settings(&any);
    assert_eq!(first(&settings.issuers).audiences, None);
    assert_eq!(settings.warnings().len(), 1);
    let single = MINIMAL.replace("[\"https://api.example.com\"]", "\"https://api\"");
    assert_eq!(mistakes(&single).len(), 1);
}

#[test]
fn c3_expiry_is_waived_only_by_its_name() {
    let require = |lines: &str| names(&first(&settings(&with_issuer(lines)).issuers).require);
    assert_eq!(require("require = [\"sub\"]"), ["exp", "sub"]);
    assert_eq!(require("accept_without_expiry = true"), Vec::<String>::new());
    let contradiction = with_issuer("require = [\"exp\"]\naccept_without_expiry = true");
    assert_eq!(mistakes(&contradiction).len(), 1);
}

#[test]
fn t23_a_profile_says_in_a_word_what_a_token_must_be_like() {
    let issuer = |lines: &str| first(&settings(&with_issuer(lines)).issuers).clone();
    let by_default = issuer("");
    assert_eq!(by_default.token_types, ["", "jwt", "at+jwt"]);
    let strict = issuer("profile = \"rfc9068\"\nrequire = [\"acr\"]");
    assert_eq!(strict.token_types, ["at+jwt"]);
    let required = ["acr", "aud", "client_id", "exp", "iat", "iss", "jti", "sub"];
    assert_eq!(names(&strict.require), required);
    assert_eq!(issuer("token_types = [\"\", \"JOSE\"]").token_types, ["", "jose"]);
    for (lines, mistake) in [
        (
            "profile = \"rfc9068\"\ntoken_types = [\"JWT\"]",
            "issuers.corp.token_types: is settled by profile = \"rfc9068\" already",
        ),
        (
            "profile = \"rfc9068\"\naccept_id_tokens = true",
            "issuers.corp.accept_id_tokens: contradicts profile = \"rfc9068\"",
        ),
        (
            "profile = \"rfc9068\"\naccept_without_expiry = true",
            "issuers.corp.accept_without_expiry: contradicts profile = \"rfc9068\"",
        ),
    ] {
        let mistake = format!("countersign.toml: {mistake}");
        assert_eq!(mistakes(&with_issuer(lines)), [mistake], "{lines}");
    }
    assert_eq!(mistakes(&with_issuer("profile = \"rfc7519\"")).len(), 1);
}

#[test]
fn c17_a_profile_for_spiffe_checks_the_subject_and_leaves_the_issuer_open() {
    let lines =
        "profile = \"jwt-svid\"\naccept_without_issuer = true\nformats = { jti = \"uuid\" }";
    let settings = settings(&with_issuer(lines));
    let issuer = first(&settings.issuers);
    assert_eq!(issuer.token_types, ["", "jwt", "jose"]);
    assert_eq!(names(&issuer.require), ["aud", "exp", "sub"]);
    assert!(issuer.formats.iter().any(|format| format.form == ClaimForm::SpiffeId));
    let written = settings.to_toml();
    assert!(!written.contains("spiffe-id"), "the profile says it: {written}");
    assert_eq!(super::settings(&written).to_toml(), written);
    let any =
        with_issuer("profile = \"jwt-svid\"").replace("[\"https://api.example.com\"]", "\"any\"");
    assert_eq!(
        mistakes(&any),
        [
            "countersign.toml: issuers.corp.audiences: found \"any\"; a JWT-SVID is for the services \
          that its aud names, and no other"
        ]
    );
}

#[test]
fn c17_a_waiver_that_contradicts_another_setting_is_a_mistake() {
    let by_default = first(&settings(MINIMAL).issuers).waivers;
    assert_eq!(by_default, ClaimWaivers::default());
    for (lines, mistake) in [
        ("require = [\"iss\"]", "contradicts require, which lists \"iss\""),
        ("profile = \"rfc9068\"", "contradicts profile = \"rfc9068\""),
        (
            "introspection = { when = \"only\", url = \"https://a.test\", auth = \"none\", client_id = \"a\" }",
            "has no effect with introspection.when = \"only\"",
        ),
    ] {
        let found = mistakes(&with_issuer(&format!("accept_without_issuer = true\n{lines}")));
        let mistake = format!("countersign.toml: issuers.corp.accept_without_issuer: {mistake}");
        assert_eq!(found, [mistake], "{lines}");
    }
}

#[test]
fn values_are_required_as_texts_numbers_or_truths_and_written_back() {
    let lines =
        "require_values = { token_use = \"access\", level = [2, \"3\"], email_verified = true }";
    let settings = settings(&with_issuer(lines));
    let required = &first(&settings.issuers).require_values;
    let found = |name: &str| {
        let required = required.iter().find(|required| required.claim.as_str() == name);
        required.unwrap().any_of.clone()
    };
    assert_eq!(found("token_use"), ["access"]);
    assert_eq!(found("level"), ["2", "3"]);
    assert_eq!(found("email_verified"), ["true"]);
    let written = settings.to_toml();
    assert!(written.contains("token_use = [\"access\"]"), "{written}");
    for lines in ["require_values = \"access\"", "require_values = { a = [] }"] {
        assert_eq!(mistakes(&with_issuer(lines)).len(), 1, "{lines}");
    }
}

#[test]
fn c6_two_issuers_with_the_same_iss_are_refused() {
    assert_mistake(
        "[issuers.second]\nissuer = \"https://idp.example.com\"\naudiences = [\"a\"]",
        "countersign.toml: issuers.second.issuer: the issuer \"https://idp.example.com\" is \
         configured twice, as \"corp\" and \"second\": a token could not tell which one is meant",
    );
}

/// The minimal configuration with other issuers, whose keys are at some URL.
fn with_issuers(issuers: &[(&str, &str)]) -> String {
    let table = |(name, lines): &(&str, &str)| {
        format!(
            "[issuers.{name}]\naudiences = [\"a\"]\nkeys = {{ jwks_url = \"https://k.test/\" }}\n{lines}\n"
        )
    };
    let tables: String = issuers.iter().map(table).collect();
    let (upstream, rest) = MINIMAL.split_once("[issuers.corp]").unwrap();
    let (_, routes) = rest.split_once("[[routes]]").unwrap();
    format!("{upstream}{tables}[[routes]]{routes}")
}

#[test]
fn c18_issuers_with_a_common_tenant_are_refused() {
    let common = "issuer = \"https://login.test/{tid}/v2.0\"";
    let listed = format!("{common}\ntenants = [\"a\", \"b\"]");
    for (other, overlaps) in [
        ("issuer = \"https://login.test/{tid}/v2.0\"", true),
        ("issuer = \"https://login.test/{tenant}/v2.0\"", true),
        ("issuer = \"https://login.test/{tid}/v2.0\"\ntenants = [\"b\", \"c\"]", true),
        ("issuer = \"https://login.test/{tid}/v2.0\"\ntenants = [\"c\"]", false),
        ("issuer = \"https://login.test/a/v2.0\"", true),
        ("issuer = \"https://login.test/c/v2.0\"", false),
        ("issuer = \"https://login.test/a.b/v2.0\"", false),
        ("issuer = \"https://login.test/a/{version}\"", false),
        ("issuer = \"https://login.test/{tid}/v2.0/\"", false),
        ("issuer = \"https://login.test/{tid}\"", false),
    ] {
        let found = mistakes(&with_issuers(&[("entra", &listed), ("second", other)]));
        assert_eq!(found.len(), usize::from(overlaps), "{other}: {found:?}");
    }
    assert_eq!(
        mistakes(&with_issuers(&[
            ("entra", common),
            ("home", "issuer = \"https://login.test/a/v2.0\"")
        ])),
        ["countersign.toml: issuers.home.issuer: a token could be one of \"entra\" \
          (\"https://login.test/{tid}/v2.0\") and one of \"home\" (\"https://login.test/a/v2.0\"); \
          expected issuers that exclude each other, by their form or by tenants"]
    );
}

#[test]
fn c18_any_tenant_is_warned_of_and_what_contradicts_it_is_a_mistake() {
    let issuer = "issuer = \"https://login.test/{tid}/v2.0\"";
    let any = settings(&with_issuers(&[("entra", issuer)]));
    assert_eq!(
        any.warnings(),
        ["issuers.entra.tenants: absent; any user can make a tenant of the provider, and tokens \
             of all of them pass"]
    );
    let listed = format!("{issuer}\ntenants = [\"a\"]");
    let listed = settings(&with_issuers(&[("entra", &listed)]));
    assert!(listed.warnings().is_empty(), "{:?}", listed.warnings());
    assert_eq!(settings(&listed.to_toml()).to_toml(), listed.to_toml());
    for (lines, mistake) in [
        ("accept_without_issuer = true", "accept_without_issuer: contradicts the placeholder"),
        (
            "introspection = { url = \"https://a.test\", auth = \"none\", client_id = \"a\" }",
            "introspection: answers",
        ),
        ("tenants = []", "tenants: found an empty list"),
        ("tenants = [\"a/b\"]", "found \"a/b\", expected a tenant"),
    ] {
        let found = mistakes(&with_issuers(&[("entra", &format!("{issuer}\n{lines}"))]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(mistake), "{found:?}");
    }
    assert_mistake(
        "[issuers.second]\nissuer = \"https://b.test\"\naudiences = [\"a\"]\ntenants = [\"a\"]",
        "countersign.toml: issuers.second.tenants: has no effect on an issuer without a \
         placeholder such as {tid}",
    );
    let discovered = "[issuers.second]\nissuer = \"https://b.test/{tid}\"\naudiences = [\"a\"]";
    let found = mistakes_with(discovered);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("leads to no metadata; expected discovery = URL"), "{found:?}");
}

#[test]
fn k16_only_a_jwks_has_keys_with_certificates() {
    let by_hash = "key_selectors = [\"kid\", \"x5t#S256\"]";
    assert!(mistakes(&with_issuer(by_hash)).is_empty());
    let hex =
        "keys = { hex = \"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\" }";
    let found = mistakes(&with_issuer(&format!("{by_hash}\n{hex}")));
    assert_eq!(
        found,
        ["countersign.toml: issuers.corp.key_selectors: found the hash of a certificate, which \
          only the keys of a JWKS have"]
    );
    assert_eq!(mistakes(&with_issuer("key_selectors = [\"x5c\"]")).len(), 1);
    assert_eq!(mistakes(&with_issuer("key_selectors = []")).len(), 1);
}

#[test]
fn files_are_looked_at_when_the_configuration_is_loaded() {
    let workspace = Workspace::new();
    let directory = workspace.path().display().to_string();
    let not_pem = workspace.write("not.pem", "hello");
    let empty = workspace.write("empty", "");
    let found = |lines: &str| workspace.mistakes(&with_issuer(lines));
    assert_eq!(
        found(&format!("keys.jwks_file = \"{directory}/gone.json\"")),
        ["countersign.toml: issuers.corp.keys.jwks_file: the file gone.json cannot be opened: No \
          such file or directory (os error 2); expected a file that can be read"]
    );
    let problems = [
        (format!("keys.pem_file = \"{directory}\""), "is not a file"),
        (format!("keys.jwks_file = \"{empty}\""), "is empty"),
        (format!("keys.snapshot = \"{empty}\""), "is not a directory"),
        (format!("keys.ca_file = \"{not_pem}\""), "no certificate"),
    ];
    for (lines, problem) in problems {
        let found = found(&lines);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(problem), "{found:?}");
    }
    assert!(found(&format!("keys.snapshot = \"{directory}\"")).is_empty());
}

#[test]
fn a_certificate_authority_that_is_one_loads() {
    let workspace = Workspace::new();
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::generate_simple_self_signed(names).unwrap();
    let file = workspace.write("ca.pem", certificate.cert.pem());
    let settings = workspace.load(&with_issuer(&format!("keys.ca_file = \"{file}\""))).unwrap();
    assert_eq!(first(&settings.issuers).keys.as_ref().unwrap().ca_file, Some(file.into()));
}

#[test]
fn x1_settings_without_effect_are_refused() {
    let workspace = Workspace::new();
    let keys = workspace.write("jwks.json", public_jwk(Algorithm::Es256));
    let local = with_issuer(&format!(
        "keys.jwks_file = \"{keys}\"\nkeys.allow_http = true\nkeys.timeout = \"1s\""
    ));
    assert_eq!(workspace.mistakes(&local).len(), 2);
    let public = with_route("[[routes]]\npath = \"/a\"\naccess = \"public\"\nscopes = [\"x\"]");
    assert_eq!(
        mistakes(&public),
        ["countersign.toml: routes[1].scopes: has no effect with access = \"public\"; expected \
          it to be absent"]
    );
}

#[test]
fn keys_must_outlive_the_time_between_two_refreshes() {
    let found = mistakes(&with_issuer("keys.refresh = \"2h\"\nkeys.max_stale = \"1h\""));
    assert_eq!(
        found,
        ["countersign.toml: issuers.corp.keys.max_stale: is shorter than refresh: keys would \
          lapse between two refreshes"]
    );
}
