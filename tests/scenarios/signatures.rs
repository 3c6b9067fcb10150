//! Request signatures through the running proxy: the S rows of the threat catalogue. What is
//! refused is refused before the upstream gets a byte of it.

mod answers;
mod bodies;
mod carriers;
mod chunks;
mod dialects;
mod forwarded;
mod messages;
mod published;
pub(crate) mod scene;
mod signers;
