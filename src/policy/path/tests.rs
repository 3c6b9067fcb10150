use proptest::prelude::*;

use super::*;

#[test]
fn p1_a_canonical_path_is_not_copied() {
    for path in ["/", "/a/b.json", "/a/", "/a;v=1/b", "/~user/x-y_z", "/a.b/c..d", "/!$&'()*+,=:@"]
    {
        assert!(matches!(canonical_path(path), Ok(Cow::Borrowed(same)) if same == path), "{path}");
    }
}

#[test]
fn p1_spellings_of_one_path_become_one() {
    for (path, canonical) in [
        ("/%41dmin", "/Admin"),
        ("/%7euser", "/~user"),
        ("/a%20b", "/a%20b"),
        ("/a%c3%a9", "/a%C3%A9"),
        ("/a%3ab", "/a%3Ab"),
        ("//a", "/a"),
        ("/a//b///c", "/a/b/c"),
        ("/a//", "/a/"),
        ("///", "/"),
        ("/.well-known/x", "/.well-known/x"),
        ("/%2ewell-known", "/.well-known"),
        ("/...", "/..."),
        ("/a[1]{x}|^`\"<>", "/a%5B1%5D%7Bx%7D%7C%5E%60%22%3C%3E"),
        ("/100%25", "/100%25"),
        ("/100%25%20x", "/100%25%20x"),
        ("/50%25off/%2541", "/50%25off/%2541"),
    ] {
        assert_eq!(canonical_path(path).as_deref(), Ok(canonical), "{path}");
    }
}

#[test]
fn p1_what_could_be_another_path_is_refused() {
    use NotCanonical::*;
    for (path, why) in [
        ("/a/../b", DotSegment),
        ("/a/./b", DotSegment),
        ("/..", DotSegment),
        ("/a/.", DotSegment),
        ("/%2e%2e/a", DotSegment),
        ("/.%2E/a", DotSegment),
        ("/a/..;/b", DotSegment),
        ("/a/..;foo=bar/b", DotSegment),
        ("/a/.;x", DotSegment),
        ("/a/..%3Bx/b", DotSegment),
        ("/a/%2e%2e%3b/b", DotSegment),
        ("/a%2fb", EncodedSeparator),
        ("/..%2Fb", EncodedSeparator),
        ("/a%5cb", EncodedSeparator),
        ("/a%5C..", EncodedSeparator),
        ("/a\\b", PathCharacter),
        ("/a\\..\\b", PathCharacter),
        ("/ä", PathCharacter),
        ("/a b", PathCharacter),
        ("/a\u{7f}", PathCharacter),
        ("/a%00", EncodedControl),
        ("/a%0d%0aX", EncodedControl),
        ("/a%7F", EncodedControl),
        ("/a%", PathEscape),
        ("/a%4", PathEscape),
        ("/a%zz", PathEscape),
        ("/a%+1", PathEscape),
        ("/%c0%ae%c0%ae/", EncodedNotUtf8),
        ("/%e0%80%af", EncodedNotUtf8),
        ("/%ed%a0%80", EncodedNotUtf8),
        ("/%ff", EncodedNotUtf8),
        ("/%c3/%a9", EncodedNotUtf8),
        ("/%252e%252e/a", DoublyEncoded),
        ("/a%252Fb", DoublyEncoded),
        ("/a%255cb", DoublyEncoded),
        ("/a%2500", DoublyEncoded),
        ("/a%25252e", DoublyEncoded),
        ("/a%25%32%65", DoublyEncoded),
        // Escapes made of escapes, as a decoder that starts over reads them.
        ("/a%25%2532e", DoublyEncoded),
        ("/%2525%2532e%2525%2532e/a", DoublyEncoded),
        ("/a/h%251%2565252d5x", DoublyEncoded),
        ("/a/..%253bx", DoublyEncoded),
        ("a", TargetForm),
        ("", TargetForm),
    ] {
        assert_eq!(canonical_path(path), Err(why), "{path}");
    }
}

#[test]
fn p1_parameters_are_cut_as_an_upstream_would() {
    for (path, cut) in [
        ("/a/b", None),
        ("/admin;x=1", Some(("/admin", None))),
        ("/a;x/b;y", Some(("/a/b", None))),
        ("/a%3Bx/b", Some(("/a/b", None))),
        ("/;x/admin", Some(("//admin", Some("/admin")))),
        ("/a/;x", Some(("/a/", None))),
        ("/;jsessionid=1", Some(("/", None))),
    ] {
        let found = without_parameters(path.as_bytes());
        let cut = cut.map(|(bare, merged): (&str, Option<&str>)| {
            (bare.as_bytes().to_vec(), merged.map(|merged| merged.as_bytes().to_vec()))
        });
        assert_eq!(found, cut, "{path}");
    }
}

/// Text that is dense in what the rules are about.
fn tricky_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just(";".to_owned()),
        Just("%25".to_owned()),
        Just("%2e".to_owned()),
        Just("2E".to_owned()),
        Just("%3b".to_owned()),
        Just("[".to_owned()),
        any::<u8>().prop_map(|b| format!("%{b:02x}")),
        "[a-zA-Z0-9%/.;~]{0,4}",
        any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn p1_canonicalisation_is_idempotent(path in tricky_path()) {
        if let Ok(canonical) = canonical_path(&path) {
            let again = canonical_path(&canonical);
            prop_assert_eq!(again.as_deref(), Ok(&*canonical));
        }
    }

    #[test]
    fn p1_a_canonical_path_holds_no_structure_in_disguise(path in tricky_path()) {
        if let Ok(canonical) = canonical_path(&path) {
            prop_assert!(canonical.is_ascii());
            prop_assert!(!canonical.contains("//"));
            for segment in canonical.split('/').skip(1) {
                let mut meaning = decoded(segment.as_bytes()).into_owned();
                // However often an upstream decodes, no separator and no dot segment turns up.
                for _ in 0..4 {
                    let name = meaning.split(|b| *b == b';').next().unwrap();
                    prop_assert!(!matches!(name, b"." | b".."), "{}", canonical);
                    prop_assert!(!meaning.iter().any(|b| matches!(b, b'/' | b'\\') || b.is_ascii_control()));
                    let text = String::from_utf8(meaning).unwrap();
                    meaning = decoded(text.as_bytes()).into_owned();
                    if String::from_utf8(meaning.clone()).is_err() {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn p1_any_text_is_refused_or_canonicalised_without_panic(path in any::<String>()) {
        let _ = canonical_path(&path);
    }
}
