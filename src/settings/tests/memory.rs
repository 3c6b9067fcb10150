//! D-12: what the settings allow the process to take, and what its container has.

use super::*;

const MIB: u64 = 1024 * 1024;

fn warning_within(mib: u64, limits: &str) -> Option<String> {
    let text = format!(
        "{MINIMAL}\n[server]\nworkers = 2\n[server.limits]\n{limits}\n[cache]\nbytes = \"10MiB\"\n"
    );
    settings(&text).memory_warning_within(mib * MIB)
}

#[test]
fn d12_settings_that_can_exceed_the_container_are_a_warning() {
    let limits = "memory = \"100MiB\"\nconnections = 1024";
    assert_eq!(warning_within(150, limits), None);
    assert_eq!(
        warning_within(140, limits).unwrap(),
        "server.limits: the process may take 148 MiB and the container has 140: 16 MiB for the \
         process itself, 100 MiB for memory, 12 MiB for connections that wait, 20 MiB for \
         cache.bytes of all workers"
    );
}

#[test]
fn d12_bodies_that_wait_for_their_signature_count_where_one_is_asked_for() {
    let limits = "memory = \"1MiB\"\nconnections = 1024\nbuffer_bytes = \"50MiB\"";
    assert_eq!(warning_within(50, limits), None);
}
