//! `[evidence]`, written back.

use toml::Value;

use crate::{config::writer::Writer, evidence::settings::EvidenceSettings, identity::ClaimPath};

pub(crate) fn evidence_table(evidence: &EvidenceSettings) -> Value {
    let writer = Writer::default()
        .path("folder", &evidence.folder)
        .text("record", evidence.record_word())
        .list("claims", evidence.claims.iter().map(ClaimPath::as_str))
        .text("on_failure", evidence.on_failure_word());
    let writer = match &evidence.key {
        Some(key) => writer
            .path("key_file", &key.file)
            .duration("checkpoint_every", evidence.checkpoint_every),
        None => writer,
    };
    writer
        .size("rotate_bytes", usize::try_from(evidence.rotate_bytes).unwrap_or(usize::MAX))
        .count("queue", evidence.queue)
        .duration("gather", evidence.gather)
        .duration("timeout", evidence.timeout)
        .optional_path("bodies", evidence.bodies.as_deref())
        .table()
}
