//! Lines and columns of a text.

use std::fmt;

/// A line and a column of a file, both from 1. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextPlace {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for TextPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Where the lines of a text begin, to find the place of an offset.
#[derive(Debug)]
pub(crate) struct LineIndex<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

/// Characters are counted up to there; beyond it, which is machine-made JSON in one line, a column
/// is a number of bytes. Counting would take quadratic time.
const MAX_COUNTED_BYTES: usize = 4096;

impl<'t> LineIndex<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(offset, _)| offset + 1)).collect();
        Self { text, starts }
    }

    /// The place of a byte.
    pub(crate) fn place(&self, offset: usize) -> TextPlace {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).filter(|it| it.len() <= MAX_COUNTED_BYTES);
        let column = before.map_or(offset - start, |before| before.chars().count()) + 1;
        TextPlace { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a\nbü c\n\nd";
        let index = LineIndex::new(text);
        for (found, line, column) in [("a", 1, 1), ("b", 2, 1), ("c", 2, 4), ("d", 4, 1)] {
            let place = index.place(text.find(found).unwrap());
            assert_eq!(place, TextPlace { line, column }, "{found}");
        }
        assert_eq!(index.place(text.len()), TextPlace { line: 4, column: 2 });
    }

    #[test]
    fn the_column_of_a_very_long_line_is_in_bytes() {
        let text = "ü".repeat(MAX_COUNTED_BYTES);
        let place = LineIndex::new(&text).place(text.len());
        assert_eq!(place, TextPlace { line: 1, column: text.len() + 1 });
    }
}
