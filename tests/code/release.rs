//! `deploy/build-release` can't run here, since it builds twice for minutes, and the workflows run
//! elsewhere. What they refer to is there, and every place that builds a release uses the script.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

const SCRIPT: &str = "deploy/build-release";
const SCRIPTS: [&str; 17] = [
    SCRIPT,
    "deploy/debian/build",
    "deploy/idle-functions",
    "deploy/image/build",
    "deploy/image/context",
    "deploy/image/root",
    "deploy/install-tools",
    "deploy/release/chart",
    "deploy/release/notes",
    "deploy/release/pack",
    "deploy/release/push-chart",
    "deploy/release/push-image",
    "deploy/sbom",
    "deploy/tests/debian/run",
    "deploy/tests/first-minute/run",
    "deploy/tests/image/run",
    "deploy/tests/workflows/run",
];
const WORKFLOWS: [&str; 2] = [".github/workflows/ci.yml", ".github/workflows/release.yml"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).args(SCRIPTS).current_dir(env!("CARGO_MANIFEST_DIR"));
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{program}: {}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => eprintln!("{program} is not installed"),
    }
}

/// The files below those folders that a text names.
fn named_paths(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c)));
    let words = words.map(|word| word.trim_end_matches('.'));
    words
        .filter(|word| ["deploy/", "loadtest/", "docs/"].iter().any(|at| word.starts_with(at)))
        .collect()
}

#[test]
fn the_scripts_are_such_that_shellcheck_accepts() {
    check("shellcheck", &["--external-sources"]);
}

#[test]
fn everything_that_scripts_and_workflows_name_is_there() {
    let mut found = Vec::new();
    for text in SCRIPTS.iter().chain(&WORKFLOWS).map(|path| read(path)) {
        found.extend(named_paths(&text).into_iter().map(str::to_owned));
    }
    assert!(found.iter().any(|path| path == "loadtest/tools/train/Cargo.toml"), "{found:?}");
    for path in found {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists(), "{path}");
    }
}

/// A tag of an action can be moved to other code, a commit can't.
#[test]
fn every_action_of_a_workflow_is_named_by_its_commit() {
    for workflow in WORKFLOWS {
        let text = read(workflow);
        let uses = text.lines().filter_map(|line| line.trim().strip_prefix("- uses: "));
        let uses: Vec<&str> = uses.collect();
        assert!(!uses.is_empty(), "{workflow}");
        for action in uses {
            let (commit, version) = action.split_once('@').unwrap().1.split_once(" # v").unwrap();
            let is_commit = commit.len() == 40 && commit.bytes().all(|it| it.is_ascii_hexdigit());
            assert!(is_commit, "{workflow}: {action}");
            assert_eq!(version.split('.').count(), 3, "{workflow}: {action}");
        }
    }
}

#[test]
fn no_job_may_do_more_than_it_says() {
    for workflow in WORKFLOWS {
        let workflow: Value = serde_saphyr::from_str(&read(workflow)).unwrap();
        assert_eq!(workflow["permissions"], json!({}));
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            assert!(job["permissions"].is_object(), "{name}");
            assert!(job["timeout-minutes"].is_u64(), "{name}");
        }
    }
}

#[test]
fn the_workflow_builds_in_the_same_image_as_the_dockerfile() {
    let workflow: Value = serde_saphyr::from_str(&read(WORKFLOWS[1])).unwrap();
    let container = workflow["jobs"]["build"]["container"].as_str().unwrap();
    assert!(container.contains("@sha256:"), "{container}");
    assert!(read("deploy/Dockerfile").contains(&format!("FROM {container} AS build\n")));
}

#[test]
fn release_notes_are_those_of_a_version_that_the_changelog_has() {
    let notes = |version: &str| {
        let mut command = Command::new("deploy/release/notes");
        command.arg(version).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
    };
    assert!(!notes("9.9.9").status.success(), "a version that Cargo.toml does not have");
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md");
    let section = changelog.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("##")
            && words.next().map(|word| word.trim_matches(['[', ']'])) == Some(version)
    });
    assert_eq!(notes(version).status.success(), section);
}

#[test]
fn the_image_is_built_by_the_script_and_sees_what_that_needs() {
    assert!(read("deploy/Dockerfile").contains(&format!(" {SCRIPT} ")));
    let seen = read("deploy/Dockerfile.dockerignore");
    for needed in
        [SCRIPT, "deploy/idle-functions", "loadtest/tools", "Cargo.lock", "build.rs", "src"]
    {
        assert!(seen.lines().any(|line| line == format!("!{needed}")), "{needed}");
    }
}

#[test]
fn the_optimised_build_differs_from_the_counting_one_in_the_profile_alone() {
    let script = read(SCRIPT);
    let builds = script.lines().filter(|line| line.contains(" build --release "));
    assert_eq!(builds.count(), 1, "both go through one function");
    let flags: Vec<_> = script.lines().filter(|line| line.trim().starts_with("build \"")).collect();
    assert_eq!(flags.len(), 2, "{flags:?}");
    assert!(flags[0].contains("-Cprofile-generate=") && flags[1].contains("-Cprofile-use="));
    for flag in flags {
        assert_eq!(flag.matches("-C").count(), 1, "{flag}");
    }
}
