use proptest::prelude::*;

use super::*;

fn write(encoding: Encoding, json: &str) -> Result<String, NotWritable> {
    encoding.write(&Json::parse(json.as_bytes()).unwrap(), TextForm::Percent)
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
        let header = Encoding::Csv.write(&Json::from(text.clone()), TextForm::Percent).unwrap();
        prop_assert!(header.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        prop_assert_eq!(header.trim(), &*header);
        prop_assert_eq!(percent_decode(&header), text);
    }

    #[test]
    fn h7_lists_are_joined_unambiguously(list in prop::collection::vec("[ -~]{1,5}|\\PC{1,3}", 1..5)) {
        let elements = list.iter().cloned().map(Json::from).collect();
        let header = Encoding::Csv.write(&Json::Array(elements), TextForm::Percent).unwrap();
        let back: Vec<_> = header.split(',').map(percent_decode).collect();
        prop_assert_eq!(back, list);
    }

    #[test]
    fn h6_ascii_json_parses_back(text in any::<String>()) {
        let value = Json::Array([Json::from(text)].into());
        let header = Encoding::Json.write(&value, TextForm::Percent).unwrap();
        prop_assert!(header.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        prop_assert_eq!(Json::parse(header.as_bytes()).unwrap(), value);
    }
}

fn write_as(form: TextForm, encoding: Encoding, json: &str) -> Result<String, NotWritable> {
    encoding.write(&Json::parse(json.as_bytes()).unwrap(), form)
}

#[test]
fn h13_a_header_may_hold_text_in_another_form() {
    let name = r#""Zoë 100%""#;
    for (form, header) in [
        (TextForm::Percent, "Zo%C3%AB 100%25"),
        (TextForm::Utf8, "Zoë 100%"),
        (TextForm::Rfc8187, "UTF-8''Zo%C3%AB%20100%25"),
        (TextForm::Base64Url, "Wm_DqyAxMDAl"),
    ] {
        assert_eq!(write_as(form, Encoding::Csv, name).as_deref(), Ok(header), "{form:?}");
        for blank in ["null", r#""""#, "[]", r#"[null,""]"#] {
            let written = write_as(form, Encoding::Csv, blank);
            assert_eq!(written.as_deref(), Ok(""), "{form:?}: {blank}");
        }
    }
    let list = r#"["é,1",7,true,null]"#;
    for (form, header) in [
        (TextForm::Percent, "%C3%A9%2C1,7,true"),
        (TextForm::Rfc8187, "UTF-8''%C3%A9%2C1,UTF-8''7,UTF-8''true"),
        (TextForm::Base64Url, "w6ksMQ,Nw,dHJ1ZQ"),
    ] {
        assert_eq!(write_as(form, Encoding::Csv, list).as_deref(), Ok(header), "{form:?}");
    }
    let spaced = r#"["é,1","ü"]"#;
    assert_eq!(write_as(TextForm::Utf8, Encoding::Space, spaced).as_deref(), Ok("é,1 ü"));
    assert_eq!(write_as(TextForm::Utf8, Encoding::Csv, r#"[{"a":1}]"#), Err(NotWritable));
}

#[test]
fn h13_as_utf8_what_a_reader_would_take_for_something_else_is_refused() {
    for text in [
        r"a\r\nx-admin: 1",
        r"a\nb",
        r"a\rb",
        r"a\u0000b",
        r"a\tb",
        r"a\u007fb",
        r"a\u0085b",
        r"a\u009bb",
        r"a\u2028b",
        r"a\u2029b",
        " a",
        "a ",
        r"\u00a0a",
        r"a\u3000",
        " ",
    ] {
        let json = format!("\"{text}\"");
        assert_eq!(write_as(TextForm::Utf8, Encoding::Csv, &json), Err(NotWritable), "{text}");
        let list = format!("[\"b\",{json}]");
        assert_eq!(write_as(TextForm::Utf8, Encoding::Csv, &list), Err(NotWritable), "{text}");
    }
    assert_eq!(write_as(TextForm::Utf8, Encoding::Csv, r#"["a,b"]"#), Err(NotWritable));
    assert_eq!(write_as(TextForm::Utf8, Encoding::Space, r#"["a b"]"#), Err(NotWritable));
    assert_eq!(write_as(TextForm::Utf8, Encoding::Csv, r#""a,b""#).as_deref(), Ok("a,b"));
}

proptest! {
    #[test]
    fn h13_no_form_lets_a_control_character_through(text in any::<String>()) {
        let json = Json::from(text.as_str());
        let list = Json::Array(Box::new([json.clone(), json.clone()]));
        for form in [TextForm::Percent, TextForm::Utf8, TextForm::Rfc8187, TextForm::Base64Url] {
            for (encoding, value) in
                [(Encoding::Csv, &json), (Encoding::Csv, &list), (Encoding::Space, &list)]
            {
                let Ok(header) = encoding.write(value, form) else { continue };
                prop_assert!(!header.chars().any(char::is_control), "{:?}: {:?}", form, header);
                prop_assert_eq!(header.trim(), &header);
                prop_assert!(form == TextForm::Utf8 || header.is_ascii());
            }
        }
        let whole = Encoding::Csv.write(&json, TextForm::Rfc8187).unwrap();
        let decoded = percent_decode(whole.strip_prefix("UTF-8''").unwrap_or_default());
        prop_assert_eq!(&decoded, &text);
    }
}
