//! Resources that clients can discover, and step-up authentication.

use std::time::Duration;

use super::*;
use crate::policy::settings::{AccessSettings, RequirementSettings};

const FILES: &str = "[resources.files]\nid = \"https://api.example.com/mcp\"\n";

/// The minimal configuration whose only route names the resource.
fn with_resource(lines: &str) -> String {
    format!("{MINIMAL}resource = \"files\"\n{FILES}{lines}")
}

fn requirement(settings: &Settings) -> &RequirementSettings {
    match &first(settings.routes.all()).access {
        AccessSettings::Token(requirement) => requirement,
        AccessSettings::Public => panic!("the route is protected"),
    }
}

#[test]
fn two_lines_make_a_resource() {
    let settings = settings(&with_resource(""));
    let resource = first(&settings.resources);
    assert_eq!(resource.id.as_str(), "https://api.example.com/mcp");
    assert_eq!(resource.audiences, Some(vec!["https://api.example.com/mcp".to_owned()]));
    let parts = settings.document_parts();
    let id = requirement(&settings).resource.unwrap();
    assert_eq!(parts.authorization_servers(id), ["https://idp.example.com"]);
}

#[test]
fn an_issuer_needs_audiences_as_long_as_a_route_has_no_resource() {
    let bare = |text: &str| text.replace("audiences = [\"https://api.example.com\"]\n", "");
    let with_all = bare(&with_resource(""));
    assert_eq!(first(&settings(&with_all).issuers).audiences, Some(Vec::new()));
    let again = settings(&settings(&with_all).to_toml()).to_toml();
    assert_eq!(again, settings(&with_all).to_toml());
    let with_one = with_all + "\n[[routes]]\npath = \"/other\"";
    assert_eq!(
        mistakes(&with_one),
        [
            "countersign.toml: issuers.corp.audiences: missing; routes[1] takes its tokens and names \
          no resource; expected a list such as [\"https://api.example.com\"], or resource = in \
          every such route"
        ]
    );
    let [missing] = &*mistakes(&bare(MINIMAL)) else { panic!("one mistake") };
    assert!(missing.contains("issuers.corp.audiences: missing; expected a list"), "{missing}");
}

#[test]
fn a_resource_that_no_client_could_discover_is_a_mistake() {
    let text = with_resource("").replace("https://idp.example.com", "corp");
    let text = text + "\n[issuers.corp.keys]\njwks_url = \"https://idp.example.com/jwks\"";
    assert_eq!(
        mistakes(&text),
        ["countersign.toml: resources.files.authorization_servers: missing; the issuers of its \
          routes are no https URLs, so that clients could not find them; expected a list such as \
          [\"https://idp.example.com\"]"]
    );
    let said = "authorization_servers = [\"https://idp.example.com\"]";
    settings(&text.replace(FILES, &format!("{FILES}{said}\n")));
}

#[test]
fn resources_without_effect_or_twice_are_mistakes() {
    assert_mistake(
        FILES,
        "countersign.toml: resources.files.id: no route names the resource; expected resource = \
         in one of them",
    );
    let second = "[[routes]]\npath = \"/b\"\nresource = \"b\"\n[resources.b]\nid = ";
    assert_eq!(
        mistakes(&with_resource(&format!("{second}\"https://api.example.com:8443/mcp/\""))),
        ["countersign.toml: resources.files.id: the metadata of \"https://api.example.com/mcp\" \
          would be at the same place as that of the resource \"b\""]
    );
    let unknown = mistakes(&format!("{MINIMAL}resource = \"fils\"\n{FILES}"));
    assert!(unknown[0].contains("did you mean \"files\"?"), "{unknown:?}");
}

#[test]
fn a_route_that_the_document_would_hide_is_a_mistake() {
    let route = |lines: &str| format!("[[routes]]\naccess = \"public\"\n{lines}");
    let at = "path = \"/.well-known/oauth-protected-resource/mcp\"";
    for hosts in ["", "hosts = [\"a.test\", \"*.example.com\"]"] {
        assert_eq!(
            mistakes(&with_resource(&route(&format!("{at}\n{hosts}")))),
            ["countersign.toml: routes[1].path: the metadata of the resource \"files\" is served \
              there; expected no route for it"],
            "{hosts}"
        );
    }
    settings(&with_resource(&route(&format!("{at}\nhosts = [\"a.test\"]"))));
    settings(&with_resource(&route("path = \"/.well-known/oauth-protected-resource\"")));
    settings(&with_resource(&route("path = \"/.well-known/**\"")));
}

#[test]
fn identifiers_and_pages_are_https_urls() {
    let id = |id: &str| mistakes(&with_resource("").replace("https://api.example.com/mcp", id));
    for (text, advice) in [
        ("http://api.example.com/mcp", "only https"),
        ("https://api.example.com/mcp?x", "a query"),
        ("https://API.example.com", "clients write it https://api.example.com"),
    ] {
        let found = id(text);
        assert!(found.len() == 1 && found[0].contains(advice), "{text}: {found:?}");
    }
    for key in ["documentation", "policy", "terms"] {
        let found = mistakes(&with_resource(&format!("{key} = \"javascript:alert(1)\"")));
        assert!(found[0].contains("an https URL"), "{found:?}");
    }
    let twice = mistakes(&with_resource("scopes = [\"a\", \"a\"]"));
    assert!(twice[0].contains("lists a twice"), "{twice:?}");
}

#[test]
fn a_route_says_how_and_how_lately_a_user_authenticated() {
    let read = settings(&with_route("acr = [\"a\", \"b\"]\nmax_age = \"15m\""));
    let authentication = &requirement(&read).authentication;
    assert_eq!(authentication.acr, ["a", "b"]);
    assert_eq!(authentication.max_age, Some(Duration::from_mins(15)));
    for (lines, advice) in [
        ("acr = []", "a list"),
        ("acr = [\"a b\"]", "without spaces"),
        ("acr = ['a\"']", "without spaces"),
        ("max_age = \"0s\"", "a duration from 1s"),
        ("max_age = 900", "with its unit"),
    ] {
        let found = mistakes(&with_route(lines));
        assert!(found.len() == 1 && found[0].contains(advice), "{lines}: {found:?}");
    }
    for lines in ["acr = [\"a\"]", "max_age = \"15m\"", "resource = \"files\""] {
        let found = mistakes(&with_route(&format!("access = \"public\"\n{lines}")));
        assert!(found[0].contains("no effect with access = \"public\""), "{found:?}");
    }
}

#[test]
fn c07_any_audience_of_a_resource_is_warned_of() {
    let any = with_resource("").replace(FILES, &format!("{FILES}audiences = \"any\"\n"));
    let expected = "resources.files.audiences: \"any\" accepts tokens that were made for other \
                    services";
    assert_eq!(settings(&any).warnings(), [expected]);
    assert!(settings(&with_resource("")).warnings().is_empty());
}
