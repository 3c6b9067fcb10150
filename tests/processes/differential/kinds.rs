//! JWTs that an issuer signs with the same key for other purposes (RFC 8725 §3.11 and §3.12), in
//! the words of their specifications.

use std::sync::Arc;

use countersign::jose::Algorithm;

use super::{
    case::{Case, Terms},
    draft::{Draft, Members, quoted},
    keyring::Keyring,
};

/// Name, the `typ` that its specification gives it, and its claims beside `iss`, `aud`, `exp` and
/// `iat`.
const KINDS: &[(&str, Option<&str>, &str)] = &[
    ("access token", Some("at+jwt"), r#"{"sub":"alice","client_id":"app","scope":"read"}"#),
    ("access token, old", Some("JWT"), r#"{"sub":"alice","scp":["read"]}"#),
    ("step-up", Some("at+jwt"), r#"{"sub":"alice","acr":"urn:x","auth_time":1900000000}"#),
    ("Keycloak access", Some("JWT"), r#"{"sub":"alice","typ":"Bearer","azp":"app","sid":"s"}"#),
    ("Cognito access", None, r#"{"sub":"alice","token_use":"access","client_id":"app"}"#),
    ("simplejwt access", Some("JWT"), r#"{"token_type":"access","user_id":"1","jti":"1"}"#),
    ("flask access", Some("JWT"), r#"{"type":"access","fresh":false,"sub":"alice","jti":"1"}"#),
    ("ID token", None, r#"{"sub":"alice","nonce":"n","at_hash":"AAAA","auth_time":1900000000}"#),
    ("ID token, bare", None, r#"{"sub":"alice","azp":"app","auth_time":1900000000,"sid":"s"}"#),
    ("ID token, Cognito", None, r#"{"sub":"alice","token_use":"id","cognito:username":"alice"}"#),
    ("ID token, Keycloak", Some("JWT"), r#"{"sub":"alice","typ":"ID","azp":"app"}"#),
    ("ID token, code flow", None, r#"{"sub":"alice","c_hash":"AAAA","nonce":"n"}"#),
    ("refresh, Hydra", None, r#"{"sub":"alice","token_use":"refresh_token","scope":"offline"}"#),
    ("refresh, Keycloak", Some("JWT"), r#"{"sub":"alice","typ":"Refresh","azp":"app"}"#),
    ("offline, Keycloak", Some("JWT"), r#"{"sub":"alice","typ":"Offline","azp":"app"}"#),
    ("refresh, simplejwt", Some("JWT"), r#"{"token_type":"refresh","user_id":"1","jti":"1"}"#),
    ("refresh, flask", Some("JWT"), r#"{"type":"refresh","sub":"alice","jti":"1"}"#),
    ("refresh, WSO2", Some("rt+jwt"), r#"{"sub":"alice","client_id":"app"}"#),
    (
        "logout token",
        Some("logout+jwt"),
        r#"{"sub":"alice","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#,
    ),
    (
        "security event",
        Some("secevent+jwt"),
        r#"{"events":{"urn:x":{"subject":{"format":"opaque","id":"alice"}}},"jti":"1"}"#,
    ),
    ("authorization response", None, r#"{"code":"c","state":"s"}"#),
    ("authorization response, implicit", None, r#"{"access_token":"a","state":"s"}"#),
    (
        "request object",
        Some("oauth-authz-req+jwt"),
        r#"{"client_id":"app","response_type":"code","redirect_uri":"https://app.test"}"#,
    ),
    ("UserInfo", None, r#"{"sub":"alice","email":"a@test","email_verified":true,"name":"A"}"#),
    ("client assertion", None, r#"{"sub":"app","jti":"1"}"#),
    ("client assertion, typed", Some("client-authentication+jwt"), r#"{"sub":"app","jti":"1"}"#),
    (
        "software statement",
        None,
        r#"{"software_id":"s","software_version":"1","redirect_uris":["https://app.test"]}"#,
    ),
    (
        "DPoP proof",
        Some("dpop+jwt"),
        r#"{"jti":"1","htm":"GET","htu":"https://api.test/","ath":"AAAA"}"#,
    ),
    (
        "introspection response",
        Some("token-introspection+jwt"),
        r#"{"token_introspection":{"active":true,"sub":"alice","scope":"read"}}"#,
    ),
    (
        "status list",
        Some("statuslist+jwt"),
        r#"{"sub":"https://idp.test/1","ttl":43200,"status_list":{"bits":1,"lst":"AAAA"}}"#,
    ),
    (
        "credential",
        Some("vc+jwt"),
        r#"{"sub":"did:x","vc":{"type":["VerifiableCredential"],"credentialSubject":{}}}"#,
    ),
    (
        "SD-JWT credential",
        Some("dc+sd-jwt"),
        r#"{"vct":"https://x","_sd":["AAAA"],"_sd_alg":"sha-256"}"#,
    ),
    ("key binding", Some("kb+jwt"), r#"{"nonce":"n","sd_hash":"AAAA"}"#),
    ("presentation", None, r#"{"vp":{"type":["VerifiablePresentation"]},"nonce":"n"}"#),
    (
        "transaction",
        Some("txntoken+jwt"),
        r#"{"txn":"t","sub":"alice","purp":"trade","rctx":{},"azd":{}}"#,
    ),
    ("email token", None, r#"{"sub":"alice","purpose":"email_verification","email":"a@test"}"#),
    ("password token", None, r#"{"sub":"alice","purpose":"password_reset","jti":"1"}"#),
    ("entity statement", Some("entity-statement+jwt"), r#"{"sub":"https://x","jwks":{"keys":[]}}"#),
    ("identity assertion", Some("oauth-id-jag+jwt"), r#"{"sub":"alice","client_id":"app"}"#),
    ("key set", Some("jwk-set+jwt"), r#"{"sub":"https://idp.test","keys":[]}"#),
    ("proof of a key", Some("openid4vci-proof+jwt"), r#"{"nonce":"n"}"#),
    ("passport", Some("passport"), r#"{"orig":{"tn":"1"},"dest":{"tn":["2"]}}"#),
    ("provider command", Some("command+jwt"), r#"{"sub":"alice","command":"suspend"}"#),
];

/// Each kind under the `typ` of its own, without one, and under that of any JWT; by the default
/// rules, and by those that ask for access tokens.
pub(super) fn cases() -> Vec<Case> {
    let default = Terms::usual();
    let strict = default.with(|terms| terms.typ = Some("at+jwt"));
    let mut cases = Vec::new();
    for (kind, own, claims) in KINDS {
        for typ in [*own, None, Some("JWT")] {
            let shown = typ.unwrap_or("no typ");
            let token = token(typ, claims);
            let name = |rules: &str| format!("kinds/{kind} [{shown}, {rules}]");
            cases.push(Case::new(name("default"), token.clone(), &default));
            cases.push(Case::new(name("at+jwt"), token, &strict));
        }
    }
    cases
}

fn token(typ: Option<&str>, claims: &str) -> String {
    let key: &Arc<_> = Keyring::get().own(Algorithm::Es256);
    let mut draft = Draft::of(key);
    let own = Members::parse(claims);
    for absent in ["sub", "client_id", "scope", "jti"] {
        draft.claims.remove(absent);
    }
    own.iter().for_each(|(name, text)| draft.claims.set(name, text));
    match typ {
        Some(typ) => draft.header.set("typ", &quoted(typ)),
        None => draft.header.remove("typ"),
    }
    draft.token()
}
