use super::*;
use crate::json::Json;

const NOW: UnixTime = UnixTime(1_700_000_000);

fn rules() -> StatementRules {
    let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    StatementRules {
        issuer: "https://idp.example/oidc".to_owned(),
        issuers: Some(texts(&["https://idp.example"])),
        audiences: Some(texts(&["api"])),
        client_ids: None,
        token_types: texts(&["Bearer", "JWT"]),
        integer_subject: false,
        kinds: KindRules::default(),
        subject: texts(&["sub", "username", "client_id"]),
        require: Vec::new(),
        require_any: Vec::new(),
        require_values: Vec::new(),
        formats: Vec::new(),
        scopes: Arc::default(),
        skew: 60,
        bound: BoundTokens::Refused,
    }
}

fn verdict_of(rules: &StatementRules, members: &str) -> Result<Object, Reason> {
    let response = Object::parse(format!("{{\"x\":0{members}}}").as_bytes()).unwrap();
    let verdict = rules.claims(&response, NOW, &mut ());
    verdict.map(|(claims, _)| claims).map_err(|cause| cause.reason())
}

/// The verdict on these members besides a good `aud`.
fn verdict(members: &str) -> Result<Object, Reason> {
    verdict_of(&rules(), &format!(",\"aud\":\"api\"{members}"))
}

fn reason(members: &str) -> Option<Reason> {
    verdict(members).err()
}

#[test]
fn i4_an_active_token_is_still_judged_by_its_times() {
    assert_eq!(reason(",\"exp\":1700000100,\"nbf\":1699999999"), None);
    assert_eq!(reason(",\"exp\":1699999940"), Some(Reason::TokenExpired));
    assert_eq!(reason(",\"nbf\":1700000061"), Some(Reason::TokenNotYetValid));
    for malformed in ["\"1700000100\"", "true", "[]"] {
        assert_eq!(reason(&format!(",\"exp\":{malformed}")), Some(Reason::ClaimMalformed));
    }
}

#[test]
fn c15_an_impossible_date_is_malformed() {
    for impossible in ["1700000100000", "9223372036854775807", "1e300", "-9223372036854775808"] {
        for claim in ["exp", "nbf", "iat"] {
            let members = format!(",\"{claim}\":{impossible}");
            assert_eq!(reason(&members), Some(Reason::ClaimMalformed), "{members}");
        }
    }
    assert_eq!(reason(",\"exp\":7931520000"), None, "the year 2221");
}

#[test]
fn an_issuers_own_claims_are_asked_of_its_statements_too() {
    let claim = |name: &str| ClaimPath::parse(name).unwrap();
    let format =
        ClaimFormat { claim: claim("sub"), form: crate::token::issuer::settings::ClaimForm::Uuid };
    let own = StatementRules {
        require_any: vec![vec![claim("pur"), claim("purpose")]],
        formats: vec![format],
        scopes: Arc::new(ScopeClaims::new(vec![claim("scopes")], vec![' '])),
        ..rules()
    };
    let uuid = "963995ed-ce12-4ea5-89dc-b181701d1d7b";
    for (members, reason) in [
        (format!(r#","sub":"{uuid}","pur":"x","scopes":["a"]"#), None),
        (format!(r#","username":"{uuid}","purpose":"x""#), None),
        (format!(r#","sub":"{uuid}","pur":"x","scopes":7"#), Some(Reason::ClaimMalformed)),
        (format!(r#","sub":"{uuid}","pur":"""#), Some(Reason::ClaimMissing)),
        (r#","sub":"alice","pur":"x""#.to_owned(), Some(Reason::ClaimMalformed)),
    ] {
        let verdict = verdict_of(&own, &format!(",\"aud\":\"api\"{members}"));
        assert_eq!(verdict.err(), reason, "{members}");
    }
}

#[test]
fn i5_a_token_of_another_audience_is_refused() {
    assert_eq!(verdict_of(&rules(), "").err(), Some(Reason::AudienceMismatch), "no aud");
    assert_eq!(verdict_of(&rules(), ",\"aud\":\"apis\"").err(), Some(Reason::AudienceMismatch));
    assert_eq!(verdict_of(&rules(), ",\"aud\":[\"x\",\"api\"]").err(), None);
    assert_eq!(reason(",\"iss\":\"https://evil.example\""), Some(Reason::IssuerUnknown));
    assert_eq!(reason(",\"iss\":7"), Some(Reason::ClaimMalformed));
    let ours = StatementRules { client_ids: Some(vec!["app".to_owned()]), ..rules() };
    let of_client = |members: &str| verdict_of(&ours, &format!(",\"aud\":\"api\"{members}")).err();
    assert_eq!(of_client(",\"client_id\":\"app\""), None);
    assert_eq!(of_client(",\"client_id\":\"other\""), Some(Reason::ClientNotAllowed));
    assert_eq!(of_client(""), Some(Reason::ClientNotAllowed));
}

#[test]
fn i5_a_refresh_token_is_no_access_token() {
    for accepted in ["Bearer", "bearer", "JWT"] {
        assert_eq!(reason(&format!(",\"token_type\":\"{accepted}\"")), None, "{accepted}");
    }
    for refused in ["Refresh", "refresh_token", "N_A", ""] {
        let members = format!(",\"token_type\":\"{refused}\"");
        assert_eq!(reason(&members), Some(Reason::TokenTypeNotAllowed), "{refused}");
    }
    assert_eq!(reason(",\"token_type\":\"DPoP\""), Some(Reason::BindingUnproven));
    assert_eq!(reason(",\"token_type\":[\"Bearer\"]"), Some(Reason::ClaimMalformed));
    assert_eq!(reason(",\"token_type\":null"), None, "threats C-16");
}

#[test]
fn c12_a_bound_token_needs_its_proof() {
    assert_eq!(reason(",\"cnf\":{\"jkt\":\"x\"}"), Some(Reason::BindingUnproven));
    let lenient = StatementRules { bound: BoundTokens::Accepted, ..rules() };
    assert!(verdict_of(&lenient, ",\"aud\":\"api\",\"cnf\":{\"jkt\":\"x\"}").is_ok());
}

#[test]
fn the_issuer_has_one_name_whatever_its_endpoint_calls_it() {
    for members in ["", ",\"iss\":\"https://idp.example\"", ",\"iss\":\"https://idp.example/oidc\""]
    {
        let claims = verdict(members).unwrap();
        assert_eq!(claims.get("iss"), Some(&Json::from("https://idp.example/oidc")), "{members}");
    }
}

#[test]
fn a_missing_subject_is_stood_in_for_in_the_configured_order() {
    let subject = |members: &str| verdict(members).unwrap().get("sub").cloned();
    let all = ",\"client_id\":\"app\",\"username\":\"alice\",\"sub\":\"7\"";
    assert_eq!(subject(all), Some(Json::from("7")));
    assert_eq!(subject(",\"client_id\":\"app\",\"username\":\"alice\""), Some(Json::from("alice")));
    assert_eq!(subject(",\"client_id\":\"app\",\"username\":\"\""), Some(Json::from("app")));
    assert_eq!(subject(",\"client_id\":\"app\",\"username\":null"), Some(Json::from("app")));
    assert_eq!(subject(""), None);
    let only_sub = StatementRules { subject: vec!["sub".to_owned()], ..rules() };
    let claims = verdict_of(&only_sub, ",\"aud\":\"api\",\"username\":\"alice\"").unwrap();
    assert_eq!(claims.get("sub"), None);
}

/// Else all users whose name is written so would be the same.
#[test]
fn c14_a_subject_of_the_wrong_type_is_not_passed_over_for_the_next_name() {
    for members in [
        ",\"sub\":42,\"client_id\":\"app\"",
        ",\"sub\":[\"u\"],\"client_id\":\"app\"",
        ",\"sub\":true,\"username\":\"carol\"",
        ",\"sub\":{\"id\":1},\"username\":\"carol\"",
        ",\"username\":7,\"client_id\":\"app\"",
        ",\"client_id\":7,\"sub\":\"alice\"",
        ",\"sub\":\"alice\",\"sid\":7",
    ] {
        assert_eq!(reason(members), Some(Reason::ClaimMalformed), "{members}");
        // Not even where another name is to stand for the subject.
        let by_name = StatementRules { subject: vec!["name".to_owned()], ..rules() };
        let members = format!(",\"aud\":\"api\",\"name\":\"x\"{members}");
        let verdict = verdict_of(&by_name, &members);
        assert_eq!(verdict.err(), Some(Reason::ClaimMalformed), "{members}");
    }
    let by_number = StatementRules { subject: vec!["id".to_owned(), "sub".to_owned()], ..rules() };
    let verdict = verdict_of(&by_number, ",\"aud\":\"api\",\"id\":7,\"sub\":\"alice\"");
    assert_eq!(verdict.err(), Some(Reason::ClaimMalformed));
}

#[test]
fn t24_an_answer_about_another_kind_of_token_is_refused() {
    for members in [
        ",\"token_type\":\"Bearer\",\"token_use\":\"refresh_token\"",
        ",\"typ\":\"Refresh\"",
        ",\"token_type\":\"Bearer\",\"typ\":\"ID\"",
    ] {
        assert_eq!(reason(members), Some(Reason::TokenTypeNotAllowed), "{members}");
    }
    assert_eq!(reason(",\"token_type\":\"Bearer\",\"token_use\":\"access_token\""), None);
}

#[test]
fn c12_a_bound_token_passes_where_another_proxy_checks_the_proof() {
    let bound = ",\"token_type\":\"DPoP\",\"typ\":\"DPoP\",\"cnf\":{\"jkt\":\"x\"}";
    assert_eq!(reason(bound), Some(Reason::BindingUnproven));
    let waived = StatementRules { bound: BoundTokens::Accepted, ..rules() };
    assert!(verdict_of(&waived, &format!(",\"aud\":\"api\"{bound}")).is_ok());
}

#[test]
fn what_the_issuer_requires_is_required_of_a_statement_too_but_no_exp() {
    let settings = StatementRules { require: vec![ClaimPath::parse("sub").unwrap()], ..rules() };
    let missing = verdict_of(&settings, ",\"aud\":\"api\"").err();
    assert_eq!(missing, Some(Reason::ClaimMissing));
    assert!(verdict_of(&settings, ",\"aud\":\"api\",\"username\":\"alice\"").is_ok());
}
