//! How a signature is written: in which header, after which scheme, in which dialect, and with
//! which algorithm.

use http::HeaderName;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{first_duplicate, header_name, parsed, text},
    },
    jose::{Algorithm, AlgorithmSet, Dialect, DialectSet},
    signature::settings::key,
};

/// A header that is looked for in each request.
const MAX_CARRIERS: usize = 4;

/// One header, or a list of those of which one is used.
pub(super) fn carriers(section: &mut Section<'_>) -> Option<Vec<HeaderName>> {
    section.optional(key::HEADER, |node| {
        let headers = match &node.value {
            Value::List(list) if (1..=MAX_CARRIERS).contains(&list.len()) => {
                list.iter().map(header_name).collect::<Parsed<Vec<_>>>()?
            }
            Value::List(_) => {
                return Err(
                    node.mismatch(&format!("one header, or a list of up to {MAX_CARRIERS}"))
                );
            }
            _ => vec![header_name(node)?],
        };
        let names: Vec<&str> = headers.iter().map(HeaderName::as_str).collect();
        match first_duplicate(&names) {
            Some(twice) => Err(format!("lists {twice} twice")),
            None => Ok(headers),
        }
    })
}

/// A token of RFC 9110 §5.6.2.
pub(super) fn scheme(section: &mut Section<'_>) -> Option<String> {
    section.optional(key::SCHEME, |node| {
        let scheme = text(node)?;
        let allowed = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
        if scheme.chars().all(allowed) {
            Ok(scheme)
        } else {
            Err(node.mismatch("one word such as \"JWS\""))
        }
    })
}

pub(super) fn dialects(section: &mut Section<'_>) -> Option<DialectSet> {
    let expected = "a list such as [\"rfc7797\"]";
    let listed = section.list(key::DIALECTS, expected, dialect)?;
    Some(listed.into_iter().collect())
}

pub(super) fn dialect(node: &Node) -> Parsed<Dialect> {
    let name = node.as_text().unwrap_or_default();
    Dialect::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Dialect::ALL.iter().map(|d| format!("{:?}", d.name())).collect();
        node.mismatch(&known.join(" or "))
    })
}

/// Never a shared secret: anyone who can check such a signature can make it, so that it proves
/// nothing to others.
pub(super) fn algorithms(section: &mut Section<'_>) -> Option<AlgorithmSet> {
    let public = parsed("a signature algorithm with a public key, such as \"RS256\"", |name| {
        Algorithm::from_name(name)
            .filter(|algorithm| !algorithm.is_symmetric())
            .ok_or("not one of them")
    });
    let listed = section.list(key::ALGORITHMS, "a list such as [\"RS256\"]", public)?;
    Some(listed.into_iter().collect())
}
