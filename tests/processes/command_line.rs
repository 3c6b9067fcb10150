//! What the command line offers beside the proxy: the schema, completions, manual pages, probes,
//! the version, comparisons and colours, each taken by the program that it is made for.

mod schema;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    issuer::Issuer,
    key_server::{KeyServer, Page},
    optional,
    process::{BINARY, Process},
    setup::Setup,
    upstream::Upstream,
    world::JWKS,
};

fn countersign(arguments: &[&str]) -> Output {
    Command::new(BINARY).env_clear().args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// What a program that reads standard input says of it; `None`, with a notice, without the program.
fn judged(program: &str, arguments: &[&str], input: &[u8]) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            optional::skip(program, &error.to_string());
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn bash_completes_commands_and_flags_with_the_printed_script() {
    let script = countersign(&["completions", "bash"]).stdout;
    for (words, position, expected) in [
        ("countersign hea", 1, "healthcheck"),
        ("countersign check --onl", 2, "--online"),
        ("countersign completions f", 2, "fish"),
    ] {
        let mut test = script.clone();
        let (_, last) = words.rsplit_once(' ').unwrap();
        let lines = format!(
            "\nCOMP_WORDS=({words})\nCOMP_CWORD={position}\n_countersign countersign {last}\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        );
        test.extend_from_slice(lines.as_bytes());
        let Some(output) = judged("bash", &["--noprofile", "--norc"], &test) else { return };
        assert_eq!(stdout(&output).trim(), expected, "{words}: {}", stderr(&output));
    }
}

#[test]
fn every_shell_has_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = countersign(&["completions", shell]);
        assert!(output.status.success() && stdout(&output).contains("healthcheck"), "{shell}");
    }
}

#[test]
fn groff_formats_every_manual_page_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let output = countersign(&["man", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(names.len() > 10, "{names:?}");
    for page in names {
        let text = fs::read(&page).unwrap();
        let arguments = ["-Kutf8", "-man", "-Tutf8", "-ww", "-z", "-"];
        let Some(output) = judged("groff", &arguments, &text) else { return };
        assert_eq!(stderr(&output), "", "{}", page.display());
    }
    let main = countersign(&["man"]);
    assert!(stdout(&main).contains("Exit codes:"), "{}", stdout(&main));
}

#[test]
fn a_probe_succeeds_while_the_proxy_is_ready_and_fails_without_it() {
    let upstream = Upstream::start();
    let (key_server, issuer) = (KeyServer::start(), Issuer::usual());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let setup =
        Setup::new().issuer("corp", &issuer, &key_server, "", "").with("[log]\nlevel = \"info\"");
    let process = Process::start(&setup, &upstream);
    let admin = process.admin_address().to_string();
    for flags in [&["healthcheck"][..], &["healthcheck", "--live"]] {
        let output = countersign(&[flags, &["--admin", &admin]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    drop(process);
    let output = countersign(&["healthcheck", "--admin", &admin]);
    assert_eq!(output.status.code(), Some(1));
    let message = format!("countersign: no answer of {admin}/readyz: ");
    assert!(stderr(&output).starts_with(&message), "{}", stderr(&output));
}

/// Answers one connection, and returns what it was asked.
fn answer_once(listener: UnixListener, answer: &'static str) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = [0; 512];
        let length = socket.read(&mut request).unwrap();
        socket.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    })
}

/// A file in which everything but the admin listener may be wrong by now.
fn changed_since(folder: &Path) -> (UnixListener, String) {
    let socket = folder.join("admin.sock");
    let file = folder.join("countersign.toml");
    let text = format!("[admin]\nlisten = \"unix:{}\"\n[serverr]\n", socket.display());
    fs::write(&file, text).unwrap();
    (UnixListener::bind(socket).unwrap(), file.to_str().unwrap().to_owned())
}

#[test]
fn a_probe_asks_a_unix_socket_of_the_same_configuration() {
    for (answer, code) in [
        ("HTTP/1.1 200 OK\r\n\r\nready\n", 0),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\nkeys of corp\n", 1),
        ("what?", 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (listener, file) = changed_since(folder.path());
        let asked = answer_once(listener, answer);
        let output = countersign(&["healthcheck", "--config", &file]);
        assert_eq!(output.status.code(), Some(code), "{answer}: {}", stderr(&output));
        assert!(asked.join().unwrap().starts_with("GET /readyz HTTP/1.1\r\n"));
        let shown = [stdout(&output), stderr(&output)].concat();
        assert!(!answer.contains("corp") || shown.contains("503: keys of corp"), "{shown}");
    }
}

/// A proxy goes on when its file is broken; a probe that failed for that would have it killed.
#[test]
fn a_probe_does_not_fail_for_a_file_that_can_not_be_read_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, file) = changed_since(folder.path());
    let text = fs::read_to_string(&file).unwrap();
    let socket = format!("unix:{}", folder.path().join("admin.sock").display());
    let missing = format!("{text}listen = \"${{NOT_SET}}\"\n");
    for (text, flags) in [(&*missing, &[][..]), ("[admin", &["--admin", &socket])] {
        fs::write(&file, text).unwrap();
        let asked = answer_once(listener.try_clone().unwrap(), "HTTP/1.1 200 OK\r\n\r\nready\n");
        let output = countersign(&[&["healthcheck", "--config", &file], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{text}: {}", stderr(&output));
        asked.join().unwrap();
    }
    drop(listener);
    let output = countersign(&["healthcheck", "--config", &file, "--admin", &socket]);
    assert_eq!(output.status.code(), Some(1));
    let shown = stderr(&output);
    assert!(shown.contains("Connection refused") && shown.contains("is not valid TOML"), "{shown}");
}

#[test]
fn a_probe_that_gets_no_answer_ends_at_its_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, file) = changed_since(folder.path());
    let started = Instant::now();
    let output = countersign(&["healthcheck", "--config", &file, "--timeout", "200ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("timed out"), "{}", stderr(&output));
    let taken = started.elapsed();
    assert!((Duration::from_millis(200)..Duration::from_secs(20)).contains(&taken), "{taken:?}");
}

#[test]
fn the_version_says_what_was_built() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(stdout(&countersign(&["-V"])), format!("countersign {version}\n"));
    let long = countersign(&["--version"]);
    let lines: Vec<&str> = stdout(&long).lines().collect();
    assert_eq!(lines[0], format!("countersign {version}"));
    assert!(lines[1].starts_with("commit: "), "{lines:?}");
    let feature = if cfg!(feature = "mimalloc") { "mimalloc" } else { "" };
    assert!(lines[2].starts_with("features: ") && lines[2].contains(feature), "{lines:?}");
    let lock =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    for name in ["aws-lc-rs", "aws-lc-sys", "rustls"] {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).unwrap();
        let locked = rest.split('"').next().unwrap();
        assert!(lines[3].contains(&format!("{name} {locked}")), "{lines:?}");
    }
}

const OLD: &str = r#"
[upstreams.app]
url = "http://127.0.0.1:3000"
[issuers.corp]
issuer = "https://idp.example.com"
audiences = ["https://api.example.com"]
[[routes]]
path = "/loans/**"
scopes = ["loans"]
[[routes]]
path = "/old"
[[routes]]
path = "/b"
"#;

const NEW: &str = r#"
server.workers = 3
[upstreams.app]
url = "http://127.0.0.1:3000"
retry = "idempotent"
[issuers.corp]
issuer = "https://idp.example.com"
audiences = ["https://api.example.com", "https://other.example.com"]
clock_skew = "30s"
[[routes]]
path = "/b"
[[routes]]
path = "/loans/**"
access = "public"
[[routes]]
path = "/new"
access = "public"
"#;

#[test]
fn a_comparison_says_what_is_decided_differently_and_ends_as_diff_does() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (write("old.toml", OLD), write("new.toml", NEW));
    let wrong = write("wrong.toml", "[serverr]\n");

    let same = countersign(&["check", "--diff", &old, &old]);
    assert_eq!((same.status.code(), stdout(&same)), (Some(0), "no difference\n"));

    let different = countersign(&["check", "--diff", &old, &new]);
    assert_eq!(different.status.code(), Some(1), "{}", stderr(&different));
    assert_eq!(stderr(&different), "");
    let expected = r#"different: 4 laxer, 1 stricter, 4 neither

routes
  ~ /loans/**
      access: "protected" -> "public" (laxer)
      issuers: ["corp"] -> absent (laxer)
      scopes: ["loans"] -> absent (laxer)
      authorization: absent -> "remove"
  - /old: protected, issuers ["corp"]
  + /new: public

issuers
  ~ corp
      audiences: ["https://api.example.com"] -> ["https://api.example.com", "https://other.example.com"] (laxer)
      clock_skew: "1m" -> "30s" (stricter)

settings
  ~ server.workers: 0 -> 3

takes a restart
  server.workers: a connection stays on the thread that accepted it
"#;
    assert_eq!(stdout(&different), expected);

    let refused = countersign(&["check", "--diff", &old, &wrong]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("wrong.toml"), "{}", stderr(&refused));
}

/// A start that warns, and then fails since its address is taken.
fn log_of_a_start(variables: &[(&str, &str)]) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output = Command::new(BINARY)
        .env_clear()
        .envs(variables.iter().copied())
        .args(["run", "--listen", &listen, "--admin", "127.0.0.1:0"])
        .args(["--upstream", "http://127.0.0.1:1", "--issuer", "https://idp.example.com"])
        .args(["--audience", "any"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let log = stderr(&output).to_owned();
    assert!(log.contains("WARN"), "{log}");
    log
}

#[test]
fn log_lines_are_coloured_as_the_common_variables_say() {
    let is_coloured = |variables: &[(&str, &str)]| log_of_a_start(variables).contains('\u{1b}');
    assert!(!is_coloured(&[]), "it is no terminal");
    assert!(is_coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!is_coloured(&[("TERM", "dumb")]));
}
