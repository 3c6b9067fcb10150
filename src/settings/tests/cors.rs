//! `[cors]`, the routes that it applies to, and what `check` says of it.

use super::*;

fn with_cors(lines: &str) -> String {
    format!("{MINIMAL}cors = true\n[cors]\n{lines}")
}

#[track_caller]
fn assert_cors_mistake(lines: &str, expected: &str) {
    let found = mistakes(&with_cors(lines));
    assert_eq!(found, [format!("countersign.toml: cors.{expected}")], "{lines}");
}

#[test]
fn x2_an_origin_that_no_browser_sends_is_a_mistake() {
    let form = "expected an origin such as \"https://app.example.com\"";
    let whole = "an origin has no path, no query and no user information, and no / at its end";
    for (origin, why) in [
        ("https://app.example.com/", whole),
        ("https://*.example.com", "origins are compared as a whole; there are no patterns"),
        ("null", "null is what pages of any site can send"),
        (
            "https://app.example.com:443",
            "the port is no number, or the scheme's own, which browsers leave out",
        ),
    ] {
        assert_cors_mistake(
            &format!("origins = [\"{origin}\"]"),
            &format!("origins[0]: found {origin:?}, {form} ({why})"),
        );
    }
    let list = "expected a list such as [\"https://app.example.com\"], or \"any\"";
    assert_cors_mistake("", &format!("origins: missing; {list}"));
    assert_cors_mistake("origins = []", &format!("origins: found an empty list, {list}"));
    assert_cors_mistake("origins = \"*\"", &format!("origins: found \"*\", {list}"));
    assert_cors_mistake(
        "origins = [\"https://a.test\", \"*\"]",
        "origins[1]: found \"*\", expected origins one by one, or \"any\" without a list for all \
         of them",
    );
    assert_cors_mistake(
        "origins = [\"https://a.test\", \"https://a.test\"]",
        "origins: lists https://a.test twice",
    );
}

#[test]
fn p16_any_origin_gets_no_credentials() {
    assert_cors_mistake(
        "origins = \"any\"\ncredentials = true",
        "credentials: found true with origins = \"any\"; expected the origins that may read what a \
         user's cookies give access to",
    );
    settings(&with_cors("origins = \"any\""));
}

#[test]
fn x8_what_the_service_says_is_no_setting() {
    let origins = "origins = [\"https://a.test\"]\npreflights = \"pass\"";
    settings(&with_cors(origins));
    let no_effect = "has no effect with preflights = \"pass\", since the service says it; expected it to be \
         absent";
    for line in ["methods = [\"GET\"]", "headers = [\"a\"]", "max_age = \"1m\"", "expose = [\"a\"]"]
    {
        let key = line.split(' ').next().unwrap();
        assert_cors_mistake(&format!("{origins}\n{line}"), &format!("{key}: {no_effect}"));
    }
}

#[test]
fn words_for_all_are_neither_headers_nor_methods() {
    let origins = "origins = [\"https://a.test\"]";
    for key in ["headers", "expose"] {
        assert_cors_mistake(
            &format!("{origins}\n{key} = [\"*\"]"),
            &format!("{key}[0]: found \"*\", expected headers by their names"),
        );
    }
    let found = mistakes(&with_cors(&format!("{origins}\nmethods = [\"*\"]")));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn x8_a_switch_without_effect_is_a_mistake() {
    let found = mistakes(&format!("{MINIMAL}cors = true"));
    assert_eq!(
        found,
        ["countersign.toml: routes[0].cors: there is no [cors] section; expected one with the \
          origins that may read answers"]
    );
    assert_mistake(
        "[cors]\norigins = [\"https://a.test\"]",
        "countersign.toml: cors: applies to no route; expected cors = true on a route, or \
         all_routes = true",
    );
    settings(&format!("{MINIMAL}[cors]\norigins = [\"https://a.test\"]\nall_routes = true"));
    settings(&format!("{MINIMAL}cors = false"));
}

/// The routes that preflights do not reach, where browsers seem to be clients.
#[test]
fn check_says_which_routes_refuse_preflights() {
    let issuer = "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n[issuers.corp]\n\
                  issuer = \"https://idp.test\"\naudiences = [\"a\"]\n";
    let about = |tables: &str| settings(&format!("{issuer}{tables}")).warnings();
    let loans = "[[routes]]\npath = \"/loans/**\"\nmethods = [\"POST\"]\n";
    let options = "[[routes]]\npath = \"/**\"\nmethods = [\"OPTIONS\"]\naccess = \"public\"\n";
    let expected = |routes: &str| {
        vec![format!(
            "routes: preflights of browsers to {routes} are refused, since they have no token; \
             cors = true answers them, cors = false says that no browser calls these routes"
        )]
    };
    assert_eq!(about(loans), Vec::<String>::new(), "no sign of browsers");
    assert_eq!(about(&format!("{options}{loans}")), expected("routes[1] (/loans/**)"));
    assert_eq!(about(&format!("{options}{loans}cors = false")), Vec::<String>::new());
    let beside = options.replace("/**", "/loans/**");
    assert_eq!(about(&format!("{beside}{loans}")), Vec::<String>::new(), "they pass");
    let every_method = "[[routes]]\npath = \"/every/**\"\n";
    let cors = "[cors]\norigins = [\"https://app.test\"]\n";
    let app = "[[routes]]\npath = \"/app/**\"\ncors = true\n";
    assert_eq!(
        about(&format!("{app}{every_method}{loans}{cors}")),
        expected("routes[1] (/every/**), routes[2] (/loans/**)")
    );
    assert_eq!(
        about(&format!("{every_method}{loans}{cors}all_routes = true")),
        Vec::<String>::new()
    );
    let many =
        ["/a", "/b", "/c", "/d", "/e"].map(|path| format!("[[routes]]\npath = \"{path}\"\n"));
    assert_eq!(
        about(&format!("{app}{}{cors}", many.concat())),
        expected("routes[1] (/a), routes[2] (/b), routes[3] (/c) and 2 more")
    );
}

#[test]
fn check_says_what_pages_can_read_or_not_send() {
    let public = MINIMAL.replace("path = \"/**\"", "path = \"/**\"\naccess = \"public\"");
    let cors = "[cors]\nall_routes = true\norigins = ";
    let about = |minimal: &str, rest: &str| settings(&format!("{minimal}{cors}{rest}")).warnings();
    assert_eq!(
        about(&public, "\"any\""),
        [
            "cors.origins: any; every page that a user opens can read what public routes answer, from \
          within the user's network"
        ]
    );
    assert_eq!(about(MINIMAL, "\"any\""), Vec::<String>::new(), "a page needs a token there");
    assert_eq!(
        about(MINIMAL, "[\"http://localhost:3000\", \"http://[::1]:1\", \"http://app.test\"]"),
        ["cors.origins: http://app.test is plain http: anyone on the way can make a page of it, \
          which reads answers"]
    );
    let passed = "[\"https://app.test\"]\npreflights = \"pass\"";
    assert_eq!(
        about(MINIMAL, passed),
        ["cors.preflights: pass; OPTIONS requests that look like preflights reach the service \
          without a token"]
    );
    assert_eq!(about(&public, passed), Vec::<String>::new());
    let headers = "[\"https://app.test\"]\nheaders = [\"content-type\"]";
    assert_eq!(
        about(MINIMAL, headers),
        [
            "cors.headers: has none of the headers of credential.sources, so that no page can send a \
          token in one"
        ]
    );
    let token = "[credential]\nsources = [{ cookie = \"session\" }]";
    assert_eq!(about(MINIMAL, &format!("{headers}\n{token}")), Vec::<String>::new());
}
