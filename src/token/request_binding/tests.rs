use http::header::COOKIE;

use super::*;

/// From WSO2's documentation: a cookie, and the reference to it in the token.
const COOKIE_VALUE: &str = "646b0ed2-c501-4b17-9251-94112013a718";
const REFERENCE: &str = "5b6f756e3c043d254890dbc5b428fc80";

const ORIGIN_URL: &str = "http://verification.dev.ubirch.com";

fn path(name: &str) -> ClaimPath {
    ClaimPath::parse(name).unwrap()
}

fn by_origin() -> RequestBinding {
    RequestBinding { origin: Some(path("ord")), cookie: None }
}

fn by_cookie(other_types: BoundTokens) -> RequestBinding {
    let settings = CookieBindingSettings {
        cookie: "atbv".to_owned(),
        reference: path("binding_ref"),
        type_claim: path("binding_type"),
        type_value: "cookie".to_owned(),
    };
    RequestBinding { origin: None, cookie: Some(CookieBinding { settings, other_types }) }
}

fn check(
    binding: &RequestBinding,
    claims: &str,
    headers: &[(http::HeaderName, &str)],
) -> Result<(), Reason> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value.parse().unwrap());
    }
    let presented = Presented { credential: Credential::new(b"token").unwrap(), headers: &map };
    let verdict = binding.check(&Object::parse(claims.as_bytes()).unwrap(), presented, &mut ());
    verdict.map_err(|cause| cause.reason())
}

#[test]
fn an_issuer_without_bindings_asks_nothing() {
    let none = RequestBinding { origin: None, cookie: None };
    let claims = r#"{"ord":"https://a","binding_type":"cookie","binding_ref":"x"}"#;
    assert_eq!(check(&none, claims, &[]), Ok(()));
}

#[test]
fn a_token_for_an_origin_comes_from_there_only() {
    let from = |origin: &'static str| [(ORIGIN, origin)];
    for claims in [
        format!(r#"{{"ord":["{ORIGIN_URL}"]}}"#),
        format!(r#"{{"ord":"{ORIGIN_URL}"}}"#),
        format!(r#"{{"ord":["{ORIGIN_URL}","{ORIGIN_URL}"]}}"#),
    ] {
        assert_eq!(check(&by_origin(), &claims, &from(ORIGIN_URL)), Ok(()), "{claims}");
        for other in [
            "http://verification.dev.ubirch.com/",
            "http://verification.dev.ubirch.com:80",
            "https://verification.dev.ubirch.com",
            "http://Verification.dev.ubirch.com",
            "http://verification.dev.ubirch.com.evil.example",
            "http://verification.dev.ubirch.co",
            "null",
            "",
        ] {
            let verdict = check(&by_origin(), &claims, &from(other));
            assert_eq!(verdict, Err(Reason::OriginMismatch), "{claims} from {other}");
        }
        let missing = check(&by_origin(), &claims, &[]);
        assert_eq!(missing, Err(Reason::OriginMismatch), "{claims}");
        let twice = [(ORIGIN, ORIGIN_URL), (ORIGIN, ORIGIN_URL)];
        assert_eq!(check(&by_origin(), &claims, &twice), Err(Reason::OriginMismatch), "{claims}");
    }
}

#[test]
fn every_origin_of_the_token_must_be_the_requests() {
    let claims = format!(r#"{{"ord":["{ORIGIN_URL}","https://other.example"]}}"#);
    let verdict = check(&by_origin(), &claims, &[(ORIGIN, ORIGIN_URL)]);
    assert_eq!(verdict, Err(Reason::OriginMismatch));
}

#[test]
fn a_token_that_names_no_origin_comes_from_anywhere() {
    for claims in ["{}", r#"{"ord":null}"#, r#"{"ord":""}"#, r#"{"ord":[]}"#] {
        assert_eq!(check(&by_origin(), claims, &[]), Ok(()), "{claims}");
        assert_eq!(check(&by_origin(), claims, &[(ORIGIN, "https://a")]), Ok(()), "{claims}");
    }
}

#[test]
fn c1_an_origin_of_another_type_is_malformed_not_absent() {
    for claims in [r#"{"ord":7}"#, r#"{"ord":{}}"#, r#"{"ord":false}"#, r#"{"ord":[null]}"#] {
        let verdict = check(&by_origin(), claims, &[(ORIGIN, "https://a")]);
        assert_eq!(verdict, Err(Reason::ClaimMalformed), "{claims}");
    }
    assert_eq!(check(&by_origin(), r#"{"ord":[""]}"#, &[]), Err(Reason::OriginMismatch));
}

fn bound() -> String {
    format!(r#"{{"binding_type":"cookie","binding_ref":"{REFERENCE}"}}"#)
}

#[test]
fn a_token_bound_to_a_cookie_comes_with_it() {
    let pair = format!("atbv={COOKIE_VALUE}");
    for cookies in [pair.clone(), format!("a=b; {pair}; c=d"), format!("{pair};")] {
        let verdict = check(&by_cookie(BoundTokens::Refused), &bound(), &[(COOKIE, &cookies)]);
        assert_eq!(verdict, Ok(()), "{cookies}");
    }
    let split = [(COOKIE, "a=b"), (COOKIE, pair.as_str())];
    assert_eq!(check(&by_cookie(BoundTokens::Refused), &bound(), &split), Ok(()));
}

#[test]
fn without_the_right_cookie_a_bound_token_is_refused() {
    let upper = COOKIE_VALUE.to_uppercase();
    for cookies in [
        String::new(),
        "atbv".to_owned(),
        "atbv=".to_owned(),
        format!("ATBV={COOKIE_VALUE}"),
        format!("xatbv={COOKIE_VALUE}"),
        format!("atbv={upper}"),
        format!("atbv={COOKIE_VALUE}x"),
        format!("atbv=\"{COOKIE_VALUE}\""),
        // What the token itself says is no proof.
        format!("atbv={REFERENCE}"),
        format!("atbv={COOKIE_VALUE}; atbv={COOKIE_VALUE}"),
        format!("atbv=other; atbv={COOKIE_VALUE}"),
    ] {
        for other_types in [BoundTokens::Refused, BoundTokens::Accepted] {
            let verdict = check(&by_cookie(other_types), &bound(), &[(COOKIE, &cookies)]);
            assert_eq!(verdict, Err(Reason::BindingUnproven), "{cookies}");
        }
    }
    assert_eq!(
        check(&by_cookie(BoundTokens::Refused), &bound(), &[]),
        Err(Reason::BindingUnproven)
    );
}

#[test]
fn a_reference_that_can_not_be_compared_is_unproven() {
    let pair = format!("atbv={COOKIE_VALUE}");
    for reference in [
        format!(r#","binding_ref":"{}""#, REFERENCE.to_uppercase()),
        format!(r#","binding_ref":"{}""#, &REFERENCE[1..]),
        format!(r#","binding_ref":["{REFERENCE}"]"#),
        r#","binding_ref":"""#.to_owned(),
        r#","binding_ref":null"#.to_owned(),
        String::new(),
        // The MD5 of nothing.
        r#","binding_ref":"d41d8cd98f00b204e9800998ecf8427e""#.to_owned(),
    ] {
        let claims = format!(r#"{{"binding_type":"cookie"{reference}}}"#);
        for cookie in [pair.as_str(), "atbv="] {
            let verdict = check(&by_cookie(BoundTokens::Refused), &claims, &[(COOKIE, cookie)]);
            assert_eq!(verdict, Err(Reason::BindingUnproven), "{claims} with {cookie}");
        }
    }
}

#[test]
fn c12_a_binding_of_another_type_is_refused_unless_it_is_ignored() {
    for claims in [
        r#"{"binding_type":"certificate","binding_ref":"x"}"#,
        r#"{"binding_type":"sso-session","binding_ref":"x"}"#,
        r#"{"binding_type":"Cookie","binding_ref":"x"}"#,
        r#"{"binding_type":["cookie"],"binding_ref":"x"}"#,
        r#"{"binding_type":""}"#,
        r#"{"binding_ref":"x"}"#,
    ] {
        let strict = check(&by_cookie(BoundTokens::Refused), claims, &[]);
        assert_eq!(strict, Err(Reason::BindingUnproven), "{claims}");
        assert_eq!(check(&by_cookie(BoundTokens::Accepted), claims, &[]), Ok(()), "{claims}");
    }
    for unbound in ["{}", r#"{"binding_type":null,"binding_ref":null}"#] {
        assert_eq!(check(&by_cookie(BoundTokens::Refused), unbound, &[]), Ok(()), "{unbound}");
    }
}
