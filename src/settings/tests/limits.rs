//! `[limits]`, the routes that name them, and what is said of mistakes.

use super::*;
use crate::limits::settings::KeyPart;

/// The minimal configuration whose only route has the limit `own`.
fn limited(limit: &str) -> String {
    format!("{MINIMAL}limit = \"own\"\n[limits.own]\n{limit}\n")
}

#[test]
fn a_key_and_a_rate_make_a_limit() {
    let settings = settings(&limited("key = { claim = \"client_id\" }\nrate = \"100/s\""));
    let limit = first(&settings.limits);
    assert_eq!(limit.burst, 100, "what the rate has in its period");
    assert_eq!((limit.concurrency, limit.shared, limit.headers), (None, false, true));
    assert_eq!(limit.max_keys, 100_000);
    assert!(matches!(limit.key.as_slice(), [KeyPart::Claim(path)] if path.as_str() == "client_id"));
    assert_eq!(first(settings.routes.all()).limits.len(), 1);
    assert!(!settings.to_toml().contains("[shared"), "nothing is shared");
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = limited(
        "key = [\"issuer\", \"client\"]\nrate = \"100/d\"\nburst = 0\nconcurrency = -1\n\
         shared = 1\nmax_keys = 0\nheaders = \"yes\"\nrates = 1",
    );
    let expected = [
        "key: found \"client\", expected { claim = \"client_id\" }, \"issuer\", \"signer\", \
         \"address\" or \"route\", or a list of them",
        "rate: found \"100/d\", expected a rate such as \"100/s\", \"600/m\" or \"1000/h\", of 1 to \
         1000000 requests",
        "burst: found 0, expected a whole number from 1 to 1000000",
        "concurrency: found -1, expected a whole number from 1 to 1000000",
        "shared: found 1, expected true or false",
        "max_keys: found 0, expected a whole number from 1 to 10000000",
        "headers: found \"yes\", expected true or false",
        "rates: unknown key; did you mean \"rate\"?",
    ];
    let expected = expected.map(|mistake| format!("countersign.toml: limits.own.{mistake}"));
    assert_eq!(mistakes(&text), expected);
}

#[test]
fn what_limits_nothing_is_a_mistake() {
    let own = |message: &str| [format!("countersign.toml: limits.own{message}")];
    assert_eq!(
        mistakes(&limited("key = \"issuer\"")),
        own(": limits nothing; expected rate = \"100/s\", concurrency = 20, or both")
    );
    assert_eq!(
        mistakes(&limited("key = \"issuer\"\nconcurrency = 1\nburst = 2")),
        own(".burst: has no effect without rate")
    );
    assert_eq!(
        mistakes(&limited("rate = \"1/s\"")),
        own(".key: missing; expected { claim = \"client_id\" }, \"issuer\", \"signer\", \
             \"address\" or \"route\", or a list of them")
    );
    assert_eq!(
        mistakes(&limited("key = [\"route\", \"route\"]\nrate = \"1/s\"")),
        own(".key: lists route twice")
    );
}

#[test]
fn a_route_names_limits_that_there_are() {
    let named = |limit: &str| {
        let text = format!("{MINIMAL}limit = {limit}\n[limits.own]\nkey = \"issuer\"\n");
        mistakes(&format!("{text}rate = \"1/s\""))
    };
    let own = |message: &str| [format!("countersign.toml: routes[0].limit: {message}")];
    let unknown = "found \"owm\", which is not the name of a limit; did you mean \"own\"?";
    assert_eq!(named("\"owm\""), own(unknown));
    assert_eq!(named("[\"own\", \"owm\"]"), own(unknown));
    assert_eq!(named("[\"own\", \"own\"]"), own("lists own twice"));
    assert_eq!(
        named("[]"),
        own("found an empty list, expected the name of a limit, or a list of them")
    );
}

#[test]
fn a_limit_by_the_signer_needs_a_signature_and_a_shared_one_a_store() {
    assert_eq!(
        mistakes(&limited("key = \"signer\"\nrate = \"1/s\"")),
        ["countersign.toml: routes[0].limit: the key of the limit \"own\" has the signer in it, \
          and the route requires no signature"]
    );
    assert_eq!(
        mistakes(&limited("key = \"issuer\"\nrate = \"1/s\"\nshared = true")),
        [
            "countersign.toml: limits.own.shared: has no effect without [shared], where the replicas' \
          store is"
        ]
    );
}

fn warnings(text: &str) -> Vec<String> {
    let is_of_limits = |warning: &String| warning.starts_with("limits.");
    settings(text).warnings().into_iter().filter(is_of_limits).collect()
}

#[test]
fn warnings_say_what_an_operator_may_not_expect() {
    let limit = "key = { claim = \"client_id\" }\nrate = \"1/s\"";
    assert!(warnings(&limited(limit)).is_empty());
    let public =
        limited(limit) + "[[routes]]\npath = \"/open/**\"\naccess = \"public\"\nlimit = \"own\"\n";
    assert_eq!(
        warnings(&public),
        ["limits.own.key: the route /open/** looks at no token, so that its requests are counted \
          by the client's address"]
    );
    let by_address = public.replace("{ claim = \"client_id\" }", "\"address\"");
    assert!(warnings(&by_address).is_empty());
    let idle = format!("{MINIMAL}[limits.own]\n{limit}");
    assert_eq!(warnings(&idle), ["limits.own: no route names it"]);
    let shared = |more: &str| {
        limited(&format!("{limit}\nshared = true"))
            + "[shared]\nurl = \"redis://127.0.0.1\"\nintegrity = \"none\"\n"
            + more
    };
    assert_eq!(
        warnings(&shared("")),
        [
            "limits.own.shared: while the shared store can't be reached, each replica lets the whole \
          rate pass; shared.limits.replicas says among how many it is divided"
        ]
    );
    for settled in ["limits.replicas = 2", "limits.on_failure = \"refuse\""] {
        assert!(warnings(&shared(settled)).is_empty(), "{settled}");
    }
}
