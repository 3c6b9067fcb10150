//! JSON that parsers disagree about, in the header and in the claims (RFC 8259).

use super::{Defect, Draft, Stage};
use crate::differential::draft::Members;

/// Values of a member that has no meaning.
const VALUES: &[(&str, &str)] = &[
    ("NaN", "NaN"),
    ("infinite", "Infinity"),
    ("negatively infinite", "-Infinity"),
    ("a leading zero", "01"),
    ("a plus", "+1"),
    ("a fraction without an integer", ".5"),
    ("a point at the end", "1."),
    ("hexadecimal", "0x10"),
    ("an exponent beyond every double", "1e999"),
    ("a negative exponent beyond every double", "1e-999"),
    ("an integer beyond 64 bits", "18446744073709551616"),
    ("an integer of 400 digits", "LONG"),
    ("minus zero", "-0"),
    ("in single quotes", "'a'"),
    ("a bare word", "undefined"),
    ("a capital literal", "True"),
    ("a lone high surrogate", r#""\ud800""#),
    ("a lone low surrogate", r#""\udc00""#),
    ("surrogates in the wrong order", r#""\udc00\ud800""#),
    ("a pair of surrogates", r#""\ud83d\ude00""#),
    ("an escape of another language", r#""\x41""#),
    ("an octal escape", r#""\101""#),
    ("a braced escape", r#""\u{41}""#),
    ("an escaped NUL", r#""\u0000""#),
    ("a raw line break", "\"a\nb\""),
    ("a raw tab", "\"a\tb\""),
    ("a raw NUL", "\"a\0b\""),
    ("a raw delete", "\"a\u{7f}b\""),
    ("a line separator", "\"\u{2028}\""),
    ("a noncharacter", "\"\u{ffff}\""),
    ("a trailing comma in an array", "[1,]"),
    ("a hole in an array", "[1,,2]"),
    ("a trailing comma in an object", r#"{"a":1,}"#),
    ("a comment", "1/* one */"),
    ("a name twice", r#"{"a":1,"a":2}"#),
    ("a name twice, once escaped", r#"{"a":1,"\u0061":2}"#),
    ("an empty name twice", r#"{"":1,"":2}"#),
    ("an unclosed array", "["),
    ("an unclosed text", "\"a"),
];

/// Where the two objects of a token are.
type Pick = fn(&mut Draft) -> &mut Members;

const OBJECTS: [(&str, Stage, Pick); 2] = [
    ("header", Stage::Header, |draft| &mut draft.header),
    ("claims", Stage::Claims, |draft| &mut draft.claims),
];

pub(super) fn defects() -> Vec<Defect> {
    let of_object = |(object, stage, pick)| {
        [values(object, pick), names(object, pick), documents(object, stage)].concat()
    };
    OBJECTS.into_iter().flat_map(of_object).collect()
}

fn values(object: &str, pick: Pick) -> Vec<Defect> {
    let of_value = |(name, text): &(&str, &'static str)| {
        let text = if *text == "LONG" { "9".repeat(400) } else { (*text).to_owned() };
        Defect::new(format!("json/{object}: {name}"), move |draft| pick(draft).set("x", &text))
    };
    let nested = |depth: usize, what: &'static str, open: &str, close: &str| {
        let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let name = format!("json/{object}: {depth} {what}");
        Defect::new(name, move |draft| pick(draft).set("x", &text))
    };
    let deep = [31, 32, 33, 100, 500, 1000].into_iter().flat_map(|depth| {
        let arrays = nested(depth, "arrays deep", "[", "]");
        // Half as many, so that the token stays below the bound on its size.
        [arrays, nested(depth / 2, "objects deep", "{\"\":", "}")]
    });
    let long = |count: usize| {
        let text = format!("[{}1]", "1,".repeat(count));
        Defect::new(format!("json/{object}: an array of {count}"), move |draft| {
            pick(draft).set("x", &text);
        })
    };
    VALUES.iter().map(of_value).chain(deep).chain([long(1_000), long(2_400)]).collect()
}

fn names(object: &str, pick: Pick) -> Vec<Defect> {
    let (first, second) = if object == "header" { ("alg", "kid") } else { ("sub", "exp") };
    let twice = |what: &str, name: &'static str, value: &'static str| {
        Defect::new(format!("json/{object}: {what} twice"), move |draft| {
            pick(draft).push(name, value);
        })
    };
    let named = |what: &str, name: &'static str| {
        Defect::new(format!("json/{object}: {what}"), move |draft| pick(draft).push(name, "1"))
    };
    let escaped = if object == "header" { r"\u0061lg" } else { r"\u0073ub" };
    vec![
        twice(first, first, "\"mallory\""),
        twice(second, second, "9000000000"),
        twice("an escaped name", escaped, "\"mallory\""),
        twice("an unknown name", "x\":1,\"x", "2"),
        Defect::new(format!("json/{object}: the same value twice"), move |draft| {
            let text = pick(draft).get(first).unwrap_or("1").to_owned();
            pick(draft).push(first, &text);
        }),
        Defect::new(format!("json/{object}: an escaped name once"), move |draft| {
            let text = pick(draft).get(first).unwrap_or("1").to_owned();
            pick(draft).remove(first);
            pick(draft).push(escaped, &text);
        }),
        named("a prototype", "__proto__"),
        named("a constructor", "constructor"),
        named("a method's name", "toString"),
        named("an empty name", ""),
        named("a name with a NUL", r"sub\u0000"),
        named("a name with a lone surrogate", r"\ud800"),
        named("a name in capitals", "SUB"),
        named("a name beyond ASCII", "süb"),
    ]
}

fn documents(object: &str, stage: Stage) -> Vec<Defect> {
    let name = |what: &str| format!("json/{object}: {what}");
    let around = |what: &str, before: &'static [u8], after: &'static [u8]| {
        Defect::edit(name(what), stage, move |text| [before, &text, after].concat())
    };
    let instead =
        |what: &str, text: &'static [u8]| Defect::edit(name(what), stage, move |_| text.to_vec());
    let utf16 = |what: &str, mark: &'static [u8], bytes: fn(u16) -> [u8; 2]| {
        Defect::edit(name(what), stage, move |text| {
            let text = String::from_utf8_lossy(&text).into_owned();
            mark.iter().copied().chain(text.encode_utf16().flat_map(bytes)).collect()
        })
    };
    let inside = |what: &str, bytes: &'static [u8]| {
        Defect::edit(name(what), stage, move |mut text| {
            text.pop();
            [&text, b",\"x\":\"".as_slice(), bytes, b"\"}"].concat()
        })
    };
    vec![
        around("a byte order mark", b"\xef\xbb\xbf", b""),
        around("white space around", b" \n\r\t", b"\t\r\n "),
        around("another kind of white space in front", b"\x0c", b""),
        around("a no-break space in front", "\u{a0}".as_bytes(), b""),
        around("a letter behind", b"", b"x"),
        around("a NUL behind", b"", b"\0"),
        around("a second object behind", b"", b"{}"),
        around("a comma behind", b"", b","),
        around("a brace behind", b"", b"}"),
        around("in an array", b"[", b"]"),
        around("a comment in front", b"/**/", b""),
        around("a guard in front", b")]}',\n", b""),
        instead("nothing", b""),
        instead("white space", b" "),
        instead("null", b"null"),
        instead("a text", b"\"alice\""),
        instead("a number", b"17"),
        instead("an empty object", b"{}"),
        instead("an empty array", b"[]"),
        instead("a form", b"iss=https://idp.test"),
        instead("bytes", b"\xff\xfe\x00"),
        utf16("UTF-16, little end first", b"", u16::to_le_bytes),
        utf16("UTF-16, big end first", b"", u16::to_be_bytes),
        utf16("UTF-16 with its mark", b"\xff\xfe", u16::to_le_bytes),
        inside("no UTF-8", b"\xff"),
        inside("overlong UTF-8", b"\xc0\xaf"),
        inside("a surrogate in UTF-8", b"\xed\xa0\x80"),
        inside("beyond Unicode", b"\xf4\x90\x80\x80"),
        inside("a cut character", b"\xc3"),
    ]
}
