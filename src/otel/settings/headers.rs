//! Headers of exports: from a file or a variable, since they may be secret.

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
#[cfg(any(feature = "otel", test))]
use percent_encoding::percent_decode_str;

use crate::config::files::read_secret;

/// The variable that has them where no file does.
#[cfg(feature = "otel")]
pub(in crate::otel) const HEADERS_VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// The headers in a file: `name: value` in each line.
///
/// # Errors
/// In words that hold nothing of a value.
pub(in crate::otel) fn from_file(path: &Path) -> Result<HeaderMap, String> {
    let content = read_secret(path)?;
    let text = std::str::from_utf8(&content).map_err(|_| unreadable(path, "is not UTF-8"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let pairs = lines.map(|line| line.split_once(':').and_then(|(name, value)| pair(name, value)));
    collect(pairs).ok_or_else(|| unreadable(path, "has a line that is no header"))
}

/// The headers in a variable: `name=value,name=value`, the values percent-encoded.
#[cfg(any(feature = "otel", test))]
pub(in crate::otel) fn from_list(list: &str) -> Option<HeaderMap> {
    let members = list.split(',').map(str::trim).filter(|member| !member.is_empty());
    collect(members.map(|member| {
        let (name, value) = member.split_once('=')?;
        pair(name, &percent_decode_str(value).decode_utf8().ok()?)
    }))
}

fn unreadable(path: &Path, problem: &str) -> String {
    format!("the file {} {problem}; expected lines such as \"name: value\"", path.display())
}

fn pair(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

fn collect(pairs: impl Iterator<Item = Option<(HeaderName, HeaderValue)>>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in pairs {
        let (name, value) = pair?;
        headers.append(name, value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_list_of_headers() {
        let headers = from_list("authorization=Bearer%20s3cret, x-tenant = a ,").unwrap();
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert_eq!(headers["x-tenant"], "a");
        assert!(!format!("{headers:?}").contains("s3cret"));
        for wrong in ["authorization", "a b=c", "a=b%0Ac"] {
            assert!(from_list(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        std::fs::write(&file, "authorization: Bearer s3cret\nx-tenant: a\n").unwrap();
        assert_eq!(from_file(&file).unwrap().len(), 2);
        std::fs::write(&file, "Bearer s3cret").unwrap();
        let problem = from_file(&file).unwrap_err();
        assert!(problem.contains("no header") && !problem.contains("s3cret"), "{problem}");
    }
}
