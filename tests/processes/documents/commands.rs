//! The commands in the documents: those of `sh` blocks, and which of them are not run here.

use std::{
    fs,
    path::{Path, PathBuf},
};

const COMPOSE: &str = "deploy/tests/compose/run has it";

/// How a command begins, behind its variables, and why it is not run by the test of the documents.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo ", "it builds; `.ci/run` has the builds and the tests"),
    ("COUNTERSIGN_BIN=$(deploy/build-release) ", "it takes half an hour"),
    ("loadtest/", "it takes minutes"),
    ("deploy/", "it has a test of its own, or takes minutes"),
    ("sudo deploy/", "it is run by hand"),
    ("TOKEN=$(curl -sS http://localhost:8081/realms/demo/", COMPOSE),
    ("curl -sS http://localhost:8080/ ", COMPOSE),
    ("curl -sS -o /dev/null -w '%{http_code}\\n' http://localhost:8080/", COMPOSE),
    ("docker ", "it takes a Docker engine"),
    ("buildah ", "deploy/tests/image/run has it"),
    ("helm ", "it takes a cluster"),
    ("kubectl ", "it takes a cluster"),
    ("apt-get ", "it installs packages"),
    ("apt ", "it installs packages"),
    ("dpkg ", "it installs packages"),
    ("install ", "it writes outside of the project"),
    ("sed -i ", "it edits what was downloaded"),
    ("editor ", "it takes a person"),
    ("systemd-sysusers ", "it adds a user"),
    ("countersign check --config /etc/", "deploy/tests/debian/run has it"),
    ("sha256sum --check ", "it takes a release"),
    ("cosign ", "it takes a release"),
    ("gh ", "it takes a release"),
    ("systemctl ", "it takes systemd"),
    ("journalctl ", "it takes systemd"),
    ("tests/processes/hydra/run", "it takes minutes"),
    ("countersign run ", "it runs until it is stopped; every other test starts it"),
    ("countersign evidence verify ", "tests/processes/evidence has it, with journals"),
    ("countersign check --online --config config/", "it asks providers of others"),
    ("countersign explain --config config/", "it asks providers of others"),
    ("curl https://api.example.com/payments ", "tests/scenarios/signatures has it"),
    (
        "countersign explain --config countersign.toml --path /payments ",
        "tests/processes/explain has it, with a signed body",
    ),
    ("curl -sS -H \"Authorization: Bearer $ACTIONS_ID_TOKEN", "it takes a job of GitHub's"),
];

/// A script: what of a document's block is run.
pub(super) struct Script {
    pub(super) page: PathBuf,
    pub(super) commands: Vec<String>,
}

/// Every block of every document that has a command to run.
pub(super) fn scripts() -> Vec<Script> {
    let scripts = pages(Path::new(env!("CARGO_MANIFEST_DIR"))).into_iter().flat_map(|page| {
        let text = fs::read_to_string(&page).unwrap();
        blocks(&text).into_iter().map(move |block| {
            let commands =
                commands(&block).into_iter().filter(|it| reason_not_to_run(it).is_none());
            Script { page: page.clone(), commands: commands.collect() }
        })
    });
    scripts.filter(|script| !script.commands.is_empty()).collect()
}

/// Why a command is not run, if it is not.
fn reason_not_to_run(command: &str) -> Option<&'static str> {
    let command = without_variables(command);
    let of = NOT_RUN.iter().find(|(beginning, _)| command.starts_with(beginning));
    of.map(|(_, reason)| *reason)
}

/// `X=1 program` is `program`; what only sets a variable stays.
fn without_variables(command: &str) -> &str {
    let is_variable = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|it| it.is_ascii_uppercase() || it == b'_')
    };
    match command.split_once([' ', '\n']) {
        Some((word, rest)) if is_variable(word) && !word.contains("$(") => without_variables(rest),
        Some(("\\", rest)) => without_variables(rest),
        _ => command,
    }
}

/// The documents of the project's root, of `deploy` and of `docs`.
fn pages(root: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md"] {
        pages.push(root.join(name));
    }
    for folder in ["deploy", "docs"] {
        add_pages(&root.join(folder), &mut pages);
    }
    pages
}

fn add_pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_pages(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// The `sh` blocks of a document, those in lists included.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line.trim_start()) {
            (None, "```sh") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => push_line(block, line),
            (None, _) => {}
        }
    }
    blocks
}

/// A block's commands, each with the lines that continue it.
fn commands(block: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut end_of_input: Option<String> = None;
    let mut goes_on = false;
    for line in block.lines() {
        match (&end_of_input, commands.last_mut()) {
            (Some(end), Some(command)) => {
                push_line(command, line);
                if line == end {
                    end_of_input = None;
                }
                continue;
            }
            (None, Some(command)) if goes_on => push_line(command, line),
            _ if line.is_empty() || line.starts_with('#') => continue,
            _ => commands.push(line.to_owned()),
        }
        goes_on = line.ends_with(['\\', '|']);
        end_of_input =
            line.split_once("<<'").and_then(|(_, rest)| Some(rest.split_once('\'')?.0.to_owned()));
    }
    commands
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

#[test]
fn variables_before_a_command_do_not_hide_it() {
    assert_eq!(without_variables("A=1 B_C=x \\\ncargo test"), "cargo test");
    assert_eq!(without_variables("A=$(countersign sign x)"), "A=$(countersign sign x)");
    assert_eq!(without_variables("A=1"), "A=1");
}

#[test]
fn a_block_is_split_into_its_commands() {
    let block = "# first\ncat <<'END'\none\nEND\ncurl \\\n    -s x\necho a |\n  cat\necho b\n";
    let expected = ["cat <<'END'\none\nEND", "curl \\\n    -s x", "echo a |\n  cat", "echo b"];
    assert_eq!(commands(block), expected);
}
