//! The files of `src` without their unit tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of production code.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The room that it is in: the first part of its path below `src`.
    pub(crate) room: String,
    /// Its lines without comments and unit tests, which may look where they like.
    pub(crate) code: String,
}

/// Every file of `src` that is not for tests only.
pub(crate) fn production() -> Vec<Source> {
    let mut files = Vec::new();
    find(&src(), &mut files);
    files.retain(|file| !is_for_tests(file));
    let read = |path: PathBuf| Source {
        room: room_of(&path),
        code: code(&fs::read_to_string(&path).unwrap()),
        path,
    };
    files.into_iter().map(read).collect()
}

/// A file without its comments and unit tests.
pub(crate) fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_for_tests(file: &Path) -> bool {
    let below = file.strip_prefix(src()).unwrap();
    let mut parts = below.iter().map(|part| part.to_string_lossy());
    parts.any(|part| matches!(&*part, "tests" | "tests.rs" | "testing" | "testing.rs"))
}

fn room_of(file: &Path) -> String {
    let below = file.strip_prefix(src()).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}
