//! What waits to be written, sent or looked at.

use super::{super::whole::key, MemoryPart, Settings};
use crate::{
    admin::control::settings::{DENIAL_BYTES, key as of_control},
    evidence::settings::{LINE_BYTES, key as of_evidence},
    otel::settings::{SPAN_BYTES, key as of_otel},
};

impl Settings {
    pub(super) fn queue_memory(&self) -> Vec<MemoryPart> {
        let lines = self.evidence.as_ref().map(|evidence| {
            let setting = [key::EVIDENCE, of_evidence::QUEUE];
            let basis = "lines of the journal that wait for the disk";
            MemoryPart::each(&setting, (evidence.queue, LINE_BYTES), basis)
        });
        let spans = self.otel.as_ref().map(|otel| {
            let setting = [key::OTEL, of_otel::QUEUE];
            MemoryPart::each(&setting, (otel.queue, SPAN_BYTES), "spans that wait to be sent")
        });
        let denials = self.control.as_ref().map(|control| {
            let setting = [key::CONTROL, of_control::DENIALS];
            MemoryPart::each(&setting, (control.denials, DENIAL_BYTES), "the last denials")
        });
        [lines, spans, denials].into_iter().flatten().collect()
    }
}
