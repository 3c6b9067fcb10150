//! Files that the configuration names: they are checked when it is loaded, so that a wrong path is
//! an error at the start and not an outage later.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{byte_order_mark, node::Node, reader::Parsed, values::path};
use crate::bounded::input::{InputError, read_path};

/// Secrets are short; whatever is longer is another file.
const MAX_SECRET_BYTES: u64 = 4096;

/// A file that can be opened, is not empty and has no byte order mark.
pub(crate) fn readable_file(node: &Node) -> Parsed<PathBuf> {
    let path = path(node)?;
    if !node.reads_files() {
        return Ok(path);
    }
    check_readable(&path).map_err(|problem| {
        let path = path.display();
        format!("the file {path} {problem}; expected a file that can be read")
    })?;
    Ok(path)
}

/// A file that another process writes, maybe later: whether it can be read yet is no matter of the
/// configuration. A directory in its place, or a byte order mark, does not go away by waiting.
pub(crate) fn expected_file(node: &Node) -> Parsed<PathBuf> {
    let path = path(node)?;
    if !node.reads_files() {
        return Ok(path);
    }
    match look_at(&path) {
        Err(UnusableFile::Wrong(problem)) => {
            let path = path.display();
            Err(format!("the file {path} {problem}; expected a file that can be read"))
        }
        Ok(()) | Err(UnusableFile::NotYet(_)) => Ok(path),
    }
}

/// Why a file can't be read at this moment, in words; `None` if it can.
pub(crate) fn reading_problem(path: &Path) -> Option<String> {
    let problem = check_readable(path).err()?;
    Some(format!("the file {} {problem}", path.display()))
}

/// A [`readable_file`] whose content `judge` accepts.
pub(crate) fn judged_file(
    node: &Node,
    judge: impl FnOnce(&Path) -> Result<(), String>,
) -> Parsed<PathBuf> {
    let path = readable_file(node)?;
    if node.reads_files() {
        judge(&path)?;
    }
    Ok(path)
}

/// A directory that exists.
pub(crate) fn directory(node: &Node) -> Parsed<PathBuf> {
    let path = path(node)?;
    if !node.reads_files() {
        return Ok(path);
    }
    let problem = match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return Ok(path),
        Ok(_) => "is not a directory".to_owned(),
        Err(error) => format!("cannot be opened: {error}"),
    };
    let path = path.display();
    Err(format!("the directory {path} {problem}; expected one that exists and can be written"))
}

/// The content of a file that may be a secret; the error describes the problem.
pub(crate) fn read_whole(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = read_path(path, max_bytes).map_err(|error| match error {
        InputError::Io(error) => format!("cannot be read: {error}"),
        InputError::TooLarge(_) => format!("has {error}"),
    })?;
    byte_order_mark::refuse(&bytes).map_err(|mark| mark.to_string())?;
    Ok(bytes)
}

/// A secret: the file's bytes, one trailing line break removed. Nothing of it is in the message if
/// it can't be read.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = read_whole(path, MAX_SECRET_BYTES)
        .map_err(|problem| format!("the file {} {problem}", path.display()))?;
    let length = without_line_break(&bytes).len();
    bytes.truncate(length);
    Ok(bytes)
}

/// Why a file can't be used, in words.
enum UnusableFile {
    /// It may be written later.
    NotYet(String),
    /// It has to be replaced by something else.
    Wrong(String),
}

fn check_readable(path: &Path) -> Result<(), String> {
    look_at(path).map_err(|file| match file {
        UnusableFile::NotYet(problem) | UnusableFile::Wrong(problem) => problem,
    })
}

fn look_at(path: &Path) -> Result<(), UnusableFile> {
    let not_yet = |what: &str, error| UnusableFile::NotYet(format!("cannot be {what}: {error}"));
    let metadata = fs::metadata(path).map_err(|error| not_yet("opened", error))?;
    if !metadata.is_file() {
        return Err(UnusableFile::Wrong("is not a file".to_owned()));
    }
    let mut start = Vec::new();
    let start_bytes = byte_order_mark::BYTES as u64;
    let read = File::open(path).and_then(|file| file.take(start_bytes).read_to_end(&mut start));
    match read {
        Ok(0) => Err(UnusableFile::NotYet("is empty".to_owned())),
        Ok(_) => {
            byte_order_mark::refuse(&start).map_err(|mark| UnusableFile::Wrong(mark.to_string()))
        }
        Err(error) => Err(not_yet("read", error)),
    }
}

/// Editors and `echo` end a file with a line break that is no part of the secret.
pub(crate) fn without_line_break(bytes: &[u8]) -> &[u8] {
    let Some(line) = bytes.strip_suffix(b"\n") else {
        return bytes;
    };
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_a_secret() {
        for (file, secret) in [
            ("s", "s"),
            ("s\n", "s"),
            ("s\r\n", "s"),
            ("s\n\n", "s\n"),
            ("s\r", "s\r"),
            (" s \n", " s "),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(without_line_break(file.as_bytes()), secret.as_bytes(), "{file:?}");
        }
    }
}
