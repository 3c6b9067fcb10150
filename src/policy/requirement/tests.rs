use super::*;
use crate::identity::ClaimPath;

fn claims(text: &str) -> Object {
    Object::parse(text.as_bytes()).unwrap()
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().copied().map(str::to_owned).collect()
}

/// The only issuer, or the first of [`ids`].
fn issuer() -> IssuerId {
    ids()[0]
}

/// Three issuers.
fn ids() -> [IssuerId; 3] {
    let mut issuers = PerIssuer::default();
    [(); 3].map(|()| issuers.push(()))
}

/// For three issuers that write their scopes as most do.
fn compile(settings: &RequirementSettings) -> Requirement {
    Requirement::compile(settings, &[(); 3].iter().map(|()| Arc::default()).collect())
}

fn scopes(all: &[&str], any: &[&str]) -> Requirement {
    compile(&RequirementSettings {
        guests: Guests::Refused,
        issuers: vec![issuer()],
        all_scopes: strings(all),
        any_scopes: strings(any),
        ..RequirementSettings::default()
    })
}

fn claim(name: &str, any_of: &[&str]) -> Requirement {
    compile(&RequirementSettings {
        issuers: vec![issuer()],
        claims: vec![ClaimComparison {
            claim: ClaimPath::parse(name).unwrap(),
            any_of: strings(any_of),
        }],
        ..RequirementSettings::default()
    })
}

#[test]
fn c6_only_tokens_of_the_routes_issuers_pass() {
    let [a, b, c] = ids();
    let requirement = compile(&RequirementSettings {
        guests: Guests::Refused,
        issuers: vec![a, c],
        ..RequirementSettings::default()
    });
    let no_claims = claims("{}");
    assert_eq!(requirement.check(a, &no_claims), Ok(()));
    assert_eq!(requirement.check(b, &no_claims), Err(Unmet::Issuer));
    assert_eq!(requirement.check(c, &no_claims), Ok(()));
    let no_issuer = compile(&RequirementSettings::default());
    assert_eq!(no_issuer.check(a, &no_claims), Err(Unmet::Issuer));
}

#[test]
fn c9_a_scope_is_granted_by_name_only() {
    let read = scopes(&["read"], &[]);
    for granted in [
        r#"{"scope":"read"}"#,
        r#"{"scope":"write read"}"#,
        r#"{"scope":"write  read "}"#,
        r#"{"scope":["write","read"]}"#,
        r#"{"scp":"write read"}"#,
        r#"{"scp":["read"]}"#,
    ] {
        assert_eq!(read.check(issuer(), &claims(granted)), Ok(()), "{granted}");
    }
    for missing in [
        "{}",
        r#"{"scope":""}"#,
        r#"{"scope":"readall"}"#,
        r#"{"scope":"Read"}"#,
        r#"{"scope":"read,write"}"#,
        r#"{"scope":"read\twrite"}"#,
        r#"{"scope":"read\nwrite"}"#,
        r#"{"scope":"write\u00a0read"}"#,
        r#"{"scope":["read write"]}"#,
        r#"{"scope":[["read"]]}"#,
        r#"{"scope":{"read":true}}"#,
        r#"{"scope":"write","scp":"read"}"#,
        r#"{"Scope":"read"}"#,
    ] {
        assert_eq!(read.check(issuer(), &claims(missing)), Err(Unmet::Scope), "{missing}");
    }
}

#[test]
fn c9_c16_a_scope_claim_that_says_nothing_hides_no_other() {
    let read = scopes(&["read"], &[]);
    for blank in ["null", "\"\"", "[]"] {
        let granted = format!(r#"{{"scope":{blank},"scp":"read"}}"#);
        assert_eq!(read.check(issuer(), &claims(&granted)), Ok(()), "{granted}");
        let nothing = format!(r#"{{"scope":"","scp":{blank}}}"#);
        assert_eq!(read.check(issuer(), &claims(&nothing)), Err(Unmet::Scope), "{nothing}");
    }
}

#[test]
fn c9_each_issuer_writes_its_scopes_in_its_own_way() {
    let names = |list: &[&str]| list.iter().map(|name| ClaimPath::parse(name).unwrap()).collect();
    let requirement = Requirement::compile(
        &RequirementSettings {
            issuers: ids().to_vec(),
            all_scopes: strings(&["read"]),
            ..RequirementSettings::default()
        },
        &[
            Arc::default(),
            Arc::new(ScopeClaims::new(names(&["scp", "scopes", "/x/scope"]), vec![' '])),
            Arc::new(ScopeClaims::new(names(&["scope"]), vec![' ', ','])),
        ]
        .into_iter()
        .collect(),
    );
    for (granted, by) in [
        (r#"{"scope":"write read"}"#, [true, false, true]),
        (r#"{"scp":["read"]}"#, [true, true, false]),
        (r#"{"scope":"write","scp":"read"}"#, [false, true, false]),
        (r#"{"scope":"read","scp":"write"}"#, [true, false, true]),
        (r#"{"scopes":["read"]}"#, [false, true, false]),
        (r#"{"scp":[],"scopes":["read"]}"#, [false, true, false]),
        (r#"{"scp":["write"],"scopes":["read"]}"#, [false, false, false]),
        (r#"{"x":{"scope":"read"}}"#, [false, true, false]),
        (r#"{"scope":"write,read"}"#, [false, false, true]),
        (r#"{"scope":"write, read"}"#, [true, false, true]),
        (r#"{"scope":["write,read"]}"#, [false, false, false]),
    ] {
        let verdicts = ids().map(|issuer| requirement.check(issuer, &claims(granted)).is_ok());
        assert_eq!(verdicts, by, "{granted}");
    }
}

#[test]
fn all_scopes_and_one_of_any() {
    let requirement = scopes(&["a", "b"], &["x", "y"]);
    let check =
        |scope: &str| requirement.check(issuer(), &claims(&format!(r#"{{"scope":"{scope}"}}"#)));
    assert_eq!(check("a b x"), Ok(()));
    assert_eq!(check("y b a"), Ok(()));
    assert_eq!(check("a b"), Err(Unmet::Scope));
    assert_eq!(check("a x y"), Err(Unmet::Scope));
    assert_eq!(requirement.scope(), "a b x y");
    assert_eq!(scopes(&["b", "a", "b"], &["a"]).scope(), "b a");
    assert_eq!(scopes(&[], &[]).scope(), "");
    assert_eq!(scopes(&[], &[]).check(issuer(), &claims("{}")), Ok(()));
}

#[test]
fn c13_claims_are_compared_whole() {
    let requirement = claim("role", &["admin", "7", "1.5", "true"]);
    for accepted in
        [r#""admin""#, r#"["x","admin"]"#, "7", r#""7""#, "[7]", "1.5", "true", r#""true""#]
    {
        let token = claims(&format!(r#"{{"role":{accepted}}}"#));
        assert_eq!(requirement.check(issuer(), &token), Ok(()), "{accepted}");
    }
    for refused in [
        r#""administrator""#,
        r#""Admin""#,
        r#""admin ""#,
        r#""a@evil@admin""#,
        r#"["x admin"]"#,
        r#"[["admin"]]"#,
        r#"{"admin":true}"#,
        "[]",
        "null",
        "8",
        "7.0",
        "70",
        "false",
        r#""07""#,
    ] {
        let token = claims(&format!(r#"{{"role":{refused}}}"#));
        assert_eq!(requirement.check(issuer(), &token), Err(Unmet::Claim), "{refused}");
    }
    assert_eq!(requirement.check(issuer(), &claims("{}")), Err(Unmet::Claim));
}

#[test]
fn c2_integers_are_compared_exactly() {
    let requirement = claim("id", &["9007199254740993"]);
    let check = |id: &str| requirement.check(issuer(), &claims(&format!(r#"{{"id":{id}}}"#)));
    assert_eq!(check("9007199254740993"), Ok(()));
    assert_eq!(check("9007199254740992"), Err(Unmet::Claim));
    let null = claim("id", &["null", ""]);
    assert_eq!(null.check(issuer(), &claims(r#"{"id":null}"#)), Err(Unmet::Claim));
}

#[test]
fn nested_claims_are_found_and_no_values_accept_nothing() {
    let nested = claim("/realm_access/roles", &["ops"]);
    let token = claims(r#"{"realm_access":{"roles":["dev","ops"]}}"#);
    assert_eq!(nested.check(issuer(), &token), Ok(()));
    assert_eq!(claim("sub", &[]).check(issuer(), &claims(r#"{"sub":"a"}"#)), Err(Unmet::Claim));
}
