//! What the upstream receives as path: `strip_prefix`, `rewrite`, `rewrite_location`.

use super::*;

/// The minimal configuration with another path of its route, and more lines.
fn with_path(path: &str, lines: &str) -> String {
    MINIMAL.replace("path = \"/**\"", &format!("path = \"{path}\"\n{lines}"))
}

#[test]
fn x1_all_mistakes_of_a_path_that_is_rewritten_are_reported_at_once() {
    let text = with_path(
        "/api/{id}",
        "strip_prefix = \"/v1\"\nrewrite = \"/v2/{rest}\"\nrewrite_location = 1",
    )
    .replace("127.0.0.1:3000", "127.0.0.1:3000/a//b");
    assert_eq!(
        mistakes(&text),
        [
            "countersign.toml: upstreams.app.url: found \"http://127.0.0.1:3000/a//b\", expected a \
             path such as \"/base\" (a base path is in canonical form: write `/a/b`)",
            "countersign.toml: routes[0].strip_prefix: rewrite says the whole path already; \
             expected one of them only",
            "countersign.toml: routes[0].strip_prefix: found \"/v1\", expected the beginning of \
             the route's path, such as \"/api\" (every path of the route has to begin with it, as \
             `/v1/**` does)",
            "countersign.toml: routes[0].rewrite: found \"/v2/{rest}\", expected a path such as \
             \"/v2/{rest}\" (`{rest}` is what `**` matches, and `path` has none at its end)",
            "countersign.toml: routes[0].rewrite_location: found 1, expected true or false",
        ]
    );
}

#[test]
fn x1_what_has_no_way_back_is_not_turned_back() {
    let found = mistakes(&with_path("/api/{id}", "rewrite = \"/{id}\"\nrewrite_location = true"));
    assert_eq!(
        found,
        [
            "countersign.toml: routes[0].rewrite_location: there is no way back from rewrite; expected \
          one that ends in \"/{rest}\", or false"
        ]
    );
    settings(&with_path("/{id}/**", "rewrite = \"/a/{id}/{rest}\"\nrewrite_location = true"));
}

#[test]
fn x1_beside_a_path_with_a_mistake_its_changes_are_not_judged() {
    let found = mistakes(&with_path("/api/{id", "strip_prefix = \"/api\""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("routes[0].path"), "{found:?}");
}

#[test]
fn x1_the_asterisk_is_never_rewritten() {
    for line in ["rewrite = \"/a\"", "strip_prefix = \"/a\""] {
        let found = mistakes(&with_path("*", line));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
    }
}
