//! What is in `deploy/` starts with this version of the program: its configuration loads, its
//! command lines parse, and what the documents say in two places agrees.

use std::{fs, path::Path};

use bytesize::ByteSize;
use clap::Parser;
use countersign::{
    cli::{Cli, Command},
    listener::settings::ListenAddress,
    settings::{self, Flags, Settings, Sources},
    upstream::settings::UpstreamAddress,
};
use serde_json::{Value, json};

/// Where the image and the unit look for it.
const CONFIG_FILE: &str = "/etc/countersign/countersign.toml";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifests() -> Vec<Value> {
    serde_saphyr::from_multiple(&read("kubernetes/sidecar.yaml")).unwrap()
}

fn manifest(kind: &str) -> Value {
    let mut found = manifests().into_iter().filter(|document| document["kind"] == kind);
    match (found.next(), found.next()) {
        (Some(only), None) => only,
        _ => panic!("not exactly one {kind}"),
    }
}

fn pod() -> Value {
    manifest("Deployment")["spec"]["template"]["spec"].clone()
}

fn sidecar() -> Value {
    pod()["initContainers"][0].clone()
}

/// The variables of the sidecar.
fn pod_environment() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let variables = sidecar()["env"].as_array().unwrap().clone();
    variables.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

/// The pod's configuration, with a directory of the test's own for what is a volume there.
fn pod_settings() -> Settings {
    pod_settings_with(pod_environment())
}

fn pod_settings_with(environment: Vec<(String, String)>) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    let toml = manifest("ConfigMap")["data"]["countersign.toml"].clone();
    let snapshots = folder.path().display().to_string();
    let toml = toml.as_str().unwrap().replace("/var/lib/countersign", &snapshots);
    fs::write(&file, toml).unwrap();
    let sources = Sources { file: Some(file), environment, ..Sources::default() };
    settings::load(&sources).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What comes after the program's name on a command line has to be taken by it.
fn assert_runs_with_the_file<'a>(arguments: impl IntoIterator<Item = &'a str>) {
    let line = ["countersign"].into_iter().chain(arguments);
    match Cli::try_parse_from(line).unwrap().command {
        Command::Run(run) => assert_eq!(run.config.config.as_deref(), Some(Path::new(CONFIG_FILE))),
        other => panic!("{other:?}"),
    }
}

/// The value behind the first line that begins like that.
fn setting<'t>(text: &'t str, beginning: &str) -> &'t str {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(beginning));
    value.unwrap_or_else(|| panic!("no {beginning}"))
}

/// The least that has to be configured, and these flags.
fn default_settings(flags: Flags) -> Settings {
    let flags = Flags {
        upstream: Some("http://127.0.0.1:3000".to_owned()),
        issuer: Some("https://idp.example.com".to_owned()),
        audiences: vec!["https://api.example.com".to_owned()],
        ..flags
    };
    settings::load(&Sources { flags, ..Sources::default() }).unwrap()
}

fn size(text: &str) -> u64 {
    let size: ByteSize = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    size.as_u64()
}

fn seconds_to_stop(settings: &Settings) -> u64 {
    (settings.server.shutdown_grace + settings.server.drain_timeout).as_secs()
}

fn port(listen: &ListenAddress) -> u16 {
    match listen {
        ListenAddress::Tcp(address) => address.port(),
        other => panic!("{other}"),
    }
}

#[test]
fn the_pods_configuration_loads_and_warns_of_its_admin_listener_only() {
    let settings = pod_settings();
    let warnings = settings.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("admin.listen: 0.0.0.0:9901"), "{warnings:?}");
    let snapshot = settings.issuers.iter().next().unwrap().keys.as_ref().unwrap().snapshot.as_ref();
    assert!(snapshot.is_some(), "the volume for snapshots is used");
}

#[test]
fn the_service_can_be_reached_through_the_sidecar_only() {
    let settings = pod_settings();
    let app = &pod()["containers"][0];
    let upstream = settings.upstreams.iter().next().unwrap().address.clone();
    assert_eq!(upstream, UpstreamAddress::Http("127.0.0.1:3000".to_owned()));
    assert_eq!(app["env"][0]["value"], "127.0.0.1:3000");
    assert_eq!(app["ports"], Value::Null, "it has no port of its own");

    let listen = json!(port(settings.server.listen.as_ref().unwrap()));
    let service = &manifest("Service")["spec"]["ports"];
    assert_eq!(service.as_array().unwrap().len(), 1, "the admin port is not published");
    assert_eq!(service[0]["targetPort"], listen);
    assert_eq!(app["readinessProbe"]["httpGet"]["port"], listen);
}

/// What `countersign.dev/upstream-port` sets.
#[test]
fn the_variable_of_the_injection_policy_names_the_upstream_of_the_pods_configuration() {
    const VARIABLE: &str = "COUNTERSIGN_UPSTREAMS__APP__URL";
    assert!(read("kubernetes/injection-policy.yaml").contains(VARIABLE));
    let variable = (VARIABLE.to_owned(), "http://127.0.0.1:3001".to_owned());
    let settings = pod_settings_with(vec![variable]);
    let upstream = settings.upstreams.iter().next().unwrap().address.clone();
    assert_eq!(upstream, UpstreamAddress::Http("127.0.0.1:3001".to_owned()));
}

#[test]
fn the_probes_ask_what_the_admin_listener_answers() {
    let settings = pod_settings();
    let sidecar = sidecar();
    assert_eq!(sidecar["restartPolicy"], "Always", "an init container that stays");
    assert!(!settings.admin.listen.is_local(), "the kubelet is outside of the pod");
    assert_eq!(
        sidecar["ports"][0]["containerPort"],
        port(settings.server.listen.as_ref().unwrap())
    );
    assert_eq!(sidecar["ports"][1]["containerPort"], port(&settings.admin.listen));
    assert_eq!(sidecar["ports"][1]["name"], "admin");
    let probes =
        [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")];
    for (probe, path) in probes {
        assert_eq!(sidecar[probe]["httpGet"], json!({ "path": path, "port": "admin" }), "{probe}");
    }
}

#[test]
fn the_memory_limit_has_room_for_all_that_the_pods_configuration_allows() {
    let limits = sidecar()["resources"]["limits"].clone();
    let limit = size(limits["memory"].as_str().unwrap());
    assert_eq!(pod_settings().footprint().shortage(limit), None);
}

/// With as many workers as large machines have cores.
#[test]
fn the_units_memory_limit_has_room_for_what_it_allows_by_default() {
    let unit = read("systemd/countersign.service");
    let limit = size(setting(&unit, "MemoryMax="));
    let settings = default_settings(Flags { workers: Some(16), ..Flags::default() });
    assert_eq!(settings.footprint().shortage(limit), None);
}

#[test]
fn no_container_of_the_pod_has_any_privilege() {
    let pod = pod();
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    for container in [&pod["initContainers"][0], &pod["containers"][0]] {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
        assert!(context["runAsUser"].as_u64().unwrap() > 0);
    }
}

#[test]
fn every_command_line_is_one_of_this_version() {
    let sidecar = sidecar();
    let arguments = sidecar["args"].as_array().unwrap().iter();
    assert_runs_with_the_file(arguments.map(|argument| argument.as_str().unwrap()));

    let dockerfile = read("Dockerfile");
    let command: Vec<String> = serde_json::from_str(setting(&dockerfile, "CMD ")).unwrap();
    assert_runs_with_the_file(command.iter().map(String::as_str));

    let probe = dockerfile.split_once("HEALTHCHECK ").unwrap().1;
    let probe: Vec<String> = serde_json::from_str(setting(probe, "    CMD ")).unwrap();
    assert_eq!(probe[0], "/usr/bin/countersign");
    match Cli::try_parse_from(probe).unwrap().command {
        Command::Healthcheck(probe) => {
            assert_eq!(probe.config.config.as_deref(), Some(Path::new(CONFIG_FILE)));
        }
        other => panic!("{other:?}"),
    }

    let unit = read("systemd/countersign.service");
    let (program, arguments) = setting(&unit, "ExecStart=").split_once(' ').unwrap();
    assert_eq!(program, "/usr/bin/countersign");
    assert_runs_with_the_file(arguments.split(' '));
}

#[test]
fn a_reload_of_the_unit_reaches_the_listener_that_the_unit_configures() {
    let unit = read("systemd/countersign.service");
    let address = setting(&unit, "Environment=COUNTERSIGN_CONTROL__LISTEN=");
    let (program, arguments) = setting(&unit, "ExecReload=").split_once(' ').unwrap();
    assert_eq!(program, "/usr/bin/countersign");
    match Cli::try_parse_from(["countersign"].into_iter().chain(arguments.split(' '))) {
        Ok(Cli { command: Command::Reload(reload) }) => {
            assert_eq!(reload.control.as_deref(), Some(address));
        }
        other => panic!("{other:?}"),
    }
    let variable = ("COUNTERSIGN_CONTROL__LISTEN".to_owned(), address.to_owned());
    let sources = Sources { environment: vec![variable], ..Sources::default() };
    let configured = settings::control_address(&sources).unwrap().unwrap();
    assert_eq!(configured.to_string(), address);
    let exported = format!("export COUNTERSIGN_CONTROL__LISTEN={address}");
    for page in ["../docs/runbook.md", "../docs/operations.md"] {
        assert!(read(page).contains(&exported), "{page}: for the commands of who is on call");
    }
    assert!(address.starts_with("unix:/run/countersign/"), "its RuntimeDirectory");
    assert_eq!(setting(&unit, "RuntimeDirectory="), "countersign");
    assert_eq!(setting(&unit, "Type="), "notify");
}

/// `kubectl exec` runs a command with the variables and as the user of its container.
#[test]
fn a_command_in_the_sidecar_finds_its_private_listener() {
    let sources = Sources { environment: pod_environment(), ..Sources::default() };
    let Ok(Some(ListenAddress::Unix(socket))) = settings::control_address(&sources) else {
        panic!("no unix socket");
    };
    assert_eq!(pod_settings().control.unwrap().listen, ListenAddress::Unix(socket.clone()));

    let mounts = sidecar()["volumeMounts"].as_array().unwrap().clone();
    let folder = socket.parent().unwrap().to_str().unwrap();
    let mount = mounts.iter().find(|mount| mount["mountPath"] == folder).unwrap();
    assert_ne!(mount["readOnly"], true, "the socket is made there");
    let app = &pod()["containers"][0];
    assert_eq!(app["volumeMounts"], Value::Null, "the app can't reach it");
}

/// A `subPath` is never updated.
#[test]
fn the_pods_configuration_is_watched_where_kubelet_updates_it() {
    assert!(pod_settings().reload.watch);
    let mounts = sidecar()["volumeMounts"].as_array().unwrap().clone();
    let mount = mounts.iter().find(|mount| mount["mountPath"] == "/etc/countersign").unwrap();
    assert_eq!(mount.get("subPath"), None);
}

#[test]
fn versions_and_user_are_those_of_the_project() {
    let dockerfile = read("Dockerfile");
    let base = format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(dockerfile.contains(&base), "{base}");

    let version = concat!("ARG VERSION=", env!("CARGO_PKG_VERSION"), "\n");
    assert!(dockerfile.contains(version), "{version}");

    let image = concat!("countersign:", env!("CARGO_PKG_VERSION"));
    assert_eq!(sidecar()["image"], image);
    for place in ["Dockerfile", "README.md"] {
        assert!(read(place).contains(&format!("-t {image} ")), "{place}: {image}");
    }

    let context = &sidecar()["securityContext"];
    let user = format!("USER {}:{}\n", context["runAsUser"], context["runAsGroup"]);
    assert!(dockerfile.contains(&user), "{user}");
    let named = setting(&read("image/root"), "readonly USER_ID=").to_owned();
    assert_eq!(context["runAsUser"].to_string(), named);
}

#[test]
fn the_pod_is_given_the_time_that_its_sidecar_takes_to_stop() {
    let pod = pod();
    let pause = &pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
    let granted = &pod["terminationGracePeriodSeconds"];
    let needed = pause.as_u64().unwrap() + seconds_to_stop(&pod_settings());
    assert!(granted.as_u64().unwrap() > needed, "{granted} s, {needed} s");
}

#[test]
fn the_unit_is_given_the_time_that_it_takes_to_stop_by_default() {
    let unit = read("systemd/countersign.service");
    let granted: u64 = setting(&unit, "TimeoutStopSec=").parse().unwrap();
    assert!(granted > seconds_to_stop(&default_settings(Flags::default())), "{granted} s");
}
