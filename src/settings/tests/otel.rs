//! `[otel]`, and what the environment fills in.

use super::{MINIMAL, Workspace, mistakes_with, settings};
use crate::{
    otel::settings::{OtelSettings, OtlpProtocol},
    settings::Sources,
};

fn in_environment(section: &str, pairs: &[(&str, &str)]) -> Result<Option<OtelSettings>, String> {
    let workspace = Workspace::new();
    let file = workspace.write("countersign.toml", format!("{MINIMAL}\n{section}"));
    let mut sources = Sources { file: Some(file.into()), ..Sources::default() };
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    sources.environment = pairs.collect();
    let loaded = crate::settings::load(&sources).map_err(|errors| errors.to_string());
    loaded.map(|settings| settings.otel)
}

#[test]
fn nothing_is_exported_unless_it_is_configured_whatever_the_environment_says() {
    assert!(settings(MINIMAL).otel.is_none());
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    assert_eq!(in_environment("", &[endpoint]), Ok(None));
    let otel = settings(&format!("{MINIMAL}\n[otel]")).otel.unwrap();
    assert_eq!(otel.endpoint, "http://127.0.0.1:4318");
    let grpc = settings(&format!("{MINIMAL}\n[otel]\nprotocol = \"grpc\"")).otel.unwrap();
    assert_eq!(grpc.endpoint, "http://127.0.0.1:4317");
}

#[test]
fn the_environment_fills_what_is_left_out() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "77"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=b%2Cc"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ];
    let otel = in_environment("[otel]", &variables).unwrap().unwrap();
    assert_eq!((otel.protocol, otel.sample, otel.parent_based), (OtlpProtocol::Grpc, 0.25, true));
    assert_eq!((otel.timeout.as_millis(), otel.queue, &*otel.service_name), (2500, 77, "a"));
    assert_eq!(otel.resource.into_iter().collect::<Vec<_>>(), [("team".into(), "b,c".into())]);
    let written = in_environment("[otel]\nsample = 0.5\nservice_name = \"x\"", &variables);
    let written = written.unwrap().unwrap();
    assert_eq!((written.sample, &*written.service_name), (0.5, "x"));
    for (sampler, sample, parent_based) in [
        ("always_on", 1.0, false),
        ("always_off", 0.0, false),
        ("parentbased_always_on", 1.0, true),
    ] {
        let otel = in_environment("[otel]", &[("OTEL_TRACES_SAMPLER", sampler)]).unwrap().unwrap();
        assert_eq!((otel.sample, otel.parent_based), (sample, parent_based), "{sampler}");
    }
    let mistake =
        in_environment("[otel]", &[("OTEL_TRACES_SAMPLER", "jaeger_remote")]).unwrap_err();
    let expected = "environment variable OTEL_TRACES_SAMPLER: otel.sample: found \"jaeger_remote\", \
                    expected a number from 0 to 1, such as 0.5";
    assert!(mistake.contains(expected), "{mistake}");
}

#[test]
fn every_mistake_is_named() {
    let url = "expected the URL of an OTLP receiver without query, such as \
               \"http://127.0.0.1:4318\"";
    for (lines, expected) in [
        ("endpoint = \"collector:4318\"", format!("endpoint: found \"collector:4318\", {url}")),
        ("endpoint = \"http://c/?a=b\"", format!("endpoint: found \"http://c/?a=b\", {url}")),
        (
            "endpoint = \"http://me:pw@c/\"",
            "endpoint: the URL holds a user name or password; expected one without, and \
             headers_file"
                .to_owned(),
        ),
        (
            "protocol = \"http/json\"",
            "protocol: found \"http/json\", expected \"http/protobuf\" or \"grpc\"".to_owned(),
        ),
        (
            "sample = 1.5",
            "sample: found 1.5, expected a number from 0 to 1, such as 0.5".to_owned(),
        ),
        ("queue = 0", "queue: found 0, expected a whole number from 1 to 65536".to_owned()),
        (
            "metrics_interval = \"10s\"",
            "metrics_interval: has no effect without metrics = true".to_owned(),
        ),
    ] {
        let mistakes = mistakes_with(&format!("[otel]\n{lines}"));
        assert_eq!(mistakes, [format!("countersign.toml: otel.{expected}")]);
    }
}

#[test]
fn o12_headers_are_not_sent_where_they_can_be_read_on_the_way() {
    let workspace = Workspace::new();
    workspace.write("headers", "authorization: Bearer s3cret");
    let file = workspace.path().join("headers");
    let with = |endpoint: &str| {
        workspace.mistakes(&format!(
            "{MINIMAL}\n[otel]\nendpoint = \"{endpoint}\"\nheaders_file = {file:?}"
        ))
    };
    assert_eq!(with("https://collector:4318"), [""; 0]);
    assert_eq!(with("http://127.0.0.1:4318"), [""; 0]);
    let mistakes = with("http://collector:4318");
    assert!(mistakes[0].contains("otel.headers_file: is sent over plain http"), "{mistakes:?}");
    workspace.write("headers", "Bearer s3cret");
    let mistakes = with("https://collector:4318");
    assert!(mistakes[0].contains("no header") && !mistakes[0].contains("s3cret"), "{mistakes:?}");
}
