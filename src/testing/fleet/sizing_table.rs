//! A table of `docs/operations.md`, compared with what was simulated.

use std::{fmt, fs, iter, path::PathBuf};

use parking_lot::Mutex;

use super::is_updating;

/// The tables are in one document, and each test writes its own.
static DOCUMENT: Mutex<()> = Mutex::new(());

/// One table. The line of its column names is what finds it in the document.
pub(crate) struct SizingTable {
    columns: &'static [&'static str],
    rows: Vec<(String, Vec<Figure>)>,
}

/// What is in one column of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Figure {
    /// Events a second, on average.
    Rate(f64),
    /// Events of the highest second.
    Highest(u32),
    /// Events of a scene that has no chance in it.
    Count(u32),
}

impl SizingTable {
    /// The first column names the rows.
    pub(crate) fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// The row of a fleet of so many replicas.
    pub(crate) fn add_fleet(&mut self, replicas: u32, figures: &[Figure]) {
        self.add(&grouped(replicas), figures);
    }

    pub(crate) fn add(&mut self, name: &str, figures: &[Figure]) {
        assert_eq!(figures.len() + 1, self.columns.len());
        self.rows.push((name.to_owned(), figures.to_vec()));
    }

    /// Fails where the document says something else than the simulation, but for chance; or writes
    /// the table.
    pub(crate) fn compare_with_document(&self) {
        let _alone = DOCUMENT.lock();
        let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
        let text = fs::read_to_string(&page).unwrap();
        let head = row(self.columns);
        let (before, section) = text.split_once(&head).unwrap_or_else(|| panic!("no {head}"));
        let (written, after) = section.split_once("\n\n").unwrap();
        if is_updating() {
            fs::write(&page, format!("{before}{head}{}\n{after}", self.body())).unwrap();
            return;
        }
        for (name, figures) in &self.rows {
            let line = written.lines().find(|line| line.starts_with(&format!("| {name} |")));
            let line = line.unwrap_or_else(|| panic!("no row of {name}"));
            let cells = line.split('|').map(str::trim).skip(2);
            for ((figure, cell), column) in figures.iter().zip(cells).zip(&self.columns[1..]) {
                assert!(
                    figure.is_near(cell),
                    "{name}, {column}: simulated {figure}, written {cell}; \
                     UPDATE_DOCS=1 cargo test --lib fleet writes the table"
                );
            }
        }
    }

    fn body(&self) -> String {
        let line = |(name, figures): &(String, Vec<Figure>)| {
            let figures = figures.iter().map(Figure::to_string);
            row(&iter::once(name.clone()).chain(figures).collect::<Vec<_>>())
        };
        let rule = format!("|---|{}\n", "---:|".repeat(self.columns.len() - 1));
        rule + &self.rows.iter().map(line).collect::<String>()
    }
}

impl Figure {
    /// Chance moves a rate of thousands of events by little, the highest second by more.
    fn is_near(&self, written: &str) -> bool {
        let written: f64 = written.replace(',', "").parse().unwrap();
        let (own, part, least) = match *self {
            Self::Rate(rate) => (rate, 0.15, 0.01),
            Self::Highest(count) => (f64::from(count), 0.25, 4.0),
            Self::Count(count) => (f64::from(count), 0.0, 0.0),
        };
        (own - written).abs() <= part * own.max(written) + least
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Rate(rate) if rate < 0.1 => write!(f, "{rate:.3}"),
            Self::Rate(rate) if rate < 1.0 => write!(f, "{rate:.2}"),
            Self::Rate(rate) if rate < 10.0 => write!(f, "{rate:.1}"),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            Self::Rate(rate) => f.write_str(&grouped(rate.round() as u32)),
            Self::Highest(count) | Self::Count(count) => f.write_str(&grouped(count)),
        }
    }
}

fn row(cells: &[impl AsRef<str>]) -> String {
    let cells = cells.iter().map(|cell| format!(" {} |", cell.as_ref()));
    format!("|{}\n", cells.collect::<String>())
}

/// With a comma between thousands.
fn grouped(number: u32) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{},{rest:03}", grouped(thousands)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_far_from_the_document_is_found() {
        assert!(Figure::Rate(1_100.0).is_near("1,000") && !Figure::Rate(1_300.0).is_near("1,000"));
        assert!(Figure::Highest(10).is_near("7") && !Figure::Highest(100).is_near("60"));
        assert!(Figure::Count(1_000).is_near("1,000") && !Figure::Count(1_000).is_near("999"));
        assert_eq!(Figure::Rate(12_345.6).to_string(), "12,346");
    }
}
