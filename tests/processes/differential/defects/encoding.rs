//! Parts, dots, and the spelling of base64url. The first two parts are changed before they are
//! signed: who can sign can also misspell.

use std::sync::Arc;

use super::{Defect, Draft, Stage};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const PARTS: [(&str, Stage); 3] = [
    ("header", Stage::HeaderPart),
    ("claims", Stage::ClaimsPart),
    ("signature", Stage::SignaturePart),
];

pub(super) fn defects() -> Vec<Defect> {
    let spellings = PARTS.into_iter().flat_map(|(part, stage)| spellings(part, stage));
    spellings.chain(shapes()).collect()
}

fn spellings(part: &str, stage: Stage) -> Vec<Defect> {
    let name = |what: &str| format!("encoding/{part}: {what}");
    let behind = |what: &str, text: &'static [u8]| {
        Defect::edit(name(what), stage, move |part| [&part, text].concat())
    };
    let before = |what: &str, text: &'static [u8]| {
        Defect::edit(name(what), stage, move |part| [text, &part].concat())
    };
    let inside = |what: &str, text: &'static [u8]| {
        Defect::edit(name(what), stage, move |mut part| {
            let middle = part.len() / 2;
            part.splice(middle..middle, text.iter().copied());
            part
        })
    };
    vec![
        behind("padded with one", b"="),
        behind("padded with two", b"=="),
        behind("padded with three", b"==="),
        Defect::edit(name("padded as base64"), stage, |mut part| {
            part.resize(part.len().next_multiple_of(4), b'=');
            part
        }),
        behind("a character more", b"A"),
        behind("two characters more", b"AA"),
        behind("a line break behind", b"\n"),
        behind("a space behind", b" "),
        behind("a NUL behind", b"\0"),
        behind("an escaped padding", b"%3D"),
        before("a space in front", b" "),
        before("a line break in front", b"\r\n"),
        inside("a space inside", b" "),
        inside("a line break inside", b"\n"),
        inside("padding inside", b"="),
        inside("a plus inside", b"+"),
        inside("a slash inside", b"/"),
        inside("a tilde inside", b"~"),
        inside("a character beyond ASCII", "é".as_bytes()),
        inside("a full-width letter", "Ａ".as_bytes()),
        inside("a star inside", b"*"),
        Defect::new(name("the other alphabet"), move |draft| {
            // Text in which a part has the characters that differ.
            match stage {
                Stage::HeaderPart => draft.header.set("x", "\"???>>>??>>?>\""),
                _ => draft.claims.set("x", "\"???>>>??>>?>\""),
            }
            draft.edit(stage, Arc::new(in_other_alphabet));
        }),
        Defect::edit(name("bits to spare set"), stage, with_spare_bits),
        Defect::edit(name("the last character cut"), stage, |mut part| {
            part.pop();
            part
        }),
        Defect::edit(name("empty"), stage, |_| Vec::new()),
        Defect::edit(name("in upper case"), stage, |part| part.to_ascii_uppercase()),
    ]
}

fn in_other_alphabet(part: Vec<u8>) -> Vec<u8> {
    let other = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => byte,
    };
    part.into_iter().map(other).collect()
}

/// The same bytes in another spelling, where the last character has bits to spare.
fn with_spare_bits(mut part: Vec<u8>) -> Vec<u8> {
    let spare = [0, 0, 0b1111, 0b11][part.len() % 4];
    if let Some(last) = part.last_mut()
        && let Some(value) = ALPHABET.iter().position(|own| own == last)
    {
        *last = ALPHABET[value | spare];
    }
    part
}

fn shapes() -> Vec<Defect> {
    let around = |name: &str, shape: fn(&str) -> String| {
        Defect::edit(format!("shape/{name}"), Stage::Token, move |token| {
            shape(&String::from_utf8_lossy(&token)).into_bytes()
        })
    };
    let parts = |name: &str, shape: fn(&[&str]) -> String| {
        Defect::edit(format!("shape/{name}"), Stage::Token, move |token| {
            let token = String::from_utf8_lossy(&token);
            shape(&token.split('.').collect::<Vec<_>>()).into_bytes()
        })
    };
    vec![
        around("a dot in front", |token| format!(".{token}")),
        around("a dot behind", |token| format!("{token}.")),
        around("two dots behind", |token| format!("{token}..")),
        around("a space in front", |token| format!(" {token}")),
        around("a space behind", |token| format!("{token} ")),
        around("a line break behind", |token| format!("{token}\n")),
        around("a NUL behind", |token| format!("{token}\0")),
        around("a byte order mark in front", |token| format!("\u{feff}{token}")),
        around("in quotes", |token| format!("\"{token}\"")),
        around("with its scheme", |token| format!("Bearer {token}")),
        around("twice", |token| format!("{token}.{token}")),
        around("twice with a comma", |token| format!("{token},{token}")),
        around("something behind a comma", |token| format!("{token},x")),
        parts("two parts", |parts| parts[..2].join(".")),
        parts("four parts", |parts| format!("{}.{}", parts.join("."), parts[2])),
        parts("five parts", |parts| format!("{}.AAAA.AAAA", parts.join("."))),
        parts("no signature", |parts| format!("{}.{}.", parts[0], parts[1])),
        parts("no claims", |parts| format!("{}..{}", parts[0], parts[2])),
        parts("no header", |parts| format!(".{}.{}", parts[1], parts[2])),
        parts("parts in another order", |parts| [parts[1], parts[0], parts[2]].join(".")),
        parts("flattened JSON", |parts| {
            format!(
                r#"{{"protected":"{}","payload":"{}","signature":"{}"}}"#,
                parts[0], parts[1], parts[2]
            )
        }),
        parts("general JSON", |parts| {
            format!(
                r#"{{"payload":"{}","signatures":[{{"protected":"{}","signature":"{}"}}]}}"#,
                parts[1], parts[0], parts[2]
            )
        }),
        // CVE-2022-39227: JSON to one reader, three parts to the next.
        parts("a polyglot", |parts| {
            format!(
                r#"{{"  {}.e30.{}":"","protected":"{}","payload":"{}","signature":"{}"}}"#,
                parts[0], parts[2], parts[0], parts[1], parts[2]
            )
        }),
        Defect::new("shape/a token inside of a token", |draft: &mut Draft| {
            let inner = draft.token();
            draft.edit(Stage::Claims, Arc::new(move |_| inner.clone().into_bytes()));
        }),
    ]
}
