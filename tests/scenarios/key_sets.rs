//! The K rows of the threat catalogue through the running proxy: key sets that are hostile,
//! late, broken or gone, and what that means for requests.

mod connections;
mod discovery;
mod documents;
mod keys;
mod outage;
mod rotation;
mod selectors;
mod single_keys;
