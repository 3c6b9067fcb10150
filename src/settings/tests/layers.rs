//! Layers: defaults < file < environment < flags, and the origin in every message.

use super::*;
use crate::{
    keys::settings::KeySource, listener::settings::ListenAddress, policy::settings::AccessSettings,
    settings::Flags, telemetry::settings::AccessMode,
};

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "flags are optional")]
fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

/// What the README's command line of five arguments sets.
fn common_flags() -> Flags {
    Flags {
        upstream: text("http://127.0.0.1:3000"),
        issuer: text("https://idp.example.com"),
        audiences: vec!["https://api.example.com".to_owned()],
        ..Flags::default()
    }
}

#[test]
fn each_layer_overrides_the_one_below_it() {
    let workspace = Workspace::new();
    let file = workspace.write(
        "countersign.toml",
        format!(
            "{MINIMAL}\n[server]\nlisten = \"127.0.0.1:1\"\nworkers = 1\n[log]\nlevel = \"warn\""
        ),
    );
    let mut sources = Sources { file: Some(file.into()), ..Sources::default() };
    let listen = |sources: &Sources| load(sources).unwrap().server.listen.unwrap().to_string();
    assert_eq!(listen(&sources), "127.0.0.1:1");
    sources.environment = environment(&[
        ("COUNTERSIGN_SERVER__LISTEN", "127.0.0.1:2"),
        ("COUNTERSIGN_SERVER__LIMITS__HEADER_TIMEOUT", "3s"),
        ("COUNTERSIGN_CACHE__ENTRIES", "7"),
        ("COUNTERSIGN_LOG__ACCESS_LOG", "true"),
        ("COUNTERSIGN_ISSUERS__CORP__AUDIENCES", "[\"a\", \"b\"]"),
    ]);
    assert_eq!(listen(&sources), "127.0.0.1:2");
    sources.flags.listen = text("127.0.0.1:3");
    let settings = load(&sources).unwrap();
    assert_eq!(settings.server.listen.unwrap().to_string(), "127.0.0.1:3");
    assert_eq!(settings.server.workers.unwrap().get(), 1);
    assert_eq!(settings.server.limits.header_timeout.as_secs(), 3);
    assert_eq!(settings.cache.entries, 7);
    assert_eq!(settings.log.level, "warn");
    assert_eq!(settings.log.access.access, AccessMode::All);
    let audiences = first(&settings.issuers).audiences.clone().unwrap();
    assert_eq!(audiences, ["a", "b"]);
}

#[test]
fn json_says_the_same_as_toml() {
    let workspace = Workspace::new();
    let file = workspace.write(
        "countersign.json",
        r#"{
            "upstreams": {"app": {"url": "http://127.0.0.1:3000"}},
            "issuers": {"corp": {"issuer": "https://idp.example.com",
                                 "audiences": ["https://api.example.com"]}},
            "routes": [{"path": "/**"}]
        }"#,
    );
    let from_json = load(&Sources { file: Some(file.into()), ..Sources::default() });
    assert_eq!(from_json.unwrap().to_toml(), settings(MINIMAL).to_toml());
}

#[test]
fn mistakes_name_the_variable_or_the_flag() {
    let sources = Sources {
        environment: environment(&[
            ("COUNTERSIGN_SERVER__LISTEN", "nowhere"),
            ("COUNTERSIGN_SERVER__LIMITS__HEDAER_BYTES", "1"),
            ("COUNTERSIGN_SEVRER__LISTEN", "127.0.0.1:1"),
            ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
        ]),
        flags: Flags {
            admin: text("localhost"),
            claim_headers: vec!["x-auth-user".to_owned()],
            ..common_flags()
        },
        ..Sources::default()
    };
    let found = Workspace::new().lines(&load(&sources).unwrap_err());
    assert_eq!(
        found,
        ["flag --claim-header: claims: found \"x-auth-user\", expected NAME=CLAIM such as \
          x-auth-subject=sub"]
    );

    let sources =
        Sources { flags: Flags { claim_headers: Vec::new(), ..sources.flags }, ..sources };
    let found = Workspace::new().lines(&load(&sources).unwrap_err());
    let expected_address = "expected an address with a port such as \"127.0.0.1:8080\", \"unix:/path/to/socket\" or \
         \"systemd:NAME\"";
    assert_eq!(
        found,
        [
            format!(
                "environment variable COUNTERSIGN_SERVER__LISTEN: server.listen: found \
                 \"nowhere\", {expected_address}"
            ),
            "environment variable COUNTERSIGN_SERVER__LIMITS__HEDAER_BYTES: \
             server.limits.hedaer_bytes: unknown key; did you mean \"header_bytes\"?"
                .to_owned(),
            format!("flag --admin: admin.listen: found \"localhost\", {expected_address}"),
            "environment variable COUNTERSIGN_SEVRER__LISTEN: sevrer: unknown key; did you mean \
             \"server\"?"
                .to_owned(),
        ]
    );
}

#[test]
fn flags_alone_protect_everything_but_the_public_paths() {
    let sources = Sources {
        flags: Flags {
            public: vec!["/healthz".to_owned()],
            workers: Some(2),
            log_format: text("json"),
            ..common_flags()
        },
        ..Sources::default()
    };
    let settings = load(&sources).unwrap();
    let routes: Vec<_> = settings
        .routes
        .all()
        .iter()
        .map(|route| {
            let public = matches!(route.access, AccessSettings::Public);
            (
                route.path.as_str(),
                public,
                settings.upstreams.get(route.destination.upstream().unwrap()).name.as_str(),
            )
        })
        .collect();
    assert_eq!(routes, [("/healthz", true, "default"), ("/**", false, "default")]);
    assert_eq!(first(&settings.issuers).name, "default");
    assert!(matches!(
        &first(&settings.issuers).keys.as_ref().unwrap().source,
        KeySource::Discovery { .. }
    ));
    assert!(matches!(settings.server.listen, Some(ListenAddress::Tcp(_))));
}

#[test]
fn the_environment_alone_is_as_good_as_flags() {
    let sources = Sources {
        environment: environment(&[
            ("COUNTERSIGN_UPSTREAMS__APP__URL", "unix:/run/app.sock"),
            ("COUNTERSIGN_ISSUERS__CORP__ISSUER", "https://idp.example.com"),
            ("COUNTERSIGN_ISSUERS__CORP__AUDIENCES", "any"),
        ]),
        ..Sources::default()
    };
    let settings = load(&sources).unwrap();
    assert_eq!(settings.routes.all().len(), 1);
    assert_eq!(first(&settings.issuers).audiences, None);
}

#[test]
fn inv7_a_file_without_routes_is_refused() {
    let found = mistakes(&MINIMAL.replace("[[routes]]\npath = \"/**\"", ""));
    assert_eq!(
        found,
        ["countersign.toml: routes: no route is configured, so that every request would be \
          refused; expected at least one [[routes]] table, such as path = \"/**\""]
    );
}

#[test]
fn flags_change_the_only_upstream_and_issuer_of_a_file() {
    let workspace = Workspace::new();
    let file = workspace.write("countersign.toml", MINIMAL);
    let keys = workspace.write("jwks.json", public_jwk(Algorithm::Es256));
    let sources = Sources {
        file: Some(file.into()),
        flags: Flags {
            upstream: text("h2c://127.0.0.1:4000"),
            audiences: vec!["any".to_owned()],
            jwks_file: Some(keys.clone()),
            public: vec!["/public/**".to_owned()],
            ..Flags::default()
        },
        ..Sources::default()
    };
    let settings = load(&sources).unwrap();
    assert_eq!(first(&settings.upstreams).address.to_string(), "h2c://127.0.0.1:4000");
    assert_eq!(first(&settings.issuers).name, "corp");
    assert_eq!(first(&settings.issuers).audiences, None);
    assert_eq!(
        first(&settings.issuers).keys.as_ref().unwrap().source,
        KeySource::JwksFile(keys.into())
    );
    assert_eq!(settings.routes.all().len(), 2);
}

#[test]
fn a_flag_that_could_mean_several_upstreams_is_refused() {
    let workspace = Workspace::new();
    let file = workspace.write(
        "countersign.toml",
        format!("{MINIMAL}\n[upstreams.b]\nurl = \"http://127.0.0.1:2\""),
    );
    let sources = Sources {
        file: Some(file.into()),
        flags: Flags { upstream: text("http://127.0.0.1:1"), ..Flags::default() },
        ..Sources::default()
    };
    let found = workspace.lines(&load(&sources).unwrap_err());
    assert_eq!(
        found,
        ["flag --upstream: upstreams: the flag can't tell which one is meant: app, b are \
          configured"]
    );
}

#[test]
fn two_key_sources_from_two_layers_name_both() {
    let workspace = Workspace::new();
    let text_of_file =
        format!("{MINIMAL}\n[issuers.corp.keys]\njwks_url = \"https://idp.example.com/jwks\"");
    let file = workspace.write("countersign.toml", text_of_file);
    let keys = workspace.write("jwks.json", public_jwk(Algorithm::Es256));
    let sources = Sources {
        file: Some(file.into()),
        flags: Flags { jwks_file: Some(keys), ..Flags::default() },
        ..Sources::default()
    };
    let found = workspace.lines(&load(&sources).unwrap_err());
    assert_eq!(
        found,
        [
            "countersign.toml: issuers.corp.keys: found jwks_url (countersign.toml:13:1) and jwks_file \
          (flag --jwks-file), expected exactly one key source"
        ]
    );
}

const YAML: &str = r#"
upstreams: {app: {url: "http://127.0.0.1:3000"}}
issuers:
  corp:
    issuer: https://idp.example.com
    audiences: [https://api.example.com]
routes:
  - path: /**
"#;

fn load_yaml(text: &str) -> Result<Settings, Vec<String>> {
    let workspace = Workspace::new();
    let file = workspace.write("countersign.yaml", text);
    let sources = Sources { file: Some(file.into()), ..Sources::default() };
    load(&sources).map_err(|errors| workspace.lines(&errors))
}

#[test]
fn yaml_says_the_same_as_toml() {
    let from_yaml = load_yaml(YAML).unwrap();
    assert_eq!(from_yaml.to_toml(), settings(MINIMAL).to_toml());
}

#[test]
fn x1_yaml_with_a_key_twice_or_an_exploding_alias_is_refused() {
    let twice = load_yaml(&format!("{YAML}\nlog: {{level: info, level: debug}}")).unwrap_err();
    assert_eq!(twice.len(), 1, "{twice:?}");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        bomb = format!("{bomb}a{level}: &a{level} [{alias}]\n");
    }
    let refused = load_yaml(&bomb).unwrap_err();
    assert!(refused[0].contains("is not valid YAML"), "{refused:?}");
}

#[test]
fn yaml_words_that_look_like_other_types_are_refused_not_bent() {
    let found = load_yaml(&format!("{YAML}\ndenials: {{realm: 1.10}}")).unwrap_err();
    assert_eq!(found, ["countersign.yaml: denials.realm: found 1.1, expected a text"]);
}

#[test]
fn a_word_that_is_no_level_would_silence_the_log_and_is_a_mistake() {
    let with = |level: &str| format!("{MINIMAL}\n[log]\nlevel = \"{level}\"");
    for level in ["inof", "", "info,debgu"] {
        let found = mistakes(&with(level));
        assert!(found[0].starts_with("countersign.toml: log.level"), "{found:?}");
    }
    for level in ["INFO", "warn,countersign=debug", "off"] {
        assert_eq!(settings(&with(level)).log.level, level);
    }
}
