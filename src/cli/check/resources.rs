//! `check --resources`: what a configuration lets the process take, and whether that is there.

use std::{io::Write, str::FromStr};

use bytesize::ByteSize;
use serde_json::{Value, json};

use super::{CheckArgs, CommandError, paint::Paint};
use crate::{
    lifecycle::{DescriptorLimit, descriptors_needed},
    settings::{Footprint, Settings, container_bytes},
};

const MIB: u64 = 1024 * 1024;

/// A memory limit, as Kubernetes, systemd and this configuration write it: `256Mi`, `256M`,
/// `256MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimit(u64);

impl FromStr for MemoryLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = text.parse::<ByteSize>().map_err(|_| "expected a size such as 256Mi")?;
        Ok(Self(size.as_u64()))
    }
}

/// What there is to compare with, and where that comes from.
struct Available {
    bytes: u64,
    origin: &'static str,
}

impl Available {
    fn of(limit: Option<MemoryLimit>) -> Option<Self> {
        match limit {
            Some(MemoryLimit(bytes)) => Some(Self { bytes, origin: "--memory-limit" }),
            None => container_bytes().map(|bytes| Self { bytes, origin: "control group" }),
        }
    }
}

/// Prints it for a person.
///
/// # Errors
/// The output is closed.
pub(super) fn report(
    settings: &Settings,
    args: &CheckArgs,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let footprint = settings.footprint();
    writeln!(out, "Memory at most:")?;
    memory(&footprint, out)?;
    let available = Available::of(args.memory_limit);
    match &available {
        Some(Available { bytes, origin }) => {
            writeln!(out, "  {:>5} MiB  memory limit ({origin})", bytes / MIB)?;
        }
        None => writeln!(out, "             no memory limit; compare with one: --memory-limit")?,
    }
    writeln!(out, "\nWorkers: {}, each with a core at most", footprint.workers)?;
    let connections = settings.server.limits.connections;
    let descriptors = descriptors_needed(settings);
    writeln!(out, "File descriptors at most: {descriptors}, for {connections} connections")?;
    let paint = Paint::of_stdout();
    for warning in warnings(settings, &footprint, available.as_ref(), args.no_files) {
        writeln!(out, "\n{} {warning}", paint.yellow("warning:"))?;
    }
    Ok(())
}

fn memory(footprint: &Footprint, out: &mut impl Write) -> Result<(), CommandError> {
    let names = footprint.memory.iter().map(|part| part.setting.len());
    let width = names.max().unwrap_or(0);
    for part in &footprint.memory {
        let (mib, setting, basis) = (part.bytes.div_ceil(MIB), &part.setting, &part.basis);
        writeln!(out, "  {mib:>5} MiB  {setting:width$}  {basis}")?;
    }
    writeln!(out, "  {:>5} MiB  together", footprint.memory_bytes().div_ceil(MIB))?;
    Ok(())
}

fn warnings(
    settings: &Settings,
    footprint: &Footprint,
    available: Option<&Available>,
    no_files: bool,
) -> impl Iterator<Item = String> {
    let memory = available.and_then(|available| footprint.shortage(available.bytes));
    // Of this machine, which need not be the one that it is to run on.
    let descriptors = (!no_files).then(|| DescriptorLimit::highest().shortage(settings)).flatten();
    memory.into_iter().chain(descriptors)
}

/// The same for programs.
pub(super) fn object(settings: &Settings, args: &CheckArgs) -> Value {
    let footprint = settings.footprint();
    let available = Available::of(args.memory_limit);
    let warnings: Vec<_> =
        warnings(settings, &footprint, available.as_ref(), args.no_files).collect();
    let parts = footprint
        .memory
        .iter()
        .map(|part| json!({ "setting": part.setting, "bytes": part.bytes, "basis": part.basis }));
    json!({
        "memory_bytes": footprint.memory_bytes(),
        "memory_limit_bytes": available.as_ref().map(|available| available.bytes),
        "memory_limit_origin": available.as_ref().map(|available| available.origin),
        "memory": parts.collect::<Vec<_>>(),
        "workers": footprint.workers,
        "connections": settings.server.limits.connections,
        "file_descriptors": descriptors_needed(settings),
        "warnings": warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_kubernetes_and_systemd_write_them() {
        for (text, bytes) in [
            ("256Mi", 256 * MIB),
            ("256MiB", 256 * MIB),
            ("1Gi", 1024 * MIB),
            ("268435456", 256 * MIB),
        ] {
            assert_eq!(text.parse(), Ok(MemoryLimit(bytes)), "{text}");
        }
        for wrong in ["", "lots", "-1Mi"] {
            assert!(wrong.parse::<MemoryLimit>().is_err(), "{wrong}");
        }
    }
}
