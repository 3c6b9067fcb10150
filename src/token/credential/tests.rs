use http::HeaderName;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

fn everywhere(forward: bool) -> CredentialSources {
    let header = |name, scheme: Option<&str>| CredentialSource::Header {
        name: HeaderName::from_static(name),
        scheme: scheme.map(str::to_owned),
    };
    CredentialSources {
        sources: vec![
            header("authorization", Some("Bearer")),
            header("x-token", None),
            CredentialSource::Cookie("session".to_owned()),
        ],
        forward,
    }
}

#[test]
fn t21_exactly_one_token_or_a_refusal() {
    use Reason::{
        CredentialAmbiguous, CredentialMalformed, CredentialMissing, CredentialSchemeUnknown,
    };
    type Case = (&'static [(&'static str, &'static str)], Result<&'static str, Reason>);
    let cases: &[Case] = &[
        (&[("authorization", "Bearer abc.d-e_f~+/=")], Ok("abc.d-e_f~+/=")),
        (&[("authorization", "bearer abc")], Ok("abc")),
        (&[("authorization", "BEARER   abc")], Ok("abc")),
        (&[("x-token", "abc")], Ok("abc")),
        (&[("cookie", "a=b; session=abc; c=d")], Ok("abc")),
        (&[("cookie", "a=b"), ("cookie", "session=abc")], Ok("abc")),
        (&[("authorization", "Bearer abc"), ("x-token", "abc")], Ok("abc")),
        (&[], Err(CredentialMissing)),
        (&[("authorization", "Basic dXNlcjpwdw==")], Err(CredentialSchemeUnknown)),
        (&[("authorization", "DPoP abc")], Err(CredentialSchemeUnknown)),
        (&[("authorization", "BearerX abc")], Err(CredentialSchemeUnknown)),
        (&[("proxy-authorization", "Bearer abc")], Err(CredentialMissing)),
        (&[("authorization", "")], Err(CredentialMissing)),
        (&[("authorization", "Basic b"), ("x-token", "abc")], Ok("abc")),
        (&[("x-token", "")], Err(CredentialMissing)),
        (&[("cookie", "session=")], Err(CredentialMissing)),
        (&[("cookie", "xsession=abc")], Err(CredentialMissing)),
        (&[("authorization", "Bearer")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer ")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer\tabc")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a b")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a, Bearer b")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a\u{e4}")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a%3D")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a"), ("authorization", "Bearer a")], Err(CredentialAmbiguous)),
        (&[("authorization", "Bearer a"), ("authorization", "Basic b")], Err(CredentialAmbiguous)),
        (&[("authorization", "Bearer a"), ("x-token", "b")], Err(CredentialAmbiguous)),
        (&[("authorization", "Bearer a"), ("cookie", "session=b")], Err(CredentialAmbiguous)),
        (&[("cookie", "session=a; session=b")], Err(CredentialAmbiguous)),
    ];
    for (given, expected) in cases {
        let headers = headers(given);
        let found = everywhere(false)
            .extract(&headers)
            .and_then(|found| found.check_form().map(|()| found.0.to_vec()));
        assert_eq!(found, expected.map(|token| token.as_bytes().to_vec()), "{given:?}");
    }
}

#[test]
fn h10_credentials_are_stripped_unless_they_are_verified_and_to_be_forwarded() {
    let all = [
        ("authorization", "Bearer abc"),
        ("x-token", "abc"),
        ("cookie", "a=b; session=abc; c=d"),
        ("accept", "*/*"),
    ];
    let stripped = headers(&[("accept", "*/*"), ("cookie", "a=b; c=d")]);
    for (forward, verified) in [(false, true), (false, false), (true, false)] {
        let mut given = headers(&all);
        everywhere(forward).strip(&mut given, verified);
        assert_eq!(given, stripped, "forward {forward}, verified {verified}");
    }
    let mut given = headers(&all);
    everywhere(true).strip(&mut given, true);
    assert_eq!(given, headers(&all));
}

#[test]
fn h10_another_scheme_passes_only_where_credentials_are_forwarded() {
    let basic = headers(&[("authorization", "Basic dXNlcjpwdw==")]);
    let mut given = basic.clone();
    everywhere(true).strip(&mut given, false);
    assert_eq!(given, basic);
    everywhere(false).strip(&mut given, false);
    assert!(given.get(AUTHORIZATION).is_none());
}

#[test]
fn o2_a_credential_does_not_print_itself() {
    let shown = format!("{:?}", Credential::new(b"secret-token").unwrap());
    assert!(!shown.contains("secret"), "{shown}");
}
