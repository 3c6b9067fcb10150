//! `[issuers.NAME.readiness]`, `[signatures.NAME.readiness]` and `[upstreams.NAME.readiness]`:
//! whether the proxy is ready without it.

use crate::config::{reader::Section, values::switch, writer::Writer};

pub(crate) mod key {
    pub(crate) const READINESS: &str = "readiness";
    pub(crate) const REQUIRED: &str = "required";
}

/// Reads `required` of a section's own `readiness`; `None`: it is not written.
pub(crate) fn read(section: &mut Section<'_>) -> Option<bool> {
    section.section(key::READINESS, |readiness| readiness.optional(key::REQUIRED, switch))
}

/// Writes it where it was written.
pub(crate) fn write(writer: Writer, required: Option<bool>) -> Writer {
    let table = required.map(|required| Writer::default().switch(key::REQUIRED, required).table());
    writer.optional_value(key::READINESS, table)
}
