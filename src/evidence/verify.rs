//! Reads a journal back: does the chain hold, and is every signature in it right?

mod chain_state;
mod checks;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use self::{
    chain_state::{ChainState, LinePlace},
    checks::{Checkpoint, SignatureState},
};
use super::{
    file::sequence_of,
    line::{MAX_LINE_BYTES, ParsedLine},
};
use crate::jose::JwkSet;

/// What a journal is checked against.
#[derive(Debug, Default)]
pub struct Against {
    /// The public keys of checkpoints. `None`: they are not checked.
    pub keys: Option<JwkSet>,
    /// A body, and the number of the line that it should belong to.
    pub body: Option<(u64, Vec<u8>)>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// The numbers of the first and the last line.
    pub numbers: Option<(u64, u64)>,
    /// Whole lines.
    pub lines: u64,
    /// Lines about requests.
    pub requests: u64,
    /// Of these, verified ones whose signature is right, checked again.
    pub rechecked: u64,
    /// Verified ones whose signature can only be checked with the body.
    pub body_needed: u64,
    /// Lines about refused requests.
    pub refused: u64,
    /// Checkpoints that are right.
    pub checkpoints: u64,
    /// Checkpoints that were not checked.
    pub unchecked_checkpoints: u64,
    /// Lines after the last checkpoint: truncating them would go unnoticed.
    pub uncovered: u64,
    /// Lines that don't count: writing them failed, and the next file records it.
    pub abandoned: u64,
    /// Files that end in the middle of a line, and how many bytes of it there are: the process
    /// ended while it wrote.
    pub torn: Vec<(PathBuf, u64)>,
    /// Whether the body belongs to its line; `None` if none was given.
    pub body: Option<bool>,
    /// Why it does not.
    pub body_problem: Option<Finding>,
    /// What is wrong with the journal, in the order of the lines; the first hundred of it.
    pub findings: Vec<Finding>,
    /// How much more is wrong.
    pub further_findings: u64,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// The line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {error}", file.display())]
pub struct Unreadable {
    /// The file.
    pub file: PathBuf,
    /// The system's error.
    pub error: io::Error,
}

/// More of them would add no information.
const MAX_FINDINGS: usize = 100;

/// Sorts files into the order in which they were written: by number, not by date, since a clock may
/// go back. Leaves them as they are unless each has a name the journal gives.
pub fn order(files: &mut [PathBuf]) {
    if files.iter().all(|file| sequence_of(file).is_some()) {
        files.sort_by_key(|file| sequence_of(file));
    }
}

/// Reads the files in this order, which has to be theirs.
///
/// # Errors
/// A file, which is named, can't be read. What is wrong with the journal itself is in the report.
pub fn verify(files: &[PathBuf], against: &Against) -> Result<VerifyReport, Unreadable> {
    let mut reading =
        Reading { report: VerifyReport::default(), chain: ChainState::default(), against };
    for file in files {
        reading.file(file).map_err(|error| Unreadable { file: file.clone(), error })?;
    }
    reading.finish();
    Ok(reading.report)
}

struct Reading<'a> {
    report: VerifyReport,
    chain: ChainState,
    against: &'a Against,
}

enum JournalLine {
    Whole(Vec<u8>),
    Torn(u64),
    TooLong,
    End,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        self.chain.next_file();
        let mut number = 0;
        loop {
            number += 1;
            let place = LinePlace { file: path.to_owned(), line: number };
            match next_piece(&mut reader)? {
                JournalLine::Whole(line) => self.line(&line, place),
                JournalLine::Torn(bytes) => {
                    self.report.torn.push((path.to_owned(), bytes));
                    self.chain.torn(place);
                    return Ok(());
                }
                JournalLine::TooLong => {
                    self.find(place, format!("is longer than {MAX_LINE_BYTES} bytes"));
                    return Ok(());
                }
                JournalLine::End => return Ok(()),
            }
        }
    }

    fn line(&mut self, line: &[u8], place: LinePlace) {
        self.report.lines += 1;
        let Some(parsed) = ParsedLine::read(line) else {
            self.chain.skip(line, &place);
            return self.find(place, "is no line of a journal".to_owned());
        };
        let first = self.report.numbers.map_or(parsed.number, |(first, _)| first);
        self.report.numbers = Some((first, parsed.number));
        match self.chain.follow(&parsed, line, &place) {
            Ok(abandoned) => self.abandon(abandoned, parsed.number),
            Err(broken) => self.find(broken.place, broken.what),
        }
        match parsed.kind.as_str() {
            "request" => self.request(&parsed, place),
            "checkpoint" => self.checkpoint(&parsed, place),
            "open" => self.report.uncovered += 1,
            other => self.find(place, format!("is of the unknown type {other:?}")),
        }
    }

    /// Lines that the writer itself does not stand by.
    fn abandon(&mut self, lines: u64, from: u64) {
        self.report.abandoned += lines;
        if let Some((entry, _)) = &self.against.body
            && lines > 0
            && *entry >= from
        {
            // Another line has the number now, or will have it.
            self.report.body = None;
            self.report.body_problem = None;
        }
    }

    fn request(&mut self, parsed: &ParsedLine, place: LinePlace) {
        self.report.requests += 1;
        self.report.uncovered += 1;
        if let Some((entry, body)) = &self.against.body
            && *entry == parsed.number
        {
            let proven = checks::body(&parsed.members, body);
            self.report.body = Some(proven.is_ok());
            self.report.body_problem = proven.err().map(|what| {
                let LinePlace { file, line } = place.clone();
                Finding { file, line, what: format!("does not belong to that body: {what}") }
            });
        }
        match checks::signature(&parsed.members) {
            Ok(SignatureState::Right) => self.report.rechecked += 1,
            Ok(SignatureState::NeedsBody) => self.report.body_needed += 1,
            Ok(SignatureState::Refused) => self.report.refused += 1,
            Err(what) => self.find(place, what),
        }
    }

    fn checkpoint(&mut self, parsed: &ParsedLine, place: LinePlace) {
        match checks::checkpoint(parsed, self.against.keys.as_ref()) {
            Ok(Checkpoint::Right) => {
                self.report.checkpoints += 1;
                self.report.uncovered = 0;
            }
            Ok(Checkpoint::Unchecked) => {
                self.report.unchecked_checkpoints += 1;
                self.report.uncovered += 1;
            }
            Err(what) => self.find(place, what),
        }
    }

    fn find(&mut self, place: LinePlace, what: String) {
        if self.report.findings.len() < MAX_FINDINGS {
            let LinePlace { file, line } = place;
            self.report.findings.push(Finding { file, line, what });
        } else {
            self.report.further_findings += 1;
        }
    }

    fn finish(&mut self) {
        if let (Some((entry, _)), None) = (&self.against.body, self.report.body) {
            self.report.body = Some(false);
            let LinePlace { file, line } = self.chain.place().unwrap_or_default();
            let what = format!("is the last line: there is no request numbered {entry}");
            self.report.body_problem = Some(Finding { file, line, what });
        }
    }
}

/// The next line, without its line break.
fn next_piece(reader: &mut impl BufRead) -> io::Result<JournalLine> {
    let mut line = Vec::new();
    let most = MAX_LINE_BYTES as u64 + 1;
    let read = reader.by_ref().take(most).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(JournalLine::End);
    }
    if line.pop() == Some(b'\n') {
        return Ok(JournalLine::Whole(line));
    }
    Ok(if read as u64 == most { JournalLine::TooLong } else { JournalLine::Torn(read as u64) })
}
