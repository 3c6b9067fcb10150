//! `[upstream_credentials]`, and who has one.

use super::*;

const EXCHANGE: &str = "[upstream_credentials.orders]\nkind = \"exchange\"\naudience = \"orders\"\n\
                        token_url = \"https://idp.example.com/token\"\nauth = \"none\"";

/// The routes are last, since keys without a table follow them.
fn text(tables: &str, route: &str) -> String {
    let text = MINIMAL.replace("[[routes]]", &format!("{tables}\n[[routes]]"));
    format!("{text}\n{route}")
}

#[test]
fn x1_every_mistake_of_a_credential_is_told_with_what_was_expected() {
    let lines = "kind = \"exchange\"\n\
                 token_url = \"http://idp.example.com/token\"\n\
                 auth = \"bearer\"\n\
                 header = \"content-length\"\n\
                 scheme = \"two words\"\n\
                 resource = \"orders\"\n\
                 scopes = [\"a b\"]\n\
                 subject_token_type = \"saml\"\n\
                 requested_token_type = 7\n\
                 actor = \"me\"\n\
                 max_token_bytes = 1\n\
                 cache_entries = 0\n\
                 cache_bytes = 1\n\
                 file = \"x\"";
    let found = mistakes(&text(&format!("[upstream_credentials.orders]\n{lines}"), ""));
    for (key, part) in [
        ("token_url", "expected a URL with https"),
        ("header", "can't be set"),
        ("scheme", "letters, digits"),
        ("resource", "an absolute URL"),
        ("scopes[0]", "one scope"),
        ("subject_token_type", "\"access_token\" or \"jwt\" or \"id_token\""),
        ("requested_token_type", "\"access_token\" or \"jwt\" or \"id_token\""),
        ("actor", "\"client\" or { file"),
        ("max_token_bytes", "from 128B to 64KiB"),
        ("cache_entries", "from 1 to"),
        ("cache_bytes", "from 64KiB to"),
        ("file", "has no effect with this kind"),
    ] {
        let start = format!("countersign.toml: upstream_credentials.orders.{key}: ");
        let mistake = found.iter().find(|mistake| mistake.starts_with(&start));
        let mistake = mistake.unwrap_or_else(|| panic!("{key}: {found:#?}"));
        assert!(mistake.contains(part), "{mistake}");
    }
}

#[test]
fn x1_a_credential_has_a_kind_and_what_belongs_to_it() {
    let url = "token_url = \"https://idp.example.com/token\"";
    for (lines, key, part) in [
        ("", "kind", "missing; expected \"client-credentials\""),
        ("kind = \"forward\"", "kind", "expected \"client-credentials\" or"),
        ("kind = \"static\"", "file", "missing; expected a file"),
        ("kind = \"static\"\nfile = \"/nowhere\"", "file", "cannot be opened"),
        ("kind = \"static\"\nfile = \"/dev/null\"", "file", "is not a file"),
        ("kind = \"exchange\"\nauth = \"none\"\naudience = \"a\"", "token_url", "missing"),
        (&format!("kind = \"exchange\"\nauth = \"none\"\n{url}"), "audience", "or resource"),
        (&format!("kind = \"client-credentials\"\n{url}"), "client_id", "missing"),
        ("kind = \"assertion\"", "kind", "needs [identity.assertion]"),
        (
            &format!("kind = \"client-credentials\"\nauth = \"none\"\nactor = \"client\"\n{url}"),
            "actor",
            "has no effect with this kind",
        ),
        (
            &format!(
                "kind = \"client-credentials\"\nauth = \"bearer\"\n{url}\nclient_id = \"a\"\n\
                 client_secret_file = \"/etc/hostname\""
            ),
            "auth",
            "for other endpoints than that of tokens",
        ),
    ] {
        let found = mistakes(&text(&format!("[upstream_credentials.orders]\n{lines}"), ""));
        let start = format!("countersign.toml: upstream_credentials.orders.{key}: ");
        let mistake = found.iter().find(|mistake| mistake.starts_with(&start));
        let mistake = mistake.unwrap_or_else(|| panic!("{lines}: {found:#?}"));
        assert!(mistake.contains(part), "{mistake}");
    }
    let found = mistakes(&text("[upstream_credentials.forward]\nkind = \"assertion\"", ""));
    assert!(found.iter().any(|it| it.contains("has a meaning of its own")), "{found:?}");
}

#[test]
fn x1_a_secret_of_a_file_that_can_t_be_a_header_is_none() {
    let workspace = Workspace::new();
    for (content, part) in [
        ("a\nb", "holds characters that a header can't have"),
        ("caf\u{e9}", "holds characters that a header can't have"),
        (" a", "has spaces at its ends"),
        (&"a".repeat(20_000), "has more than 16384 bytes"),
    ] {
        let file = workspace.write("secret", content);
        let lines = format!("[upstream_credentials.a]\nkind = \"static\"\nfile = {file:?}");
        let found = workspace.load(&text(&lines, "")).unwrap_err().to_string();
        assert!(found.contains("upstream_credentials.a.file: ") && found.contains(part), "{found}");
        assert!(!found.contains("caf"), "{found}");
    }
}

#[test]
fn x1_routes_and_upstreams_have_one_that_fits() {
    for (tables, route, key, part) in [
        (
            "",
            "upstream_credential = \"order\"",
            "routes[0].upstream_credential",
            "configured: none",
        ),
        (
            EXCHANGE,
            "upstream_credential = \"order\"",
            "routes[0].upstream_credential",
            "\"orders\"?",
        ),
        (
            EXCHANGE,
            "access = \"public\"\nupstream_credential = \"orders\"",
            "routes[0].upstream_credential",
            "with access = \"public\" none is verified",
        ),
        (
            "",
            "access = \"public\"\nupstream_credential = \"forward\"",
            "routes[0].upstream_credential",
            "has no effect",
        ),
        (
            "[upstream_credentials.own]\nkind = \"client-credentials\"\nauth = \"none\"\n\
             token_url = \"https://idp.example.com/token\"",
            "access = \"public\"\nupstream_credential = \"own\"\nauthorization = \"keep\"",
            "routes[0].authorization",
            "is put into the same header",
        ),
    ] {
        let found = mistakes(&text(tables, route));
        assert_eq!(found.len(), 1, "{route}: {found:?}");
        assert!(found[0].starts_with(&format!("countersign.toml: {key}: ")), "{found:?}");
        assert!(found[0].contains(part), "{found:?}");
    }
    // What the upstream has is the public route's as well, unless it says otherwise.
    let upstream = "[upstreams.app]\ncredential = \"orders\"";
    let public = |route: &str| {
        let text = text(EXCHANGE, &format!("access = \"public\"\n{route}"));
        text.replace("[upstreams.app]", upstream)
    };
    let found = mistakes(&public(""));
    assert!(found[0].contains("expected \"none\" or another credential"), "{found:?}");
    assert!(Workspace::new().load(&public("upstream_credential = \"none\"")).is_ok());
}

#[test]
fn h2_its_header_tells_nothing_else() {
    for (tables, part) in [
        ("[claims]\n\"x-token\" = \"sub\"", "carries a claim as well"),
        ("[claims]\n\"X_Token\" = \"sub\"", "carries a claim as well"),
        ("[forwarding]\nkeep = [\"x-token\"]", "lets clients send"),
    ] {
        let tables = format!("{EXCHANGE}\nheader = \"x-token\"\n{tables}");
        let found = mistakes(&text(&tables, ""));
        assert!(
            found
                .iter()
                .any(|it| it.contains("upstream_credentials.orders.header: ") && it.contains(part)),
            "{found:?}"
        );
    }
}

#[test]
fn check_warns_of_what_is_sent_in_the_clear_and_of_what_no_route_has() {
    let warnings = |tables: &str, route: &str, url: &str| {
        let text = text(tables, route).replace("http://127.0.0.1:3000", url);
        Workspace::new().load(&text).unwrap().warnings().join("\n")
    };
    let remote = "http://orders.internal:3000";
    let used = "upstream_credential = \"orders\"";
    let plain = "upstreams.app.url: credentials are sent there without TLS";
    assert!(warnings(EXCHANGE, used, remote).contains(plain));
    assert!(warnings("[credential]\nforward = true", "", remote).contains(plain));
    assert!(!warnings("[credential]\nforward = true", "", "http://localhost:3000").contains(plain));
    assert!(!warnings("", "", remote).contains(plain));
    let unused = "upstream_credentials.orders: no route has it";
    assert!(warnings(EXCHANGE, "", remote).contains(unused));
    assert!(!warnings(EXCHANGE, used, remote).contains(unused));
    let open = EXCHANGE.replace("https://", "http://") + "\nallow_http = true";
    let warned = warnings(&open, used, "http://localhost:3000");
    assert!(warned.contains("upstream_credentials.orders.allow_http: "), "{warned}");
}

#[test]
fn o2_neither_the_written_configuration_nor_debug_has_the_secret() {
    let workspace = Workspace::new();
    let file = workspace.write("secret", "s3cret-of-orders");
    let lines = format!("[upstream_credentials.a]\nkind = \"static\"\nfile = {file:?}");
    let settings = workspace.load(&text(&lines, "upstream_credential = \"a\"")).unwrap();
    let shown = format!("{settings:?} {}", settings.to_toml());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("upstream_credentials"));
}
