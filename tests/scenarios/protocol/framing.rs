//! What frames a message, spelled in every way: where it ends for us, it ends for the other side.

mod answers;
mod both;
mod lengths;
mod lines;
mod names;
