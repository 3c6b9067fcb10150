//! The Helm chart and the kustomizations are of this version of the program: they name its image, and
//! the schema of the chart's values has the schema of the configuration, so that a misspelt setting
//! fails the install. After a change of that schema:
//!
//! ```sh
//! UPDATE_DOCS=1 cargo test --test code helm_chart
//! ```
//!
//! What the chart renders is checked by `deploy/tests/kubernetes/run`.

use std::{env, fs, path::PathBuf};

use serde_json::Value;

const CONFIG_SCHEMA: &str = "config/countersign.schema.json";
const VALUES_SCHEMA: &str = "deploy/helm/countersign/values.schema.json";
const UPDATE: &str = "run `UPDATE_DOCS=1 cargo test --test code helm_chart`";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap()
}

/// With a name of its own, so that the references within it still lead to its definitions.
fn embedded_schema() -> Value {
    let mut schema = json(CONFIG_SCHEMA);
    schema["$id"] = json(VALUES_SCHEMA)["properties"]["config"]["$ref"].clone();
    schema
}

#[test]
fn the_values_have_the_schema_of_the_configuration() {
    let mut values = json(VALUES_SCHEMA);
    values["definitions"]["config"] = embedded_schema();
    let expected = serde_json::to_string_pretty(&values).unwrap() + "\n";
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(VALUES_SCHEMA), &expected).unwrap();
    }
    assert!(read(VALUES_SCHEMA) == expected, "{VALUES_SCHEMA} is out of date: {UPDATE}");
}

#[test]
fn chart_and_component_name_the_image_of_this_version() {
    let chart = yaml("deploy/helm/countersign/Chart.yaml");
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));

    let component = yaml("deploy/kustomize/components/sidecar/kustomization.yaml");
    assert_eq!(component["images"][0]["newTag"], env!("CARGO_PKG_VERSION"));
}
