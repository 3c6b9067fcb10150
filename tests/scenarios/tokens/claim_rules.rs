//! Issuers that write their claims in ways of their own.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    world::{World, identity},
};

/// `corp` writes `scope` as most do, `partner` an array `scopes`, `shop` commas.
fn three_issuers() -> (World, [Issuer; 3]) {
    let corp = Issuer::usual();
    let (partner, shop) = (corp.named("https://partner.test"), corp.named("https://shop.test"));
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    for name in ["corp", "partner", "shop"] {
        key_server.serve(&format!("/{name}/jwks"), Page::json(&corp.jwks()));
    }
    let proxy = Setup::new()
        .issuer("corp", &corp, &key_server, "", "")
        .issuer("partner", &partner, &key_server, "scope_claims = [\"scopes\", \"scp\"]", "")
        .issuer("shop", &shop, &key_server, "scope_separators = [\" \", \",\"]", "")
        .routes("[[routes]]\npath = \"/**\"\nscopes = [\"read\"]")
        .with("[claims]\n\"x-auth-subject\" = \"sub\"")
        .start(&upstream);
    let world = World { proxy, upstream, key_server, issuer: corp.clone() };
    (world, [corp, partner, shop])
}

#[test]
fn c09_scopes_are_read_where_their_issuer_writes_them() {
    let (world, issuers) = three_issuers();
    let alice = [("x-auth-subject".to_owned(), "alice".to_owned())];
    for (claims, granted) in [
        (json!({ "scope": "write read" }), [true, false, true]),
        (json!({ "scopes": ["write", "read"] }), [false, true, false]),
        (json!({ "scp": "read" }), [true, true, true]),
        (json!({ "scope": "write", "scopes": ["read"] }), [false, true, false]),
        (json!({ "scope": "write,read" }), [false, false, true]),
        (json!({ "scope": "write, read" }), [true, false, true]),
        (json!({ "scope": ["write,read"] }), [false, false, false]),
        (json!({ "scopes": "write,read" }), [false, false, false]),
        // Scopes of several claims are not added up.
        (json!({ "scope": "write", "scp": ["read"] }), [false, true, false]),
    ] {
        for (issuer, granted) in issuers.iter().zip(granted) {
            let case = format!("{claims} of {}", issuer.iss());
            let request = Request::get("/").bearer(&issuer.mint(claims.clone()));
            if granted {
                world.admits_request(&case, &request, &alice);
            } else {
                world.refuses_request(&case, &request, Reason::ScopeInsufficient);
            }
        }
    }
    let [corp, partner, _] = issuers;
    world.refuses("corp's", &corp.mint(json!({ "scope": 7 })), Reason::ClaimMalformed);
    world.refuses("partner's", &partner.mint(json!({ "scopes": 7 })), Reason::ClaimMalformed);
}

#[test]
fn a_subject_that_must_be_a_uuid_is_one() {
    let world = World::with_rules("formats = { sub = \"uuid\" }");
    for good in ["963995ed-ce12-4ea5-89dc-b181701d1d7b", "963995ED-CE12-4EA5-89DC-B181701D1D7B"] {
        world.admits(good, &world.issuer.mint(json!({ "sub": good })));
    }
    for bad in ["alice", "", "963995edce124ea589dcb181701d1d7b", "1-1-1-1-1"] {
        let token = world.issuer.mint(json!({ "sub": bad }));
        world.refuses(bad, &token, Reason::ClaimMalformed);
    }
    world.refuses("none", &world.issuer.mint(json!({ "sub": null })), Reason::ClaimMalformed);
}

#[test]
fn of_several_names_for_a_claim_one_is_enough_and_makes_the_header() {
    let world = World::with_setup(|setup| {
        setup.with("[claims]\n\"x-auth-purpose\" = [\"pur\", \"purpose\"]")
    });
    for (claims, header) in [
        (json!({ "pur": "new", "purpose": "old" }), Some("new")),
        (json!({ "purpose": "old" }), Some("old")),
        (json!({}), None),
    ] {
        let case = claims.to_string();
        let request = Request::get("/").bearer(&world.issuer.mint(claims));
        let told: Vec<_> =
            header.iter().map(|text| ("x-auth-purpose".to_owned(), (*text).to_owned())).collect();
        world.admits_request(&case, &request, &told);
        // What a client says in its place is removed, whatever the name.
        let forged = request.field("x-auth-purpose", "forged");
        world.admits_request(&case, &forged, &told);
    }

    let world = World::with_rules("require_any = [[\"pur\", \"purpose\"]]");
    world.admits("the old name", &world.issuer.mint(json!({ "purpose": "old" })));
    world.admits("the new name", &world.issuer.mint(json!({ "pur": ["new"] })));
    for claims in [json!({}), json!({ "pur": "" }), json!({ "pur": [], "purpose": "" })] {
        let token = world.issuer.mint(claims.clone());
        world.refuses(&claims.to_string(), &token, Reason::ClaimMissing);
    }
}

#[test]
fn x4_what_means_something_in_an_expression_means_itself_in_a_rule() {
    let world = World::with_setup(|setup| {
        setup.routes(
            "[[routes]]\npath = \"/a.c\"\n\
             [[routes]]\npath = \"/(x)+\"\n\
             [[routes]]\npath = \"/claims/**\"\nclaims.sub = \".*\"\n",
        )
    });
    let token = world.issuer.mint(json!({ "scope": "read" }));
    for path in ["/abc", "/a%2Ec/d", "/x", "/xx", "/x+"] {
        let request = Request::get(path).bearer(&token);
        world.refuses_request(path, &request, Reason::RouteUnknown);
    }
    for path in ["/a.c", "/(x)+"] {
        world.admits_request(path, &Request::get(path).bearer(&token), &identity(&token));
    }
    let claims = Request::get("/claims/1").bearer(&token);
    world.refuses_request("any subject", &claims, Reason::ClaimNotPermitted);
    let literal = world.issuer.mint(json!({ "sub": ".*" }));
    world.admits_request(
        "that one",
        &Request::get("/claims/1").bearer(&literal),
        &identity(&literal),
    );
}

/// As providers write them, and as some write them in texts.
#[test]
fn a_truth_value_or_a_number_in_a_rule_compares_as_such() {
    let world = World::with_setup(|setup| {
        setup
            .routes("[[routes]]\npath = \"/**\"\nclaims = { email_verified = true, level = 2 }\n")
            .with("[claims]\nx-auth-subject = \"sub\"")
    });
    let told = [("x-auth-subject".to_owned(), "alice".to_owned())];
    for good in [
        json!({ "email_verified": true, "level": 2 }),
        json!({ "email_verified": "true", "level": "2" }),
    ] {
        let token = world.issuer.mint(good.clone());
        world.admits_request(&good.to_string(), &Request::get("/").bearer(&token), &told);
    }
    for bad in [
        json!({ "email_verified": false, "level": 2 }),
        json!({ "email_verified": 1, "level": 2 }),
        json!({ "email_verified": true, "level": 2.5 }),
        json!({ "email_verified": true, "level": "02" }),
        json!({ "email_verified": true }),
    ] {
        world.refuses(&bad.to_string(), &world.issuer.mint(bad.clone()), Reason::ClaimNotPermitted);
    }
}
