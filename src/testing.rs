//! What the unit tests of several rooms share.

pub(crate) mod fleet;
