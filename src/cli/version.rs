//! `countersign --version`

/// The version, and what a report of a fault needs to say of the build.
pub(super) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit:   ",
    env!("COUNTERSIGN_BUILD_COMMIT"),
    "\nfeatures: ",
    env!("COUNTERSIGN_BUILD_FEATURES"),
    "\ncrypto:   ",
    env!("COUNTERSIGN_BUILD_CRYPTO"),
);
