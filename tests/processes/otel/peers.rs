//! nginx and Envoy in front, with a `traceparent` of their own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{Receiver, Scene, TRUSTING};
use crate::support::{
    client::{Client, Request},
    foreign::ForeignServer,
    optional, wait_until,
};

/// nginx makes a trace of each request, in the words of its own configuration.
fn nginx(folder: &Path, listen: &str, proxy: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n\
         http {{\n access_log off;\n client_body_temp_path {folder}/body;\n\
         proxy_temp_path {folder}/proxy;\n fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\n scgi_temp_path {folder}/scgi;\n\
         map $request_id $span_id {{ \"~^.{{16}}(?<tail>.{{16}})$\" $tail; }}\n\
         server {{ listen {listen};\n\
         location = /ready {{ return 200; }}\n\
         location / {{ proxy_pass http://{proxy};\n\
         add_header nginx-trace $request_id;\n\
         proxy_set_header traceparent \"00-$request_id-$span_id-01\"; }} }} }}\n"
    )
}

#[test]
fn the_spans_behind_nginx_belong_to_the_trace_that_it_begins() {
    if let Err(error) = Command::new("nginx").arg("-v").stderr(Stdio::null()).status() {
        optional::skip("nginx", &error.to_string());
        return;
    }
    let Some(mut receiver) = Receiver::start() else { return };
    let section = receiver.section("http/protobuf", "sample = 0.0");
    let scene = Scene::start(&format!("{TRUSTING}{section}"));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = ForeignServer::start(Path::new("nginx"), &log, "/ready", |command, [at]| {
        let file = folder.path().join("nginx.conf");
        let proxy = scene.process.address().to_string();
        fs::write(&file, nginx(folder.path(), &at.to_string(), &proxy)).unwrap();
        command.arg("-p").arg(folder.path()).arg("-c").arg(file);
    });
    let server: ForeignServer<1> = server.unwrap();
    let mut client = Client::connect(server.addresses[0], &Arc::default());
    let answer = client.exchange(&Request::get("/public/a"));
    assert_eq!(answer.status, 200);
    let trace = answer.field("nginx-trace").unwrap().to_owned();
    let spans = receiver.spans_of(answer.head.request_id.0.as_deref().unwrap());
    assert_eq!(spans.own["trace"], *trace);
    assert_eq!(spans.own["parent"], trace[16..]);
    let received = scene.upstream.requests().pop().unwrap();
    let [attempt] = spans.attempts()[..] else { panic!("{:?}", spans.children) };
    let passed_on = format!("00-{trace}-{}-01", attempt["id"].as_str().unwrap());
    assert_eq!(received.head.field("traceparent"), Some(&*passed_on));
}

/// Envoy begins traces itself, and exports its spans over gRPC to the same receiver.
fn envoy(listen: SocketAddr, proxy: SocketAddr, receiver: &Value) -> Value {
    let address = |address: &str, port: u64| json!({ "socket_address": { "address": address, "port_value": port } });
    let cluster = |name: &str, port: u64, options: Value| {
        let endpoint = json!({ "endpoint": { "address": address("127.0.0.1", port) } });
        json!({
            "name": name, "type": "STATIC", "typed_extension_protocol_options": options,
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] },
        })
    };
    let typed = |kind: &str, mut value: Value| {
        value["@type"] = json!(format!("type.googleapis.com/{kind}"));
        value
    };
    let http2 = json!({ "explicit_http_config": { "http2_protocol_options": {} } });
    let http2 = typed("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", http2);
    let route = |prefix: &str, action: Value| {
        let mut route = json!({ "match": { "prefix": prefix } });
        let (name, action) = action.as_object().unwrap().iter().next().unwrap();
        route[name] = action.clone();
        route
    };
    let manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "in",
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": typed("envoy.extensions.filters.http.router.v3.Router", json!({})),
            }],
            "tracing": { "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": typed("envoy.config.trace.v3.OpenTelemetryConfig", json!({
                    "grpc_service": { "envoy_grpc": { "cluster_name": "receiver" }, "timeout": "1s" },
                    "service_name": "envoy",
                })),
            } },
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
                route("/ready", json!({ "direct_response": { "status": 200 } })),
                route("/", json!({ "route": { "cluster": "countersign" } })),
            ] }] },
        }),
    );
    let filter = json!({ "name": "http", "typed_config": manager });
    json!({ "static_resources": {
        "listeners": [{
            "address": address("127.0.0.1", listen.port().into()),
            "filter_chains": [{ "filters": [filter] }],
        }],
        "clusters": [
            cluster("countersign", proxy.port().into(), json!({})),
            cluster("receiver", receiver.as_u64().unwrap(), json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2,
            })),
        ],
    } })
}

/// Where `.ci/run` puts it, or in the path; `None`, with a notice, where it is missing.
fn envoy_program() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/migrating/venv/bin/envoy");
    let program = if installed.exists() { installed } else { PathBuf::from("envoy") };
    match Command::new(&program).arg("--version").stdout(Stdio::null()).status() {
        Ok(_) => Some(program),
        Err(error) => {
            optional::skip("Envoy", &error.to_string());
            None
        }
    }
}

#[test]
fn the_spans_behind_envoy_are_children_of_the_one_that_it_exports() {
    let Some(program) = envoy_program() else { return };
    let Some(mut receiver) = Receiver::start() else { return };
    let section = receiver.section("grpc", "sample = 0.0");
    let scene = Scene::start(&format!("{TRUSTING}{section}"));
    let folder = tempfile::tempdir().unwrap();
    let (log, file) = (folder.path().join("log"), folder.path().join("envoy.json"));
    let server = ForeignServer::start(&program, &log, "/ready", |command, [at]| {
        let config = envoy(*at, scene.process.address(), &receiver.ports["grpc"]);
        fs::write(&file, config.to_string()).unwrap();
        command.arg("-c").arg(&file).args(["--concurrency", "1", "--disable-hot-restart"]);
    });
    let server: ForeignServer<1> =
        server.unwrap_or_else(|error| panic!("{error}: {}", fs::read_to_string(&log).unwrap()));
    let mut client = Client::connect(server.addresses[0], &Arc::default());
    let answer = client.exchange(&Request::get("/public/a"));
    assert_eq!(answer.status, 200);
    let spans = receiver.spans_of(answer.head.request_id.0.as_deref().unwrap());
    let is_parent = |span: &Value| span["id"] == spans.own["parent"];
    wait_until("Envoy's own span", || {
        receiver.take();
        receiver.spans.iter().any(is_parent)
    });
    let parent = receiver.spans.iter().find(|span| is_parent(span)).unwrap();
    assert_eq!(parent["resource"]["service.name"], "envoy");
    assert_eq!(parent["trace"], spans.own["trace"]);
}
