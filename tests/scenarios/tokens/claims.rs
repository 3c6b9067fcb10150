//! C-8 and C-10 to C-12: claims that are not what they seem, and how they reach the upstream.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    client::Request,
    world::{self, World, identity},
};

/// The claims with one more member's text behind them.
fn with_member(world: &World, member: &str) -> String {
    let claims = world.issuer.claims().to_string();
    let claims = claims.strip_suffix('}').unwrap();
    world.issuer.sign(json!({}), &format!("{claims},{member}}}"))
}

#[test]
fn c08_a_claim_that_occurs_twice_is_refused() {
    let world = World::start();
    for member in [
        r#""sub":"mallory""#,
        r#""sub":"alice""#,
        r#""\u0073ub":"mallory""#,
        r#""s\u0075b":"mallory""#,
        r#""iss":"https://idp.test""#,
        r#""exp":9000000000"#,
        r#""aud":"https://api.test""#,
        r#""x":1,"x":2"#,
        r#""x":{"a":1,"a":2}"#,
        r#""x":[{"a":1,"\u0061":2}]"#,
    ] {
        world.refuses(member, &with_member(&world, member), Reason::ClaimsMalformed);
    }
}

#[test]
fn c08_names_that_only_look_alike_are_different_claims() {
    let world = World::start();
    for member in [
        r#""Sub":"mallory""#,
        r#""SUB":"mallory""#,
        r#""sub ":"mallory""#,
        r#""sub\u0000":"mallory""#,
        "\"s\u{fc}b\":1,\"su\u{308}b\":2",
        r#""":"mallory""#,
        r#""__proto__":{"sub":"mallory"}"#,
    ] {
        let received = world.admits(member, &with_member(&world, member));
        assert_eq!(received.head.field("x-auth-subject"), Some("alice"), "{member}");
    }
}

#[test]
fn c10_a_subject_reaches_the_upstream_as_it_is_or_not_at_all() {
    let world = World::start();
    let issuer = ("x-auth-issuer".to_owned(), world.issuer.iss().to_owned());
    for (sub, header) in [
        (json!("alice"), Some("alice")),
        (json!("alice smith"), Some("alice smith")),
        (json!("auth0|5f7c"), Some("auth0|5f7c")),
        (json!("a\r\nx-auth-subject: admin"), Some("a%0D%0Ax-auth-subject: admin")),
        (json!("admin\0"), Some("admin%00")),
        (json!(" admin"), Some("%20admin")),
        (json!("admin\t"), Some("admin%09")),
        (json!("100%"), Some("100%25")),
        (json!("jos\u{e9}"), Some("jos%C3%A9")),
        (json!("\u{1f600}"), Some("%F0%9F%98%80")),
        (json!("\u{7f}"), Some("%7F")),
        (json!(""), None),
        (json!(null), None),
    ] {
        let token = world.issuer.mint(json!({ "sub": sub }));
        let mut identity = vec![issuer.clone()];
        identity.extend(header.map(|value| ("x-auth-subject".to_owned(), value.to_owned())));
        world.admits_request(&sub.to_string(), &Request::get("/").bearer(&token), &identity);
    }
    for text in ["17", "true", "[]", "[\"alice\"]", "{}"] {
        let token = world.issuer.mint_text("sub", text);
        world.refuses(text, &token, Reason::ClaimMalformed);
    }
    let huge = world.issuer.mint(json!({ "sub": "a".repeat(1 << 15) }));
    world.refuses("32 KiB", &huge, Reason::TokenTooLarge);
}

/// Some issuers write every claim that they know of.
#[test]
fn c16_a_null_claim_is_an_absent_one() {
    let world = World::start();
    let null = |claim: &str| world.issuer.mint_text(claim, "null");
    for claim in ["cnf", "azp", "jti", "client_id", "nbf", "iat", "scope", "scp", "sid", "events"] {
        world.admits(claim, &null(claim));
    }
    let token = world.issuer.mint(json!({ "scp": "read" }));
    let mut claims = world::claims(&token);
    claims["scope"] = json!(null);
    world.admits("beside a good one", &world.issuer.sign(json!({}), &claims.to_string()));
    for (claim, reason) in [
        ("exp", Reason::ClaimMissing),
        ("iss", Reason::ClaimMissing),
        ("aud", Reason::AudienceMismatch),
    ] {
        world.refuses(claim, &null(claim), reason);
    }
    let issuer = ("x-auth-issuer".to_owned(), "https://idp.test".to_owned());
    world.admits_request("sub", &Request::get("/").bearer(&null("sub")), &[issuer]);
}

#[test]
fn c10_a_subject_too_long_for_a_header_is_refused_not_cut() {
    let world = World::with_setup(|setup| setup.with("[forwarding]\nmax_header_bytes = \"64B\""));
    world.admits("64 bytes", &world.issuer.mint(json!({ "sub": "a".repeat(64) })));
    let token = world.issuer.mint(json!({ "sub": "a".repeat(65) }));
    world.refuses("65 bytes", &token, Reason::ClaimUnrenderable);
}

#[test]
fn c10_required_claims_are_there_with_a_value() {
    let world = World::with_rules(r#"require = ["sub", "jti"]"#);
    world.admits("all there", &world.issuer.mint(json!({ "jti": "1" })));
    world.refuses("one missing", &world.issuer.mint(json!({})), Reason::ClaimMissing);
    let no_exp = world.issuer.mint(json!({ "jti": "1", "exp": null }));
    world.refuses("exp stays required", &no_exp, Reason::ClaimMissing);
}

#[test]
fn c11_deep_and_huge_claims_are_refused_before_they_cost_anything() {
    let world = World::with_setup(|setup| setup.with("[credential]\nmax_bytes = \"60KiB\""));
    let nested = |open: &str, close: &str, depth: usize| {
        world.issuer.mint_text("x", &format!("{}{}", open.repeat(depth), close.repeat(depth)))
    };
    // The claims object is the first level.
    world.admits("31 levels", &nested("[", "]", 31));
    for (case, token) in [
        ("32 levels", nested("[", "]", 32)),
        ("20,000 arrays", nested("[", "]", 20_000)),
        (
            "7,000 objects",
            world
                .issuer
                .mint_text("x", &format!("{}1{}", "{\"\":".repeat(7_000), "}".repeat(7_000))),
        ),
        ("40,000 open arrays", nested("[", "", 40_000)),
        ("10,001 values", world.issuer.mint_text("x", &format!("[{}1]", "1,".repeat(10_000)))),
    ] {
        world.refuses(case, &token, Reason::ClaimsMalformed);
    }
    world.admits(
        "9,000 values",
        &world.issuer.mint_text("x", &format!("[{}1]", "1,".repeat(9_000))),
    );
    let members = (0..5_000).map(|n| format!("\"{n}\":1,")).collect::<Vec<_>>().concat();
    world.admits("5,000 members", &world.issuer.mint_text("x", &format!("{{{members}\"\":1}}")));
}

#[test]
fn c12_a_bound_token_is_no_bearer_token() {
    let bindings = [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jwk": { "kty": "EC" } }),
        json!({ "kid": "k" }),
        json!({}),
        json!("jkt"),
        json!(false),
    ];
    let world = World::start();
    for cnf in &bindings {
        let token = world.issuer.mint_text("cnf", &cnf.to_string());
        world.refuses(&cnf.to_string(), &token, Reason::BindingUnproven);
        // A proof that is not verified proves nothing.
        let request = Request::get("/").bearer(&token).field("dpop", "eyJ.eyJ.c2ln");
        world.refuses_request("with a proof", &request, Reason::BindingUnproven);
    }
    let waived = World::with_rules("ignore_binding = true");
    for cnf in &bindings {
        waived.admits(&cnf.to_string(), &waived.issuer.mint_text("cnf", &cnf.to_string()));
    }
}

#[test]
fn c02_integers_reach_the_upstream_to_the_last_digit() {
    let world = World::with_setup(|setup| {
        setup.with(
            r#"
            [claims]
            x-auth-number = "number"
            x-auth-list = "list"
            x-auth-json = { claim = "nested", encoding = "json" }
            "#,
        )
    });
    for number in [
        "0",
        "-1",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
    ] {
        let members =
            format!(r#""number":{number},"list":[{number},1],"nested":{{"a":[{number}]}}"#);
        let token = with_member(&world, &members);
        let identity = [
            ("x-auth-json", format!(r#"{{"a":[{number}]}}"#)),
            ("x-auth-list", format!("{number},1")),
            ("x-auth-number", number.to_owned()),
        ];
        let identity = identity.map(|(name, value)| (name.to_owned(), value));
        world.admits_request(number, &Request::get("/").bearer(&token), &identity);
    }
}

#[test]
fn c13_claims_are_matched_as_a_whole() {
    let world = World::with_setup(|setup| {
        setup.routes(
            r#"
            [[routes]]
            path = "/staff"
            claims = { email = "a@corp.test", groups = ["staff", "admin"] }
            "#,
        )
    });
    let ask = |email: Value, groups: Value| {
        let token = world.issuer.mint(json!({ "email": email, "groups": groups }));
        (Request::get("/staff").bearer(&token), identity(&token))
    };
    for groups in [json!("staff"), json!("admin"), json!(["x", "staff"])] {
        let (request, identity) = ask(json!("a@corp.test"), groups.clone());
        world.admits_request(&groups.to_string(), &request, &identity);
    }
    for (email, groups) in [
        (json!("a@corp.test.evil.example"), json!("staff")),
        (json!("x-a@corp.test"), json!("staff")),
        (json!("a@evil.example@corp.test"), json!("staff")),
        (json!("A@corp.test"), json!("staff")),
        (json!("a@corp.test\n"), json!("staff")),
        (json!({ "a@corp.test": true }), json!("staff")),
        (json!("a@corp.test"), json!("staffer")),
        (json!("a@corp.test"), json!("staff admin")),
        (json!("a@corp.test"), json!(["staffer"])),
        (json!("a@corp.test"), json!([["staff"]])),
        (json!("a@corp.test"), json!({ "staff": true })),
        (json!(null), json!("staff")),
        (json!("a@corp.test"), json!(null)),
    ] {
        let case = format!("{email} {groups}");
        let (request, _) = ask(email, groups);
        world.refuses_request(&case, &request, Reason::ClaimNotPermitted);
    }
}
