//! `check --json`: the same for programs.

use std::io::Write;

use serde_json::{Value, json};

use super::{CheckArgs, CommandError, resources, routes, summary, warnings};
use crate::{
    config::{ConfigError, OtherPlace, TextPlace},
    settings::{ConfigReading, Settings},
};

/// Writes one object. Its members are stable: others may join them.
///
/// # Errors
/// The mistakes, which are in the object as well.
pub(super) fn report(
    reading: ConfigReading,
    args: &CheckArgs,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let no_files = args.no_files;
    let (verdict, mistakes, warnings, summary) = match &reading.settings {
        Ok(Some(settings)) => {
            ("sound", Vec::new(), warnings(settings, no_files), summary_of(settings))
        }
        Ok(None) => ("unchecked", Vec::new(), Vec::new(), Value::Null),
        Err(errors) => {
            ("mistakes", errors.0.iter().map(mistake).collect(), Vec::new(), Value::Null)
        }
    };
    let resources = match &reading.settings {
        Ok(Some(settings)) if args.resources => resources::object(settings, args),
        _ => Value::Null,
    };
    let report = json!({
        "verdict": verdict,
        "files": reading.files.files,
        "mistakes": mistakes,
        "warnings": warnings,
        "summary": summary,
        "resources": resources,
    });
    let written = writeln!(out, "{report:#}");
    // The verdict first: a closed output must not hide it.
    reading.settings?;
    Ok(written?)
}

fn mistake(error: &ConfigError) -> Value {
    let found_and_expected = error.found_and_expected();
    json!({
        "key": error.key,
        "source": error.origin,
        "line": error.place.map(|place| place.line),
        "column": error.place.map(|place| place.column),
        "message": error.message,
        "found": found_and_expected.map(|(found, _)| found),
        "expected": found_and_expected.map(|(_, expected)| expected),
        "other": error.other.as_ref().map(other),
    })
}

fn other(other: &OtherPlace) -> Value {
    let place = |of: fn(&TextPlace) -> usize| other.place.as_ref().map(of);
    json!({
        "key": other.key,
        "source": other.origin,
        "line": place(|place| place.line),
        "column": place(|place| place.column),
    })
}

fn summary_of(settings: &Settings) -> Value {
    let named = |names: [&'static str; 3]| {
        move |row: [String; 3]| {
            let [first, second, third] = row;
            json!({ names[0]: first, names[1]: second, names[2]: third })
        }
    };
    let listeners = summary::listeners(settings).map(named(["name", "address", "note"]));
    let issuers = settings.issuers.iter().map(summary::issuer);
    let issuers = issuers.map(named(["name", "issuer", "note"]));
    let upstreams = summary::upstreams(settings).map(named(["name", "addresses", "note"]));
    let routes = routes::rows(settings).map(|[methods, path, access, destination]| {
        json!({ "methods": methods, "path": path, "access": access, "destination": destination })
    });
    json!({
        "listeners": listeners.collect::<Vec<_>>(),
        "issuers": issuers.collect::<Vec<_>>(),
        "upstreams": upstreams.collect::<Vec<_>>(),
        "routes": routes.collect::<Vec<_>>(),
    })
}
