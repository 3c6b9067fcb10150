//! Where credentials are, for all routes, for one, and for an issuer.

use super::*;

const QUERY: &str = "[credential]\nsources = [{ query = \"access_token\" }]";
const COOKIE: &str = "[credential]\nsources = [{ cookie = \"session\" }]";

/// The routes are last, since keys without a table follow them.
fn mistakes_before_routes(tables: &str, route: &str) -> Vec<String> {
    let text = MINIMAL.replace("[[routes]]", &format!("{tables}\n[[routes]]"));
    mistakes(&format!("{text}\n{route}"))
}

#[test]
fn x1_a_source_is_one_place_with_what_it_can_have() {
    for source in [
        "{ query = \"a\", cookie = \"b\" }",
        "{ query = \"a b\" }",
        "{ query = \"a.b\" }",
        "{ query = \"a[]\" }",
        "{ query = \"a%5Fb\" }",
        "{ query = \"a\", chunks = true }",
        "{ header = \"a\", chunks = true }",
        "{ cookie = \"a\", chunks = 3 }",
        "{ websocket_protocol = \"a, b\" }",
        "{ websocket_protocol = \"a\", scheme = \"Bearer\" }",
        "{ scheme = \"Bearer\" }",
        "{ query = \"a\" }, { query = \"A\" }",
        "\"authorization\"",
    ] {
        let found = mistakes_with(&format!("[credential]\nsources = [{source}]"));
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        assert!(found[0].contains("credential.sources"), "{found:?}");
    }
}

#[test]
fn x1_words_of_routes() {
    for (tables, route, key) in [
        ("", "access = \"maybe\"", "access"),
        ("", "access = \"optional\"\nexpired = \"public\"", "expired"),
        ("", "expired = \"ignore\"", "expired"),
        ("", "access = \"public\"\nexpired = \"ignore\"", "expired"),
        ("", "authorization = \"keep\"", "authorization"),
        ("", "access = \"optional\"\nauthorization = \"keep\"", "authorization"),
        ("", "access = \"public\"\nauthorization = \"pass\"", "authorization"),
        ("", "access = \"public\"\ncredential = { ambiguous = \"first\" }", "credential"),
        ("", "credential = { ambiguous = \"last\" }", "credential.ambiguous"),
        ("", "credential = { cross_site = \"allow\" }", "credential.cross_site"),
        (QUERY, "credential = { cross_site = \"allow\" }", "credential.cross_site"),
        (COOKIE, "credential = { cross_site = [\"https://App.test\"] }", "credential.cross_site"),
        (COOKIE, "credential = { cross_site = [] }", "credential.cross_site"),
        (COOKIE, "credential = { cross_site = [\"*\"] }", "credential.cross_site"),
        (COOKIE, "access = \"public\"\nauthorization = \"keep\"", "authorization"),
    ] {
        let found = mistakes_before_routes(tables, route);
        assert_eq!(found.len(), 1, "{route}: {found:?}");
        let start = format!("countersign.toml: routes[0].{key}: ");
        assert!(found[0].starts_with(&start), "{route}: {found:?}");
    }
    for (tables, route) in [
        ("", "access = \"public\"\nauthorization = \"keep\""),
        ("", "access = \"public\"\nauthorization = \"remove\""),
        ("", "authorization = \"remove\""),
        (COOKIE, "credential = { cross_site = \"allow\" }"),
        (QUERY, "credential = { cross_site = \"refuse\" }"),
    ] {
        assert_eq!(mistakes_before_routes(tables, route), [""; 0], "{route}");
    }
}

#[test]
fn x8_a_cookie_is_allowed_where_one_is_looked_at() {
    let found = mistakes_with(&format!("{QUERY}\ncross_site = \"allow\""));
    assert_eq!(
        found,
        ["countersign.toml: credential.cross_site: has no effect, since no source is a cookie; \
          expected it to be absent"]
    );
}

#[test]
fn x8_an_issuer_names_places_that_are_looked_at() {
    let with_cookie = |lines: &str| with_issuer(&format!("credential.sources = {lines}"));
    assert_eq!(
        mistakes(&with_cookie("[{ cookie = \"session\" }]")),
        [
            "countersign.toml: issuers.corp.credential.sources: names the cookie \"session\", \
             where no request is looked at; expected one of the places of [credential] or of a \
             route, written as there",
            "countersign.toml: routes[0].credential: no issuer's tokens are taken from where this \
             route looks for them; expected a source that the credential.sources of an issuer \
             name as well"
        ]
    );
    let bearer = "[{ header = \"authorization\", scheme = \"Bearer\" }]";
    settings(&with_cookie(bearer));
    let text = format!("{}\n{COOKIE}", with_cookie(bearer));
    assert_eq!(mistakes(&text).len(), 2, "the header is no place any more");
}

#[test]
fn x1_a_configuration_has_at_most_64_places() {
    let routes = |count: usize| -> String {
        let route = |n| {
            let sources: Vec<_> = (0..9).map(|m| format!("{{ cookie = \"c{n}_{m}\" }}")).collect();
            let sources = sources.join(", ");
            format!("[[routes]]\npath = \"/{n}\"\ncredential = {{ sources = [{sources}] }}\n")
        };
        (0..count).map(route).collect()
    };
    settings(&with_route(&routes(7)));
    let found = mistakes(&with_route(&routes(8)));
    assert_eq!(
        found,
        ["countersign.toml: credential.sources: found 73 places, with those of the routes; \
          expected at most 64"]
    );
}

#[test]
fn x1_a_signed_route_has_a_token() {
    let signature = "[signatures.partner]\nprofile = \"ocen\"\ncaller = \"unrelated\"\n\
                     signer = \"kid\"\nkeys = { issuer = \"corp\" }";
    let route = "access = \"optional\"\nsignature = \"partner\"";
    let found = mistakes_before_routes(signature, route);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("routes[0].signature") && found[0].contains("optional"), "{found:?}");
}

#[test]
fn what_makes_a_token_easier_to_steal_is_warned_of() {
    let warnings = |tables: &str, route: &str| {
        let text = MINIMAL.replace("[[routes]]", &format!("{tables}\n[[routes]]"));
        settings(&format!("{text}\n{route}")).warnings()
    };
    assert_eq!(warnings("", ""), [""; 0]);
    assert_eq!(
        warnings(&format!("{QUERY}\nforward = true"), ""),
        [
            "credential.sources: a token in the query is kept by histories of browsers and logs \
             of whatever is in between, and without TLS up to here it can be read on the way",
            "credential.forward: a token of a query or of a WebSocket's protocols is not sent on"
        ]
    );
    let any_site = "\"allow\"; any site can make a browser send requests in the name of its user, \
                    unless the service itself refuses them";
    assert_eq!(
        warnings(&format!("{COOKIE}\ncross_site = \"allow\""), "credential.cross_site = \"allow\""),
        [
            format!("credential.cross_site: {any_site}"),
            format!("routes[0].credential.cross_site: {any_site}")
        ]
    );
}
