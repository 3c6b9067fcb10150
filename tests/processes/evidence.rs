//! The journal of signed requests: through the running proxy, through the command line, and after
//! `kill -9`.

mod command;
mod crashes;
mod requests;
