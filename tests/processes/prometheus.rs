//! What others read of `/metrics`: Prometheus itself, its linter, and the parser of its client
//! library for Python.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    independent_signers::library::Library,
    support::{
        client::{Client, Request},
        foreign::ForeignServer,
        issuer::Issuer,
        key_server::{KeyServer, Page},
        optional,
        process::Process,
        setup::Setup,
        upstream::Upstream,
        wait_until,
        world::JWKS,
    },
};

/// Every family, as the unit test of `src/lifecycle/metrics.rs` compares it.
const EVERY_FAMILY: &str = include_str!("../../src/lifecycle/metrics/every_family.prom");

/// The proxy as a process, with some requests behind it.
struct Scene {
    process: Process,
    _others: (Upstream, KeyServer),
}

impl Scene {
    fn start() -> Self {
        let (issuer, upstream, key_server) =
            (Issuer::usual(), Upstream::start(), KeyServer::start());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "");
        let process = Process::start(&setup, &upstream);
        let scene = Self { process, _others: (upstream, key_server) };
        for _ in 0..REQUESTS {
            assert_eq!(scene.get("/public/a"), 200);
        }
        assert_eq!(scene.get("/a"), 401);
        scene
    }

    fn get(&self, target: &str) -> u16 {
        self.process.client().exchange(&Request::get(target)).status
    }

    fn metrics(&self, accept: &str) -> Vec<u8> {
        let request = Request::get("/metrics").field("accept", accept);
        let mut client = Client::connect(self.process.admin_address(), &Arc::default());
        client.exchange(&request.field("connection", "close")).body.bytes
    }
}

const REQUESTS: u32 = 5;

/// Whether the program is there. If not, says so, see [`optional::skip`].
fn has(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    version.map_err(|error| optional::skip(program, &error.to_string())).is_ok()
}

fn promtool(arguments: &[&str], input: &Path) -> (bool, String) {
    let output = Command::new("promtool")
        .args(arguments)
        .stdin(fs::File::open(input).unwrap())
        .output()
        .unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// A file of `deploy/prometheus`.
fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus").join(name)
}

#[test]
fn promtool_has_nothing_to_say_about_any_family() {
    if !has("promtool") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics.prom");
    fs::write(&file, EVERY_FAMILY).unwrap();
    assert_eq!(promtool(&["check", "metrics"], &file), (true, String::new()));
    fs::write(&file, Scene::start().metrics("text/plain")).unwrap();
    assert_eq!(promtool(&["check", "metrics"], &file), (true, String::new()));
    // It does say something where there is something to say.
    fs::write(&file, "# TYPE a_millis counter\na_millis 1\n").unwrap();
    assert!(!promtool(&["check", "metrics"], &file).0);
}

/// For each alert, series with which it fires and series with which it does not.
#[test]
fn promtool_finds_every_rule_right_and_every_test_of_them_passed() {
    if !has("promtool") {
        return;
    }
    let check = |arguments: &[&str], files: Vec<PathBuf>| {
        let files = files.iter().map(|file| file.to_str().unwrap());
        let arguments: Vec<_> = arguments.iter().copied().chain(files).collect();
        let (is_right, said) = promtool(&arguments, Path::new("/dev/null"));
        assert!(is_right && said.contains("SUCCESS"), "{said}");
    };
    check(&["check", "rules"], ["alerts.yaml", "rules.yaml"].map(deployed).into());
    let tests = fs::read_dir(deployed("tests")).unwrap().map(|file| file.unwrap().path());
    check(&["test", "rules"], tests.collect());
}

#[test]
fn prometheus_s_own_parser_for_python_reads_open_metrics() {
    let Some(mut parser) = Library::python("open_metrics.py", "") else { return };
    let scene = Scene::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics.txt");
    let mut read = || {
        fs::write(&file, scene.metrics("application/openmetrics-text")).unwrap();
        parser.ask(&json!(file))
    };
    let first = read();
    assert_eq!(first["refused"], Value::Null);
    let families = &first["families"];
    let of = |name: &str| families[name].clone();
    assert_eq!(of("countersign_requests"), json!({ "type": "counter", "unit": "" }));
    assert_eq!(
        of("countersign_request_seconds"),
        json!({ "type": "histogram", "unit": "seconds" })
    );
    assert_eq!(of("countersign_build"), json!({ "type": "info", "unit": "" }));
    assert_eq!(of("process_cpu_seconds"), json!({ "type": "counter", "unit": "seconds" }));
    assert_eq!(first["exemplars"], json!([]), "there was no scrape before");
    assert_eq!(scene.get("/public/a"), 200);
    wait_until("an exemplar", || read()["exemplars"].as_array().is_some_and(|it| !it.is_empty()));
    let exemplar = read()["exemplars"][0].clone();
    assert_eq!(exemplar[0], "countersign_request_seconds_bucket");
    let id = exemplar[1]["request_id"].as_str().unwrap();
    assert!(scene.process.log().contains(id), "no line has the id {id}");
}

/// Prometheus, which scrapes the process many times a second, with the rules of `deploy`.
struct Prometheus {
    server: ForeignServer<1>,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(scene: &Scene) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, log) = (folder.path().join("prometheus.yml"), folder.path().join("log"));
        let (target, rules) = (scene.process.admin_address(), deployed("*.yaml"));
        let rules = rules.display();
        let text = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 1s }}\n\
             rule_files: ['{rules}']\n\
             scrape_configs:\n- job_name: proxy\n  static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        fs::write(&config, text).unwrap();
        let data = folder.path().join("data");
        let program = Path::new("prometheus");
        let server = ForeignServer::start(program, &log, "/-/ready", |command, [address]| {
            command
                .arg(format!("--web.listen-address={address}"))
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", data.display()))
                .arg("--enable-feature=exemplar-storage");
        });
        Self { server: server.unwrap(), _folder: folder }
    }

    fn ask(&self, path: &str) -> Value {
        let mut client = Client::connect(self.server.addresses[0], &Arc::default());
        let answer = client.exchange(&Request::get(path).field("connection", "close"));
        let answer: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].clone()
    }

    /// The values of all series of the expression.
    fn query(&self, expression: &str) -> Vec<f64> {
        let encoded: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let found = self.ask(&format!("/api/v1/query?query={encoded}"));
        let values = found["result"].as_array().unwrap().iter();
        values.map(|series| series["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }
}

#[test]
fn prometheus_scrapes_series_and_exemplars_and_evaluates_every_rule() {
    if !has("promtool") || !has("prometheus") {
        return;
    }
    let scene = Scene::start();
    let prometheus = Prometheus::start(&scene);
    let ok = "countersign_responses_total{class=\"2xx\",route=\"/public/**\"}";
    wait_until("the first scrape", || prometheus.query(ok) == [f64::from(REQUESTS)]);
    assert_eq!(prometheus.query("up"), [1.0]);
    assert_eq!(prometheus.query("count(process_cpu_seconds_total)"), [1.0]);
    let refused = "countersign_denials_total{reason=\"credential_missing\"}";
    assert_eq!(prometheus.query(refused), [1.0]);
    // A bound of the buckets is exact, and the text of it is canonical.
    let within = "countersign_request_seconds_bucket{le=\"1.0\",route=\"/public/**\"}";
    assert_eq!(prometheus.query(within), [f64::from(REQUESTS)]);

    assert_eq!(scene.get("/public/a"), 200);
    let mut exemplars = Value::Null;
    wait_until("an exemplar", || {
        let query = "query=countersign_request_seconds_bucket&start=0&end=99999999999";
        exemplars = prometheus.ask(&format!("/api/v1/query_exemplars?{query}"));
        !exemplars.as_array().unwrap().is_empty()
    });
    let id = exemplars[0]["exemplars"][0]["labels"]["request_id"].as_str().unwrap();
    assert!(scene.process.log().contains(id), "no line has the id {id}");

    let health = || -> Vec<_> {
        let groups = prometheus.ask("/api/v1/rules")["groups"].clone();
        let groups = groups.as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap().clone());
        rules.map(|rule| rule["health"].as_str().unwrap().to_owned()).collect()
    };
    wait_until("the rules", || {
        let health = health();
        health.len() > 50 && health.iter().all(|health| health == "ok")
    });
}
