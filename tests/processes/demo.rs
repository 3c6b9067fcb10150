//! `countersign demo`, taken at its word: every command that it prints is run, and every answer is
//! compared with what is promised below the command.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// For everything that the demo or one of its commands does.
const DEADLINE: Duration = Duration::from_mins(1);

#[test]
fn every_printed_command_answers_as_promised() {
    if !curl_is_there() {
        return;
    }
    let demo = Demo::start();
    demo.wait_until_keys_may_be_fetched_again();
    let steps = steps(&demo.script);
    let commands = steps.iter().filter(|step| !step.is_assignment());
    assert!(commands.clone().count() >= 14, "{}", demo.script);
    assert!(commands.clone().all(|step| !step.promises.is_empty()), "{}", demo.script);

    let answers = run(&demo, &steps);
    assert_eq!(answers.len(), steps.len());
    for (step, answer) in steps.iter().zip(&answers) {
        step.check(answer);
    }
    demo.stop();
}

/// Which `deploy/tests/first-minute/run` takes from there and measures.
#[test]
fn the_first_command_of_the_readme_is_the_demo() {
    let readme = include_str!("../../README.md");
    let (_, block) = readme.split_once("```sh\n").unwrap();
    let command = block.lines().next().unwrap().split('#').next().unwrap();
    assert_eq!(command.trim(), "cargo run -- demo");
}

#[test]
fn nothing_is_written_to_disk() {
    let demo = Demo::start();
    let folder = demo.folder.path().to_owned();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let kept = demo.stop();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    drop(kept);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in FLAGS {
        let mut command = demo_command();
        let others = FLAGS.iter().filter(|other| *other != flag);
        command.args(others.flat_map(|other| [other, "127.0.0.1:0"]));
        let output = command.args([*flag, &address]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&address) && told.contains(flag), "{told}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn only_this_machine_may_be_served() {
    for flag in FLAGS {
        let output = demo_command().args([flag, "0.0.0.0:0"]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("loopback"), "{told}");
    }
}

const FLAGS: &[&str] = &["--listen", "--admin", "--provider", "--upstream"];

fn demo_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("demo").stdin(Stdio::null());
    command
}

/// A running demo, in a folder of its own.
struct Demo {
    process: Child,
    script: String,
    folder: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = demo_command()
            .args(FLAGS.iter().flat_map(|flag| [flag, "127.0.0.1:0"]))
            .current_dir(&folder)
            .env("HOME", folder.path())
            // What is configured for others must not change the demo.
            .env("COUNTERSIGN_ROUTES", "[]")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Reading ends with the script's last line, or with the process.
        let mut script = String::new();
        for line in BufReader::new(process.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            script = script + &line + "\n";
            if line.starts_with("# Ctrl-C") {
                return Self { process, script, folder };
            }
        }
        panic!("the demo ended: {:?}\n{script}", process.wait());
    }

    /// A rotation right after a fetch would meet the cooldown of a second, as the script says.
    fn wait_until_keys_may_be_fetched_again(&self) {
        let admin = self
            .script
            .lines()
            .find_map(|line| line.strip_prefix("curl -s ")?.strip_suffix("/keys"));
        let url = format!("{}/keys", admin.unwrap());
        let since = Instant::now();
        loop {
            let output = curl(self).arg("-s").arg(&url).output().unwrap();
            let keys: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let confirmed = keys[0]["confirmed_at"].as_u64().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            // Whole seconds: two of them are more than one has passed.
            if now >= confirmed + 2 {
                return;
            }
            assert!(since.elapsed() < DEADLINE);
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGTERM ends it gently, and in good time.
    fn stop(mut self) -> tempfile::TempDir {
        let kill = format!("kill -TERM {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < DEADLINE, "the demo does not end");
            thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(0));
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A printed command and what is printed below it.
struct Step {
    command: String,
    promises: Vec<Promise>,
}

enum Promise {
    Expect(String),
    Absent(String),
}

impl Step {
    /// `NAME=VALUE` says nothing.
    fn is_assignment(&self) -> bool {
        self.command
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase()))
    }

    fn check(&self, answer: &str) {
        let holds = |pattern: &str| answer.lines().any(|line| matches(pattern, line));
        for promise in &self.promises {
            let (kept, promise) = match promise {
                Promise::Expect(pattern) => (holds(pattern), format!("expect {pattern}")),
                Promise::Absent(pattern) => (!holds(pattern), format!("absent {pattern}")),
            };
            assert!(kept, "{}\n# {promise}\n{answer}", self.command);
        }
    }
}

fn steps(script: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty()) {
        let promise = match line {
            _ if !line.starts_with('#') => {
                steps.push(Step { command: line.to_owned(), promises: Vec::new() });
                continue;
            }
            line => line
                .strip_prefix("# expect ")
                .map(|pattern| Promise::Expect(pattern.to_owned()))
                .or_else(|| Some(Promise::Absent(line.strip_prefix("# absent ")?.to_owned()))),
        };
        if let Some(promise) = promise {
            steps.last_mut().unwrap().promises.push(promise);
        }
    }
    steps
}

/// Whether a line is as promised; `…` at either end of the pattern stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    match (pattern.strip_prefix('…'), pattern.strip_suffix('…')) {
        (Some(rest), Some(_)) => line.contains(rest.trim_end_matches('…')),
        (Some(end), None) => line.ends_with(end),
        (None, Some(start)) => line.starts_with(start),
        (None, None) => line == pattern,
    }
}

#[test]
fn patterns_match_as_the_script_says() {
    for (pattern, line, expected) in [
        ("a: b", "a: b", true),
        ("a: b", "a: bc", false),
        ("a: …", "a: b", true),
        ("a: …", "xa: b", false),
        ("…b", "a: b", true),
        ("…b", "a: bc", false),
        ("…b…", "abc", true),
        ("…b…", "ac", false),
    ] {
        assert_eq!(matches(pattern, line), expected, "{pattern} {line}");
    }
}

/// Runs all commands in one shell, as a user who pastes them; gives the answer of each.
fn run(demo: &Demo, steps: &[Step]) -> Vec<String> {
    /// ASCII's record separator, which no answer holds.
    const SEPARATOR: char = '\u{1e}';
    let script = steps
        .iter()
        .fold(String::new(), |script, step| script + &step.command + "\nprintf '\\036'\n");
    let output = with_quick_curl(Command::new("sh"), demo).args(["-c", &script]).output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let mut answers: Vec<_> = answers.split(SEPARATOR).map(str::to_owned).collect();
    answers.pop();
    answers
}

fn curl(demo: &Demo) -> Command {
    with_quick_curl(Command::new("curl"), demo)
}

/// The commands are run as they are printed; that they end, and ask no other server, is configured.
fn with_quick_curl(mut command: Command, demo: &Demo) -> Command {
    let configuration = demo.folder.path().join(".curlrc");
    fs::write(configuration, "max-time = 20\nnoproxy = \"*\"\n").unwrap();
    command.env("CURL_HOME", demo.folder.path());
    command
}

fn curl_is_there() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    let required = env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(found || !required, "curl is missing, and CI=true");
    if !found {
        println!("skipped: there is no curl to run the demo's commands with");
    }
    found
}
