//! Colours, where the terminal has them: `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM=dumb`
//! decide as for clap's own output.

use std::io;

use anstream::{AutoStream, ColorChoice};

/// Whether texts are coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(bool);

impl Paint {
    /// As standard output has it.
    pub(super) fn of_stdout() -> Self {
        Self(AutoStream::choice(&io::stdout()) != ColorChoice::Never)
    }

    /// Never.
    pub(super) fn none() -> Self {
        Self(false)
    }

    /// Good.
    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Worth a look.
    pub(super) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
