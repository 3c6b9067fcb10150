//! A distinguished name as text (RFC 4514), in printable ASCII only.

use std::fmt::Write as _;

use x509_parser::{
    asn1_rs::ToDer,
    x509::{AttributeTypeAndValue, RelativeDistinguishedName, X509Name},
};

/// RFC 4514 §3, and the e-mail address that many authorities still put in.
const TYPES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The most specific part first, as RFC 4514 §2.1 says.
pub(super) fn in_words(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().map(part).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

fn part(part: &RelativeDistinguishedName<'_>) -> String {
    part.iter().map(attribute).collect::<Vec<_>>().join("+")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let known = TYPES.iter().find(|(known, _)| *known == oid);
    match (known, attribute.as_str()) {
        (Some((_, name)), Ok(text)) => format!("{name}={}", escaped(text)),
        // RFC 4514 §2.4: a type without a name, or a value that is no string.
        (known, _) => {
            let name = known.map_or(&*oid, |(_, name)| *name);
            let der = attribute.attr_value().to_der_vec().unwrap_or_default();
            format!("{name}=#{}", hex::encode(der))
        }
    }
}

/// RFC 4514 §2.4. Bytes beyond printable ASCII may be escaped in hexadecimal digits, and all of
/// them are.
fn escaped(value: &str) -> String {
    let last = value.len().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (position, byte) in value.bytes().enumerate() {
        let is_special = matches!(byte, b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=')
            || (byte == b' ' && (position == 0 || position == last))
            || (byte == b'#' && position == 0);
        match byte {
            byte if is_special => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to a String can't fail.
            byte => drop(write!(text, "\\{byte:02X}")),
        }
    }
    text
}
