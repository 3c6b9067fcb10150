//! The same tree from every format, with the place of every value.

use super::*;
use crate::config::{key_path, node::Value, origin::ReadContext};

fn parse(format: Format, text: &str) -> Result<Node, FormatError> {
    let source = OriginSource::named("file".to_owned(), &Arc::new(ReadContext::default()));
    format.parse(text, &source)
}

fn place(tree: &Node, key: &str) -> String {
    let node = key_path::find(tree, key).unwrap_or_else(|| panic!("no {key}"));
    node.origin().unwrap().place.unwrap().to_string()
}

fn assert_places(tree: &Node, expected: &[(&str, &str)]) {
    for (key, at) in expected {
        assert_eq!(place(tree, key), *at, "{key}");
    }
}

const TOML: &str = r#"# A comment.
title = "ä"
[server]
  listen = "127.0.0.1:1"
limits.connections = 5
[server.tls]
alpn = [
  "h2",
  "http/1.1",
]
[[routes]]
path = "/**"
"x y" = { a = 1, b = 2 }

[[routes]]
path = "/b"
"#;

#[test]
fn toml_has_the_place_of_every_key_and_element() {
    let tree = parse(Format::Toml, TOML).unwrap();
    assert_places(
        &tree,
        &[
            ("title", "2:1"),
            ("server", "3:1"),
            ("server.listen", "4:3"),
            ("server.limits", "5:1"),
            ("server.limits.connections", "5:8"),
            ("server.tls", "6:1"),
            ("server.tls.alpn", "7:1"),
            ("server.tls.alpn[1]", "9:3"),
            ("routes", "11:1"),
            ("routes[0]", "11:1"),
            ("routes[0].\"x y\".b", "13:18"),
            ("routes[1].path", "16:1"),
        ],
    );
}

const YAML: &str = r#"# A comment.
title: "ä"
server:
  listen: 127.0.0.1:1
  limits: {connections: 5, ratio: 1.5}
  empty:
routes:
  - path: /**
    methods:
      - GET
      - POST
  - path: "/b"
"#;

#[test]
fn yaml_has_the_place_of_every_key_and_element() {
    let tree = parse(Format::Yaml, YAML).unwrap();
    assert_places(
        &tree,
        &[
            ("title", "2:1"),
            ("server", "3:1"),
            ("server.listen", "4:3"),
            ("server.limits.connections", "5:12"),
            ("routes", "7:1"),
            ("routes[0]", "8:5"),
            ("routes[0].methods[1]", "11:9"),
            ("routes[1].path", "12:5"),
        ],
    );
    let value = |key: &str| &key_path::find(&tree, key).unwrap().value;
    assert!(matches!(value("server.limits.connections"), Value::Integer(5)));
    assert!(matches!(value("server.limits.ratio"), Value::Float(1.5)));
    assert!(matches!(value("server.empty"), Value::Null));
}

const JSON: &str = r#"{
  "title": "\u00e4", "server": {
    "listen": "127.0.0.1:1", "on": true, "off": false, "none": null,
    "n": -5, "f": 1.5e0
  },
  "routes": [ {"path": "/**"},
              {"path": "/b", "x y": 1} ]
}"#;

#[test]
fn json_has_the_place_of_every_member_and_element() {
    let tree = parse(Format::Json, JSON).unwrap();
    assert_places(
        &tree,
        &[
            ("title", "2:3"),
            ("server", "2:22"),
            ("server.listen", "3:5"),
            ("routes", "6:3"),
            ("routes[1]", "7:15"),
            ("routes[1].\"x y\"", "7:30"),
        ],
    );
    let value = |key: &str| &key_path::find(&tree, key).unwrap().value;
    assert!(matches!(value("title"), Value::Text(text) if text == "ä"));
    assert!(matches!(value("server.on"), Value::Bool(true)));
    assert!(matches!(value("server.off"), Value::Bool(false)));
    assert!(matches!(value("server.none"), Value::Null));
    assert!(matches!(value("server.n"), Value::Integer(-5)));
    assert!(matches!(value("server.f"), Value::Float(1.5)));
}

#[test]
fn what_can_not_be_parsed_says_where() {
    for (format, text, place) in [
        (Format::Toml, "a = 1\nb = ", "2:5"),
        (Format::Toml, "a = 1\nb = [1, 2026-01-01]", "2:9"),
        (Format::Yaml, "a: 1\nb: [", "2:4"),
        (Format::Yaml, "a: 1\na: 2", "2:1"),
        (Format::Json, "{\"a\": 1,\n \"b\": }", "2:7"),
        (Format::Json, "{\"a\": 1,\n \"a\": 2}", "2:2"),
        (Format::Json, "[]", "1:1"),
    ] {
        let error = parse(format, text).unwrap_err();
        assert_eq!(error.place.map(|place| place.to_string()).as_deref(), Some(place), "{text}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    assert!(parse(Format::Json, &deep).unwrap_err().message.contains("nested too deeply"));
}

#[test]
fn a_text_without_a_name_says_its_format_by_its_content() {
    let source = OriginSource::named("file".to_owned(), &Arc::new(ReadContext::default()));
    for (text, format) in [
        (TOML, Format::Toml),
        (YAML, Format::Yaml),
        (JSON, Format::Json),
        ("", Format::Toml),
        ("[broken", Format::Toml),
    ] {
        assert_eq!(Format::of_content(text, &source), format, "{text}");
    }
}
