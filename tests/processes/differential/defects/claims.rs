//! Registered claims (RFC 7519 §4.1, RFC 9068 §2.2, RFC 7800).

use super::{Defect, Draft};
use crate::{
    differential::{
        case::SKEW,
        draft::{ISSUER, quoted},
    },
    support::{NOW, issuer::AUDIENCE},
};

/// Values that are no date, or an unusual one.
const DATES: &[&str] = &[
    "null",
    "\"\"",
    "\"1900000300\"",
    "\"9999999999\"",
    "\"never\"",
    "\"2030-03-17T17:46:40Z\"",
    "true",
    "false",
    "[]",
    "[9999999999]",
    "{}",
    "0",
    "-0",
    "-1",
    "1",
    "0.0",
    "1e10",
    "1.9e9",
    "19e8",
    "1900000300.5",
    "1900000000.999999",
    "1900000300000",
    "1900000300000000",
    "4102444800",
    "16725225600",
    "16725225601",
    "32503680000",
    "253402300799",
    "253402300800",
    "8640000000001",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e15",
    "1e18",
    "1e19",
    "1e300",
    "1e308",
    "1e309",
    "-1e300",
    "-9223372036854775808",
    "-9223372036854775809",
];

const ISSUERS: &[&str] = &[
    "null",
    "\"\"",
    "0",
    "true",
    "[]",
    "{}",
    "\"https:\\/\\/idp.test\\/\"",
    "\"https:\\/\\/IDP.test\"",
    "\"http:\\/\\/idp.test\"",
    "\"https:\\/\\/idp.test \"",
    "\" https:\\/\\/idp.test\"",
    "\"https:\\/\\/idp.test\\u0000\"",
    "\"https:\\/\\/idp.test.attacker.test\"",
    "\"https:\\/\\/idp.test@attacker.test\"",
    "\"\\u0068ttps:\\/\\/idp.test\"",
    "\"https:\\/\\/idp.test:443\"",
    "\"idp.test\"",
    "\"https:\\/\\/idp.tes\"",
    "[\"https:\\/\\/idp.test\"]",
    "[\"https:\\/\\/idp.test\",\"https:\\/\\/other.test\"]",
    "{\"https:\\/\\/idp.test\":1}",
];

const AUDIENCES: &[&str] = &[
    "null",
    "\"\"",
    "0",
    "true",
    "[]",
    "{}",
    "[\"\"]",
    "[null]",
    "[7]",
    "[[]]",
    "\"https:\\/\\/other.test\"",
    "[\"https:\\/\\/other.test\"]",
    "[\"https:\\/\\/api.test\"]",
    "[\"https:\\/\\/other.test\",\"https:\\/\\/api.test\"]",
    "[\"https:\\/\\/api.test\",\"https:\\/\\/api.test\"]",
    "[\"https:\\/\\/api.test\",7]",
    "[\"https:\\/\\/api.test\",null]",
    "[\"https:\\/\\/api.test\",[]]",
    "[7,\"https:\\/\\/api.test\"]",
    "[[\"https:\\/\\/api.test\"]]",
    "{\"https:\\/\\/api.test\":1}",
    "{\"0\":\"https:\\/\\/api.test\"}",
    "\"https:\\/\\/api.test\\/\"",
    "\"https:\\/\\/API.test\"",
    "\"https:\\/\\/api.tes\"",
    "\"https:\\/\\/api.test https:\\/\\/other.test\"",
    "\"https:\\/\\/api.test,https:\\/\\/other.test\"",
    "\"\\u0068ttps:\\/\\/api.test\"",
    "\"*\"",
    "\"https:\\/\\/api.test\\u0000\"",
];

/// Values for what should be a text.
const TEXTS: &[&str] = &[
    "null",
    "\"\"",
    "0",
    "42",
    "4.2",
    "true",
    "false",
    "[]",
    "[\"alice\"]",
    "[null]",
    "{}",
    "{\"id\":\"alice\"}",
    "\" \"",
    "\"al\\u0000ice\"",
    "\"al\\r\\nice\"",
    "\"\\u00fc\"",
    "\"\\ud83d\\ude00\"",
    "\"%\"",
    "\"alice,bob\"",
];

pub(super) fn defects() -> Vec<Defect> {
    let dates = ["exp", "nbf", "iat"].into_iter().flat_map(dates);
    let texts = ["sub", "jti", "client_id", "azp", "scope", "scp", "typ", "sid", "username"];
    let texts = texts.into_iter().flat_map(|claim| each(claim, TEXTS));
    let absent = ["exp", "iat", "iss", "aud", "sub", "jti", "client_id", "scope"].into_iter();
    let absent = absent.map(|claim| {
        Defect::new(format!("claims/{claim}: absent"), move |draft| draft.claims.remove(claim))
    });
    let listed = [each("iss", ISSUERS), each("aud", AUDIENCES)].into_iter().flatten();
    dates.chain(texts).chain(absent).chain(listed).chain(confirmations()).chain(others()).collect()
}

fn each(claim: &'static str, values: &[&str]) -> Vec<Defect> {
    let family = format!("claims/{claim}");
    values.iter().map(|value| Defect::claim(&family, claim, value)).collect()
}

fn dates(claim: &'static str) -> Vec<Defect> {
    let family = format!("claims/{claim}");
    let near = [-SKEW - 1, -SKEW, -SKEW + 1, -1, 0, 1, SKEW - 1, SKEW, SKEW + 1];
    let near = near.into_iter().flat_map(|offset| {
        let name = format!("{family}: now {offset:+}");
        let whole = (NOW + offset).to_string();
        let fraction = format!("{}.5", NOW + offset);
        [(name.clone(), whole), (format!("{name}.5"), fraction)]
    });
    let near =
        near.map(|(name, text)| Defect::new(name, move |draft| draft.claims.set(claim, &text)));
    each(claim, DATES).into_iter().chain(near).collect()
}

/// A token that is bound to its sender is no bearer token (RFC 7800, RFC 8705, RFC 9449).
fn confirmations() -> Vec<Defect> {
    let values = [
        "null",
        "{}",
        "[]",
        "\"x\"",
        "false",
        "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}",
        "{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\"}",
        "{\"kid\":\"k\"}",
    ];
    each("cnf", &values)
}

fn others() -> Vec<Defect> {
    let claims = |name: &str, claims: &'static [(&'static str, &'static str)]| {
        Defect::new(format!("claims/{name}"), move |draft| {
            for (claim, value) in claims {
                draft.claims.set(claim, value);
            }
        })
    };
    let long = |claim: &'static str, bytes: usize| {
        Defect::new(format!("claims/{claim}: {bytes} bytes"), move |draft| {
            draft.claims.set(claim, &quoted(&"a".repeat(bytes)));
        })
    };
    vec![
        claims("exp before iat", &[("exp", "1899999990"), ("iat", "1899999995")]),
        claims("exp as iat", &[("exp", "1900000000"), ("iat", "1900000000")]),
        claims("nbf behind exp", &[("exp", "1900000010"), ("nbf", "1900000020")]),
        claims("nbf behind exp within the skew", &[("exp", "1899999970"), ("nbf", "1900000030")]),
        claims("scope and scp", &[("scope", "\"\""), ("scp", "[\"admin\"]")]),
        claims("a name in capitals", &[("EXP", "1"), ("Aud", "\"x\""), ("ISS", "\"x\"")]),
        long("sub", 1_000),
        long("sub", 9_000),
        long("jti", 3_000),
        Defect::new("claims/aud: the issuer", |draft: &mut Draft| {
            draft.claims.set("aud", &quoted(ISSUER));
        }),
        Defect::new("claims/iss: the audience", |draft: &mut Draft| {
            draft.claims.set("iss", &quoted(AUDIENCE));
        }),
        Defect::new("claims/aud: 500 of them", |draft: &mut Draft| {
            let others = "\"https://x\",".repeat(300);
            draft.claims.set("aud", &format!("[{others}{}]", quoted(AUDIENCE)));
        }),
    ]
}
