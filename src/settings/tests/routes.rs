//! Routes and what they refer to.

use super::*;
use crate::policy::settings::AccessSettings;

#[test]
fn routes_need_an_upstream_when_there_are_several() {
    let found = mistakes_with("[upstreams.b]\nurl = \"http://127.0.0.1:1\"");
    assert_eq!(found, ["countersign.toml: routes[0].upstream: missing; expected one of app, b"]);
    let found = mistakes(&with_route("upstream = \"ap\""));
    assert_eq!(
        found,
        ["countersign.toml: routes[0].upstream: found \"ap\", which is not the name of an \
          upstream; did you mean \"app\"?"]
    );
}

#[test]
fn x1_duplicate_routes_name_both() {
    let found = mistakes(&with_route("[[routes]]\npath = \"/a\"\n[[routes]]\npath = \"/**\""));
    assert_eq!(
        found,
        ["countersign.toml: routes[2]: path \"/**\" matches the same requests as path \"/**\" of \
          routes[0]; expected one of them only"]
    );
}

#[test]
fn inv7_a_protected_route_without_any_issuer_is_refused() {
    let text = "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n[[routes]]\npath = \"/**\"";
    assert_eq!(
        mistakes(text),
        ["countersign.toml: routes[0]: the route asks for a token, but no issuer is configured; \
          expected an [issuers.NAME] table (flag --issuer), or access = \"public\""]
    );
    settings(&format!("{text}\naccess = \"public\""));
}

#[test]
fn a_route_without_issuers_takes_every_configured_one() {
    let text = with_route("[issuers.a]\nissuer = \"https://a.example\"\naudiences = [\"a\"]");
    let settings = settings(&text);
    let AccessSettings::Token(requirement) = &first(settings.routes.all()).access else {
        panic!("the route is protected");
    };
    let all: Vec<_> = settings.issuers.iter_with_ids().map(|(issuer, _)| issuer).collect();
    assert_eq!((all.len(), &requirement.issuers), (2, &all));
}

/// What has mistakes is left out, and the rest must not be taken for it.
#[test]
fn x1_a_reference_beside_something_with_a_mistake_is_not_followed() {
    let issuer = |name: &str, lines: &str| {
        let asked = "introspection = { auth = \"none\", client_id = \"api\" }";
        format!("[issuers.{name}]\nissuer = \"https://{name}.example\"\n{asked}\n{lines}\n")
    };
    let text = |lines: &str| {
        let (a, b) = (issuer("a", lines), issuer("b", "audiences = \"any\""));
        format!(
            "{MINIMAL}issuers = [\"b\", \"corp\"]\nsignature = \"second\"\n{a}{b}\
             [signatures.first]\n{lines}\nsigner = \"kid\"\nkeys.jwks_url = \"https://b.example\"\n\
             [signatures.second]\nsigner = \"kid\"\nkeys.issuer = \"corp\""
        )
    };
    let found = mistakes(&text(""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("issuers.a.audiences: missing"), "{found:?}");
    let found = mistakes(&text("audiences = \"any\""));
    assert!(found.iter().any(|found| found.contains("signatures.first.audiences")), "{found:?}");
}

#[test]
fn wrong_words_in_routes() {
    for line in [
        "methods = [\"get\"]",
        "methods = []",
        "methods = [\"GET\", \"GET\"]",
        "methods = [\"PATCH\", \"get\"]",
        "methods = [\"HEAD\", \"head\"]",
        "methods = [\"TRACE\", \"trace\"]",
        "hosts = []",
        "hosts = [\"exa mple\"]",
        "access = \"open\"",
        "issuers = []",
        "scopes = [\"a b\"]",
        "scopes = [\"\"]",
        "any_scopes = []",
        "claims = { role = [] }",
        "claims = { role = inf }",
        "path2 = \"/\"",
        "encoded_slash = \"merge\"",
        "empty_segments = true",
        "escapes = \"encode\"",
        "raw_utf8 = \"keep\"",
    ] {
        let found = mistakes(&with_route(line));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("countersign.toml: routes[0]."), "{found:?}");
    }
}

#[test]
fn another_spelling_of_a_method_stands_beside_the_method() {
    let settings = settings(&with_route("methods = [\"PATCH\", \"patch\", \"Patch\"]"));
    assert_eq!(first(settings.routes.all()).methods.len(), 3);
}

#[test]
fn the_asterisk_is_for_options() {
    let with = |methods: &str| {
        with_route(&format!("[[routes]]\npath = \"*\"\naccess = \"public\"\n{methods}"))
    };
    settings(&with(""));
    settings(&with("methods = [\"OPTIONS\"]"));
    let found = mistakes(&with("methods = [\"GET\", \"OPTIONS\"]"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("other methods than OPTIONS"), "{found:?}");
}

#[test]
fn x1_addresses_are_networks() {
    let found = mistakes(&with_route(
        "addresses = { allow = [\"10.0.0.1/8\", \"example.com\", 7], deny = [], block = [\"::1\"] }",
    ));
    assert_eq!(
        found,
        [
            "countersign.toml: routes[0].addresses.allow[0]: found \"10.0.0.1/8\", expected a \
             network without host bits, such as \"10.0.0.0/8\"",
            "countersign.toml: routes[0].addresses.allow[1]: found \"example.com\", expected a \
             network such as \"10.0.0.0/8\", or an address",
            "countersign.toml: routes[0].addresses.allow[2]: found 7, expected a network such as \
             \"10.0.0.0/8\", or an address",
            "countersign.toml: routes[0].addresses.deny: found an empty list, expected a list of networks \
             such as [\"10.0.0.0/8\"]",
            "countersign.toml: routes[0].addresses.block: unknown key; known here: allow, deny",
        ]
    );
    let found = mistakes(&with_route("addresses = {}"));
    assert_eq!(
        found,
        ["countersign.toml: routes[0].addresses: has no effect; expected allow or deny"]
    );
    let text =
        with_route("addresses = { allow = [\"0.0.0.0/0\", \"fd00::/8\"], deny = [\"10.0.0.7\"] }");
    let settings = settings(&text);
    let addresses = &first(settings.routes.all()).addresses;
    assert_eq!((addresses.allow.len(), addresses.deny[0].to_string()), (2, "10.0.0.7/32".into()));
}
