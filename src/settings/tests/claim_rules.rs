//! Requirements on the claims of an issuer's tokens, and several names for one claim.

use super::*;
use crate::token::issuer::settings::ClaimForm;

fn claims(list: &[ClaimPath]) -> Vec<&str> {
    list.iter().map(ClaimPath::as_str).collect()
}

const EVERYTHING: &str = r#"
scope_claims = ["scp", "/resource/scopes"]
scope_separators = [" ", ","]
require_any = [["pur", "purpose"], ["role"]]
formats = { sub = "uuid" }
origin_claim = "ord"
cookie_binding = { cookie = "atbv", reference = "binding_ref", type = { claim = "binding_type", value = "cookie" } }
"#;

#[test]
fn an_issuer_has_claims_of_its_own() {
    let settings = settings(&with_issuer(EVERYTHING));
    let issuer = first(&settings.issuers);
    assert_eq!(claims(issuer.scopes.claims()), ["scp", "/resource/scopes"]);
    assert_eq!(issuer.scopes.separators(), [' ', ',']);
    let any: Vec<_> = issuer.require_any.iter().map(|names| claims(names)).collect();
    assert_eq!(any, [vec!["pur", "purpose"], vec!["role"]]);
    assert_eq!(issuer.formats[0].claim.as_str(), "sub");
    assert_eq!(issuer.formats[0].form, ClaimForm::Uuid);
    assert_eq!(issuer.binding.origin.as_ref().unwrap().as_str(), "ord");
    let cookie = issuer.binding.cookie.as_ref().unwrap();
    assert_eq!((cookie.cookie.as_str(), cookie.type_value.as_str()), ("atbv", "cookie"));
    assert_eq!(cookie.reference.as_str(), "binding_ref");
    assert_eq!(cookie.type_claim.as_str(), "binding_type");
}

#[test]
fn by_default_scopes_are_where_most_issuers_write_them_and_nothing_is_bound() {
    let settings = settings(MINIMAL);
    let issuer = first(&settings.issuers);
    assert_eq!(claims(issuer.scopes.claims()), ["scope", "scp"]);
    assert_eq!(issuer.scopes.separators(), [' ']);
    assert!(issuer.require_any.is_empty() && issuer.formats.is_empty());
    assert!(issuer.binding.origin.is_none() && issuer.binding.cookie.is_none());
}

#[test]
fn what_is_printed_of_claim_rules_loads_again() {
    let text = with_issuer(EVERYTHING)
        + "\n[claims]\n\"x-a\" = [\"pur\", \"purpose\"]\n\"x-b\" = { claim = [\"b\", \"/c/d\"], \
           encoding = \"json\" }";
    let first = settings(&text).to_toml();
    assert_eq!(first, settings(&first).to_toml());
    for line in [
        r#"scope_claims = ["scp", "/resource/scopes"]"#,
        r#"scope_separators = [" ", ","]"#,
        r#"require_any = [["pur", "purpose"], ["role"]]"#,
        r#"origin_claim = "ord""#,
        r#"x-a = ["pur", "purpose"]"#,
    ] {
        assert!(first.contains(line), "{line} in {first}");
    }
}

#[test]
fn wrong_claim_rules() {
    for (lines, problem) in [
        ("scope_claims = []", "found an empty list, expected a list of claims such as"),
        ("scope_claims = \"scp\"", "expected a list of claims such as [\"scp\", \"scope\"]"),
        ("scope_claims = [\"/a~\"]", "`~` is written `~0`"),
        ("scope_separators = [\"|\"]", "found \"|\", expected \" \" or \",\""),
        ("scope_separators = []", "expected a list of \" \" and \",\""),
        (
            "require_any = [\"pur\", \"purpose\"]",
            "found \"pur\", expected a list of claims of which one must be there",
        ),
        ("require_any = [[]]", "found an empty list, expected a list of 1 to 16 claims"),
        ("formats = { sub = \"guid\" }", "found \"guid\", expected \"uuid\""),
        ("formats = [\"sub\"]", "expected a table"),
        ("origin_claim = [\"ord\"]", "origin_claim: found a list, expected a text"),
        ("cookie_binding = \"atbv\"", "cookie_binding: found \"atbv\", expected a table"),
    ] {
        let found = mistakes(&with_issuer(lines));
        assert!(!found.is_empty(), "{lines}");
        assert!(found[0].contains(problem), "{lines}: {found:?}");
    }
}

/// IDP-15: as a claim is compared, so that what is written is what is met.
#[test]
fn truth_values_and_numbers_are_accepted_as_the_texts_that_claims_equal() {
    let accepted = |lines: &str| {
        settings(&with_issuer(lines))
            .issuers
            .iter()
            .next()
            .unwrap()
            .require_values
            .iter()
            .map(|rule| rule.any_of.clone())
            .collect::<Vec<_>>()
    };
    let rules =
        "require_values = { email_verified = true, level = 7, score = 1.50, plan = [\"a\", 2] }";
    let mut found = accepted(rules);
    found.sort();
    assert_eq!(found, [vec!["1.5"], vec!["7"], vec!["a", "2"], vec!["true"]]);
    assert_eq!(mistakes(&with_issuer("require_values = { score = nan }")).len(), 1);
}

#[test]
fn x1_a_binding_that_is_not_all_there_is_refused() {
    let found = mistakes(&with_issuer("cookie_binding = { cookie = \"a;b\", kind = 1 }"));
    let reported = |what: &str| found.iter().any(|line| line.contains(what));
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(reported("cookie_binding.cookie: found \"a;b\""), "{found:?}");
    assert!(reported("cookie_binding.reference: missing; expected the claim with its MD5"));
    assert!(reported("cookie_binding.type.claim: missing"), "{found:?}");
    assert!(reported("cookie_binding.type.value: missing"), "{found:?}");
    assert!(reported("cookie_binding.kind: unknown key"), "{found:?}");
}

#[test]
fn a_header_may_come_from_claims_of_several_names() {
    let text = format!("{MINIMAL}\n[claims]\n\"x-auth-purpose\" = [\"pur\", \"purpose\"]");
    assert_eq!(claims(&settings(&text).claims[0].claims), ["pur", "purpose"]);
    for (line, problem) in [
        ("x = []", "expected a list of 1 to 16 claims"),
        ("x = [\"a\", 7]", "found 7, expected a text"),
        ("x = { claim = [] }", "expected a list of 1 to 16 claims"),
    ] {
        let found = mistakes_with(&format!("[claims]\n{line}"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains(problem), "{found:?}");
    }
    let many = format!("[claims]\nx = [{}]", "\"a\",".repeat(17));
    assert_eq!(mistakes_with(&many).len(), 1);
}

#[test]
fn x8_a_name_with_dots_is_said_to_have_two_meanings() {
    let text = with_issuer(
        "scope_claims = [\"realm.scopes\", \"/realm/scopes\"]\n\
         require = [\"http://wso2.org/claims/enduser\", \"sub\"]\n\
         require_values = { \"a.b\" = \"c\" }",
    );
    let text = format!(
        "{text}\nclaims = {{ \"realm_access.roles\" = \"admin\" }}\n\
         [claims]\nx-auth-roles = \"realm_access.roles\"\nx-auth-mail = \"/mail\""
    );
    let two_meanings = |key: &str, name: &str, pointer: &str| {
        format!(
            "{key}: {name:?} is a claim of that name, and only where there is none the nested \
             one; {pointer:?} is the nested one alone"
        )
    };
    let roles = "realm_access.roles";
    assert_eq!(
        settings(&text).warnings(),
        [
            two_meanings("claims.x-auth-roles", roles, "/realm_access/roles"),
            two_meanings("issuers.corp.require_values", "a.b", "/a/b"),
            two_meanings("issuers.corp.scope_claims", "realm.scopes", "/realm/scopes"),
            two_meanings("routes[0].claims", roles, "/realm_access/roles"),
        ]
    );
}
