//! Follows the chain from line to line and from file to file.

use std::path::PathBuf;

use crate::{
    evidence::{
        chain::{ChainLink, LineHash},
        line::ParsedLine,
    },
    json::Json,
};

/// A line of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LinePlace {
    pub(super) file: PathBuf,
    /// From 1.
    pub(super) line: u64,
}

/// Where the chain is.
#[derive(Debug, Default)]
pub(super) struct ChainState {
    expected: Option<ChainLink>,
    last: Option<LinePlace>,
    /// The states of the chain that a writer which abandons a file may return to; the next file
    /// names the one. They are those within the previous file, then those after files that consist
    /// of their first line only, since even that one may not have reached the disk.
    in_last_file: Vec<ChainLink>,
    in_this_file: Vec<ChainLink>,
    /// How many of them are certain: a checkpoint is written only after what is on disk.
    certain_in_last_file: usize,
    certain_in_this_file: usize,
    /// The file before ended in the middle of a line.
    torn: Option<LinePlace>,
    is_first_line: bool,
}

/// A line that does not follow.
#[derive(Debug)]
pub(super) struct ChainError {
    pub(super) place: LinePlace,
    pub(super) what: String,
}

impl ChainState {
    pub(super) fn next_file(&mut self) {
        let lines = std::mem::take(&mut self.in_this_file);
        let certain = std::mem::take(&mut self.certain_in_this_file);
        if lines.len() > 1 {
            self.in_last_file = lines;
            self.certain_in_last_file = certain;
        } else {
            self.in_last_file.extend(lines);
        }
        self.is_first_line = true;
    }

    pub(super) fn torn(&mut self, place: LinePlace) {
        self.torn = Some(place);
    }

    /// The last line that was looked at.
    pub(super) fn place(&self) -> Option<LinePlace> {
        self.last.clone()
    }

    /// Continues after something that is no line.
    pub(super) fn skip(&mut self, line: &[u8], place: &LinePlace) {
        self.is_first_line = false;
        self.expected = self.expected.map(|link| link.after(line));
        self.last = Some(place.clone());
    }

    /// Continues after a line. Returns how many lines before it don't count.
    pub(super) fn follow(
        &mut self,
        parsed: &ParsedLine,
        line: &[u8],
        place: &LinePlace,
    ) -> Result<u64, ChainError> {
        let outcome = self.check(parsed, place);
        let own = ChainLink { number: parsed.number, ..ChainLink::FIRST };
        let after = own.after(line);
        self.expected = Some(after);
        if parsed.kind == "checkpoint" {
            self.certain_in_this_file = self.in_this_file.len();
        }
        self.in_this_file.push(after);
        self.last = Some(place.clone());
        self.is_first_line = false;
        outcome
    }

    fn check(&mut self, parsed: &ParsedLine, place: &LinePlace) -> Result<u64, ChainError> {
        let broken = |place: &LinePlace, what: &str| {
            Err(ChainError { place: place.clone(), what: what.to_owned() })
        };
        if self.is_first_line && parsed.kind != "open" {
            return broken(place, "does not open the file: lines before it are missing");
        }
        if !self.is_first_line && parsed.kind == "open" {
            return broken(place, "opens a file in the middle of one");
        }
        let admits = |what: &str| parsed.members.get(what) == Some(&Json::Bool(true));
        if let Some(torn) = self.torn.take()
            && !(admits("torn") || admits("abandoned"))
        {
            return broken(&torn, "breaks off, and the next file does not record it");
        }
        let Some(expected) = self.expected else {
            // Earlier files need not be here; the first of all has nothing before it.
            let before = LineHash::from_text(&parsed.previous);
            self.in_last_file
                .extend(before.map(|previous| ChainLink { number: parsed.number, previous }));
            let is_first = parsed.number == ChainLink::FIRST.number;
            if is_first && parsed.previous != ChainLink::FIRST.previous.to_text() {
                return broken(place, "is number 1, and names a line before it");
            }
            return Ok(0);
        };
        if is_at(parsed, expected) {
            return Ok(0);
        }
        if parsed.kind == "open" && admits("abandoned") {
            let stands = self.in_last_file.iter().rposition(|link| is_at(parsed, *link));
            if let Some(position) = stands {
                if position + 1 < self.certain_in_last_file {
                    return broken(place, "abandons lines that a checkpoint covers");
                }
                let given_up = self.in_last_file.len() - 1 - position;
                self.in_last_file.truncate(position + 1);
                return Ok(given_up as u64);
            }
        }
        match parsed.number.cmp(&expected.number) {
            std::cmp::Ordering::Equal => {
                let before = self.last.clone().unwrap_or_else(|| place.clone());
                broken(&before, "was altered: the next line was written after another one")
            }
            std::cmp::Ordering::Greater => {
                let missing = parsed.number - expected.number;
                let what = format!("{missing} lines before it are missing");
                broken(place, &what)
            }
            std::cmp::Ordering::Less => {
                broken(place, "has a number that was there before: it is out of its place")
            }
        }
    }
}

fn is_at(parsed: &ParsedLine, link: ChainLink) -> bool {
    let hash: LineHash = link.previous;
    parsed.number == link.number && parsed.previous == hash.to_text()
}
