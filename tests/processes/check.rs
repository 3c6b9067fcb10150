//! `countersign check` for scripts and CI: JSON, exit codes, standard input, no files, colours.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const SOUND: &str = r#"
[upstreams.app]
url = "http://127.0.0.1:3000"
[issuers.corp]
issuer = "https://idp.example.com"
audiences = ["https://api.example.com"]
[[routes]]
path = "/**"
"#;

fn check(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("check").args(arguments).env_clear();
    command
}

/// Checks a text from standard input.
fn check_text(text: &str, arguments: &[&str]) -> Output {
    let mut child = check(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn ended_with(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

#[test]
fn standard_input_is_checked_in_every_format() {
    let yaml = "upstreams: {app: {url: \"http://127.0.0.1:3000\"}}\n\
                issuers: {corp: {issuer: https://idp, audiences: any}}\nroutes: [{path: /**}]\n";
    let json = r#"{"upstreams": {"app": {"url": "http://127.0.0.1:3000"}},
                   "issuers": {"corp": {"issuer": "https://idp", "audiences": "any"}},
                   "routes": [{"path": "/**"}]}"#;
    for (text, arguments) in [
        (SOUND, &[][..]),
        (yaml, &[]),
        (json, &[]),
        (yaml, &["--format", "yaml"]),
        (json, &["--format", "json"]),
    ] {
        let (out, _) = ended_with(&check_text(text, arguments), 0);
        assert!(out.starts_with("standard input is sound"), "{out}");
    }
    let (_, err) = ended_with(&check_text("[log]\nlevle = 1\n", &[]), 2);
    assert!(err.contains("\n  standard input:2:1: log.levle: unknown key"), "{err}");
    let (_, err) = ended_with(&check_text(yaml, &["--format", "toml"]), 2);
    assert!(err.contains("standard input:1:10: is not valid TOML"), "{err}");
}

const LIMITED: &str = r#"
[server]
workers = 2
[server.limits]
memory = "100MiB"
connections = 1024
[cache]
bytes = "8MiB"
"#;

#[test]
fn what_a_configuration_may_take_is_shown_part_by_part() {
    let text = format!("{SOUND}{LIMITED}");
    let (out, _) = ended_with(&check_text(&text, &["--resources", "--memory-limit", "256Mi"]), 0);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[..9],
        [
            "Memory at most:",
            "     24 MiB  the process itself         program, keys, routes",
            "      1 MiB  server.workers             2 × 512KiB: a thread with its buffers",
            "    100 MiB  server.limits.memory       requests in flight, and what waits of their bodies",
            "     12 MiB  server.limits.connections  1024 × 12KiB: connections that wait for a request",
            "     18 MiB  cache.bytes                2 × 9MiB: verified and rejected tokens, for each worker",
            "    155 MiB  together",
            "    256 MiB  memory limit (--memory-limit)",
            "",
        ]
    );
    assert_eq!(lines[9], "Workers: 2, each with a core at most");
    assert!(lines[10].starts_with("File descriptors at most: 2"), "{out}");
    assert!(!out.contains("warning"), "{out}");
}

#[test]
fn a_memory_limit_below_what_a_configuration_may_take_is_a_warning() {
    let text = format!("{SOUND}{LIMITED}");
    let (out, _) = ended_with(&check_text(&text, &["--resources", "--memory-limit", "128Mi"]), 0);
    let warning =
        "\nwarning: server.limits: the process may take 155 MiB, and the limit is 128 MiB: ";
    assert!(out.contains(warning), "{out}");
    let arguments = ["--json", "--resources", "--memory-limit", "128Mi"];
    let (out, _) = ended_with(&check_text(&text, &arguments), 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    let resources = &report["resources"];
    assert_eq!(resources["memory_limit_bytes"], 128 * 1024 * 1024);
    assert_eq!(resources["memory_bytes"], 155 * 1024 * 1024);
    assert_eq!(resources["memory"][3]["setting"], "server.limits.connections");
    assert_eq!(resources["warnings"].as_array().unwrap().len(), 1, "{resources}");

    let (_, err) = ended_with(&check_text(&text, &["--resources", "--memory-limit", "lots"]), 2);
    assert!(err.contains("expected a size such as 256Mi"), "{err}");
    let (_, err) = ended_with(&check_text(&text, &["--memory-limit", "1Gi"]), 2);
    assert!(err.contains("--resources"), "{err}");
}

#[test]
fn json_has_the_verdict_and_the_place_of_every_mistake() {
    let wrong = SOUND.replace("[[routes]]", "[server]\nworkers = \"four\"\n[[routes]]");
    let (out, err) = ended_with(&check_text(&wrong, &["--json"]), 2);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["verdict"], "mistakes");
    assert_eq!(
        report["mistakes"],
        serde_json::json!([{
            "key": "server.workers",
            "source": "standard input",
            "line": 8,
            "column": 1,
            "message": "found \"four\", expected a whole number from 0 to 1024",
            "found": "\"four\"",
            "expected": "a whole number from 0 to 1024",
            "other": null,
        }])
    );
    assert!(err.contains("standard input:8:1: server.workers"), "{err}");

    let warned = format!("{SOUND}\n[admin]\nlisten = \"0.0.0.0:9901\"\n");
    let (out, _) = ended_with(&check_text(&warned, &["--json"]), 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["verdict"], "sound");
    assert!(report["warnings"][0].as_str().unwrap().starts_with("admin.listen: "), "{report}");
    let summary = &report["summary"];
    assert_eq!(summary["listeners"][1]["address"], "0.0.0.0:9901");
    assert_eq!(summary["issuers"][0]["issuer"], "https://idp.example.com");
    assert_eq!(summary["upstreams"][0]["addresses"], "http://127.0.0.1:3000");
    assert_eq!(summary["routes"][0]["access"], "token of corp");
}

#[test]
fn quiet_prints_mistakes_only() {
    let (out, err) = ended_with(&check_text(SOUND, &["--quiet"]), 0);
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
    let (out, err) = ended_with(&check_text("[sever]", &["-q"]), 2);
    assert_eq!(out, "");
    assert!(err.contains("standard input:1:1: sever: unknown key"), "{err}");
}

/// The text of every configuration that comes with the project.
fn shipped() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join("config")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|it| it == "toml");
    let mut shipped: Vec<_> = files
        .filter(is_toml)
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    let sidecar = root.join("deploy/kubernetes/sidecar.yaml");
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&fs::read_to_string(&sidecar).unwrap()).unwrap();
    let configured = documents.iter().filter_map(|it| it["data"]["countersign.toml"].as_str());
    shipped.extend(configured.map(|text| (sidecar.clone(), text.to_owned())));
    shipped
}

/// Where secrets, certificates and directories are not at hand, as in CI.
#[test]
fn every_shipped_file_passes_without_files() {
    let shipped = shipped();
    assert!(shipped.len() >= 14, "{}", shipped.len());
    for (path, text) in shipped {
        let (out, _) = ended_with(&check_text(&text, &["--no-files"]), 0);
        assert!(out.starts_with("standard input is sound"), "{}: {out}", path.display());
        assert!(out.contains("\nRoutes ("), "{out}");
    }
}

#[test]
fn without_files_what_is_written_is_checked_all_the_same() {
    let text = format!(
        "{SOUND}[server.tls]\ncertificate = \"/nowhere/tls.crt\"\nprivate_key = \"tls.key\"\n\
         [headers.set_headers]\nx-key = \"file:/nowhere/key\"\nx-region = \"${{REGION}}\"\n"
    );
    ended_with(&check_text(&text, &[]), 2);
    let (out, _) = ended_with(&check_text(&text, &["--no-files"]), 0);
    assert!(out.contains("  server  0.0.0.0:8080    TLS\n"), "{out}");
    let (_, err) = ended_with(&check_text(&format!("{text}[log]\nx = 1\n"), &["--no-files"]), 2);
    assert_eq!(err.lines().count(), 2, "{err}");

    let included = format!("include = [\"${{CONF_DIR}}/*.toml\"]\n{SOUND}");
    ended_with(&check_text(&included, &["--no-files"]), 0);

    // A value that can't be a placeholder: nothing is known to be wrong, and nothing can be shown.
    let unknown = SOUND.replace("http://127.0.0.1:3000", "${APP_URL}");
    let (out, _) = ended_with(&check_text(&unknown, &["--no-files"]), 0);
    assert!(out.contains("without them there is no summary"), "{out}");
    let (out, _) = ended_with(&check_text(&unknown, &["--no-files", "--json"]), 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["verdict"], "unchecked");
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let colours = |variables: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        fs::write(&file, SOUND).unwrap();
        let variables = variables.iter().copied();
        let output = check(&[]).arg(&file).envs(variables).output().unwrap();
        let (out, _) = ended_with(&output, 0);
        out.contains("\u{1b}[1;32mis sound\u{1b}[0m")
    };
    assert!(!colours(&[]));
    assert!(!colours(&[("TERM", "xterm-256color")]));
    assert!(colours(&[("CLICOLOR_FORCE", "1")]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colours(&[("TERM", "dumb")]));
}

#[test]
fn arguments_that_contradict_each_other_are_usage_errors() {
    for arguments in [
        &["--json", "--all", "-"][..],
        &["--no-files", "--online", "-"],
        &["--format", "yaml", "file.toml"],
        &["--config", "a.toml", "b.toml"],
    ] {
        let output = check(arguments).stdin(Stdio::null()).output().unwrap();
        ended_with(&output, 2);
    }
}

/// A file and its mistakes as an editor follows them.
#[test]
fn o2_no_form_of_the_report_shows_what_a_file_or_variable_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    fs::write(folder.path().join("key"), "hunter2-in-a-file\n").unwrap();
    let text = format!(
        "{SOUND}[headers.set_headers]\nx-key = \"file:key\"\nx-other = \"Bearer ${{TOKEN}}\"\n"
    );
    fs::write(&file, text).unwrap();
    for arguments in [&[][..], &["--all"], &["--json"], &["--quiet"]] {
        let mut command = check(arguments);
        let output = command.arg(&file).env("TOKEN", "hunter2-in-a-variable").output().unwrap();
        let (out, err) = ended_with(&output, 0);
        assert!(!out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
        if arguments == ["--all"] {
            let key = folder.path().join("key");
            let shown = format!("x-key = \"file:{}\"  # {}:10", key.display(), file.display());
            assert!(out.contains(&shown), "{out}");
            let shown = format!("x-other = \"Bearer ${{TOKEN}}\"  # {}:11", file.display());
            assert!(out.contains(&shown), "{out}");
        }
    }
}

#[test]
fn x12_what_a_variable_holds_never_becomes_a_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    fs::write(&file, format!("{SOUND}[denials]\nrealm = \"${{REALM}}\"\n")).unwrap();
    let route = "x\"\n[[routes]]\npath = \"/admin/**\"\naccess = \"public\"\n#";
    let output = check(&[]).arg(&file).env("REALM", route).output().unwrap();
    let (out, err) = ended_with(&output, 2);
    assert!(err.contains("denials.realm: found \"${REALM}\", expected"), "{err}");
    assert!(!out.contains("/admin"), "{out}");
    for literal in ["${HOME}", "file:/etc/passwd", "{access='public'}"] {
        let output = check(&["--json"]).arg(&file).env("REALM", literal).output().unwrap();
        let (out, _) = ended_with(&output, 0);
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["files"], serde_json::json!([file]), "{literal}");
        assert_eq!(report["summary"]["routes"].as_array().unwrap().len(), 1, "{literal}");
    }
}

#[test]
fn x13_included_files_are_refused_if_others_can_write_them_or_contradict_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let main = write("countersign.toml", &format!("include = [\"team.toml\"]\n{SOUND}"));
    let team = write("team.toml", "[[routes]]\npath = \"/team/**\"\naccess = \"public\"\n");
    let (out, _) = ended_with(&check(&[]).arg(&main).output().unwrap(), 0);
    assert!(out.contains("  /team/**  public "), "{out}");

    fs::set_permissions(&team, fs::Permissions::from_mode(0o646)).unwrap();
    let (_, err) = ended_with(&check(&[]).arg(&main).output().unwrap(), 2);
    assert!(err.contains("team.toml can be written by every user (mode 646)"), "{err}");

    fs::set_permissions(&team, fs::Permissions::from_mode(0o644)).unwrap();
    write("team.toml", "[issuers.corp]\naudiences = \"any\"\n");
    let (_, err) = ended_with(&check(&[]).arg(&main).output().unwrap(), 2);
    let first = format!("{}:2:1: issuers.corp.audiences: is set in two files", team.display());
    let second = format!("(issuers.corp.audiences: {}:7:1)", main.display());
    assert!(err.contains(&first) && err.contains(&second), "{err}");
}
