//! `deploy/build-release` can't run here, since it builds twice for minutes. What it refers to is
//! there, and every place that builds a release uses it.

use std::{fs, path::Path, process::Command};

const SCRIPT: &str = "deploy/build-release";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).arg(SCRIPT).current_dir(env!("CARGO_MANIFEST_DIR"));
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
fn the_script_is_one_that_bash_can_read() {
    check("bash", &["-n"]);
    check("shellcheck", &[]);
}

#[test]
fn everything_that_the_script_names_is_there() {
    let script = read(SCRIPT);
    let paths = named_paths(&script);
    assert!(paths.contains(&"loadtest/tools/train/Cargo.toml"), "{paths:?}");
    for path in paths {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
    }
}

#[test]
fn the_image_is_built_by_the_script_and_sees_what_that_needs() {
    assert!(read("deploy/Dockerfile").contains(&format!(" {SCRIPT} ")));
    let seen = read("deploy/Dockerfile.dockerignore");
    for needed in [SCRIPT, "loadtest/tools", "Cargo.lock", "build.rs", "src"] {
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
