//! `[shared]`: where the shared store is, and what must be set with it.

use std::time::Duration;

use super::*;
use crate::shared::settings::{
    Integrity, LostStore, NodeAddress, SharedAddress, SharedLayout, SharedSettings, UseSettings,
};

const PASSWORD: &str = "correct-horse-battery";

/// A workspace with `password`, `key` and a configuration to go with them.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("password", format!("{PASSWORD}\n"));
    workspace.write("key", [7; 32]);
    workspace
}

impl Workspace {
    fn shared_text(&self, url: &str, lines: &str) -> String {
        let lines = lines.replace("DIR", self.path().to_str().unwrap());
        format!("{MINIMAL}\n[shared]\nurl = \"{url}\"\n{lines}")
    }

    fn shared(&self, url: &str, lines: &str) -> SharedSettings {
        let settings = self.load(&self.shared_text(url, lines));
        settings.unwrap_or_else(|errors| panic!("{errors}")).shared.unwrap()
    }

    #[track_caller]
    fn assert_shared_mistake(&self, url: &str, lines: &str, message: &str) {
        let message = format!("countersign.toml: shared.{message}");
        assert_eq!(self.mistakes(&self.shared_text(url, lines)), [message]);
    }
}

const KEY: &str = "integrity_key_file = \"DIR/key\"";

#[test]
fn without_the_section_nothing_is_shared() {
    assert!(settings(MINIMAL).shared.is_none());
}

#[test]
fn the_least_that_must_be_said_is_where_and_under_which_key() {
    let workspace = workspace();
    let shared = workspace.shared("redis://127.0.0.1", KEY);
    assert_eq!(shared.address.to_string(), "redis://127.0.0.1:6379/0");
    assert_eq!(
        (shared.prefix.as_str(), shared.timeout),
        ("countersign", Duration::from_millis(50))
    );
    assert_eq!(shared.integrity.read_key().unwrap().unwrap().as_slice(), [7; 32]);
    assert!(shared.read_password().unwrap().is_none());
    assert_eq!(
        workspace.mistakes(&format!("{MINIMAL}\n[shared]")),
        [
            "countersign.toml: shared.url: missing; expected \"redis://HOST:PORT/DATABASE\", \
             \"redis+cluster://HOST:PORT,HOST:PORT\" or \
             \"redis+sentinel://HOST:PORT,HOST:PORT/NAME\", or \"rediss…\" for TLS",
            "countersign.toml: shared.integrity_key_file: missing; expected the path of a file \
             with 32 random bytes or more, the same for all replicas (or integrity = \"none\": \
             who can write to the server then decides which tokens pass)",
        ]
    );
}

#[test]
fn addresses() {
    let workspace = workspace();
    let address = |url: &str| {
        let settings = workspace.load(&workspace.shared_text(url, KEY)).ok()?;
        Some(settings.shared.unwrap().address)
    };
    let named = |tls, host: &str, port, database| {
        let layout = SharedLayout::Server(node(host, port));
        Some(SharedAddress { tls, layout, database })
    };
    assert_eq!(address("redis://redis"), named(false, "redis", 6379, 0));
    assert_eq!(address("rediss://r.example.com:1/15"), named(true, "r.example.com", 1, 15));
    assert_eq!(address("rediss://[::1]:6380/"), named(true, "::1", 6380, 0));
    assert_eq!(address("rediss://[::1]:6380/").unwrap().to_string(), "rediss://[::1]:6380/0");
    for wrong in [
        "redis:6379",
        "http://redis",
        "redis://",
        "redis://redis:0",
        "redis://redis:99999",
        "redis://redis/x",
        "redis://redis/-1",
        "redis://redis/70000",
        "redis://redis/0?protocol=3",
        "redis://redis/0#x",
        "redis+unix:///run/redis.sock",
        "redis://one,two",
        "redis+cluster://",
        "redis+cluster://one,,two",
        "redis+cluster://one/0",
        "redis+sentinel://one",
        "redis+sentinel://one/",
        "redis+sentinel://one/my master",
        "redis+sentinel://one/mymaster/x",
        "redis+cluster://one:+1",
    ] {
        assert_eq!(address(wrong), None, "{wrong}");
    }
}

fn node(host: &str, port: u16) -> NodeAddress {
    NodeAddress { host: host.to_owned(), port }
}

#[test]
fn addresses_of_clusters_and_sentinels() {
    let workspace = workspace();
    let cluster = "rediss+cluster://one:7000,[::1]:7001,two";
    let found = workspace.shared(cluster, KEY).address;
    let nodes = vec![node("one", 7000), node("::1", 7001), node("two", 6379)];
    assert_eq!((found.tls, &found.layout), (true, &SharedLayout::Cluster(nodes)));
    assert_eq!(found.to_string(), "rediss+cluster://one:7000,[::1]:7001,two:6379");

    let sentinel = "redis+sentinel://s1,s2:26380/mymaster/3";
    let found = workspace.shared(sentinel, &format!("{KEY}\nsentinel_password_file = \"DIR/key\""));
    assert!(found.sentinel_password_file.is_some());
    let sentinels = vec![node("s1", 26379), node("s2", 26380)];
    let layout = SharedLayout::Sentinel { sentinels, master: "mymaster".to_owned() };
    assert_eq!((found.address.database, &found.address.layout), (3, &layout));
    assert_eq!(found.address.to_string(), "redis+sentinel://s1:26379,s2:26380/mymaster/3");
    workspace.assert_shared_mistake(
        cluster,
        &format!("{KEY}\nsentinel_password_file = \"DIR/key\""),
        "sentinel_password_file: has no effect without sentinels; expected a url with \
         redis+sentinel://",
    );
}

#[test]
fn o2_a_password_in_the_url_is_a_mistake_that_does_not_show_it() {
    workspace().assert_shared_mistake(
        "redis://me:hunter2@redis:6379/0",
        KEY,
        "url: the URL holds a user name or password; expected one without, and username and \
         password_file beside it",
    );
}

#[test]
fn x2_integrity_is_given_up_only_in_so_many_words() {
    let workspace = workspace();
    let shared = workspace.shared("redis://redis", "integrity = \"none\"");
    assert_eq!(shared.integrity, Integrity::None);
    workspace.assert_shared_mistake(
        "redis://redis",
        &format!("integrity = \"none\"\n{KEY}"),
        "integrity_key_file: contradicts integrity = \"none\"; expected one of the two",
    );
    workspace.assert_shared_mistake(
        "redis://redis",
        "integrity = \"off\"",
        "integrity: found \"off\", expected \"none\"",
    );
}

#[test]
fn files_of_secrets_hold_some() {
    let workspace = workspace();
    workspace.write("short", "0123456789012345678901234567890\n");
    workspace.assert_shared_mistake(
        "redis://redis",
        "integrity_key_file = \"DIR/short\"",
        "integrity_key_file: the file short holds a key of 31 bytes; expected at least 32, made \
         at random",
    );
    workspace.write("line", "\n");
    workspace.assert_shared_mistake(
        "redis://redis",
        &format!("{KEY}\npassword_file = \"DIR/line\""),
        "password_file: the file line holds no password; expected a text",
    );
    workspace.write("large", [b'x'; 5000]);
    workspace.assert_shared_mistake(
        "redis://redis",
        &format!("{KEY}\npassword_file = \"DIR/large\""),
        "password_file: the file large has more than 4096 bytes",
    );
    let shared =
        workspace.shared("redis://redis", &format!("{KEY}\npassword_file = \"DIR/password\""));
    assert_eq!(shared.read_password().unwrap().unwrap().as_str(), PASSWORD);
}

#[test]
fn what_would_have_no_effect_is_a_mistake() {
    let workspace = workspace();
    workspace.assert_shared_mistake(
        "redis://redis",
        &format!("{KEY}\nusername = \"me\""),
        "password_file: missing; expected the path of a file with the password of username",
    );
    let certificate = rcgen::generate_simple_self_signed(vec!["redis".to_owned()]).unwrap();
    workspace.write("ca.pem", certificate.cert.pem());
    workspace.assert_shared_mistake(
        "redis://redis",
        &format!("{KEY}\nca_file = \"DIR/ca.pem\""),
        "ca_file: has no effect without TLS; expected a url with rediss://",
    );
    workspace.assert_shared_mistake(
        "redis://redis",
        &format!("{KEY}\nprefix = \"a:b\""),
        "prefix: found \"a:b\", expected 1 to 64 letters, digits, \"-\", \"_\" or \".\"",
    );
    workspace.assert_shared_mistake(
        "redis://redis",
        &format!("{KEY}\ntimeout = \"1m\""),
        "timeout: found \"1m\", expected a duration from 5ms to 1s, such as \"1s\"",
    );
}

#[test]
fn o2_what_is_printed_about_it_loads_again_and_shows_no_secret() {
    let workspace = workspace();
    let certificate = rcgen::generate_simple_self_signed(vec!["redis".to_owned()]).unwrap();
    workspace.write("ca.pem", certificate.cert.pem());
    let all = format!(
        "{KEY}\nusername = \"me\"\npassword_file = \"DIR/password\"\nca_file = \"DIR/ca.pem\"\n\
         prefix = \"p\"\ntimeout = \"20ms\""
    );
    for lines in [all.as_str(), "integrity = \"none\""] {
        let settings = workspace.load(&workspace.shared_text("rediss://redis/3", lines)).unwrap();
        let first = settings.to_toml();
        assert!(first.contains("url = \"rediss://redis:6379/3\""), "{first}");
        assert_eq!(first, workspace.load(&first).unwrap().to_toml());
        let shown = format!("{first}{settings:?}");
        assert!(!shown.contains(PASSWORD) && !shown.contains("7, 7, 7"), "{shown}");
    }
}

#[test]
fn what_weakens_it_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let workspace = workspace();
    let mode = |file: &str, mode| {
        let path = workspace.path().join(file);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let warnings = |url: &str, lines: &str| {
        workspace.load(&workspace.shared_text(url, lines)).unwrap().warnings()
    };
    let both = format!("{KEY}\npassword_file = \"DIR/password\"");
    mode("key", 0o600);
    mode("password", 0o600);
    assert_eq!(warnings("rediss://redis", &both), Vec::<String>::new());
    assert_eq!(warnings("redis://127.0.0.1", &both), Vec::<String>::new());
    assert_eq!(
        warnings("redis://redis", "integrity = \"none\""),
        [
            "shared.url: without TLS, the password and all that is shared can be read on the way",
            "shared.integrity: \"none\"; who can write to the server decides which tokens pass",
        ]
    );
    mode("key", 0o644);
    mode("password", 0o602);
    assert_eq!(
        warnings("rediss://redis", &both),
        [
            "shared.password_file: every user of the machine can get at the file",
            "shared.integrity_key_file: every user of the machine can get at the file",
        ]
    );
}

#[test]
fn what_a_lost_store_means_is_said_for_each_use() {
    let workspace = workspace();
    let uses = |lines: &str| workspace.shared("redis://127.0.0.1", &format!("{KEY}\n{lines}")).uses;
    assert_eq!(uses(""), UseSettings::default());
    assert_eq!(uses("").limits, LostStore::Local, "as before");
    let refusing = uses("replay.on_failure = \"refuse\"\nlimits.on_failure = \"refuse\"");
    assert_eq!((refusing.replay, refusing.limits), (LostStore::Refuse, LostStore::Refuse));
    assert_eq!(uses("limits.replicas = 3").replicas, 3);
    workspace.assert_shared_mistake(
        "redis://127.0.0.1",
        &format!("{KEY}\nreplay.on_failure = \"continue\""),
        "replay.on_failure: found \"continue\", expected \"local\" or \"refuse\"",
    );
    workspace.assert_shared_mistake(
        "redis://127.0.0.1",
        &format!("{KEY}\nlimits = {{ on_failure = \"refuse\", replicas = 2 }}"),
        "limits.replicas: has no effect with on_failure = \"refuse\"",
    );
}
