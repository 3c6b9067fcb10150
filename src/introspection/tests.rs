//! The room as a whole.

mod fleet;
