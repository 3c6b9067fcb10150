use super::*;

impl KindRules {
    /// By default, with these types.
    pub(in crate::token) fn of_types(token_types: &[&str]) -> Self {
        Self {
            token_types: token_types.iter().map(|&typ| typ.to_owned()).collect(),
            accept_id_tokens: false,
            expected: Vec::new(),
            settled: Vec::new(),
        }
    }

    pub(in crate::token) fn lenient() -> Self {
        Self { accept_id_tokens: true, ..Self::default() }
    }
}

impl Default for KindRules {
    fn default() -> Self {
        Self::of_types(&["", "jwt", "at+jwt"])
    }
}

/// The members of a token besides those that every kind has.
fn claims(members: &str) -> Object {
    let common = [("iss", "\"https://idp\""), ("sub", "\"alice\""), ("aud", "\"api\"")];
    let more = [("iat", "1"), ("exp", "2")];
    let missing =
        common.iter().chain(&more).filter(|(name, _)| !members.contains(&format!("\"{name}\":")));
    let mut all: Vec<_> = missing.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    all.extend((!members.is_empty()).then(|| members.to_owned()));
    let text = format!("{{{}}}", all.join(","));
    Object::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn kind_under(rules: &KindRules, members: &str) -> Option<TokenKind> {
    match rules.check_jwt(Some("JWT"), &claims(members)) {
        Ok(()) => None,
        Err(WrongKind::Claims { kind, .. }) => Some(kind),
        Err(other) => panic!("{members}: {other:?}"),
    }
}

fn said(rules: &KindRules, wrong: WrongKind<'_>) -> String {
    rules.cause(wrong).subject().unwrap().to_string()
}

fn kind(members: &str) -> Option<TokenKind> {
    kind_under(&KindRules::default(), members)
}

/// Access tokens as providers write them.
const ACCESS_TOKENS: &[(&str, &str)] = &[
    ("an in-house issuer", ""),
    (
        "Keycloak",
        r#""typ":"Bearer","azp":"web","sid":"s","acr":"1","auth_time":1,"scope":"openid",
           "realm_access":{"roles":["a"]},"email_verified":true,"name":"A L","email":"a@x.test""#,
    ),
    ("Keycloak, lightweight", r#""typ":"Bearer","azp":"web","sid":"s","scope":"openid""#),
    ("Keycloak before 25", r#""typ":"Bearer","nonce":"n","azp":"web""#),
    ("Keycloak, bound", r#""typ":"DPoP","azp":"web","cnf":{"jkt":"x"},"scope":"openid""#),
    (
        "Entra, version 2, for a user",
        r#""aud":"11-22","azp":"33","azpacr":"1","oid":"o","tid":"t","ver":"2.0","scp":"read",
           "uti":"u","name":"A","preferred_username":"a@x.test""#,
    ),
    (
        "Entra, version 2, for an application",
        r#""aud":"1","azp":"1","azpacr":"1","oid":"o","tid":"t","ver":"2.0""#,
    ),
    (
        "Entra, version 1",
        r#""appid":"3","appidacr":"1","oid":"o","tid":"t","ver":"1.0","idtyp":"app""#,
    ),
    ("Auth0", r#""aud":["api","https://t.test/userinfo"],"azp":"web","scope":"openid profile""#),
    ("Auth0, for a machine", r#""sub":"c@clients","azp":"c","gty":"client-credentials""#),
    ("Okta", r#""ver":1,"jti":"AT.1","cid":"web","uid":"u","scp":["read"],"auth_time":1"#),
    (
        "Cognito",
        r#""token_use":"access","client_id":"web","scope":"openid","auth_time":1,"version":2,
           "origin_jti":"o","event_id":"e","username":"alice""#,
    ),
    ("Spring", r#""aud":"web","nbf":1,"scope":["read"]"#),
    ("Spring, without scopes", r#""aud":"web","nbf":1,"jti":"j""#),
    ("simplejwt", r#""token_type":"access","jti":"j","user_id":1"#),
    ("flask-jwt-extended", r#""fresh":false,"type":"access","csrf":"c","nbf":1"#),
    ("step-up (RFC 9470)", r#""acr":"mfa","auth_time":1,"amr":["otp"]"#),
    ("Hydra", r#""client_id":"web","ext":{},"scp":["read"],"nbf":1"#),
    (
        "ForgeRock",
        r#""tokenName":"access_token","token_type":"Bearer","grant_type":"x","scope":["a"]"#,
    ),
    ("Casdoor", r#""tokenType":"access-token","nonce":"","scope":"profile""#),
    (
        "WSO2",
        r#""aut":"APPLICATION_USER","azp":"web","client_id":"web","scope":"read","binding_type":"x""#,
    ),
    ("RFC 8693, delegated", r#""act":{"sub":"service"},"may_act":{"sub":"x"},"scope":"a""#),
    (
        "with a status (Token Status List §6)",
        r#""status":{"status_list":{"idx":0,"uri":"u"}},"scope":"a""#,
    ),
    ("RFC 9396", r#""authorization_details":[{"type":"payment"}],"client_id":"web""#),
    ("of a service about itself", r#""sub":"https://idp","scope":"jobs""#),
    (
        "words of one's own",
        r#""type":"customer","purpose":"billing","kind":"verified","use":"sig""#,
    ),
    ("a list of events", r#""events":["login","logout"]"#),
    ("a table of events", r#""events":{"login":1}"#),
    ("a state", r#""state":"Bavaria""#),
    ("a code", r#""code":"17""#),
    ("nulls", r#""at_hash":null,"events":null,"nonce":null,"token_use":null,"typ":null"#),
];

/// The other kinds, as their specifications and providers have them.
const OTHERS: &[(&str, TokenKind, &str)] = &[
    ("ID token", TokenKind::Id, r#""at_hash":"x""#),
    ("ID token, hybrid", TokenKind::Id, r#""c_hash":"x","scope":"openid""#),
    ("ID token, FAPI", TokenKind::Id, r#""s_hash":"x""#),
    ("ID token, CIBA", TokenKind::Id, r#""urn:openid:params:jwt:claim:auth_req_id":"x""#),
    ("ID token with a nonce", TokenKind::Id, r#""nonce":"x""#),
    ("ID token, Keycloak", TokenKind::Id, r#""typ":"ID","azp":"web","sid":"s""#),
    ("ID token, Cognito", TokenKind::Id, r#""token_use":"id","cognito:username":"alice""#),
    (
        "ID token, Spring",
        TokenKind::Id,
        r#""aud":"web","azp":"web","auth_time":1,"jti":"j","sid":"s""#,
    ),
    ("ID token, Google", TokenKind::Id, r#""aud":["web"],"azp":"web","email_verified":true"#),
    (
        "ID token, Okta",
        TokenKind::Id,
        r#""aud":"web","ver":1,"idp":"00o1","amr":["pwd"],"auth_time":1"#,
    ),
    ("ID token, Entra", TokenKind::Id, r#""aud":"web","oid":"o","tid":"t","ver":"2.0","name":"A""#),
    ("refresh token, Keycloak", TokenKind::Refresh, r#""typ":"Refresh","scope":"openid""#),
    ("refresh token, offline", TokenKind::Refresh, r#""typ":"Offline","scope":"openid""#),
    ("refresh token, Hydra", TokenKind::Refresh, r#""token_use":"refresh_token","scope":"a""#),
    ("refresh token, simplejwt", TokenKind::Refresh, r#""token_type":"refresh","jti":"j""#),
    ("refresh token, flask-jwt-extended", TokenKind::Refresh, r#""type":"refresh","jti":"j""#),
    ("refresh token, Casdoor", TokenKind::Refresh, r#""tokenType":"refresh-token","scope":"a""#),
    ("refresh token, ForgeRock", TokenKind::Refresh, r#""tokenName":"refresh_token""#),
    (
        "refresh token, Spring Security 2",
        TokenKind::Refresh,
        r#""ati":"j2","scope":["a"],"client_id":"c""#,
    ),
    ("refresh token, UAA", TokenKind::Refresh, r#""granted_scopes":["a"],"client_id":"c""#),
    ("refresh token, camel case", TokenKind::Refresh, r#""type":"refreshToken""#),
    ("refresh token, by purpose", TokenKind::Refresh, r#""purpose":"REFRESH""#),
    (
        "logout token",
        TokenKind::SecurityEvent,
        r#""events":{"http://schemas.openid.net/event/backchannel-logout":{}}"#,
    ),
    ("logout token, Keycloak", TokenKind::SecurityEvent, r#""typ":"Logout","sid":"s""#),
    ("security event", TokenKind::SecurityEvent, r#""events":{"urn:x:y":{}},"scope":"a""#),
    ("authorization response", TokenKind::AuthorizationResponse, r#""code":"x","state":"y""#),
    (
        "authorization response, failed",
        TokenKind::AuthorizationResponse,
        r#""error":"access_denied","state":"y""#,
    ),
    (
        "authorization request",
        TokenKind::RequestObject,
        r#""response_type":"code","client_id":"c","scope":"a""#,
    ),
    (
        "authorization request, PKCE",
        TokenKind::RequestObject,
        r#""code_challenge":"x","scope":"a""#,
    ),
    (
        "authorization request, CIBA",
        TokenKind::RequestObject,
        r#""binding_message":"x","scope":"a""#,
    ),
    (
        "authorization code",
        TokenKind::RequestObject,
        r#""redirect_uri":"https://x","client_id":"c""#,
    ),
    ("client assertion", TokenKind::ClientAssertion, r#""sub":"https://idp","jti":"j""#),
    (
        "software statement",
        TokenKind::SoftwareStatement,
        r#""redirect_uris":["https://x"],"scope":"a""#,
    ),
    ("software statement, open banking", TokenKind::SoftwareStatement, r#""software_id":"x""#),
    ("DPoP proof", TokenKind::DpopProof, r#""htm":"GET","htu":"https://x","ath":"y""#),
    (
        "introspection response",
        TokenKind::IntrospectionResponse,
        r#""token_introspection":{"active":true}"#,
    ),
    ("status list", TokenKind::StatusList, r#""status_list":{"bits":1,"lst":"x"},"ttl":1"#),
    ("credential", TokenKind::Credential, r#""vc":{"type":["VerifiableCredential"]}"#),
    ("credential, version 2", TokenKind::Credential, r#""@context":["x"],"credentialSubject":{}"#),
    ("credential, SD-JWT", TokenKind::Credential, r#""vct":"https://x","_sd":["y"]"#),
    ("presentation", TokenKind::Credential, r#""vp":{"type":"VerifiablePresentation"}"#),
    ("key binding", TokenKind::Credential, r#""sd_hash":"x","nonce":"n""#),
    ("transaction token", TokenKind::Transaction, r#""txn":"x","scope":"a","req_wl":"y""#),
    ("transaction token with context", TokenKind::Transaction, r#""tctx":{},"scope":"a""#),
    ("metadata", TokenKind::Metadata, r#""token_endpoint":"https://x","jwks_uri":"https://y""#),
    (
        "entity statement",
        TokenKind::Metadata,
        r#""jwks":{"keys":[]},"authority_hints":["https://x"]"#,
    ),
    ("e-mail to confirm", TokenKind::OneTimeAction, r#""purpose":"email-verification""#),
    ("e-mail to confirm, Keycloak", TokenKind::OneTimeAction, r#""typ":"verify-email""#),
    ("e-mail", TokenKind::OneTimeAction, r#""purpose":"email""#),
    ("password to reset", TokenKind::OneTimeAction, r#""type":"reset_password""#),
    ("password to reset, by its use", TokenKind::OneTimeAction, r#""token_use":"passwordReset""#),
    ("account to close, by its action", TokenKind::OneTimeAction, r#""action":"confirm-deletion""#),
    ("e-mail, by its intent", TokenKind::OneTimeAction, r#""intent":"email""#),
    ("invitation", TokenKind::OneTimeAction, r#""kind":"invite""#),
    ("another word", TokenKind::Other, r#""token_use":"session""#),
    ("no word", TokenKind::Other, r#""token_type":["access"]"#),
];

#[test]
fn t23_access_tokens_of_known_providers_are_recognised_as_no_other_kind() {
    for (whose, members) in ACCESS_TOKENS {
        assert_eq!(kind(members), None, "{whose}");
    }
}

#[test]
fn t23_every_other_kind_is_recognised_by_its_claims() {
    for (what, expected, members) in OTHERS {
        assert_eq!(kind(members), Some(*expected), "{what}");
    }
}

#[test]
fn t23_a_response_without_a_subject_or_without_times_is_no_access_token() {
    let verdict = |text: &str| {
        let claims = Object::parse(text.as_bytes()).unwrap();
        let rules = KindRules::default();
        rules.check_jwt(None, &claims).map_err(|wrong| said(&rules, wrong))
    };
    let jarm = r#"{"iss":"i","aud":"web","exp":2,"code":"x"}"#;
    assert!(verdict(jarm).unwrap_err().contains("an authorization response"));
    let user_info = r#"{"iss":"i","aud":"web","sub":"a","email":"a@x.test"}"#;
    assert!(verdict(user_info).unwrap_err().contains("a UserInfo response"));
    assert_eq!(verdict(r#"{"iss":"i","aud":"web","sub":"a","email":"e","scope":"a"}"#), Ok(()));
    assert_eq!(verdict(r#"{"iss":"i","aud":"web","exp":2,"client_id":"c"}"#), Ok(()));
}

#[test]
fn t24_the_same_claims_tell_kinds_apart_in_answers() {
    let rules = KindRules { settled: vec!["token_type".to_owned()], ..KindRules::default() };
    let is_taken = |members: &str| rules.check_answer(&claims(members)).is_ok();
    assert!(!is_taken(r#""token_type":"Bearer","token_use":"refresh_token""#), "Hydra");
    assert!(is_taken(r#""token_type":"Bearer","token_use":"access_token""#), "Hydra");
    assert!(!is_taken(r#""token_type":"Bearer","typ":"Refresh""#), "Keycloak");
    assert!(is_taken(r#""token_type":"N_A""#), "the endpoint's own setting judges it");
    assert!(is_taken(r#""username":"alice","email":"a@x.test""#));
}

#[test]
fn t23_id_tokens_are_taken_where_the_operator_says_so_and_nothing_else_is() {
    for (what, kind, members) in OTHERS {
        let expected = (*kind != TokenKind::Id).then_some(*kind);
        assert_eq!(kind_under(&KindRules::lenient(), members), expected, "{what}");
    }
    let both = r#""typ":"ID","at_hash":"x","events":{"urn:x:y":{}}"#;
    assert_eq!(kind_under(&KindRules::lenient(), both), Some(TokenKind::SecurityEvent));
}

#[test]
fn t23_what_the_operator_says_of_a_claim_comes_before_the_tables() {
    let expected = KindRules { expected: vec!["purpose".to_owned()], ..KindRules::default() };
    assert_eq!(kind_under(&expected, r#""purpose":"verify vaccination""#), None);
    assert_eq!(kind_under(&expected, r#""type":"verify""#), Some(TokenKind::OneTimeAction));
    let settled =
        |claim: &str| KindRules { settled: vec![claim.to_owned()], ..KindRules::default() };
    assert_eq!(kind_under(&settled("token_type"), r#""token_type":"sliding""#), None);
    assert_eq!(kind_under(&settled("sub"), r#""sub":"https://idp""#), None);
    // That a claim must be there does not say what it may hold.
    let required =
        |claim: &str| KindRules { expected: vec![claim.to_owned()], ..KindRules::default() };
    assert_eq!(kind_under(&required("typ"), r#""typ":"Refresh""#), Some(TokenKind::Refresh));
    assert_eq!(
        kind_under(&required("sub"), r#""sub":"https://idp""#),
        Some(TokenKind::ClientAssertion)
    );
}

#[test]
fn t23_only_listed_types_are_taken() {
    let rules = KindRules::default();
    let is_taken = |rules: &KindRules, typ: Option<&str>| rules.check_jwt(typ, &claims("")).is_ok();
    for typ in [None, Some("JWT"), Some("jwt"), Some("at+jwt"), Some("application/AT+JWT")] {
        assert!(is_taken(&rules, typ), "{typ:?}");
    }
    for typ in [
        "",
        "statuslist+jwt",
        "txntoken+jwt",
        "vc+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "JOSE",
        "at",
        "text/at+jwt",
        "application/",
        "application/application/jwt",
        "JWT ",
        "jwt+x",
    ] {
        assert!(!is_taken(&rules, Some(typ)), "{typ:?}");
    }
    let strict = KindRules::of_types(&["at+jwt"]);
    assert!(!is_taken(&strict, None) && !is_taken(&strict, Some("JWT")));
    let own = KindRules::of_types(&["x+jwt"]);
    assert!(is_taken(&own, Some("application/X+JWT")) && !is_taken(&own, Some("at+jwt")));
}

#[test]
fn t23_what_is_wrong_is_said_with_its_claim_and_its_setting() {
    let response = |typ, members: &str| {
        let rules = KindRules::default();
        said(&rules, rules.check_jwt(typ, &claims(members)).unwrap_err())
    };
    assert_eq!(
        response(Some("vc+jwt"), ""),
        "header parameter 'typ' is not allowed; found: 'vc+jwt'; expected: '', 'jwt', 'at+jwt'; \
         setting: token_types"
    );
    assert_eq!(
        response(None, r#""token_use":"id""#),
        "claim 'token_use' is not allowed; found: an ID token; expected: an access token"
    );
}
