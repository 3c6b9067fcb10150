//! `[control]`, and what differs between two configurations.

use super::{MINIMAL, mistakes, settings};
use crate::settings::{changed_settings, restart_needed};

const EXPECTED: &str = "expected a unix socket such as \"unix:/run/countersign/control.sock\", or \
                        an address on loopback such as \"127.0.0.1:9902\"";

fn with_control(listen: &str) -> String {
    format!("{MINIMAL}\n[control]\nlisten = \"{listen}\"\n")
}

#[test]
fn o8_there_is_no_private_listener_unless_it_is_configured() {
    assert!(settings(MINIMAL).control.is_none());
    for address in ["unix:/run/c.sock", "127.0.0.1:9902", "[::1]:9902"] {
        let control = settings(&with_control(address)).control.unwrap();
        assert_eq!(control.listen.to_string(), address);
    }
}

#[test]
fn o8_a_private_listener_is_only_where_this_machine_reaches_it() {
    for address in ["0.0.0.0:9902", "10.0.0.1:9902", "[::]:9902", "systemd:control", "unix:c.sock"]
    {
        let mistake = format!("countersign.toml: control.listen: found {address:?}, {EXPECTED}");
        assert_eq!(mistakes(&with_control(address)), [mistake]);
    }
    let missing = format!("countersign.toml: control.listen: missing; {EXPECTED}");
    assert_eq!(mistakes(&format!("{MINIMAL}\n[control]\n")), [missing]);
}

#[test]
fn o8_a_private_listener_has_no_other_listeners_address() {
    let beside = |lines: &str| mistakes(&format!("{}{lines}", with_control("127.0.0.1:7000")));
    assert_eq!(
        beside("[admin]\nlisten = \"127.0.0.1:7000\""),
        ["countersign.toml: control.listen: is the same address as admin.listen (127.0.0.1:7000)"]
    );
    assert_eq!(
        beside("[server]\nlisten = \"127.0.0.1:7000\""),
        ["countersign.toml: control.listen: is the same address as server.listen (127.0.0.1:7000)"]
    );
}

#[test]
fn o10_how_many_denials_are_kept_has_a_bound() {
    let kept = |line: &str| format!("{}{line}\n", with_control("127.0.0.1:7000"));
    assert_eq!(settings(&kept("")).control.unwrap().denials, 1_000);
    assert_eq!(settings(&kept("denials = 0")).control.unwrap().denials, 0);
    for found in ["10001", "-1", "\"many\""] {
        let mistake = format!(
            "countersign.toml: control.denials: found {found}, expected a whole number from 0 to \
             10000"
        );
        assert_eq!(mistakes(&kept(&format!("denials = {found}"))), [mistake]);
    }
}

#[test]
fn what_differs_is_named_with_its_whole_key() {
    let old = settings(MINIMAL);
    assert_eq!(changed_settings(&old, &settings(MINIMAL)), Vec::<String>::new());
    assert_eq!(old.config_hash(), settings(MINIMAL).config_hash());
    let text = MINIMAL.replace("api.example.com", "other.example.com")
        + "access = \"public\"\n[server]\nworkers = 3\n[control]\nlisten = \"unix:/c\"\n";
    let new = settings(&text);
    let changed = changed_settings(&old, &new);
    for name in ["server.workers", "control", "issuers.corp.audiences", "routes[0].access"] {
        assert!(changed.iter().any(|changed| changed == name), "{name}: {changed:?}");
    }
    assert_ne!(old.config_hash(), new.config_hash());
    assert_eq!(new.config_hash().len(), 64);
}

#[test]
fn what_differs_is_bounded() {
    let routes = |n: usize| {
        let route = |n| format!("[[routes]]\npath = \"/r{n}\"\naccess = \"public\"\n");
        settings(&(MINIMAL.to_owned() + &(0..n).map(route).collect::<String>()))
    };
    let changed = changed_settings(&routes(0), &routes(60));
    assert_eq!(changed.len(), 51);
    assert_eq!(changed.last().unwrap(), "and 10 more");
}

#[test]
fn what_takes_a_restart_is_named() {
    let keys = |old: &str, new: &str| -> Vec<_> {
        let of = |text: &str| settings(&format!("{MINIMAL}\n{text}"));
        restart_needed(&of(old), &of(new)).iter().map(|needed| needed.key).collect()
    };
    assert_eq!(keys("", "[server]\nworkers = 3"), ["server.workers"]);
    assert_eq!(keys("", "[log]\nformat = \"json\""), ["log.format"]);
    let listener = |name: &str, port: u16| {
        format!("[[listeners]]\nname = \"{name}\"\nlisten = \"127.0.0.1:{port}\"")
    };
    assert_eq!(keys(&listener("a", 1), &listener("b", 1)), ["listeners.name"]);
    let other = "[server]\nlisten = \"127.0.0.1:1\"\ndrain_timeout = \"3s\"\n\
                 [server.limits]\nconnections = 3\nmemory = \"64MiB\"\n\
                 [admin]\nlisten = \"127.0.0.1:2\"\n[log]\nlevel = \"debug\"\n\
                 [control]\nlisten = \"unix:/c\"";
    assert!(keys("", other).is_empty());
    assert!(keys(&listener("a", 1), &listener("a", 2)).is_empty());
    assert!(keys(&listener("a", 1), &listener("b", 2)).is_empty());
}

#[test]
fn x10_files_are_not_watched_unless_it_is_configured() {
    let reload = settings(MINIMAL).reload;
    assert_eq!((reload.watch, reload.interval.as_secs()), (false, 2));
    for (line, mistake) in [
        ("watch = 1", "watch: found 1, expected true or false"),
        ("interval = \"50ms\"", "interval: found \"50ms\", expected"),
        ("interval = \"2h\"", "interval: found \"2h\", expected"),
    ] {
        let found = mistakes(&format!("{MINIMAL}\n[reload]\n{line}\n"));
        let expected = format!("countersign.toml: reload.{mistake}");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
    }
}

#[test]
fn x10_a_file_that_only_a_reload_reads_is_one_to_watch() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef").unwrap();
    let log = "[log]\nsubject = \"hash\"\nsubject_key_file";
    let hashed = settings(&format!("{MINIMAL}\n{log} = \"{}\"\n", file.display()));
    assert_eq!(hashed.reload_files(), [file]);
    assert!(settings(MINIMAL).reload_files().is_empty());
}
