//! `countersign schema`

use std::io::Write;

use super::CommandError;

/// The JSON Schema of a configuration (draft 7). A test makes it from what the reader accepts.
pub const SCHEMA: &str = include_str!("../../config/countersign.schema.json");

/// Prints the schema.
///
/// # Errors
/// [`CommandError::Output`]
pub fn schema(out: &mut impl Write) -> Result<(), CommandError> {
    Ok(out.write_all(SCHEMA.as_bytes())?)
}
