//! The files of a journal: their names, their order, and where the chain goes on after a restart.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{
    chain::ChainLink,
    line::{MAX_LINE_BYTES, ParsedLine},
};

const PREFIX: &str = "evidence-";
const SUFFIX: &str = ".jsonl";

/// Readable by the owner only: it names signers, and what they signed.
const MODE: u32 = 0o600;

/// Where a journal stands that was closed, or broke off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) link: ChainLink,
    /// The file with the last whole line.
    pub(super) file: Option<String>,
    /// The number of the newest file.
    pub(super) sequence: u32,
    /// Whether that file, or a later one, ends in the middle of a line.
    pub(super) is_torn: bool,
}

/// A new file, to which is only ever added.
pub(super) fn create(folder: &Path, day: &str, sequence: u32) -> io::Result<(File, String)> {
    let name = format!("{PREFIX}{day}-{sequence:08}{SUFFIX}");
    let mut options = OpenOptions::new();
    let file = options.append(true).create_new(true).mode(MODE).open(folder.join(&name))?;
    // The name itself is durable only with its folder.
    File::open(folder)?.sync_all()?;
    Ok((file, name))
}

/// Removes a file if it is empty; returns whether it was.
pub(super) fn remove_empty(path: &Path) -> bool {
    let is_empty = fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0);
    is_empty && fs::remove_file(path).is_ok()
}

/// Finds where the chain continues. Nothing is repaired: what a crash has left is reported, and
/// stays.
pub(super) fn standing(folder: &Path) -> io::Result<Standing> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(sequence) = sequence_of(&path) {
            files.push((sequence, path));
        }
    }
    files.sort();
    let sequence = files.last().map_or(0, |(sequence, _)| *sequence);
    let mut is_torn = false;
    for (_, path) in files.iter().rev() {
        let tail = tail(path)?;
        is_torn |= tail.is_torn;
        let Some(line) = tail.last_line else {
            continue; // it broke off before its first line was whole
        };
        let parsed = ParsedLine::read(&line).ok_or_else(|| {
            io::Error::other(format!("the last line of {} is no line of a journal", path.display()))
        })?;
        let link = ChainLink { number: parsed.number, ..ChainLink::FIRST }.after(&line);
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
        return Ok(Standing { link, file, sequence, is_torn });
    }
    Ok(Standing { link: ChainLink::FIRST, file: None, sequence, is_torn })
}

struct Tail {
    last_line: Option<Vec<u8>>,
    is_torn: bool,
}

/// The last whole line of a file, and whether a partial line follows it.
fn tail(path: &Path) -> io::Result<Tail> {
    let mut file = File::open(path)?;
    // What goes on from here must not be on disk before it: a killed process may have left lines
    // that only the system's memory holds.
    file.sync_data()?;
    let length = file.metadata()?.len();
    // Room for the last whole line and for what a crash has left of the next.
    let most = 2 * MAX_LINE_BYTES as u64;
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let is_torn = bytes.last().is_some_and(|byte| *byte != b'\n');
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or_default();
    let whole = bytes.get(..whole).unwrap_or_default();
    let last = whole.rsplit(|byte| *byte == b'\n').next().filter(|line| !line.is_empty());
    Ok(Tail { last_line: last.map(<[u8]>::to_vec), is_torn })
}

/// The running number in a file's name; `None` for other files.
pub(super) fn sequence_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    stem.rsplit_once('-')?.1.parse().ok()
}

/// The lock by which a folder has one writer. It ends with the process, however that ends.
pub(super) fn lock(folder: &Path) -> io::Result<File> {
    let path: PathBuf = folder.join(".lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(MODE).open(path)?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => io::Error::other("another process writes to it"),
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}
