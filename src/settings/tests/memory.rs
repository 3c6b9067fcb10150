//! D-12: what the settings allow the process to take, and what its container has.

use super::*;

const MIB: u64 = 1024 * 1024;

/// What is always there, with one worker, as small as it can be.
const SMALL: &str = "[server]\nworkers = 1\n[server.limits]\nmemory = \"1MiB\"\nconnections = 1024\n\
                     [cache]\nentries = 0\nrejected_entries = 0\n";

fn warning_within(mib: u64, limits: &str) -> Option<String> {
    let text = format!(
        "{MINIMAL}\n[server]\nworkers = 2\n[server.limits]\n{limits}\n[cache]\nbytes = \"8MiB\"\n"
    );
    settings(&text).footprint().shortage(mib * MIB)
}

/// What a section adds to [`SMALL`], by setting.
fn added_by(section: &str) -> Vec<(String, u64)> {
    let parts = |text: &str| {
        let parts = settings(&format!("{MINIMAL}\n{text}")).footprint().memory;
        parts.into_iter().map(|part| (part.setting, part.bytes))
    };
    let always: Vec<_> = parts(SMALL).collect();
    parts(&format!("{SMALL}\n{section}")).filter(|part| !always.contains(part)).collect()
}

#[test]
fn d12_settings_that_can_exceed_the_container_are_a_warning() {
    let limits = "memory = \"100MiB\"\nconnections = 1024";
    assert_eq!(warning_within(155, limits), None);
    assert_eq!(
        warning_within(154, limits).unwrap(),
        "server.limits: the process may take 155 MiB, and the limit is 154 MiB: 24 MiB for the \
         process itself, 1 MiB for server.workers, 100 MiB for server.limits.memory, 12 MiB for \
         server.limits.connections, 18 MiB for cache.bytes"
    );
}

#[test]
fn d12_bodies_that_wait_for_their_signature_count_where_one_is_asked_for() {
    let limits = "memory = \"1MiB\"\nconnections = 1024\nbuffer_bytes = \"50MiB\"";
    assert_eq!(warning_within(60, limits), None);
}

#[test]
fn d12_what_is_configured_counts_with_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = format!("[evidence]\nfolder = {:?}\nqueue = 2048", folder.path());
    for (section, setting, bytes) in [
        (&*evidence, "evidence.queue", 8 * MIB),
        ("[control]\nlisten = \"127.0.0.1:9902\"\ndenials = 512", "control.denials", 3 * MIB),
        (
            "[limits.caller]\nkey = \"address\"\nrate = \"10/s\"\nmax_keys = 8192",
            "limits.caller.max_keys",
            MIB,
        ),
    ] {
        assert_eq!(added_by(section), [(setting.to_owned(), bytes)], "{section}");
    }
}

#[test]
fn d12_an_upstream_over_http2_counts_for_each_worker() {
    let text = MINIMAL.replace("http://127.0.0.1", "h2c://127.0.0.1");
    let parts = settings(&format!("{text}\n[server]\nworkers = 3")).footprint().memory;
    let part = parts.iter().find(|part| part.setting == "upstreams.app").unwrap();
    assert_eq!(part.bytes, 24 * MIB);
}

#[test]
fn d12_connections_over_tls_count_more() {
    let of_connections = |settings: Settings| {
        let mut parts = settings.footprint().memory.into_iter();
        parts.find(|part| part.setting == "server.limits.connections").unwrap().bytes
    };
    let plain = settings(&format!("{MINIMAL}\n{SMALL}"));
    assert_eq!(of_connections(plain), 1024 * 12 * 1024);
    let workspace = tls::workspace();
    let tls = workspace.load(&workspace.tls_text("tls.crt", "tls.key", SMALL)).unwrap();
    assert_eq!(of_connections(tls), 1024 * 32 * 1024);
}
