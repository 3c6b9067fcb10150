//! Mistakes: all at once, and each with its origin, its key, what was found and what was expected.

use super::*;

#[test]
fn x1_every_mistake_is_reported_in_one_run() {
    let found = mistakes(
        r#"
        [sever]
        listen = "0.0.0.0:8080"

        [server]
        lissten = "0.0.0.0:8080"
        workers = "four"

        [server.limits]
        idle_timeout = "2 parsecs"
        header_timout = "10s"

        [admin]
        listen = 9901

        [issuers.corp]
        issuer = "https://idp.example.com"
        audiences = []
        algorithms = ["RS265", "ES256"]

        [[routes]]
        path = "/**"
        issuers = ["crop"]
        "#,
    );
    let expected = [
        "countersign.toml: upstreams: no upstream is configured; expected an [upstreams.NAME] \
         table with its url (flag --upstream)",
        "countersign.toml: server.workers: found \"four\", expected a whole number from 0 to 1024",
        "countersign.toml: server.limits.idle_timeout: found \"2 parsecs\", expected a duration \
         from 10ms to 1h, such as \"10s\"",
        "countersign.toml: server.limits.header_timout: unknown key; did you mean \
         \"header_timeout\"?",
        "countersign.toml: server.lissten: unknown key; did you mean \"listen\"?",
        "countersign.toml: admin.listen: found 9901, expected an address with a port such as \
         \"127.0.0.1:8080\", \"unix:/path/to/socket\" or \"systemd:NAME\"",
        "countersign.toml: issuers.corp.audiences: found an empty list, expected a list such as \
         [\"https://api.example.com\"], or \"any\" to accept tokens made for any service",
        "countersign.toml: issuers.corp.algorithms[0]: found \"RS265\", expected the name of a \
         signature algorithm such as \"ES256\" (did you mean \"RS256\"?)",
        "countersign.toml: routes[0].issuers[0]: found \"crop\", which is not the name of an \
         issuer; did you mean \"corp\"?",
        "countersign.toml: sever: unknown key; did you mean \"server\"?",
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_list_of_mistakes_reads_as_one_message() {
    let workspace = Workspace::new();
    let errors = workspace.load("[cache]\nentires = 1").unwrap_err();
    let text = errors.to_string();
    assert!(text.starts_with("the configuration has 3 mistakes:\n  "), "{text}");
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn an_unknown_key_far_from_any_known_one_lists_them() {
    assert_mistake(
        "[denials]\ncolour = \"red\"",
        "countersign.toml: denials.colour: unknown key; known here: profile, realm, \
         expose_reasons, profiles",
    );
}

#[test]
fn a_value_in_place_of_a_table() {
    assert_mistake(
        "[cache]\n[server]\nlimits = 5",
        "countersign.toml: server.limits: found 5, expected a table",
    );
    let found = mistakes("upstreams = 5\nroutes = 5");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn x1_zero_infinite_and_unitless_bounds_are_refused() {
    let wrong = [
        "[server.limits]\nheader_timeout = \"0s\"",
        "[server.limits]\nidle_timeout = \"1000000y\"",
        "[server.limits]\nbody_timeout = 10",
        "[server.limits]\nbody_timeout = \"inf\"",
        "[server.limits]\nconnections = 0",
        "[server.limits]\nconnections = -1",
        "[server.limits]\nconnections = 10.5",
        "[server.limits]\nheader_bytes = \"1GiB\"",
        "[server.limits]\nheader_bytes = \"64 apples\"",
        "[server.limits]\nhttp2_streams = 0",
        "[server]\nworkers = 99999",
        "[upstreams.app]\nconnect_timeout = \"0s\"",
        "[issuers.corp]\nclock_skew = \"301s\"",
        "[issuers.corp]\nmax_lifetime = \"0s\"",
        "[issuers.corp.keys]\nrefresh = \"0s\"",
        "[issuers.corp.keys]\ncooldown = \"0s\"",
        "[issuers.corp.keys]\nmax_stale = \"10y\"",
        "[issuers.corp.keys]\nmax_bytes = \"1GiB\"",
        "[issuers.corp.keys]\nmax_rsa_bits = 1024",
        "[issuers.corp.keys]\nmax_rsa_bits = 16384",
        "[cache]\nmax_age = \"0s\"",
        "[credential]\nmax_bytes = 0",
        "[log]\nlevel = \"===\"",
    ];
    for addition in wrong {
        let (section, rest) = addition.split_once('\n').unwrap();
        let text = if MINIMAL.contains(section) {
            MINIMAL.replace(section, addition)
        } else {
            format!("{MINIMAL}\n{addition}")
        };
        let found = mistakes(&text);
        assert_eq!(found.len(), 1, "{addition}: {found:?}");
        let key = rest.split(' ').next().unwrap();
        assert!(found[0].contains(&format!("{key}: found ")), "{found:?}");
        assert!(found[0].contains("expected"), "{found:?}");
    }
}

#[test]
fn a_file_that_is_not_there() {
    let workspace = Workspace::new();
    let file = workspace.path().join("missing.toml");
    let sources = Sources { file: Some(file), ..Sources::default() };
    let errors = load(&sources).unwrap_err();
    let found = workspace.lines(&errors);
    assert_eq!(found, ["missing.toml: cannot be read: No such file or directory (os error 2)"]);
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let found = mistakes("[server\nlisten = 1");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("countersign.toml: is not valid TOML: "), "{found:?}");
    assert!(found[0].contains("line 1"), "{found:?}");
}

#[test]
fn a_file_without_a_known_extension() {
    let workspace = Workspace::new();
    let file = workspace.write("countersign.conf", MINIMAL);
    let sources = Sources { file: Some(file.into()), ..Sources::default() };
    let found = workspace.lines(&load(&sources).unwrap_err());
    assert_eq!(
        found,
        [
            "countersign.conf: its name must end in .toml, .yaml, .yml or .json, which tells the format"
        ]
    );
}

#[test]
fn x1_a_json_file_with_a_member_twice_is_refused() {
    let workspace = Workspace::new();
    let file = workspace.write("countersign.json", r#"{"denials": {"realm": "a", "realm": "b"}}"#);
    let sources = Sources { file: Some(file.into()), ..Sources::default() };
    let found = workspace.lines(&load(&sources).unwrap_err());
    let ambiguous =
        "countersign.json: is ambiguous: an object in it has two members of the same name";
    assert_eq!(found, [ambiguous]);
    // However much stands before them.
    let values = vec!["0"; 20_000].join(",");
    let late = format!(r#"{{"x": [{values}], "denials": {{"realm": "a", "realm": "b"}}}}"#);
    workspace.write("countersign.json", &late);
    assert_eq!(workspace.lines(&load(&sources).unwrap_err()), [ambiguous]);
}

#[test]
fn o2_a_password_in_a_url_is_refused_and_never_quoted() {
    let urls = [
        ("[upstreams.b]\nurl = \"http://u:hunter2@127.0.0.1:1\"", 2),
        ("[issuers.corp.keys]\njwks_url = \"https://u:hunter2@idp/jwks\"", 1),
        ("[issuers.corp.keys]\ndiscovery = \"https://u:hunter2@idp/meta\"", 1),
    ];
    for (addition, count) in urls {
        let found = mistakes_with(addition);
        assert_eq!(found.len(), count, "{found:?}");
        assert!(found.iter().any(|line| line.contains("user name or password")));
        assert!(!found.concat().contains("hunter2"), "{found:?}");
    }
    let issuer = MINIMAL.replace("https://idp", "https://u:hunter2@idp");
    let found = mistakes(&issuer);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found.concat().contains("hunter2"), "{found:?}");
}

#[test]
fn long_and_odd_values_are_cut_and_escaped() {
    let long = "x".repeat(10_000);
    let found = mistakes_with(&format!("[log]\nformat = \"{long}\""));
    assert!(found[0].len() < 250, "{found:?}");
    let found = mistakes_with("[log]\nformat = \"a\\u001b[31m\\nb\"");
    assert!(found[0].contains(r#"found "a\u{1b}[31m\nb""#), "{found:?}");
}
