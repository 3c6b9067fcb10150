//! The gateway in front of several services, as its document and its example have it.

mod example;
mod page;
