use proptest::prelude::*;

use super::*;

fn write(encoding: Encoding, json: &str) -> Result<String, NotWritable> {
    encoding.write(&Json::parse(json.as_bytes()).unwrap())
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let hex = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_list_is_joined_by_what_its_elements_then_escape() {
    let list = r#"["a b","c,d",7,null,""]"#;
    assert_eq!(write(Encoding::Csv, list).as_deref(), Ok("a b,c%2Cd,7"));
    assert_eq!(write(Encoding::Space, list).as_deref(), Ok("a%20b c,d 7"));
    assert_eq!(write(Encoding::Space, r#""read write""#).as_deref(), Ok("read write"));
    assert_eq!(write(Encoding::Space, r#"[["a"]]"#), Err(NotWritable));
}

#[test]
fn h6_text_that_a_header_cannot_hold_is_percent_encoded() {
    for (json, header) in [
        (r#""alice""#, "alice"),
        (r#""Doe, John;q=1""#, "Doe, John;q=1"),
        (r#""Zoë""#, "Zo%C3%AB"),
        (r#""a\r\nx-admin: 1""#, "a%0D%0Ax-admin: 1"),
        (r#""a\u0000b\u007f""#, "a%00b%7F"),
        (r#"" a ""#, "%20a%20"),
        (r#""  ""#, "%20%20"),
        (r#""100%""#, "100%25"),
        (r#""%41""#, "%2541"),
        (r#""\t""#, "%09"),
    ] {
        assert_eq!(write(Encoding::Csv, json).as_deref(), Ok(header), "{json}");
    }
}

#[test]
fn h7_every_type_has_its_form_or_none() {
    for (json, header) in [
        ("null", Ok("")),
        (r#""""#, Ok("")),
        ("true", Ok("true")),
        ("9007199254740993", Ok("9007199254740993")),
        ("-1", Ok("-1")),
        ("1.5", Ok("1.5")),
        ("[]", Ok("")),
        (r#"["a","b c",1,true]"#, Ok("a,b c,1,true")),
        (r#"["a,b","c"]"#, Ok("a%2Cb,c")),
        (r#"["a%2Cb"," c "]"#, Ok("a%252Cb,%20c%20")),
        (r#"["a",null,"","b"]"#, Ok("a,b")),
        (r#"[["a"]]"#, Err(NotWritable)),
        (r#"["a",{}]"#, Err(NotWritable)),
        (r#"{"a":1}"#, Err(NotWritable)),
    ] {
        assert_eq!(write(Encoding::Csv, json).as_deref(), header.as_deref(), "{json}");
    }
}

#[test]
fn h6_json_is_ascii_and_the_same_value() {
    for (json, header) in [
        (r#"{"a":["Zoë","𝄞"],"b":null}"#, r#"{"a":["Zo\u00eb","\ud834\udd1e"],"b":null}"#),
        (r#"["a,b"]"#, r#"["a,b"]"#),
        (r#"" a\n\u007f""#, r#"" a\n\u007f""#),
        ("[]", "[]"),
        ("null", ""),
    ] {
        assert_eq!(write(Encoding::Json, json).as_deref(), Ok(header), "{json}");
    }
    assert_eq!(write(Encoding::Base64Json, r#"{"a":"ë"}"#).as_deref(), Ok("eyJhIjoiw6sifQ"));
}

proptest! {
    #[test]
    fn h6_percent_encoding_is_reversible(text in any::<String>()) {
        let header = Encoding::Csv.write(&Json::from(text.clone())).unwrap();
        prop_assert!(header.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        prop_assert_eq!(header.trim(), &*header);
        prop_assert_eq!(percent_decode(&header), text);
    }

    #[test]
    fn h7_lists_are_joined_unambiguously(list in prop::collection::vec("[ -~]{1,5}|\\PC{1,3}", 1..5)) {
        let elements = list.iter().cloned().map(Json::from).collect();
        let header = Encoding::Csv.write(&Json::Array(elements)).unwrap();
        let back: Vec<_> = header.split(',').map(percent_decode).collect();
        prop_assert_eq!(back, list);
    }

    #[test]
    fn h6_ascii_json_parses_back(text in any::<String>()) {
        let value = Json::Array([Json::from(text)].into());
        let header = Encoding::Json.write(&value).unwrap();
        prop_assert!(header.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        prop_assert_eq!(Json::parse(header.as_bytes()).unwrap(), value);
    }
}
