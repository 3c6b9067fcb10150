use crate::jose::{Algorithm, base64url};

use super::*;

const NOW: UnixTime = UnixTime(1_700_000_000);

/// A token with these parts and a signature of the right length that no key made: everything
/// here is decided before the signature is.
fn token(header: &str, claims: &str) -> Vec<u8> {
    let part = |text: &str| base64url::encode(text.as_bytes());
    format!("{}.{}.{}", part(header), part(claims), base64url::encode(&[7; 64])).into_bytes()
}

fn rules() -> JwtRules {
    JwtRules {
        audiences: Some(vec!["api".to_owned(), "other".to_owned()]),
        algorithms: [Algorithm::Es256].into_iter().collect(),
        clock_skew: 60,
        kinds: KindRules::default(),
        require: vec![claim("exp")],
        require_any: Vec::new(),
        require_values: Vec::new(),
        formats: Vec::new(),
        scopes: Arc::default(),
        max_lifetime: None,
        bound: BoundTokens::Refused,
        is_filled: false,
    }
}

fn check_with(rules: &JwtRules, header: &str, claims: &str) -> Result<Validity, Reason> {
    let token = token(header, claims);
    let candidate = JwtCandidate::read(&token, &mut ());
    let verdict = candidate.and_then(|candidate| candidate.check(rules, NOW, &mut ()));
    verdict.map_err(|cause| cause.reason())
}

fn reason_of_issuer(candidate: &JwtCandidate<'_>) -> Option<Reason> {
    candidate.issuer().err().map(|cause| cause.reason())
}

/// The verdict on these members besides a good `iss`, `aud` and `exp`, which they may replace.
fn verdict_with(rules: &JwtRules, members: &str) -> Result<(), Reason> {
    let defaults =
        [("iss", "\"idp\""), ("aud", "\"api\""), ("exp", "1700000100")].map(|(name, value)| {
            let is_given = members.contains(&format!("\"{name}\":"));
            if is_given { String::new() } else { format!("\"{name}\":{value},") }
        });
    let claims = format!("{{{}{members}}}", defaults.concat()).replace(",}", "}");
    check_with(rules, r#"{"alg":"ES256"}"#, &claims).map(drop)
}

fn verdict(members: &str) -> Result<(), Reason> {
    verdict_with(&rules(), members)
}

#[test]
fn c1_a_date_of_another_type_is_malformed_not_absent() {
    for name in ["exp", "nbf", "iat"] {
        for value in ["\"1700000100\"", "true", "[1700000100]", "{}"] {
            assert_eq!(
                verdict(&format!("\"{name}\":{value}")),
                Err(Reason::ClaimMalformed),
                "{name}: {value}"
            );
        }
    }
}

#[test]
fn c2_c15_dates_are_numbers_that_never_wrap_and_are_possible() {
    use Reason::{ClaimMalformed, TokenExpired};
    let cases: &[(&str, Result<(), Reason>)] = &[
        ("\"exp\":0", Err(TokenExpired)),
        ("\"exp\":-0", Err(TokenExpired)),
        ("\"exp\":-1", Err(TokenExpired)),
        ("\"exp\":-16725225600", Err(TokenExpired)),
        ("\"exp\":-16725225601", Err(ClaimMalformed)),
        ("\"exp\":-9223372036854775808", Err(ClaimMalformed)),
        ("\"exp\":1700000100.5", Ok(())),
        ("\"exp\":1.7000001e9", Ok(())),
        ("\"exp\":7931520000", Ok(())), // the year 2221, as in a published token
        ("\"exp\":16725225600", Ok(())),
        ("\"exp\":16725225601", Err(ClaimMalformed)),
        ("\"exp\":16725225600.5", Err(ClaimMalformed)),
        ("\"exp\":1700000100000", Err(ClaimMalformed)),
        ("\"exp\":9223372036854775807", Err(ClaimMalformed)),
        ("\"exp\":9223372036854775808", Err(ClaimMalformed)),
        ("\"exp\":1e18", Err(ClaimMalformed)),
        ("\"nbf\":9223372036854775807", Err(ClaimMalformed)),
        ("\"nbf\":-9223372036854775808", Err(ClaimMalformed)),
        ("\"iat\":-9223372036854775808", Err(ClaimMalformed)),
        ("\"iat\":1699999990000", Err(ClaimMalformed)),
    ];
    for (members, expected) in cases {
        assert_eq!(verdict(members), *expected, "{members}");
    }
    for members in ["\"exp\":1e400", "\"exp\":NaN", "\"exp\":18446744073709551616"] {
        assert_eq!(verdict(members), Err(Reason::ClaimsMalformed), "{members}");
    }
}

#[test]
fn c3_a_token_without_expiry_is_refused_unless_the_operator_says_otherwise() {
    let without_exp = |rules: &JwtRules| {
        check_with(rules, r#"{"alg":"ES256"}"#, r#"{"iss":"idp","aud":"api"}"#).map(drop)
    };
    assert_eq!(without_exp(&rules()), Err(Reason::ClaimMissing));
    assert_eq!(without_exp(&JwtRules { require: vec![], ..rules() }), Ok(()));
}

#[test]
fn c4_the_clock_skew_counts_once_and_to_the_second() {
    use Reason::{TokenExpired, TokenIssuedInFuture, TokenNotYetValid};
    let cases: &[(&str, i64, Result<(), Reason>)] = &[
        ("exp", -59, Ok(())),
        ("exp", -60, Err(TokenExpired)),
        ("exp", -61, Err(TokenExpired)),
        ("nbf", 60, Ok(())),
        ("nbf", 61, Err(TokenNotYetValid)),
        ("iat", 60, Ok(())),
        ("iat", 61, Err(TokenIssuedInFuture)),
    ];
    for (name, offset, expected) in cases {
        let members = format!("\"{name}\":{}", NOW.0 + offset);
        assert_eq!(verdict(&members), *expected, "{name} {offset:+}");
    }
    let strict = JwtRules { clock_skew: 0, ..rules() };
    assert_eq!(verdict_with(&strict, "\"exp\":1700000000"), Err(TokenExpired));
    assert_eq!(verdict_with(&strict, "\"exp\":1700000001"), Ok(()));
    assert_eq!(verdict_with(&strict, "\"nbf\":1700000000"), Ok(()));
    assert_eq!(verdict_with(&strict, "\"nbf\":1700000000.5"), Err(TokenNotYetValid));
}

#[test]
fn c2_a_longest_lifetime_needs_both_ends() {
    let rules = JwtRules { max_lifetime: Some(3600), ..rules() };
    assert_eq!(verdict_with(&rules, "\"exp\":1700000100"), Err(Reason::ClaimMissing));
    let lifetime =
        |iat: i64, exp: i64| verdict_with(&rules, &format!("\"iat\":{iat},\"exp\":{exp}"));
    assert_eq!(lifetime(NOW.0, NOW.0 + 3600), Ok(()));
    assert_eq!(lifetime(NOW.0, NOW.0 + 3601), Err(Reason::LifetimeTooLong));
    let farthest = UnixTime::FARTHEST.0;
    assert_eq!(lifetime(-farthest, farthest), Err(Reason::LifetimeTooLong));
}

#[test]
fn c5_an_issuer_is_a_string() {
    for value in ["[\"idp\"]", "1", "{}"] {
        let token = token(r#"{"alg":"ES256"}"#, &format!("{{\"iss\":{value}}}"));
        let candidate = JwtCandidate::read(&token, &mut ()).unwrap();
        assert_eq!(reason_of_issuer(&candidate), Some(Reason::ClaimMalformed), "{value}");
    }
    let token = token(r#"{"alg":"ES256"}"#, "{}");
    let candidate = JwtCandidate::read(&token, &mut ()).unwrap();
    assert_eq!(candidate.issuer(), Ok(None));
}

#[test]
fn c7_one_audience_must_match_exactly() {
    use Reason::{AudienceMismatch, ClaimMalformed};
    let cases: &[(&str, Result<(), Reason>)] = &[
        ("\"aud\":\"api\"", Ok(())),
        ("\"aud\":[\"x\",\"other\"]", Ok(())),
        ("\"aud\":\"API\"", Err(AudienceMismatch)),
        ("\"aud\":\"api/\"", Err(AudienceMismatch)),
        ("\"aud\":\"ap\"", Err(AudienceMismatch)),
        ("\"aud\":\"\"", Err(AudienceMismatch)),
        ("\"aud\":[]", Err(AudienceMismatch)),
        ("\"aud\":[\"api\",1]", Err(ClaimMalformed)),
        ("\"aud\":[[\"api\"]]", Err(ClaimMalformed)),
        ("\"aud\":{\"api\":true}", Err(ClaimMalformed)),
        ("\"aud\":null", Err(AudienceMismatch)),
    ];
    for (members, expected) in cases {
        assert_eq!(verdict(members), *expected, "{members}");
    }
    let absent = r#"{"iss":"idp","exp":1700000100}"#;
    let header = r#"{"alg":"ES256"}"#;
    assert_eq!(check_with(&rules(), header, absent).map(drop), Err(AudienceMismatch));
    let any = JwtRules { audiences: None, ..rules() };
    assert_eq!(check_with(&any, header, absent).map(drop), Ok(()));
    assert_eq!(verdict_with(&any, "\"aud\":7"), Err(ClaimMalformed), "typed even if unused");
}

#[test]
fn c8_c9_registered_claims_have_their_types() {
    for members in [
        "\"sub\":1",
        "\"jti\":[]",
        "\"client_id\":false",
        "\"azp\":{}",
        "\"scope\":1",
        "\"scope\":[\"a\",1]",
        "\"scp\":{}",
    ] {
        assert_eq!(verdict(members), Err(Reason::ClaimMalformed), "{members}");
    }
    for members in ["\"sub\":\"\"", "\"scope\":\"a b\"", "\"scope\":[\"a\"]", "\"scp\":[]"] {
        assert_eq!(verdict(members), Ok(()), "{members}");
    }
    assert_eq!(verdict("\"sub\":\"a\",\"sub\":\"b\""), Err(Reason::ClaimsMalformed));
    assert_eq!(verdict("\"sub\":\"a\",\"s\\u0075b\":\"b\""), Err(Reason::ClaimsMalformed));
}

fn claim(name: &str) -> ClaimPath {
    ClaimPath::parse(name).unwrap()
}

#[test]
fn c9_scopes_have_their_type_where_they_are_looked_for() {
    let scopes = ScopeClaims::new(vec![claim("scopes")], vec![' ']);
    let rules = JwtRules { scopes: Arc::new(scopes), ..rules() };
    for members in ["\"scopes\":1", "\"scopes\":[\"a\",null]", "\"scopes\":{}"] {
        assert_eq!(verdict_with(&rules, members), Err(Reason::ClaimMalformed), "{members}");
    }
    for members in ["\"scopes\":[\"a\"]", "\"scopes\":\"a b\"", "\"scope\":{}"] {
        assert_eq!(verdict_with(&rules, members), Ok(()), "{members}");
    }
}

/// Some issuers write every claim that they know of.
#[test]
fn c16_a_null_claim_is_an_absent_one() {
    for claim in ["cnf", "azp", "jti", "client_id", "nbf", "iat", "scope", "sub", "events"] {
        assert_eq!(verdict(&format!("\"{claim}\":null")), Ok(()), "{claim}");
    }
    assert_eq!(verdict("\"scp\":null,\"scope\":\"a\""), Ok(()));
    assert_eq!(verdict("\"exp\":null"), Err(Reason::ClaimMissing));
    let header = r#"{"alg":"ES256"}"#;
    let token = token(header, r#"{"iss":null}"#);
    let candidate = JwtCandidate::read(&token, &mut ()).unwrap();
    assert_eq!(candidate.issuer(), Ok(None));
}

#[test]
fn a_claim_with_a_form_must_be_there_in_it() {
    let form = crate::token::issuer::settings::ClaimForm::Uuid;
    let rules = JwtRules { formats: vec![ClaimFormat { claim: claim("sub"), form }], ..rules() };
    let good = "\"sub\":\"963995ed-ce12-4ea5-89dc-b181701d1d7b\"";
    assert_eq!(verdict_with(&rules, good), Ok(()));
    for members in
        ["", "\"sub\":\"\"", "\"sub\":\"alice\"", "\"sub\":null", "\"sub\":7", "\"sub\":[\"a\"]"]
    {
        assert_eq!(verdict_with(&rules, members), Err(Reason::ClaimMalformed), "{members}");
    }
}

#[test]
fn of_alternative_claims_one_must_say_something() {
    let require_any = vec![vec![claim("pur"), claim("purpose")], vec![claim("/x/y")]];
    let rules = JwtRules { require_any, ..rules() };
    for (members, verdict) in [
        ("\"pur\":\"a\",\"x\":{\"y\":0}", Ok(())),
        ("\"purpose\":\"a\",\"x\":{\"y\":false}", Ok(())),
        ("\"pur\":\"\",\"purpose\":[\"a\"],\"x\":{\"y\":1}", Ok(())),
        ("\"pur\":\"a\"", Err(Reason::ClaimMissing)),
        ("\"x\":{\"y\":1}", Err(Reason::ClaimMissing)),
        ("\"pur\":\"\",\"x\":{\"y\":1}", Err(Reason::ClaimMissing)),
        ("\"pur\":[],\"purpose\":null,\"x\":{\"y\":1}", Err(Reason::ClaimMissing)),
        ("\"pur\":{},\"x\":{\"y\":1}", Err(Reason::ClaimMissing)),
    ] {
        assert_eq!(verdict_with(&rules, members), verdict, "{members}");
    }
}

#[test]
fn c12_a_bound_token_is_no_bearer_token() {
    let bound = "\"cnf\":{\"jkt\":\"x\"}";
    assert_eq!(verdict(bound), Err(Reason::BindingUnproven));
    assert_eq!(verdict_with(&JwtRules { bound: BoundTokens::Accepted, ..rules() }, bound), Ok(()));
}

#[test]
fn t3_the_algorithm_must_be_one_of_the_issuers() {
    let claims = r#"{"iss":"idp","aud":"api","exp":1700000100}"#;
    let no_es256 = JwtRules { algorithms: [Algorithm::Rs256].into_iter().collect(), ..rules() };
    let verdict = check_with(&no_es256, r#"{"alg":"ES256"}"#, claims);
    assert_eq!(verdict.map(drop), Err(Reason::AlgorithmNotAllowed));
}

#[test]
fn t19_a_jwt_for_another_purpose_is_no_access_token() {
    let claims = r#"{"iss":"idp","aud":"api","exp":1700000100}"#;
    let typed = |rules: &JwtRules, header: &str| check_with(rules, header, claims).map(drop);
    let refused = Err(Reason::TokenTypeNotAllowed);
    assert_eq!(typed(&rules(), r#"{"alg":"ES256","typ":"JWT"}"#), Ok(()));
    assert_eq!(typed(&rules(), r#"{"alg":"ES256","typ":"vc+jwt"}"#), refused);
    let strict = JwtRules { kinds: KindRules::of_types(&["at+jwt"]), ..rules() };
    assert_eq!(typed(&strict, r#"{"alg":"ES256"}"#), refused);
    assert_eq!(verdict("\"token_use\":\"id\""), refused);
    let lenient = JwtRules { kinds: KindRules::lenient(), ..rules() };
    assert_eq!(verdict_with(&lenient, "\"token_use\":\"id\""), Ok(()));
}

#[test]
fn a_value_that_the_issuers_tokens_must_have_is_compared_as_a_whole() {
    let required = ClaimComparison {
        claim: claim("token_use"),
        any_of: vec!["access".to_owned(), "1".to_owned()],
    };
    let rules = JwtRules { require_values: vec![required], ..rules() };
    for (members, expected) in [
        ("\"token_use\":\"access\"", Ok(())),
        ("", Err(Reason::ClaimMissing)),
        ("\"token_use\":null", Err(Reason::ClaimMissing)),
        ("\"token_use\":\"access_token\"", Err(Reason::ClaimValueNotAllowed)),
    ] {
        assert_eq!(verdict_with(&rules, members), expected, "{members}");
    }
}

#[test]
fn a_clock_that_jumps_is_honoured_in_both_directions() {
    let validity = check_with(
        &rules(),
        r#"{"alg":"ES256"}"#,
        r#"{"iss":"idp","aud":"api","nbf":1700000000,"exp":1700000100}"#,
    )
    .unwrap();
    assert_eq!(validity.check(UnixTime(NOW.0 + 159)), Ok(()));
    assert_eq!(validity.check(UnixTime(NOW.0 + 160)), Err(Reason::TokenExpired));
    assert_eq!(validity.check(UnixTime(NOW.0 - 61)), Err(Reason::TokenNotYetValid));
}

#[test]
fn an_observer_hears_every_check_that_passes_and_no_other() {
    #[derive(Default)]
    struct Recorder(Vec<&'static str>);
    impl Observer for Recorder {
        fn passed(&mut self, check: &'static str, found: impl FnOnce() -> String) {
            assert!(!found().is_empty());
            self.0.push(check);
        }
    }
    let mut recorder = Recorder::default();
    let token = token(r#"{"alg":"ES256"}"#, r#"{"iss":"idp","aud":"x","exp":1700000100}"#);
    let candidate = JwtCandidate::read(&token, &mut recorder).unwrap();
    let verdict = candidate.check(&rules(), NOW, &mut recorder);
    assert_eq!(verdict.unwrap_err().reason(), Reason::AudienceMismatch);
    assert_eq!(
        recorder.0,
        ["header", "claims", "algorithm", "type", "members", "times", "required"]
    );
}
