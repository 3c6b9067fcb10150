use proptest::prelude::*;

use super::*;

fn names() -> ParameterNames {
    ParameterNames::new(["access_token".to_owned()])
}

/// What is left of a query, and the verdict on what was taken.
fn taken(query: &str) -> Option<(String, Result<Option<String>, Reason>)> {
    let (rest, taken) = names().take_out_of(query.as_bytes())?;
    let value = taken.only("access_token");
    let value = value.map(|value| value.map(|value| String::from_utf8_lossy(value).into_owned()));
    Some((String::from_utf8(rest).unwrap(), value))
}

#[test]
fn t25_the_parameter_is_found_by_its_decoded_name_and_taken_out() {
    for (query, rest, token) in [
        ("access_token=abc", "", Some("abc")),
        ("id=7&access_token=abc", "id=7", Some("abc")),
        ("access_token=abc&id=7", "id=7", Some("abc")),
        ("a=1&access_token=abc&b=%2F", "a=1&b=%2F", Some("abc")),
        ("access%5Ftoken=abc", "", Some("abc")),
        ("%61ccess%5ftoken=a%2Bb%3d", "", Some("a+b=")),
        ("access_token=a=b", "", Some("a=b")),
        ("&access_token=abc&", "&", Some("abc")),
        ("access_token=", "", None),
        ("access_token", "", None),
        ("a;b=1&access_token=abc", "a;b=1", Some("abc")),
    ] {
        let expected = (rest.to_owned(), Ok(token.map(str::to_owned)));
        assert_eq!(taken(query), Some(expected), "{query}");
    }
    for query in ["", "id=7", "token=abc", "xaccess_token=abc", "a=access_token", "?access_token=a"]
    {
        assert_eq!(taken(query), None, "{query}");
    }
}

#[test]
fn t25_what_servers_could_read_differently_is_ambiguous_and_taken_out() {
    for (query, rest) in [
        ("access_token=a&access_token=a", ""),
        ("access_token=a&access%5Ftoken=b", ""),
        ("access_token=a&access_token=", ""),
        ("access_token=a&x=1&access_token", "x=1"),
        ("Access_Token=a", ""),
        ("ACCESS%5FTOKEN=a&x", "x"),
        ("access_token=a&Access_token=b", ""),
        ("access.token=a", ""),
        ("access+token=a", ""),
        ("access%20token=a", ""),
        ("+access_token=a", ""),
        ("access_token%5B%5D=a", ""),
        ("access_token[0]=a", ""),
        ("access_token%00x=a", ""),
        ("access%255Ftoken=a", ""),
        ("access%25255Ftoken=a", ""),
        ("x=1;access_token=a", "x=1"),
        ("access_token=a;x=1", "x=1"),
        ("x;access_token=a&y", "x&y"),
    ] {
        let expected = (rest.to_owned(), Err(Reason::CredentialAmbiguous));
        assert_eq!(taken(query), Some(expected), "{query}");
    }
    for query in ["access_token=a%", "access_token=%zz", "access_token=%2"] {
        let expected = (String::new(), Err(Reason::CredentialMalformed));
        assert_eq!(taken(query), Some(expected), "{query}");
    }
}

#[test]
fn o2_a_url_loses_the_parameter_in_query_and_fragment() {
    for (url, cleaned) in [
        ("https://a.test/x?access_token=abc", "https://a.test/x"),
        ("https://a.test/x?id=7&access_token=abc#top", "https://a.test/x?id=7#top"),
        ("/x?access%5Ftoken=abc&y=?", "/x?y=?"),
        ("/x#access_token=abc&state=1", "/x#state=1"),
        ("/x?access_token=a#access_token=b", "/x"),
    ] {
        let found = names().remove_from_url(url.as_bytes());
        assert_eq!(found.as_deref(), Some(cleaned.as_bytes()), "{url}");
    }
    for url in ["https://a.test/x", "/x?id=7#top", "/access_token=abc", "\u{e4}?"] {
        assert_eq!(names().remove_from_url(url.as_bytes()), None, "{url}");
    }
}

#[test]
fn o2_debug_output_holds_no_value() {
    let (_, taken) = names().take_out_of(b"access_token=secret").unwrap();
    assert_eq!(format!("{taken:?}"), "[\"access_token\"]");
}

proptest! {
    #[test]
    fn nothing_is_found_in_what_is_left(query in "[a-c_=&;%25F+]{0,12}(access(_|%5F|%255F|\\.)token(=[a-z]{0,3})?[&;]?){0,3}[a-z=&;]{0,6}") {
        if let Some((rest, _)) = names().take_out_of(query.as_bytes()) {
            prop_assert!(rest.len() < query.len());
            prop_assert!(names().take_out_of(&rest).is_none(), "{query} -> {:?}", String::from_utf8(rest));
        }
    }

    #[test]
    fn what_has_no_parameter_is_left_alone(query in "[a-z0-9=&;%+.]{0,40}") {
        prop_assume!(!query.contains("token"));
        prop_assert!(names().take_out_of(query.as_bytes()).is_none());
    }
}
