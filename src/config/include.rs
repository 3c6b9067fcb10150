//! `include = ["conf.d/*.toml"]`: which files a pattern stands for.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// More entries than a directory of configuration files has.
const MAX_ENTRIES: usize = 10_000;

/// Writable by all users.
const WRITABLE_BY_OTHERS: u32 = 0o002;

/// What a pattern stands for.
#[derive(Debug)]
pub(super) enum Included {
    /// One file, which has to be there.
    File(PathBuf),
    /// The files of a directory, by their names; none is as good as some.
    Matches {
        /// The directory.
        folder: PathBuf,
        /// Those of its files that match, sorted.
        files: Vec<PathBuf>,
    },
}

/// The files of an absolute pattern. Only its last part may have `*` and `?` in it.
pub(super) fn find(pattern: &Path) -> Result<Included, String> {
    let is_wild = |text: &str| text.contains(['*', '?']);
    let folder = pattern.parent().unwrap_or_else(|| Path::new("/"));
    if folder.to_str().is_none_or(is_wild) {
        return Err("expected \"*\" and \"?\" in the name of the file only".to_owned());
    }
    match pattern.file_name().and_then(|name| name.to_str()) {
        Some(name) if is_wild(name) => {
            let files = matches(folder, name).map_err(|error| {
                format!("the directory {} cannot be read: {error}", folder.display())
            })?;
            Ok(Included::Matches { folder: folder.to_owned(), files })
        }
        _ => Ok(Included::File(pattern.to_owned())),
    }
}

/// Of the files in a directory those that match, by name. A directory that is not there has none.
fn matches(folder: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for (position, entry) in entries.enumerate() {
        if position >= MAX_ENTRIES {
            return Err(io::Error::other(format!("it has more than {MAX_ENTRIES} entries")));
        }
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // As shells do it: editors and Kubernetes keep hidden files beside the real ones.
        let is_hidden = name.starts_with('.') && !pattern.starts_with('.');
        if !is_hidden && is_match(pattern.as_bytes(), name.as_bytes()) && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// `*` stands for any bytes, `?` for one. Takes time in proportion to both lengths: after a
/// mismatch only the last `*` takes one byte more.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut last_star = None;
    while let Some(byte) = name.get(in_name) {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, in_name));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else { return false };
                last_star = Some((star, taken + 1));
                (at, in_name) = (star + 1, taken + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

/// Anyone could change what the proxy lets through.
pub(super) fn refuse_writable_by_others(file: &Path) -> Result<(), String> {
    let mode = fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & WRITABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    Err(format!(
        "can be written by every user (mode {:03o}); expected a file that only its owner changes",
        mode & 0o777
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "a.toml.bak", false),
            ("a?.toml", "ab.toml", true),
            ("a?.toml", "a.toml", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b", "abab", true),
            ("*a*b", "aba", false),
            ("a", "a", true),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(is_match(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(!is_match("*a".repeat(30).as_bytes(), "b".repeat(10_000).as_bytes()));
    }
}
