//! Mistaken files with the report that `check` gives of each: `mistakes.txt`.

use std::{fs, path::Path};

use countersign::settings::{self, Sources};

/// What is added to a TOML text, so that it has one mistake only.
const SOUND: &str = r#"
[upstreams.app]
url = "http://127.0.0.1:3000"
[issuers.corp]
issuer = "https://idp.example.com"
audiences = ["https://api.example.com"]
[[routes]]
path = "/**"
"#;

struct Mistaken<'t> {
    /// What it shows, with an extension.
    name: &'t str,
    text: String,
    report: Vec<&'t str>,
}

/// `=== NAME.EXTENSION`, the text, `---`, the report. A name that ends with `alone` has nothing added.
fn cases() -> Vec<Mistaken<'static>> {
    let cases = include_str!("mistakes.txt").split("=== ").skip(1);
    cases
        .map(|case| {
            let (name, rest) = case.split_once('\n').unwrap();
            let (text, report) = rest.split_once("---\n").unwrap();
            // `KIND.toml` is added to a sound configuration; `KIND.toml alone`, and what is not TOML, is
            // all there is.
            let is_whole = Path::new(name).extension().is_none_or(|format| format != "toml");
            let added = if is_whole { "" } else { SOUND };
            Mistaken {
                name: name.trim_end_matches(" alone"),
                text: format!("{text}{added}"),
                report: report.lines().filter(|line| !line.is_empty()).collect(),
            }
        })
        .collect()
}

#[test]
fn x1_every_mistaken_file_is_reported_with_line_key_and_what_is_expected() {
    let cases = cases();
    assert!(cases.len() >= 50, "{}", cases.len());
    for Mistaken { name, text, report } in cases {
        let folder = tempfile::tempdir().unwrap();
        let extension = name.rsplit_once('.').unwrap().1;
        let file = folder.path().join(format!("c.{extension}"));
        fs::write(&file, text).unwrap();
        let sources = Sources { file: Some(file.clone()), ..Sources::default() };
        let found = settings::load(&sources).unwrap_err().to_string();
        let found = found.replace(&file.display().to_string(), "");
        let lines: Vec<&str> = found.lines().skip(1).map(|line| &line[2..]).collect();
        assert_eq!(lines, report, "{name}");
    }
}

#[cfg(not(feature = "otel"))]
#[test]
fn without_open_telemetry_its_section_is_a_mistake_that_says_which_build_has_it() {
    let upstream = crate::support::upstream::Upstream::start();
    let setup = crate::support::setup::Setup::new().with("[otel]\nsample = 1.0");
    let mistakes = setup.load(&upstream).unwrap_err().to_string();
    let expected = "otel: this build has no OpenTelemetry; expected one with the feature \"otel\"";
    assert!(mistakes.contains(expected), "{mistakes}");
    assert!(mistakes.contains("cargo build --features otel"), "{mistakes}");
}
