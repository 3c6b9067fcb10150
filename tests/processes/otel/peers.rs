//! nginx in front, with a `traceparent` of its own.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use super::{Receiver, Scene, TRUSTING};
use crate::support::{
    client::{Client, Request},
    foreign::ForeignServer,
    optional,
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
