//! Headers with fixed values.

use super::*;

#[test]
fn x1_h15_all_mistakes_of_fixed_headers_are_reported_at_once() {
    let found = mistakes_with(
        "[headers]\n\
         set_headers = { host = \"a\", \"x-a\" = \"a\\r\\nb\", \"x-b\" = 1, \"x-c\" = \"ä\", \"X_D\" = \"1\", \"x-d\" = \"2\" }\n\
         add_headers = { \"x-d\" = \"3\", \"a b\" = \"4\" }\n\
         response_headers = { remove = [\"te\", \"x-e\"], set = { \"x-e\" = \"1\", \"set-cookie\" = \"a=1\" }, add = {} }",
    );
    let value = "expected a text without control characters and without white space at its ends";
    assert_eq!(
        found,
        [
            "headers.set_headers.host: host can't be named here: it says where the request goes or \
             how long it is"
                .to_owned(),
            format!("headers.set_headers.x-a: found \"a\\r\\nb\", {value}"),
            "headers.set_headers.x-b: found 1, expected a text".to_owned(),
            "headers.set_headers.x-c: found \"ä\", expected at most 4096 printable ASCII characters"
                .to_owned(),
            "headers.set_headers: sets x-d twice, or what a service may take for it".to_owned(),
            "headers.add_headers.\"a b\": \"a b\" is not the name of a header".to_owned(),
            "headers.add_headers: x-d is in set_headers as well; expected one of them only"
                .to_owned(),
            "headers.response_headers.remove[0]: te can't be named here: it belongs to one \
             connection and is not forwarded"
                .to_owned(),
            "headers.response_headers.set.set-cookie: set-cookie can't be named here: every client \
             would get the same cookie"
                .to_owned(),
            "headers.response_headers.remove: x-e is set as well; expected one of them only"
                .to_owned(),
            "headers.response_headers.add: unknown key; known here: remove, set".to_owned(),
        ]
        .map(|line| format!("countersign.toml: {line}"))
    );
}

#[test]
fn x1_h15_no_fixed_header_is_one_that_the_configuration_uses() {
    let workspace = Workspace::new();
    let private = workspace.write("key", private_jwk(Algorithm::Es256));
    let text = with_route(
        "set_headers = { \"x-corp-user\" = \"root\", \"x_app_token\" = \"a\" }\n\
         add_headers = { \"x-corp-assertion\" = \"a\" }\n\
         response_headers.set = { \"access-control-allow-origin\" = \"*\" }\n\
         [claims]\n\"x-corp-user\" = \"sub\"\n\
         [identity.assertion]\nheader = \"x-corp-assertion\"\nissuer = \"gateway\"\n\
         private_key_file = \"KEY\"\nalgorithm = \"ES256\"\n\
         [credential]\nsources = [{ header = \"x-app-token\" }]\n\
         [cors]\norigins = \"any\"\nall_routes = true",
    );
    let all = workspace.mistakes(&text.replace("KEY", &private));
    let found: Vec<_> = all.iter().filter(|line| line.contains("_headers")).collect();
    assert_eq!(found.len(), 4, "{all:?}");
    for (line, (key, advice)) in found.iter().zip([
        ("set_headers: x-corp-user", "is verified"),
        ("set_headers: x_app_token", "where a token is looked for"),
        ("add_headers: x-corp-assertion", "is verified"),
        ("response_headers: access-control-allow-origin", "[cors]"),
    ]) {
        assert!(line.contains(&format!("routes[0].{key}")) && line.contains(advice), "{line}");
    }
}

#[test]
fn o2_a_header_whose_name_sounds_secret_is_warned_of() {
    let text = with_route("add_headers = { \"x-api-key\" = \"1234\", \"x-gateway\" = \"a\" }");
    let warnings = settings(&text).warnings();
    let found: Vec<_> = warnings.iter().filter(|warning| warning.contains("_headers")).collect();
    assert_eq!(found.len(), 1, "{warnings:?}");
    assert!(found[0].contains("routes[0].add_headers.x-api-key"), "{found:?}");
    assert!(!found[0].contains("1234"), "{found:?}");
}
