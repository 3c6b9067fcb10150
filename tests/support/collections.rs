//! Where the collections of public test vectors are, which are no part of the project.

use std::{env, path::PathBuf};

/// A collection's folder, or `None` with a notice where there is none.
pub(crate) fn collection(name: &str) -> Option<PathBuf> {
    let root = env::var_os("COUNTERSIGN_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no {name} vectors; point COUNTERSIGN_VECTORS at their parent folder");
    None
}
