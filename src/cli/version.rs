//! `countersign --version`

/// The version, and what a report of a fault needs to say of the build.
pub(super) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit:   ",
    env!("BUILT_COMMIT"),
    "\nfeatures: ",
    env!("BUILT_FEATURES"),
    "\ncrypto:   ",
    env!("BUILT_CRYPTO"),
);
