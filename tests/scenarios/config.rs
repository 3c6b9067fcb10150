//! The example configurations that come with the project.

use std::{
    fs,
    path::{Path, PathBuf},
};

use countersign::settings::{self, Settings, Sources};

mod mistakes;

use crate::support::shipped::Shipped;

fn load(path: PathBuf) -> Settings {
    let name = path.display().to_string();
    let sources = Sources { file: Some(path), ..Sources::default() };
    settings::load(&sources).unwrap_or_else(|errors| panic!("{name}: {errors}"))
}

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

#[test]
fn every_example_loads_as_soon_as_its_secrets_are_there() {
    let directory = fs::read_dir(example("")).unwrap();
    let names = directory.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> =
        names.filter(|name| Path::new(name).extension().is_some_and(|it| it == "toml")).collect();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        Shipped::load(&name).settings().unwrap_or_else(|mistakes| panic!("{name}: {mistakes}"));
    }
}

/// What the complete example says about defaults is true: without it, the same comes out.
#[test]
fn the_complete_example_shows_the_defaults() {
    let complete = load(example("countersign.toml")).to_toml();
    let directory = tempfile::tempdir().unwrap();
    let minimal = directory.path().join("minimal.toml");
    fs::write(
        &minimal,
        r#"
        [upstreams.app]
        url = "http://127.0.0.1:3000"
        [issuers.corp]
        issuer = "https://idp.example.com"
        audiences = ["https://api.example.com"]
        [[routes]]
        path = "/**"
        "#,
    )
    .unwrap();
    let minimal = load(minimal).to_toml();
    let before_routes = |text: &str| text.split("[[routes]]").next().unwrap().to_owned();
    let roles = "x-auth-roles = \"/realm_access/roles\"\n";
    let without_roles = complete.replace(roles, "");
    assert_ne!(complete, without_roles);
    assert_eq!(before_routes(&without_roles), before_routes(&minimal));
}

/// Every setting there is appears in the complete example, at least in a comment.
#[test]
fn the_complete_example_names_every_setting() {
    let text = fs::read_to_string(example("countersign.toml")).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='))
        .map(|(name, _)| name.trim().trim_matches('"'))
        .collect::<Vec<_>>();
    let effective = load(example("countersign.toml")).to_toml();
    for line in effective.lines() {
        if let Some((name, _)) = line.split_once(" = ") {
            let own = ["header", "scheme", "role", "groups"];
            assert!(names.contains(&name) || own.contains(&name), "{name} is missing");
        }
    }
}

/// The names that documents, examples and tests of the project share.
#[test]
fn the_contract_of_names_loads() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sketch.toml");
    let snapshot = directory.path().display();
    let text = format!(
        r#"
        [server]
        listen  = "0.0.0.0:8080"
        workers = 0
        [server.limits]
        connections    = 10000
        header_bytes   = "64KiB"
        header_timeout = "10s"
        idle_timeout   = "2m"
        [admin]
        listen = "127.0.0.1:9901"
        [upstreams.app]
        url = "http://127.0.0.1:3000"
        connect_timeout  = "1s"
        response_timeout = "30s"
        [issuers.corp]
        issuer     = "https://idp.example.com"
        audiences  = ["https://api.example.com"]
        algorithms = ["RS256", "ES256", "EdDSA"]
        clock_skew = "60s"
        token_types = ["at+jwt"]
        require = ["exp", "iss", "aud"]
        max_lifetime = "24h"
        [issuers.corp.keys]
        jwks_url  = "https://idp.example.com/jwks"
        refresh   = "10m"
        cooldown  = "30s"
        max_stale = "24h"
        snapshot  = "{snapshot}"
        [claims]
        "x-auth-subject" = "sub"
        "x-auth-issuer"  = "iss"
        "x-auth-scope"   = "scope"
        "x-auth-roles"   = {{ claim = "/realm_access/roles", encoding = "csv" }}
        [[routes]]
        path   = "/healthz"
        access = "public"
        [[routes]]
        path      = "/loans/**"
        methods   = ["POST"]
        issuers   = ["corp"]
        scopes    = ["loans:write"]
        [[routes]]
        path    = "/**"
        issuers = ["corp"]
        upstream = "app"
        "#
    );
    fs::write(&path, text).unwrap();
    load(path);
}

proptest::proptest! {
    /// Whatever one line of a configuration is replaced with: it loads, or says what is wrong.
    #[test]
    fn x1_no_line_breaks_the_loader(
        line: proptest::sample::Index,
        replacement in "[ -~]{0,30}|[a-z_]{1,9} = (-?[0-9]{1,25}|\"[ -~&&[^\"\\\\]]{0,20}\"|\\[\\]|\\{\\})",
    ) {
        let text = fs::read_to_string(example("countersign.toml")).unwrap();
        let line = line.index(text.lines().count());
        let lines: Vec<&str> = text
            .lines()
            .enumerate()
            .map(|(number, old)| if number == line { replacement.as_str() } else { old })
            .collect();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("broken.toml");
        fs::write(&path, lines.join("\n")).unwrap();
        let sources = Sources { file: Some(path), ..Sources::default() };
        match settings::load(&sources) {
            Ok(settings) => proptest::prop_assert!(!settings.routes.all().is_empty()),
            Err(errors) => proptest::prop_assert!(!errors.0.is_empty()),
        }
    }
}
