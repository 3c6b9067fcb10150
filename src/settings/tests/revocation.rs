//! `[revocation]` and `issuers.NAME.backchannel_logout`.

use std::time::Duration;

use super::*;
use crate::revocation::settings::{ListSource, OnFailure};

#[test]
fn without_a_list_only_logouts_are_looked_at() {
    let revocation = settings(MINIMAL).revocation;
    assert!(revocation.list.is_none());
    assert_eq!(revocation.logout_ttl, Duration::from_hours(24));
    assert!(first(&settings(MINIMAL).issuers).backchannel_logout.is_none());
}

#[test]
fn a_list_refuses_by_default_what_cannot_be_decided() {
    let text = format!("{MINIMAL}\n[revocation]\nurl = \"https://lists.example.com/r?k=v\"");
    let list = settings(&text).revocation.list.unwrap();
    assert!(matches!(list.source, ListSource::Url(_)));
    assert_eq!(list.on_failure, OnFailure::Refuse);
    assert!(list.refresh <= list.max_stale);
}

#[test]
fn what_is_printed_of_it_loads_again_and_means_the_same() {
    let workspace = Workspace::new();
    let file = workspace.write("revoked.json", r#"{"revoked":[]}"#);
    for revocation in [
        format!("file = \"{file}\"\nrefresh = \"1m\"\non_failure = \"continue\""),
        "url = \"https://lists.example.com/revoked\"\nmax_stale = \"2h\"".to_owned(),
        "url = \"http://lists.internal/revoked\"\nallow_http = true".to_owned(),
        "logout_ttl = \"8h\"\nmax_logouts = 7".to_owned(),
    ] {
        let logout = "backchannel_logout = { client_ids = [\"web\", \"app\"] }";
        let text = format!("{}\n[revocation]\n{revocation}", with_issuer(logout));
        let first = workspace.load(&text).unwrap().to_toml();
        let second = workspace.load(&first).unwrap().to_toml();
        assert_eq!(first, second);
        assert!(first.contains("client_ids = [\"web\", \"app\"]"), "{first}");
        let line = revocation.lines().next().unwrap();
        assert!(first.contains(line), "{line}: {first}");
    }
}

#[test]
fn settings_that_would_do_nothing_are_mistakes() {
    let workspace = Workspace::new();
    let file = workspace.write("revoked.json", r#"{"revoked":[]}"#);
    let at = "countersign.toml: revocation";
    for (revocation, mistake) in [
        ("max_stale = \"1h\"".to_owned(), "max_stale: has no effect without file or url"),
        ("on_failure = \"continue\"".to_owned(), "on_failure: has no effect without file or url"),
        (format!("file = \"{file}\"\ntimeout = \"1s\""), "timeout: has no effect without url"),
        (format!("file = \"{file}\"\nallow_http = true"), "allow_http: has no effect without url"),
    ] {
        let mistakes = workspace.mistakes(&format!("{MINIMAL}\n[revocation]\n{revocation}"));
        assert_eq!(mistakes, [format!("{at}.{mistake}")], "{revocation}");
    }
}

#[test]
fn mistakes_of_the_list() {
    let workspace = Workspace::new();
    let file = workspace.write("revoked.json", r#"{"revoked":[]}"#);
    for (revocation, mistake) in [
        (
            format!("file = \"{file}\"\nurl = \"https://a.example.com/\""),
            "revocation: found file and url, expected at most one of them",
        ),
        (
            "url = \"http://lists.internal/revoked\"".to_owned(),
            "revocation.url: found \"http://lists.internal/revoked\", expected a URL with https, \
             since a list fetched over plain http can be forged on the way (allow_http = true \
             permits it all the same)",
        ),
        (
            "url = \"https://a.example.com/\"\nrefresh = \"2h\"".to_owned(),
            "revocation.max_stale: is shorter than refresh: the list would lapse between two \
             refreshes",
        ),
        (
            "url = \"https://a.example.com/\"\non_failure = \"ignore\"".to_owned(),
            "revocation.on_failure: found \"ignore\", expected \"refuse\" or \"continue\"",
        ),
        (
            "logout_ttl = \"1m\"".to_owned(),
            "revocation.logout_ttl: found \"1m\", expected a duration from 15m to 30d, such as \
             \"30d\"",
        ),
        (
            "logout_tll = \"1h\"".to_owned(),
            "revocation.logout_tll: unknown key; did you mean \
          \"logout_ttl\"?",
        ),
        (
            "file = \"/\"".to_owned(),
            "revocation.file: the file / is not a file; expected a file that can be read",
        ),
    ] {
        let mistakes = workspace.mistakes(&format!("{MINIMAL}\n[revocation]\n{revocation}"));
        assert_eq!(mistakes, [format!("countersign.toml: {mistake}")], "{revocation}");
    }
}

#[test]
fn x8_a_list_that_is_not_there_yet_is_a_warning() {
    let workspace = Workspace::new();
    let (file, empty) = (workspace.path().join("later.json"), workspace.write("empty.json", ""));
    for (file, problem) in [
        (file.to_str().unwrap(), "cannot be opened: No such file or directory (os error 2)"),
        (&*empty, "is empty"),
    ] {
        let text = format!("{MINIMAL}\n[revocation]\nfile = \"{file}\"");
        let found = workspace.load(&text).unwrap_or_else(|it| panic!("{it}")).warnings();
        let warning = format!(
            "revocation.file: the file {file} {problem}; until it can be read, on_failure decides"
        );
        assert!(found.contains(&warning), "{found:?}");
        let lint = Sources {
            file: Some(workspace.write("countersign.toml", &text).into()),
            lint: true,
            ..Sources::default()
        };
        let unread = load(&lint).unwrap().warnings();
        assert!(!unread.contains(&warning), "{unread:?}");
    }
}

#[test]
fn a_logout_needs_to_know_for_which_clients() {
    let at = "countersign.toml: issuers.corp.backchannel_logout";
    let expected = "expected the clients that are logged out, such as [\"web\"]";
    for (logout, mistake) in [
        ("backchannel_logout = {}", format!("{at}.client_ids: missing; {expected}")),
        (
            "backchannel_logout = { client_ids = [] }",
            format!("{at}.client_ids: found an empty list, {expected}"),
        ),
        ("backchannel_logout = true", format!("{at}: found true, expected a table")),
    ] {
        assert_eq!(mistakes(&with_issuer(logout)), [mistake], "{logout}");
    }
}

#[test]
fn what_weakens_revocation_is_warned_of() {
    let warnings = |text: &str| settings(text).warnings();
    let continued = format!(
        "{MINIMAL}\n[revocation]\nurl = \"http://lists.internal/\"\nallow_http = true\n\
         on_failure = \"continue\""
    );
    assert_eq!(
        warnings(&continued),
        [
            "revocation.on_failure: while there is no list, revoked tokens pass",
            "revocation.url: fetched over plain http, where it can be forged on the way",
        ]
    );
    let long = with_issuer("max_lifetime = \"2d\"\nbackchannel_logout.client_ids = [\"web\"]");
    let warnings = warnings(&long);
    assert!(warnings[0].starts_with("issuers.corp.max_lifetime: is longer than"), "{warnings:?}");
}
