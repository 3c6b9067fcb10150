use proptest::{collection::vec, prelude::*};

use super::*;

fn object(text: &str) -> Object {
    Object::parse(text.as_bytes()).unwrap()
}

#[test]
fn c2_integers_are_exact() {
    for (text, expected) in [
        ("0", 0_i128),
        ("9007199254740993", 9_007_199_254_740_993),
        ("9223372036854775807", i64::MAX.into()),
        ("18446744073709551615", u64::MAX.into()),
        ("-9223372036854775808", i64::MIN.into()),
    ] {
        let parsed = Json::parse(text.as_bytes());
        assert_eq!(parsed, Ok(Json::Integer(expected.into())), "{text}");
    }
}

#[test]
fn c2_an_integer_is_never_rounded() {
    for text in [
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890123456789012345",
        "[1e30,18446744073709551616]",
        r#"{"a\\\"":-99999999999999999999}"#,
        r#"{"a\\":-99999999999999999999}"#,
    ] {
        let parsed = Json::parse(text.as_bytes());
        assert_eq!(parsed, Err(JsonError::NumberOutOfRange), "{text}");
    }
}

#[test]
fn c2_floats_of_any_finite_size_are_floats() {
    for (text, expected) in [
        ("1.5", 1.5),
        ("1e3", 1e3),
        ("-0", -0.0),
        ("1.0e+28", 1e28),
        ("99999999999999999999.0", 1e20),
        ("1e-999", 0.0),
    ] {
        assert_eq!(Json::parse(text.as_bytes()), Ok(Json::Float(expected)), "{text}");
    }
    // Digits in a string are no number.
    let text = br#"["18446744073709551616 \" 99999999999999999999", 1e20]"#;
    assert!(Json::parse(text).is_ok());
}

#[test]
fn t12_numbers_beyond_every_float_are_refused() {
    for text in ["1e999", "-1e999", "[1e400]"] {
        assert_eq!(Json::parse(text.as_bytes()), Err(JsonError::NumberOutOfRange), "{text}");
    }
    for text in ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10", "1_000"] {
        assert_eq!(Json::parse(text.as_bytes()), Err(JsonError::Syntax), "{text}");
    }
}

#[test]
fn t12_c8_duplicate_members_are_refused_at_every_level() {
    for text in [
        r#"{"alg":"RS256","alg":"none"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"a":{"b":{"c":1,"c":1}}}"#,
        r#"[{"a":1},{"a":1,"b":2,"a":3}]"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(Json::parse(text.as_bytes()), Err(JsonError::DuplicateMember), "{text}");
    }
}

#[test]
fn c8_names_are_compared_byte_for_byte() {
    // Case and Unicode normalisation make different names: é as one character and as two.
    assert_eq!(object("{\"sub\":1,\"Sub\":2,\"\u{e9}\":3,\"e\u{301}\":4}").len(), 4);
}

#[test]
fn duplicates_are_found_among_many_members() {
    let members = |count: usize, last: &str| {
        let names = (0..count).map(|n| format!("\"m{n}\":{n},"));
        format!("{{{}\"{last}\":0}}", names.collect::<String>())
    };
    for count in [1, 23, 24, 25, 500, 9_000] {
        assert_eq!(object(&members(count, "new")).len(), count + 1);
        let twice = members(count, "m0");
        assert_eq!(Object::parse(twice.as_bytes()), Err(JsonError::DuplicateMember), "{count}");
    }
}

#[test]
fn t12_c11_depth_and_size_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    for depth in [MAX_DEPTH + 1, 1_000, 100_000] {
        assert_eq!(Json::parse(nested(depth).as_bytes()), Err(JsonError::TooComplex), "{depth}");
    }
    let objects = r#"{"a":"#.repeat(100_000);
    assert_eq!(Json::parse(objects.as_bytes()), Err(JsonError::TooComplex));

    let wide = |nodes: usize| format!("[{}0]", "0,".repeat(nodes - 2));
    assert!(Json::parse(wide(MAX_NODES).as_bytes()).is_ok());
    assert_eq!(Json::parse(wide(MAX_NODES + 1).as_bytes()), Err(JsonError::TooComplex));
}

#[test]
fn t12_what_is_not_plain_json_is_refused() {
    for text in [
        &b""[..],
        b" ",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{}x",
        b"{}\0",
        b"{\"a\":1,}",
        b"[1,]",
        b"{'a':1}",
        b"{a:1}",
        b"// no\n{}",
        b"\"\xff\"",
        b"{\"a\xff\":1}",
        b"\"\xed\xa0\x80\"",
        b"\"tab\tinside\"",
        b"\"\\x41\"",
        b"nul",
        b"True",
    ] {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(Json::parse(text), Err(JsonError::Syntax), "{shown}");
    }
    for half in [&b"\"\\ud800\""[..], b"\"\\udc00\\ud800\"", b"{\"\\ud800\":1}", b"\"\\ud800x\""] {
        let shown = String::from_utf8_lossy(half);
        assert_eq!(Json::parse(half), Err(JsonError::LoneSurrogate), "{shown}");
    }
}

#[test]
fn t20_only_an_object_is_an_object() {
    for text in ["[]", "\"a\"", "1", "null", "true", "[{}]"] {
        assert_eq!(Object::parse(text.as_bytes()), Err(JsonError::NotAnObject), "{text}");
    }
    assert!(object(" {} ").is_empty());
}

#[test]
fn text_is_minimal_and_escaped() {
    let spaced =
        r#" { "a" : [ 1 , -2.5 , null , true , false , { } ] , "b\"\\" : "\n\r\t\u0001\u00e9/" } "#;
    assert_eq!(
        object(spaced).to_text(),
        r#"{"a":[1,-2.5,null,true,false,{}],"b\"\\":"\n\r\t\u0001é/"}"#
    );
    assert_eq!(Json::Float(f64::NAN).to_text(), "null");
}

/// What is written is signed, hashed and compared: none of its bytes may change.
#[test]
fn every_byte_of_the_text_is_settled() {
    let controls: String = (0..0x20).chain([0x7f]).map(|code: u8| char::from(code)).collect();
    assert_eq!(
        Json::from(controls).to_text(),
        "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\u0008\\t\\n\\u000b\\u000c\\r\\u000e\\u000f\
         \\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f\
         \u{7f}\""
    );
    for (number, text) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1e-4, "0.0001"),
        (1e-5, "1e-5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e16"),
        (f64::MAX, "1.7976931348623157e308"),
        (5e-324, "5e-324"),
    ] {
        assert_eq!(Json::Float(number).to_text(), text);
    }
}

#[test]
fn later_members_replace_earlier_ones_where_objects_are_built() {
    let built: Object = [("a", 1), ("b", 2), ("a", 3)]
        .map(|(name, value)| (name.to_owned(), Json::from(value)))
        .into_iter()
        .collect();
    assert_eq!(built.to_text(), r#"{"a":3,"b":2}"#);
}

#[test]
fn memory_grows_with_what_is_held() {
    let small = object(r#"{"a":"b"}"#);
    let large = object(&format!(r#"{{"a":"{}","c":[1,2,3]}}"#, "b".repeat(1_000)));
    assert!(small.memory() > size_of::<Object>() + size_of::<Member>());
    assert!(large.memory() >= small.memory() + 999 + 3 * size_of::<Json>());
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|n| Json::Integer(n.into())),
        any::<u64>().prop_map(|n| Json::Integer(n.into())),
        prop::num::f64::NORMAL.prop_map(Json::Float),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(|elements| Json::Array(elements.into())),
            vec((any::<String>(), inner), 0..30)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_survives_the_round_trip(value in any_json()) {
        prop_assert_eq!(Json::parse(value.to_text().as_bytes()), Ok(value));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
        let _ = Json::parse(&bytes);
    }

    #[test]
    fn no_almost_json_makes_the_parser_panic(text in r#"[\[\]{}",:0-9eE.\\u+\- adtrue]{0,64}"#) {
        if let Ok(value) = Json::parse(text.as_bytes()) {
            prop_assert_eq!(Json::parse(value.to_text().as_bytes()), Ok(value));
        }
    }

    #[test]
    fn a_repeated_name_is_always_found(names in vec("[a-c]{1,2}", 1..40)) {
        let text: Vec<String> = names.iter().map(|name| format!("\"{name}\":0")).collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        let parsed = Json::parse(format!("{{{}}}", text.join(",")).as_bytes());
        prop_assert_eq!(parsed.is_ok(), unique.len() == names.len());
    }
}

#[test]
fn a_value_takes_three_words() {
    // A dozen of them are in every cached token.
    assert_eq!(size_of::<Json>(), 24);
    // Its name takes one more.
    assert_eq!(size_of::<Member>(), 32);
}
