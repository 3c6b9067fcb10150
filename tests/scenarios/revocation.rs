//! Verified tokens that are refused all the same: the revocation list and back-channel logouts,
//! through the running proxy.

mod list;
mod logout;
mod refusals;
