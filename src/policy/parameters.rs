//! Query parameters that may carry a credential (RFC 6750 §2.3). They are taken out of a request
//! before anything else reads its query, so that no log, no signature and no upstream sees them.

use std::{borrow::Cow, fmt};

use crate::reason::Reason;

/// The names of such parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterNames(Vec<String>);

/// What a request had in them.
#[derive(Clone, PartialEq, Eq)]
pub struct TakenParameters(Vec<TakenParameter>);

#[derive(Clone, PartialEq, Eq)]
struct TakenParameter {
    /// The configured name.
    name: String,
    /// The decoded value; `None` if it has malformed escapes.
    value: Option<Vec<u8>>,
    /// Whether every reader finds the name, and the same value.
    is_plain: bool,
}

/// How a name in a query compares with a configured one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameMatch {
    Exact,
    /// Some servers take it for the configured one.
    Variant,
}

/// A name that is decoded more often than this hides nothing that a server would find.
const MAX_DECODINGS: usize = 3;

impl ParameterNames {
    /// These names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The query without every occurrence, and what was taken; `None` if there is none. Some
    /// servers separate parameters by `;`, too: what is found in that way is taken out as well.
    pub(super) fn take_out_of(&self, query: &[u8]) -> Option<(Vec<u8>, TakenParameters)> {
        let (mut rest, mut taken) = (Vec::new(), Vec::new());
        let mut keeps_any = false;
        for piece in pieces(query) {
            if let Some(found) = self.read(&piece) {
                taken.push(found);
                continue;
            }
            if keeps_any {
                rest.push(piece.separator);
            }
            rest.extend_from_slice(piece.text);
            keeps_any = true;
        }
        (!taken.is_empty()).then_some((rest, TakenParameters(taken)))
    }

    /// A URL without every occurrence, in its query or its fragment; `None` if there is none.
    pub fn remove_from_url(&self, url: &[u8]) -> Option<Vec<u8>> {
        let (before, fragment) = split_at_byte(url, b'#');
        let (path, query) = split_at_byte(before, b'?');
        let cleaned_query = query.and_then(|query| self.take_out_of(query));
        let cleaned_fragment = fragment.and_then(|fragment| self.take_out_of(fragment));
        if cleaned_query.is_none() && cleaned_fragment.is_none() {
            return None;
        }
        let mut url = path.to_vec();
        for (mark, part, cleaned) in
            [(b'?', query, cleaned_query), (b'#', fragment, cleaned_fragment)]
        {
            let left = match &cleaned {
                Some((rest, _)) => Some(&**rest).filter(|rest| !rest.is_empty()),
                None => part,
            };
            if let Some(left) = left {
                url.push(mark);
                url.extend_from_slice(left);
            }
        }
        Some(url)
    }

    fn read(&self, piece: &Piece<'_>) -> Option<TakenParameter> {
        let (name, value) = split_at_byte(piece.text, b'=');
        let (found, name) = self.0.iter().find_map(|own| Some((matches(name, own)?, own)))?;
        Some(TakenParameter {
            name: name.clone(),
            value: decoded(value.unwrap_or_default()).map(Cow::into_owned),
            is_plain: found == NameMatch::Exact && !piece.is_disputed,
        })
    }
}

impl TakenParameters {
    /// The value of the one parameter of that name; `None` if there is none, or an empty one.
    ///
    /// # Errors
    /// [`Reason::CredentialAmbiguous`] if it occurs twice, or not as every server would read it;
    /// [`Reason::CredentialMalformed`] for malformed escapes.
    pub fn only(&self, name: &str) -> Result<Option<&[u8]>, Reason> {
        let mut found = self.0.iter().filter(|parameter| parameter.name == name);
        let Some(parameter) = found.next() else {
            return Ok(None);
        };
        if !parameter.is_plain || found.next().is_some() {
            return Err(Reason::CredentialAmbiguous);
        }
        let value = parameter.value.as_deref().ok_or(Reason::CredentialMalformed)?;
        Ok((!value.is_empty()).then_some(value))
    }
}

impl fmt::Debug for TakenParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|parameter| &parameter.name)).finish()
    }
}

/// One parameter, as a server that separates by `&` and `;` reads it.
struct Piece<'q> {
    text: &'q [u8],
    /// What is before it.
    separator: u8,
    /// Whether one that separates by `&` alone reads it otherwise.
    is_disputed: bool,
}

fn pieces(query: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let is_separator = |byte: &u8| matches!(byte, b'&' | b';');
    let mut rest = Some((b'&', query));
    std::iter::from_fn(move || {
        let (separator, text) = rest.take()?;
        let end = text.iter().position(is_separator).unwrap_or(text.len());
        let (text, behind) = text.split_at(end);
        rest = behind.split_first().map(|(separator, behind)| (*separator, behind));
        let next = rest.map(|(separator, _)| separator);
        Some(Piece { text, separator, is_disputed: separator == b';' || next == Some(b';') })
    })
}

/// How a raw name compares with a configured one; `None` if no server takes it for that.
fn matches(raw: &[u8], own: &str) -> Option<NameMatch> {
    let mut name = Cow::Borrowed(raw);
    for decoding in 0..MAX_DECODINGS {
        let next = decoded(&name).map(Cow::into_owned);
        let is_last = next.as_deref().is_none_or(|next| *next == *name);
        name = Cow::Owned(next.unwrap_or_else(|| name.into_owned()));
        if decoding == 0 && *name == *own.as_bytes() {
            return Some(NameMatch::Exact);
        }
        if folded(&name) == folded(own.as_bytes()) {
            return Some(NameMatch::Variant);
        }
        if is_last {
            break;
        }
    }
    None
}

/// The form that names have in common which some server takes for one another: letters without
/// case (ASP.NET), `access.token`, `access token` and `access_token[]` (PHP, Rack, qs).
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    let end = name.iter().position(|byte| matches!(byte, b'[' | 0)).unwrap_or(name.len());
    let (name, _) = name.split_at(end);
    let fold = |byte: &u8| match byte {
        b' ' | b'.' => b'_',
        byte => byte.to_ascii_lowercase(),
    };
    name.trim_ascii().iter().map(fold).collect()
}

/// Without escapes, `+` as a space; `None` if an escape is malformed.
fn decoded(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next())? << 4 | hex_digit(bytes.next())?,
            byte => *byte,
        });
    }
    Some(Cow::Owned(decoded))
}

fn hex_digit(byte: Option<&u8>) -> Option<u8> {
    let digit = char::from(*byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// What is before the first such byte, and what is after it if it is there.
fn split_at_byte(text: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|found| *found == byte) {
        Some(at) => {
            let (before, from) = text.split_at(at);
            (before, from.get(1..))
        }
        None => (text, None),
    }
}

#[cfg(test)]
mod tests;
