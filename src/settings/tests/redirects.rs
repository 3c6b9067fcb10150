//! Routes that redirect.

use super::*;
use crate::policy::{settings::ExchangeLimits, upstream_credential::CredentialChoice};

/// A redirect beside the minimal configuration's route.
fn with_redirect(lines: &str) -> String {
    format!("{MINIMAL}\n[[routes]]\npath = \"/old/**\"\n{lines}")
}

#[test]
fn a_redirect_needs_neither_a_token_nor_a_name_of_an_upstream() {
    let several = "redirect.to = \"/new/{rest}\"\n[upstreams.b]\nurl = \"http://127.0.0.1:1\"";
    let text = with_redirect(several).replace("path = \"/**\"", "path = \"/**\"\nupstream = \"b\"");
    let settings = settings(&text);
    let redirect =
        settings.routes.all().iter().find_map(|route| route.destination.redirect()).unwrap();
    assert_eq!((redirect.to.as_str(), redirect.status.as_u16()), ("/new/{rest}", 308));
    assert!(redirect.keeps_query);
}

/// Not even of the first by name.
#[test]
fn a_redirect_takes_nothing_from_an_upstream() {
    let lines = "redirect.to = \"/new/{rest}\"\n\
                 [upstreams.a]\nurl = \"http://127.0.0.1:1\"\nbody = \"buffer\"";
    let text = with_redirect(lines);
    let text = text.replace("path = \"/**\"", "path = \"/**\"\nupstream = \"app\"");
    let settings = settings(&text);
    let redirect = settings.routes.all().iter().find(|it| it.destination.redirect().is_some());
    let redirect = redirect.unwrap();
    assert!(redirect.destination.upstream().is_none());
    assert_eq!(settings.limits_of(redirect), ExchangeLimits::default());
    assert_eq!(settings.credential_choice(redirect), CredentialChoice::None);
    assert!(!settings.holds_bodies());
}

#[test]
fn x1_all_mistakes_of_a_redirect_are_reported_at_once() {
    let found = mistakes(&with_redirect(
        "access = \"protected\"\nscopes = [\"a\"]\nstrip_prefix = \"/old\"\n\
         redirect = { to = \"https://{host}/{rest}\", status = 303.5, query = true, code = 1 }",
    ));
    assert_eq!(
        found,
        [
            "countersign.toml: routes[1].scopes: has no effect beside redirect; expected it to be \
             absent",
            "countersign.toml: routes[1].strip_prefix: has no effect beside redirect; expected it to \
             be absent",
            "countersign.toml: routes[1].access: a redirect is public; expected \"public\", or it to \
             be absent",
            "countersign.toml: routes[1].redirect.to: {host} is whatever host a client names; \
             expected a host, or the hosts of the route in hosts",
            "countersign.toml: routes[1].redirect.status: found 303.5, expected 301, 302, 303, 307 or \
             308",
            "countersign.toml: routes[1].redirect.query: found true, expected \"keep\" or \"drop\"",
            "countersign.toml: routes[1].redirect.code: unknown key; known here: to, status, query",
        ]
    );
}

#[test]
fn x1_a_target_says_one_certain_host() {
    for (to, advice) in [
        ("https://{rest}/", "literal or `{host}`"),
        ("https://u@api.test/{rest}", "user name"),
        ("https://api.test/{id}", "no segment of `path`"),
        ("//api.test/{rest}", "canonical form"),
        ("api.test", "begins with"),
    ] {
        let found = mistakes(&with_redirect(&format!("redirect = {{ to = \"{to}\" }}")));
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        assert!(found[0].contains(advice), "{to}: {found:?}");
    }
    let found = mistakes(&with_redirect("redirect = { status = 301 }"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("redirect.to: missing"), "{found:?}");
    let found = mistakes(&with_redirect("redirect = 301"));
    assert!(found[0].contains("expected a table"), "{found:?}");
    let hosts = "hosts = [\"a.test\", \"*.a.test\"]\nredirect.to = \"https://{host}/{rest}\"";
    settings(&with_redirect(hosts));
}
