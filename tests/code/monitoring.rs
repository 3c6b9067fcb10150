//! What is in `deploy/prometheus` and `deploy/grafana` names what this version of the program has:
//! metrics, labels, bounds of buckets and reasons. Each alert has both of its tests and a section
//! of the runbook. Whether the expressions are right is promtool's to say, and that they have
//! data, `deploy/tests/seeing`.

mod expression;
mod families;

use std::{collections::BTreeSet, fs, path::Path};

use countersign::reason::{Class, Reason};
use expression::{Expression, Selector};
use families::Families;
use regex_lite::Regex;
use serde_json::Value;

/// As `docs/runbook.md` begins the section of an alert.
const HEADING: &str = "### ";
/// What the alerts and the dashboard take for "no verdict".
const UNDECIDED: &str = ".*_unavailable|.*_full|memory_exhausted";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The rules of all groups of a file.
fn rules(name: &str) -> Vec<Value> {
    let file = yaml(name);
    let groups = file["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn alerts() -> Vec<Value> {
    rules("deploy/prometheus/alerts.yaml")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn names() -> Vec<String> {
    alerts().iter().map(|alert| text(&alert["alert"]).to_owned()).collect()
}

/// Every test of `deploy/prometheus/tests`.
fn rule_tests() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/tests");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let files = files.map(|file| yaml(&format!("deploy/prometheus/tests/{}", file.display())));
    files.flat_map(|file| file["tests"].as_array().unwrap().clone()).collect()
}

/// The value of each member of that name, at any depth.
fn members<'v>(value: &'v Value, name: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Array(elements) => {
            for element in elements {
                members(element, name, found);
            }
        }
        Value::Object(object) => {
            found.extend(object.get(name));
            for member in object.values() {
                members(member, name, found);
            }
        }
        _ => (),
    }
}

/// Every expression of the rules and of the dashboard, with where it is.
fn expressions() -> Vec<(String, Expression)> {
    let recorded = rules("deploy/prometheus/rules.yaml");
    let of_rules = alerts().into_iter().chain(recorded).map(|rule| {
        let name = if rule["alert"].is_null() { &rule["record"] } else { &rule["alert"] };
        (text(name).to_owned(), Expression::parse(text(&rule["expr"])))
    });
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/countersign.json")).unwrap();
    let mut queries = Vec::new();
    members(&dashboard, "expr", &mut queries);
    assert!(queries.len() > 30, "only {} queries are found", queries.len());
    let of_panels =
        queries.into_iter().map(|query| (text(query).to_owned(), Expression::parse(text(query))));
    of_rules.chain(of_panels).collect()
}

#[test]
fn every_metric_label_and_bound_that_rules_and_dashboard_name_exists() {
    let mut families = Families::of_the_program();
    for rule in rules("deploy/prometheus/rules.yaml") {
        families.add_recorded(text(&rule["record"]), &["job"]);
    }
    for (place, expression) in expressions() {
        assert!(!expression.selectors.is_empty(), "{place}: no metric is found");
        let mut labels = BTreeSet::new();
        for Selector { name, matchers } in &expression.selectors {
            let family = families.find(name).unwrap_or_else(|| panic!("{place}: no {name}"));
            for (label, value) in matchers {
                assert!(family.has_label(label), "{place}: {name} has no label {label}");
                assert!(family.has_bound(label, value), "{place}: {name} has no bound {value}");
            }
            labels.extend(family.labels());
        }
        for label in &expression.grouping {
            assert!(labels.contains(label.as_str()), "{place}: nothing has a label {label}");
        }
    }
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to_fire() {
    let tests = rule_tests();
    let mut checks = Vec::new();
    for test in &tests {
        members(test, "alert_rule_test", &mut checks);
    }
    let checks: Vec<_> = checks.into_iter().filter_map(Value::as_array).flatten().collect();
    for name in names() {
        let of_alert = checks.iter().filter(|check| check["alertname"] == *name);
        let expected: Vec<_> = of_alert.map(|it| it["exp_alerts"].as_array().unwrap()).collect();
        assert!(expected.iter().any(|alerts| alerts.is_empty()), "{name}: always fires");
        assert!(expected.iter().any(|alerts| !alerts.is_empty()), "{name}: never fires");
    }
    let known: BTreeSet<_> = names().into_iter().collect();
    for check in checks {
        // promtool is content with an alert that does not exist and does not fire.
        assert!(known.contains(text(&check["alertname"])), "{check}");
    }
}

#[test]
fn every_alert_has_a_severity_and_its_section_in_the_runbook() {
    let runbook = read("docs/runbook.md");
    let (_, by_alert) = runbook.split_once("\n## By alert\n").unwrap();
    let by_alert = by_alert.split("\n## ").next().unwrap();
    let sections: Vec<_> =
        by_alert.lines().filter_map(|line| line.strip_prefix(HEADING)).map(str::to_owned).collect();
    assert_eq!(sections, names(), "the sections are in the order of the alerts");
    for alert in alerts() {
        let (name, annotations) = (text(&alert["alert"]), &alert["annotations"]);
        assert!(["critical", "warning"].contains(&text(&alert["labels"]["severity"])), "{name}");
        let url = format!("docs/runbook.md#{}", name.to_lowercase());
        assert_eq!(text(&annotations["runbook_url"]), url);
        assert!(!text(&annotations["summary"]).is_empty(), "{name}");
        assert!(!text(&annotations["description"]).is_empty(), "{name}");
    }
}

/// Else a new reason of this class would not count against the budget.
#[test]
fn no_verdict_is_what_the_program_cannot_decide() {
    let pattern = Regex::new(&format!("^(?:{UNDECIDED})$")).unwrap();
    for reason in Reason::ALL {
        let is_undecided = reason.class() == Class::CannotDecide;
        assert_eq!(pattern.is_match(reason.code()), is_undecided, "{}", reason.code());
    }
    let selectors = expressions().into_iter().flat_map(|(_, expression)| expression.selectors);
    let of_denials = selectors.filter(|selector| selector.name == "countersign_denials_total");
    let matched = of_denials.flat_map(|selector| selector.matchers);
    let undecided = matched.filter(|(label, value)| label == "reason" && value.contains('|'));
    let patterns: BTreeSet<_> = undecided.map(|(_, value)| value).collect();
    assert_eq!(patterns, BTreeSet::from([UNDECIDED.to_owned()]));
}
