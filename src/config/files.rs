//! Files that the configuration names: they are looked at when it is loaded, so that a wrong path
//! is a message at the start and not an outage later.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use zeroize::Zeroizing;

use super::{node::Node, reader::Parsed, values::path};

/// Secrets are short; whatever is longer is another file.
const MAX_SECRET_BYTES: u64 = 4096;

/// A file that can be opened and is not empty.
pub(super) fn readable_file(node: &Node) -> Parsed<PathBuf> {
    let path = path(node)?;
    check_readable(&path).map_err(|problem| {
        let path = path.display();
        format!("the file {path} {problem}; expected a file that can be read")
    })?;
    Ok(path)
}

/// A PEM file with at least one certificate, all of them well-formed.
pub(super) fn certificate_file(node: &Node) -> Parsed<PathBuf> {
    let path = readable_file(node)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&path)
        .map_err(|error| error.to_string())
        .and_then(|blocks| blocks.collect::<Result<_, _>>().map_err(|error| error.to_string()));
    let expected = "expected PEM with at least one certificate";
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(path),
        Ok(_) => Err(format!("the file {} holds no certificate; {expected}", path.display())),
        Err(error) => Err(format!("the file {}: {error}; {expected}", path.display())),
    }
}

/// A directory that exists.
pub(super) fn directory(node: &Node) -> Parsed<PathBuf> {
    let path = path(node)?;
    let problem = match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return Ok(path),
        Ok(_) => "is not a directory".to_owned(),
        Err(error) => format!("cannot be opened: {error}"),
    };
    let path = path.display();
    Err(format!("the directory {path} {problem}; expected one that exists and can be written"))
}

/// The content of a file that may be a secret; the error says what is wrong with the file.
pub(super) fn read_whole(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::default();
    let file = File::open(path).map(|file| file.take(max_bytes + 1));
    file.and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("has more than {max_bytes} bytes"));
    }
    Ok(bytes)
}

/// A secret: the file's bytes, one trailing line break removed. Nothing of it is in the message if
/// it can't be had.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = read_whole(path, MAX_SECRET_BYTES)
        .map_err(|problem| format!("the file {} {problem}", path.display()))?;
    let length = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let length = length.strip_suffix(b"\r").unwrap_or(length).len();
    bytes.truncate(length);
    Ok(bytes)
}

fn check_readable(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| format!("cannot be opened: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut first = [0];
    let read = File::open(path).and_then(|mut file| file.read(&mut first));
    match read {
        Ok(0) => Err("is empty".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
