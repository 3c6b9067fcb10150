//! `[claims]`: verified claim → header.

use http::HeaderName;

use crate::{
    config::{
        node::{Node, Value, quoted},
        reader::{Parsed, Section},
        values::{header_named, keyword, text},
        writer::{Writer, Written, list_of, table_of},
    },
    identity::{ClaimPath, Encoding, HeaderUse, TextForm, are_one_header, check_header_name},
};

pub(crate) mod key {
    pub(crate) const CLAIM: &str = "claim";
    pub(crate) const ENCODING: &str = "encoding";
    pub(crate) const TEXT: &str = "text";
}

/// One line of `[claims]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimHeaderSettings {
    /// The header that the upstream receives.
    pub header: HeaderName,
    /// The claims it may come from: the first that a token has. Never empty.
    pub claims: Vec<ClaimPath>,
    /// How an array is written.
    pub encoding: Encoding,
    /// How its characters are written.
    pub text: TextForm,
}

/// What the upstream learns without `[claims]`: who it is, according to whom (a subject is unique
/// per issuer only, threats C-10), and what it may do.
const DEFAULT_CLAIMS: &[(&str, &str)] =
    &[("x-auth-issuer", "iss"), ("x-auth-scope", "scope"), ("x-auth-subject", "sub")];

/// The names of [`Encoding`].
const ENCODINGS: &[(&str, Encoding)] = &[
    ("csv", Encoding::Csv),
    ("space", Encoding::Space),
    ("json", Encoding::Json),
    ("base64-json", Encoding::Base64Json),
];

/// The names of [`TextForm`].
const TEXT_FORMS: &[(&str, TextForm)] = &[
    ("percent", TextForm::Percent),
    ("utf-8", TextForm::Utf8),
    ("rfc8187", TextForm::Rfc8187),
    ("base64url", TextForm::Base64Url),
];

const EXPECTED_CLAIM: &str = "the name of a claim such as \"sub\", a list of several of which the \
                              first one counts, or { claim = \"/realm_access/roles\", encoding \
                              = \"csv\" }";
const KEYS: [&str; 3] = [key::CLAIM, key::ENCODING, key::TEXT];
/// More names than that for one thing are a mistake; each is looked up in each new token.
const MAX_NAMES: usize = 16;

/// Reads `[claims]`; if it is absent altogether, the default mapping.
pub(crate) fn read(section: &mut Section<'_>) -> Vec<ClaimHeaderSettings> {
    if !section.is_present() {
        return default_claims();
    }
    let mut claims: Vec<(&str, ClaimHeaderSettings)> =
        section.each_member(|name, node| Ok((name, claim_header(name, node)?)));
    claims.sort_by(|(_, a), (_, b)| a.header.as_str().cmp(b.header.as_str()));
    for (position, (name, claim)) in claims.iter().enumerate() {
        let mut earlier = claims.iter().take(position);
        let same = earlier.find(|(_, other)| are_one_header(&other.header, &claim.header));
        if let Some((other, _)) = same {
            let message = format!("is the same header as {other:?} to many servers");
            section.contradiction(section.key_of(name), &section.key_of(other), message);
        }
    }
    claims.into_iter().map(|(_, claim)| claim).collect()
}

/// Writes `[claims]`.
pub(crate) fn write(claims: &[ClaimHeaderSettings]) -> Written {
    table_of(claims.iter().map(|claim| (claim.header.to_string(), claim.write())))
}

impl ClaimHeaderSettings {
    fn write(&self) -> Written {
        let names = match self.claims.as_slice() {
            [only] => Written::from(only.as_str()),
            several => claim_names(several),
        };
        let (encoding, text) = (self.encoding, self.text);
        if encoding == Encoding::default() && text == TextForm::default() {
            return names;
        }
        let writer = Writer::default().value(key::CLAIM, names);
        let writer = writer.keyword(key::ENCODING, ENCODINGS, &encoding);
        if text == TextForm::default() {
            return writer.table();
        }
        writer.keyword(key::TEXT, TEXT_FORMS, &text).table()
    }
}

fn default_claims() -> Vec<ClaimHeaderSettings> {
    DEFAULT_CLAIMS
        .iter()
        .filter_map(|(header, claim)| {
            Some(ClaimHeaderSettings {
                header: HeaderName::from_static(header),
                claims: vec![ClaimPath::parse(claim).ok()?],
                encoding: Encoding::default(),
                text: TextForm::default(),
            })
        })
        .collect()
}

fn claim_header(name: &str, node: &Node) -> Parsed<ClaimHeaderSettings> {
    let header = header_named(name)?;
    check_header_name(&header, HeaderUse::Request)
        .map_err(|reason| format!("can't carry a claim: {reason}"))?;
    let (claim, encoding, form) = match &node.value {
        Value::Text(_) | Value::List(_) => (node, None, None),
        Value::Table(table) => {
            if let Some(unknown) = table.keys().find(|name| !KEYS.contains(&name.as_str())) {
                return Err(format!("unknown key {unknown:?}; expected {EXPECTED_CLAIM}"));
            }
            let claim = node.member(key::CLAIM);
            let claim = claim.ok_or_else(|| format!("no claim; expected {EXPECTED_CLAIM}"))?;
            (claim, node.member(key::ENCODING), node.member(key::TEXT))
        }
        _ => return Err(node.mismatch(EXPECTED_CLAIM)),
    };
    let encoding = encoding.map(keyword(ENCODINGS)).transpose()?.unwrap_or_default();
    let text = form.map(keyword(TEXT_FORMS)).transpose()?;
    if text.is_some() && ![Encoding::Csv, Encoding::Space].contains(&encoding) {
        return Err("text has no effect on JSON, which is ASCII; expected it to be absent".into());
    }
    let (claims, text) = (claim_paths(claim)?, text.unwrap_or_default());
    Ok(ClaimHeaderSettings { header, claims, encoding, text })
}

/// One claim, or a list of several names for the same thing.
pub(crate) fn claim_paths(node: &Node) -> Parsed<Vec<ClaimPath>> {
    match &node.value {
        Value::List(list) if (1..=MAX_NAMES).contains(&list.len()) => {
            list.iter().map(|name| claim_path(&text(name)?)).collect()
        }
        Value::List(_) => Err(node.mismatch(&format!("a list of 1 to {MAX_NAMES} claims"))),
        _ => Ok(vec![claim_path(&text(node)?)?]),
    }
}

/// Writes [`claim_paths`] back as a list.
pub(crate) fn claim_names(claims: &[ClaimPath]) -> Written {
    list_of(claims.iter().map(|claim| claim.as_str().into()))
}

/// The way to a claim, from its name in the configuration.
pub(crate) fn claim_path(name: &str) -> Parsed<ClaimPath> {
    ClaimPath::parse(name).map_err(|error| {
        let name = quoted(name);
        format!("found {name}, expected the name of a claim such as \"sub\" ({error})")
    })
}
