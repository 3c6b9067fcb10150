//! The binary as a stranger meets it: what it prints, where, and how it ends.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use countersign::{
    jose::{Algorithm, JwkSet, KeyLimits, SigningKey, base64url},
    json::Object,
};

const LIMITS: KeyLimits = KeyLimits { max_keys: 10, max_rsa_bits: 4096 };

/// Runs the binary in a directory, with nothing in its environment.
fn countersign(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// With fewer connections than any machine has descriptors for: there is no warning.
const SOUND: &str = r#"
server.limits.connections = 100
[upstreams.app]
url = "http://127.0.0.1:3000"
[issuers.corp]
issuer = "https://idp.example.com"
audiences = ["https://api.example.com"]
keys.jwks_file = "keys/jwks.json"
[[routes]]
path = "/loans/**"
methods = ["POST"]
scopes = ["loans:write"]
[[routes]]
path = "/healthz"
access = "public"
"#;

/// A directory with a key pair in `keys/` and a sound configuration.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["keygen", "--alg", "ES256", "--kid", "k1", "--out", "keys"];
    let made = countersign(directory.path(), &arguments);
    assert!(made.status.success(), "{}", stderr(&made));
    fs::write(directory.path().join("countersign.toml"), SOUND).unwrap();
    directory
}

#[test]
fn check_prints_what_a_configuration_amounts_to() {
    let directory = workspace();
    let checked = countersign(directory.path(), &["check", "--config", "countersign.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let jwks = directory.path().join("keys/jwks.json");
    assert_eq!(
        stdout(&checked),
        format!(
            "countersign.toml is sound.\n\n\
             Listeners:\n  server  0.0.0.0:8080\n  admin   127.0.0.1:9901\n\n\
             Issuers:\n  corp  https://idp.example.com  for https://api.example.com, keys from {}\n\n\
             Upstreams:\n  app  http://127.0.0.1:3000\n\n\
             Routes (the most specific one wins; what matches none is refused):\n  \
             POST  /loans/**  token of corp, scope loans:write  -> app\n  \
             any   /healthz   public                            -> app\n\n\
             Every setting with its default, and where it comes from: check --all\n",
            jwks.display()
        )
    );
}

/// The settings of `check --all`, without comments.
fn settings_in(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("  # ").next().unwrap());
    lines.filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

#[test]
fn check_all_prints_a_configuration_with_the_origin_of_every_value() {
    let directory = workspace();
    let arguments = ["check", "--all", "--config", "countersign.toml"];
    let checked = countersign(directory.path(), &arguments);
    let text = stdout(&checked);
    assert!(text.starts_with("# countersign.toml is sound.\n# The effective"), "{text}");
    assert!(text.contains("\nconnect_timeout = \"1s\"\n"), "{text}");
    let line = SOUND.lines().position(|line| line.starts_with("audiences")).unwrap() + 1;
    let audiences =
        format!("audiences = [\"https://api.example.com\"]  # countersign.toml:{line}\n");
    assert!(text.contains(&audiences), "{text}");
    assert!(text.contains("\n#   any   /healthz   public  "), "{text}");
    // What it prints is a configuration again.
    fs::write(directory.path().join("again.toml"), text).unwrap();
    let again = countersign(directory.path(), &["check", "--all", "--config", "again.toml"]);
    assert_eq!(settings_in(stdout(&again)), settings_in(text));
}

#[test]
fn x1_check_and_run_refuse_a_wrong_configuration_with_2_and_start_nothing() {
    let directory = workspace();
    let wrong = SOUND.replace("corp]", "corp]\nclock_skew = \"1h\"") + "issuers = 5\nfoo = 1\n";
    fs::write(directory.path().join("wrong.toml"), wrong).unwrap();
    for command in ["check", "run"] {
        let output = countersign(directory.path(), &[command, "--config", "wrong.toml"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(stdout(&output), "");
        let start = "countersign: the configuration has 3 mistakes:\n  \
             wrong.toml:6:1: issuers.corp.clock_skew: found \"1h\", expected a duration from 0s to \
             5m, such as \"10s\"\n  \
             wrong.toml:17:1: routes[1].issuers: has no effect with access = \"public\"; expected it \
             to be absent\n  \
             wrong.toml:18:1: routes[1].foo: unknown key; known here: name, path, methods, hosts, \
             access, ";
        assert!(stderr(&output).starts_with(start), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 4);
    }
}

/// What local files hold is known without a request. `--online` is for what is elsewhere.
#[test]
fn x8_check_and_run_judge_local_files_offline() {
    let directory = workspace();
    let write =
        |name: &str, content: &str| fs::write(directory.path().join(name), content).unwrap();
    let rsa = SigningKey::generate(Algorithm::Rs256, None).unwrap().public_pem().unwrap();
    write("rsa.pem", &rsa);
    write("short.key", "fifteen bytes..");
    write("marked.key", &format!("\u{feff}{}", "s".repeat(32)));
    let wrong = SOUND.replace(
        "keys.jwks_file = \"keys/jwks.json\"",
        "algorithms = [\"ES256\"]\n\
         keys.pem_file = \"rsa.pem\"\n\
         [issuers.short]\nissuer = \"https://a\"\naudiences = [\"a\"]\nalgorithms = [\"HS256\"]\n\
         keys.secret_file = \"short.key\"\n\
         [issuers.marked]\nissuer = \"https://b\"\naudiences = [\"b\"]\nalgorithms = [\"HS256\"]\n\
         keys.secret_file = \"marked.key\"",
    );
    write("wrong.toml", &wrong);
    for command in ["check", "run"] {
        let output = countersign(directory.path(), &[command, "--config", "wrong.toml"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            stderr(&output).replace(&format!("{}/", directory.path().display()), ""),
            "countersign: the configuration has 3 mistakes:\n  \
             wrong.toml:9:6: issuers.corp.keys.pem_file: the file rsa.pem holds no key for the \
             algorithms ES256, but RSA 2048 (for RS256, RS384, RS512, PS256, PS384, PS512); \
             expected PEM with public keys (PUBLIC KEY or CERTIFICATE)\n  \
             wrong.toml:19:6: issuers.marked.keys.secret_file: the file marked.key starts with a byte \
             order mark (BOM): save it as UTF-8 without one; expected a file that can be read\n  \
             wrong.toml:14:6: issuers.short.keys.secret_file: the file short.key is not usable: the \
             secret has 15 bytes, needed are at least 32; expected the bytes of a shared secret \
             for HMAC\n"
        );
    }
}

/// Whether requests pass without the list is a setting, so that it is no mistake.
#[test]
fn x8_check_warns_of_a_revocation_list_that_is_none() {
    let directory = workspace();
    let lists = [
        (None, true),
        (Some(""), true),
        (Some("{\"revoked\":[]}"), false),
        (Some("{\"revoked\":5}"), true),
        (Some("jti-1\n"), true),
    ];
    for (list, is_told) in lists {
        if let Some(list) = list {
            fs::write(directory.path().join("revoked.json"), list).unwrap();
        }
        let text = format!("{SOUND}[revocation]\nfile = \"revoked.json\"\n");
        fs::write(directory.path().join("list.toml"), text).unwrap();
        let output = countersign(directory.path(), &["check", "--config", "list.toml"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let told = stdout(&output);
        let warnings = told.lines().filter(|it| it.starts_with("warning: revocation.file: "));
        assert_eq!(warnings.count(), usize::from(is_told), "{told}");
        assert_eq!(told.contains("; until it can be read, on_failure decides"), is_told, "{told}");
    }
}

/// Release builds have no `trace`: then the level is a mistake, and nothing writes a warning of its
/// own past the format of the log.
#[test]
fn x8_a_level_that_the_build_does_not_have_is_a_mistake() {
    let directory = workspace();
    for command in ["check", "run"] {
        for level in ["trace", "info,countersign=trace"] {
            let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
                .args([command, "--config", "countersign.toml", "--listen", "127.0.0.1:0"])
                .args(["--upstream", "not a URL"])
                .current_dir(directory.path())
                .env_clear()
                .env("COUNTERSIGN_LOG__LEVEL", level)
                .output()
                .unwrap();
            let told = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert_eq!(told.contains("log.level"), !cfg!(debug_assertions), "{told}");
            assert!(!told.contains('\u{1b}') && !told.contains("warning"), "{told}");
        }
    }
}

#[test]
fn the_configuration_file_can_be_named_by_the_environment() {
    let directory = workspace();
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["check", "--all", "--listen", "127.0.0.1:1"])
        .current_dir(directory.path())
        .env_clear()
        .env("COUNTERSIGN_CONFIG", "countersign.toml")
        .env("COUNTERSIGN_SERVER__WORKERS", "3")
        .env("COUNTERSIGN_SERVER__LISTEN", "127.0.0.1:2")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains(
            "listen = \"127.0.0.1:1\"  # flag --listen\n\
             workers = 3  # environment variable COUNTERSIGN_SERVER__WORKERS\n"
        ),
        "{text}"
    );
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    let output = countersign(directory.path(), &["run", "--lisen", "127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--listen"), "{}", stderr(&output));
}

#[test]
fn check_online_tells_what_a_source_holds_key_by_key() {
    let directory = workspace();
    let set = fs::read_to_string(directory.path().join("keys/jwks.json")).unwrap();
    let with_weak = set
        .replace("{\"keys\":[", "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\\nb\",\"k\":\"AAAA\"},");
    assert_ne!(set, with_weak);
    fs::write(directory.path().join("keys/jwks.json"), with_weak).unwrap();
    let arguments = ["check", "--online", "--config", "countersign.toml"];
    let output = countersign(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("  corp: 1 usable, 1 left out\n"), "{text}");
    assert!(text.contains("    \"k1\": EC P-256, for ES256\n"), "{text}");
    assert!(text.contains("    \"a\\nb\": left out, keys[0]: "), "{text}");
}

/// Keys by URL, at a port that nothing listens on.
fn without_keys() -> tempfile::TempDir {
    let directory = workspace();
    let elsewhere = SOUND.replace("jwks_file = \"keys/", "jwks_url = \"http://127.0.0.1:1/");
    assert_ne!(elsewhere, SOUND);
    fs::write(directory.path().join("countersign.toml"), elsewhere).unwrap();
    directory
}

#[test]
fn check_online_fails_when_a_source_has_no_usable_key() {
    let directory = without_keys();
    let arguments = ["check", "--online", "--config", "countersign.toml"];
    let output = countersign(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "countersign: no usable keys for corp\n");
    assert!(stdout(&output).contains("  corp: failed: "), "{}", stdout(&output));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keygen_writes_a_pair_for_its_owner_and_never_overwrites() {
    let directory = workspace();
    let keys = directory.path().join("keys");
    assert_eq!(mode(&keys.join("private.jwk")), 0o600);
    let private = fs::read(keys.join("private.jwk")).unwrap();
    let public = fs::read_to_string(keys.join("jwks.json")).unwrap();
    assert!(!public.contains("\"d\""), "{public}");
    let pem = fs::read(keys.join("public.pem")).unwrap();
    let from_pem = JwkSet::parse_pem(&pem, &LIMITS).unwrap();
    let from_jwks = JwkSet::parse(public.as_bytes(), &LIMITS).unwrap();
    assert_eq!(from_pem.keys[0].thumbprint(), from_jwks.keys[0].thumbprint());
    assert_eq!(from_jwks.keys[0].kid(), Some("k1"));

    let arguments = ["keygen", "--alg", "ES256", "--out", "keys"];
    let again = countersign(directory.path(), &arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("exists already; nothing was written"));
    assert_eq!(fs::read(keys.join("private.jwk")).unwrap(), private);
}

#[test]
fn keygen_knows_every_algorithm_of_its_help() {
    let directory = tempfile::tempdir().unwrap();
    for alg in ["PS256", "ES384", "ES512", "EdDSA"] {
        let output = countersign(directory.path(), &["keygen", "--alg", alg, "--out", alg]);
        assert!(output.status.success(), "{}", stderr(&output));
        let set = fs::read(directory.path().join(alg).join("jwks.json")).unwrap();
        let set = JwkSet::parse(&set, &LIMITS).unwrap();
        let expected = Algorithm::from_name(alg).unwrap();
        assert!(set.keys[0].algorithms().contains(expected), "{alg}");
    }
    let unknown = countersign(directory.path(), &["keygen", "--alg", "none"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_shared_secret_has_no_public_files() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["keygen", "--alg", "HS256", "--out", "."];
    let output = countersign(directory.path(), &arguments);
    assert_eq!(stdout(&output), "./private.jwk\n./secret.bin\n");
    let secret = fs::read(directory.path().join("secret.bin")).unwrap();
    assert_eq!(secret.len(), 32);
    assert_eq!(mode(&directory.path().join("secret.bin")), 0o600);
    let jwk = fs::read(directory.path().join("private.jwk")).unwrap();
    let jwk = Object::parse(&jwk).unwrap();
    let k = jwk.get("k").and_then(countersign::json::Json::as_str).unwrap();
    assert_eq!(base64url::decode(k.as_bytes()).unwrap(), secret);
}

#[test]
fn a_minted_token_verifies_and_says_what_was_asked() {
    let directory = workspace();
    let arguments = [
        "mint",
        "--key=keys/private.jwk",
        "--claim=sub=alice",
        "--claim=level=9007199254740993",
        "--claim=aud=[\"a\",\"b\"]",
        "--claim=pin=\"42\"",
        "--claim=exp=1",
        "--header=typ=at+jwt",
    ];
    let output = countersign(directory.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let token = stdout(&output).trim_end();
    let set = fs::read(directory.path().join("keys/jwks.json")).unwrap();
    let set = JwkSet::parse(&set, &LIMITS).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        panic!("{token}");
    };
    let signed = format!("{header}.{payload}");
    let signature = base64url::decode(signature.as_bytes()).unwrap();
    assert!(set.keys[0].verify(Algorithm::Es256, signed.as_bytes(), &signature));
    let text = |part: &str| {
        let bytes = base64url::decode(part.as_bytes()).unwrap();
        Object::parse(&bytes).unwrap()
    };
    let header = text(header);
    assert_eq!(header.get("typ").unwrap().as_str(), Some("at+jwt"));
    assert_eq!(header.get("kid").unwrap().as_str(), Some("k1"));
    let claims = text(payload);
    assert_eq!(claims.get("sub").unwrap().to_text(), "\"alice\"");
    assert_eq!(claims.get("level").unwrap().to_text(), "9007199254740993");
    assert_eq!(claims.get("aud").unwrap().to_text(), "[\"a\",\"b\"]");
    assert_eq!(claims.get("pin").unwrap().to_text(), "\"42\"");
    assert_eq!(claims.get("exp").unwrap().to_text(), "1");
    assert!(claims.get("iat").is_some());
}

#[test]
fn o2_mint_never_shows_the_key_it_can_not_use() {
    let directory = workspace();
    let path = directory.path().join("broken.jwk");
    let jwk = r#"{"kty":"EC","crv":"P-256","alg":"ES256","d":"c2VjcmV0LW1hdGVyaWFs"}"#;
    fs::write(&path, jwk).unwrap();
    let output = countersign(directory.path(), &["mint", "--key", "broken.jwk"]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(message.contains("broken.jwk is not a private JWK"), "{message}");
    assert!(!message.contains("c2VjcmV0"), "{message}");
}

#[test]
fn mint_refuses_what_is_no_claim() {
    let directory = workspace();
    for (argument, problem) in [
        ("--claim=sub", "expected NAME=VALUE"),
        ("--claim==x", "expected NAME=VALUE"),
        ("--header=typ", "expected NAME=VALUE"),
        ("--expires-in=soon", "--expires-in"),
    ] {
        let arguments = ["mint", "--key", "keys/private.jwk", argument];
        let output = countersign(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{argument}");
        assert!(stderr(&output).contains(problem), "{}", stderr(&output));
    }
    let twice = ["mint", "--key=keys/private.jwk", "--claim=a=1", "--claim=a=2"];
    let output = countersign(directory.path(), &twice);
    assert_eq!(stderr(&output), "countersign: --claim a: given twice\n");
}

#[test]
fn a_reader_who_goes_away_makes_no_success_of_a_failure() {
    let directory = without_keys();
    fs::write(directory.path().join("journal.jsonl"), "rubbish\n").unwrap();
    for (arguments, code) in [
        (&["check", "--config", "countersign.toml"][..], 0),
        (&["check", "--online", "--config", "countersign.toml"], 1),
        (&["evidence", "verify", "journal.jsonl"], 1),
        (&["keygen", "--alg", "ES256", "--out", "new"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(arguments)
            .current_dir(directory.path())
            .env_clear()
            .stdout(writer)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
    for file in ["private.jwk", "jwks.json", "public.pem"] {
        assert!(directory.path().join("new").join(file).exists(), "{file}");
    }
}

#[test]
fn x2_run_does_not_start_without_a_key_that_it_needs() {
    let directory = workspace();
    fs::write(directory.path().join("broken.key"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    for (setting, tables) in [
        (
            "identity.assertion",
            "[identity.assertion]\nissuer = \"https://proxy.test\"\nprivate_key_file = \"FILE\"\n",
        ),
        ("server.tls", "[server.tls]\ncertificate = \"FILE\"\nprivate_key = \"FILE\"\n"),
        ("evidence", "[evidence]\nfolder = \"proofs\"\nkey_file = \"FILE\"\n"),
    ] {
        for file in ["missing.key", "broken.key"] {
            let text = format!("{SOUND}\n{}", tables.replace("FILE", file));
            fs::write(directory.path().join("wrong.toml"), text).unwrap();
            let output = countersign(directory.path(), &["run", "--config", "wrong.toml"]);
            assert!(!output.status.success(), "{setting} {file}");
            let said = stderr(&output);
            assert!(said.contains(setting) && said.contains(file), "{setting} {file}: {said}");
        }
    }
}
