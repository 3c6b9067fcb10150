//! `${VARIABLE}` and `file:` in values.

use toml::{Table, Value};

use super::{
    round_trip::{all_ways, at, documents},
    *,
};
use crate::{settings::Flags, telemetry::settings::AccessMode};

fn sources(file: String, variables: &[(&str, &str)]) -> Sources {
    let environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { file: Some(file.into()), environment, ..Sources::default() }
}

/// The minimal configuration with an upstream in a variable.
fn with_variable() -> String {
    MINIMAL.replace("http://127.0.0.1:3000", "http://${APP_HOST}:${APP_PORT:-3000}")
}

#[test]
fn variables_stand_for_parts_of_texts_numbers_and_truth_values() {
    let workspace = Workspace::new();
    let text = format!(
        "{}\n[server]\nworkers = \"${{WORKERS}}\"\n[log]\naccess_log = \"${{LOG:-true}}\"\n\
         [denials]\nrealm = \"a$$b\"\n",
        with_variable()
    );
    let file = workspace.write("countersign.toml", text);
    let settings = load(&sources(file, &[("APP_HOST", "127.0.0.9"), ("WORKERS", "3")])).unwrap();
    assert_eq!(first(&settings.upstreams).address.to_string(), "http://127.0.0.9:3000");
    assert_eq!(settings.server.workers.unwrap().get(), 3);
    assert_eq!(settings.log.access.access, AccessMode::All);
    assert_eq!(settings.denials.realm.as_deref(), Some("a$b"));
}

#[test]
fn an_unset_variable_is_named_with_key_and_line() {
    let workspace = Workspace::new();
    let file = workspace.write("countersign.toml", with_variable());
    let errors = load(&sources(file, &[])).unwrap_err();
    assert_eq!(
        workspace.placed_lines(&errors),
        [
            "countersign.toml:3:1: upstreams.app.url: found ${APP_HOST}, and the environment variable \
          APP_HOST is not set; expected it to be set, or a default: ${APP_HOST:-DEFAULT}"
        ]
    );
}

#[test]
fn x12_a_variable_stays_one_text_whatever_it_holds() {
    let workspace = Workspace::new();
    let text = format!("{MINIMAL}\n[denials]\nrealm = \"${{REALM}}\"\n");
    let file = workspace.write("countersign.toml", text);
    let injected = "x\"\n[[routes]]\npath = \"/admin/**\"\naccess = \"public\"\n#";
    let errors = load(&sources(file.clone(), &[("REALM", injected)])).unwrap_err();
    assert!(errors.0[0].to_string().contains("denials.realm: found"), "{errors}");
    for literal in ["${HOME}", "file:/etc/passwd", "true", "[a]", "{a=1}"] {
        let settings = load(&sources(file.clone(), &[("REALM", literal)])).unwrap();
        assert_eq!(settings.denials.realm.as_deref(), Some(literal));
    }
}

/// Takes every number and truth value out of a document, and into the variables that stand for
/// them.
fn into_variables(document: &Table) -> (Table, Vec<(String, String)>) {
    let (mut root, mut variables) = (Value::from(document.clone()), Vec::new());
    for way in all_ways(document) {
        let value = at(&mut root, &way);
        if matches!(value, Value::Integer(_) | Value::Float(_) | Value::Boolean(_)) {
            let name = format!("VALUE_{}", variables.len());
            let written = Value::from(format!("${{{name}}}"));
            variables.push((name, std::mem::replace(value, written).to_string()));
        }
    }
    (root.as_table().unwrap().clone(), variables)
}

#[test]
fn a_variable_may_stand_for_every_number_and_truth_value_of_every_section() {
    let workspace = Workspace::new();
    let mut seen = 0;
    for document in documents(&workspace) {
        let literal = workspace.load(&document.to_string()).unwrap();
        let (text, variables) = into_variables(&document);
        schema::assert_accepts(&text.to_string());
        let file = workspace.write("countersign.toml", text.to_string());
        let environment = variables.clone();
        let loaded = load(&Sources { file: Some(file.into()), environment, ..Sources::default() });
        let settings = loaded.unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(settings.effective(), literal.effective());
        seen += variables.len();
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn a_variable_that_is_no_fraction_or_status_is_a_mistake_with_its_name() {
    let workspace = Workspace::new();
    for (lines, value, expected) in [
        ("[log]\naccess = \"all\"\nsample = \"${VALUE}\"", "1.5", "a number from 0 to 1"),
        ("[otel]\nsample = \"${VALUE}\"", "nan", "a number from 0 to 1"),
        (
            "[denials.profiles.own]\ncredential_missing = { status = \"${VALUE}\" }",
            "200",
            "a status from 400 to 599",
        ),
        (
            "[[routes]]\npath = \"/a\"\nredirect = { to = \"/\", status = \"${VALUE}\" }",
            "300",
            "301, ",
        ),
    ] {
        let file = workspace.write("countersign.toml", format!("{MINIMAL}\n{lines}"));
        let found = load(&sources(file, &[("VALUE", value)])).unwrap_err().to_string();
        let message = format!("found \"${{VALUE}}\", expected {expected}");
        assert!(found.contains(&message), "{found}");
    }
}

#[test]
fn a_text_number_is_no_number_unless_a_variable_stands_for_it() {
    assert_mistake(
        "[server]\nworkers = \"3\"",
        "countersign.toml: server.workers: found \"3\", expected a whole number from 0 to 1024",
    );
}

const HEADER: &str = "[headers]\nset_headers = { x-api-key = \"file:secrets/key\" }";

#[test]
fn o2_a_value_from_a_file_is_used_and_never_shown() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path().join("secrets")).unwrap();
    workspace.write("secrets/key", "hunter2hunter2\n");
    let settings = workspace.load(&format!("{MINIMAL}\n{HEADER}")).unwrap();
    assert!(settings.effective().contains("hunter2hunter2"));
    let written = format!("file:{}/secrets/key", workspace.path().display());
    for shown in [settings.to_toml(), settings.to_annotated_toml()] {
        assert!(shown.contains(&written), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(!format!("{settings:?}").contains("ConfigProvenance { contents"));
    let again = workspace.load(&settings.to_toml()).unwrap();
    assert_eq!(again.effective(), settings.effective());
    assert!(settings.warnings().iter().all(|warning| !warning.contains("x-api-key")));
    assert!(settings.files().files.contains(&workspace.path().join("secrets/key")));
}

#[test]
fn o2_no_mistake_shows_what_a_variable_or_a_file_holds() {
    let workspace = Workspace::new();
    workspace.write("value", "hunter2 hunter2 hünter2");
    let settings = [
        "[upstreams.b]\nurl = VALUE",
        "[upstreams.b]\nurl = \"http://127.0.0.1:1\"\nconnect_timeout = VALUE",
        "[issuers.b]\nissuer = \"https://b\"\naudiences = \"any\"\nalgorithms = [VALUE]",
        "[server.limits]\nconnections = VALUE",
        "[log]\nlevel = VALUE\nformat = VALUE",
        "[headers]\nset_headers = { x-a = VALUE }",
        "[[routes]]\npath = \"/b\"\nissuers = [VALUE]\nupstream = VALUE\nmethods = [VALUE]",
        "[[routes]]\npath = VALUE",
        "[forwarding]\ntrusted_proxies = [VALUE]\nkeep = [VALUE]",
        "[claims]\nx-a = { claim = \"a\", encoding = VALUE }",
        "[revocation]\nurl = VALUE",
    ];
    for value in ["\"file:value\"", "\"${SECRET}\"", "\"a${SECRET}b\""] {
        for addition in settings {
            let text = format!("{MINIMAL}\n{}", addition.replace("VALUE", value));
            let file = workspace.write("countersign.toml", text);
            let loaded = load(&sources(file, &[("SECRET", "hunter2 hunter2 hünter2")]));
            let errors = loaded.unwrap_err().to_string();
            assert!(!errors.contains("hunter2"), "{addition}: {errors}");
        }
    }
}

#[test]
fn a_file_of_a_value_has_to_be_there_and_small() {
    let workspace = Workspace::new();
    let text = format!("{MINIMAL}\n{HEADER}");
    let found = workspace.mistakes(&text);
    assert_eq!(
        found,
        ["countersign.toml: headers.set_headers.x-api-key: the file secrets/key cannot be read: \
          No such file or directory (os error 2)"]
    );
    fs::create_dir_all(workspace.path().join("secrets/key")).unwrap();
    assert!(workspace.mistakes(&text)[0].ends_with("secrets/key cannot be read: is not a file"));
    fs::remove_dir(workspace.path().join("secrets/key")).unwrap();
    workspace.write("secrets/key", "x".repeat(64 * 1024 + 1));
    let found = workspace.mistakes(&text);
    assert!(found[0].contains("secrets/key cannot be read: more than"), "{found:?}");
}

#[test]
fn what_is_shown_says_where_each_value_comes_from() {
    let workspace = Workspace::new();
    let file = workspace.write("countersign.toml", with_variable());
    let mut sources =
        sources(file, &[("APP_HOST", "127.0.0.9"), ("COUNTERSIGN_LOG__LEVEL", "warn")]);
    sources.flags.workers = Some(2);
    let settings = load(&sources).unwrap();
    let shown = settings.to_annotated_toml();
    let file = workspace.path().join("countersign.toml");
    for expected in [
        format!("url = \"http://${{APP_HOST}}:${{APP_PORT:-3000}}\"  # {}:3", file.display()),
        "level = \"warn\"  # environment variable COUNTERSIGN_LOG__LEVEL".to_owned(),
        "workers = 2  # flag --workers".to_owned(),
    ] {
        assert!(shown.contains(&expected), "{expected}\n{shown}");
    }
    // Comments change nothing.
    let file = workspace.write("again.toml", shown);
    let again = load(&Sources { file: Some(file.into()), flags: Flags::default(), ..sources });
    assert_eq!(again.unwrap().to_toml(), settings.to_toml());
}

#[test]
fn dollars_that_are_no_references_survive_a_round_trip() {
    let workspace = Workspace::new();
    for realm in ["$$", "$${A}", "$5", "${:-file:}/x"] {
        let settings = workspace.load(&format!("{MINIMAL}\n[denials]\nrealm = \"{realm}\""));
        let settings = settings.unwrap();
        let again = workspace.load(&settings.to_toml()).unwrap();
        assert_eq!(again.denials.realm, settings.denials.realm, "{realm}");
    }
}
