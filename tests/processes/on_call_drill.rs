//! An on-call drill: twenty incidents, each with the real program. For each there is one log line,
//! one metric and, where something is missing, one note on `/readyz` that name the cause, whom or
//! what it is about, and what to do. What names one incident matches the output of no other.

mod expected;
mod incidents;
mod machine;
mod providers;
mod services;
mod stage;
mod tokens;

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use expected::{Figure, Output, Series};
use incidents::{INCIDENTS, Incident};

/// How long an incident may take until it shows. A refresh and a look at readiness are a second.
const PATIENCE: Duration = Duration::from_secs(15);

/// Produces an incident and collects what a person sees of it. `None`: a program is missing.
fn collect(incident: &Incident) -> Option<Output> {
    let scene = incident.produce.scene()?;
    let until = Instant::now() + PATIENCE;
    loop {
        let output = Output::of(&scene.process);
        if incident.missing_in(&output).is_empty() || Instant::now() > until {
            return Some(output);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// All at the same time: most of them wait for something.
fn collect_all() -> Vec<(&'static Incident, Output)> {
    thread::scope(|scope| {
        let collected: Vec<_> = INCIDENTS
            .iter()
            .map(|incident| (incident, scope.spawn(|| collect(incident))))
            .collect();
        let outputs = collected.into_iter().map(|(it, output)| (it, output.join().unwrap()));
        outputs.filter_map(|(incident, output)| Some((incident, output?))).collect()
    })
}

#[test]
fn each_of_twenty_incidents_is_named_by_its_line_metric_and_note_and_by_no_other() {
    assert_eq!(INCIDENTS.len(), 20);
    let outputs = collect_all();
    // What is too general is found elsewhere.
    let denials =
        Series { family: "countersign_denials_total", labels: &[], value: Figure::AboveZero };
    assert!(outputs.iter().filter(|(_, output)| output.shows(&denials)).count() > 1);
    let mut faults = Vec::new();
    for (incident, own) in &outputs {
        let missing = incident.missing_in(own);
        if !missing.is_empty() {
            faults.push(format!("{}: missing {missing:#?} in\n{own}", incident.name));
        }
        for (other, output) in outputs.iter().filter(|(other, _)| other.name != incident.name) {
            for found in incident.found_in(output) {
                faults.push(format!("{found} of {:?} is found in {:?}", incident.name, other.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn incidents_have_names_of_their_own() {
    let names: BTreeSet<_> = INCIDENTS.iter().map(|incident| incident.name).collect();
    assert_eq!(names.len(), INCIDENTS.len());
}

/// ```sh
/// UPDATE_DOCS=1 cargo test --test processes on_call_drill::operations
/// ```
#[test]
fn operations_md_has_the_same_incidents() {
    const TITLE: &str = "\n## Twenty incidents\n";
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, section) = text.split_once(TITLE).unwrap();
    let (section, after) = section.split_once("\n## ").unwrap();
    let (introduction, _) = section.split_once("\n|").unwrap();
    let rows: String = INCIDENTS.iter().map(Incident::row).collect();
    let table = format!("{}{rows}", Incident::HEAD);
    let generated = format!("{before}{TITLE}{introduction}\n{table}\n## {after}");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(page, generated).unwrap();
        return;
    }
    assert_eq!(text, generated, "UPDATE_DOCS=1 writes the table");
}
