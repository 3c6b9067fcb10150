//! C-1 to C-4: when a token is good, to the second.

use countersign::{clock::UnixTime, reason::Reason};
use serde_json::json;

use crate::support::{NOW, issuer::LIFETIME, world::World};

#[test]
fn c01_a_wrongly_typed_time_is_malformed_not_absent() {
    let world = World::start();
    for claim in ["exp", "nbf", "iat"] {
        for text in [
            format!("\"{}\"", NOW + 100),
            "\"\"".to_owned(),
            "\"tomorrow\"".to_owned(),
            "true".to_owned(),
            "false".to_owned(),
            "[]".to_owned(),
            format!("[{}]", NOW + 100),
            "{}".to_owned(),
            format!("{{\"$numberLong\":\"{}\"}}", NOW + 100),
        ] {
            let token = world.issuer.mint_text(claim, &text);
            world.refuses(&format!("{claim}: {text}"), &token, Reason::ClaimMalformed);
        }
    }
}

#[test]
fn c01_without_a_required_expiry_a_wrongly_typed_one_is_still_malformed() {
    let world = World::with_rules("accept_without_expiry = true");
    world.admits("no exp", &world.issuer.mint(json!({ "exp": null })));
    world.admits("null is none", &world.issuer.mint_text("exp", "null"));
    for text in ["\"1900000300\"", "[]", "true"] {
        let token = world.issuer.mint_text("exp", text);
        world.refuses(text, &token, Reason::ClaimMalformed);
    }
    world.refuses("past", &world.issuer.mint(json!({ "exp": 0 })), Reason::TokenExpired);
}

#[test]
fn c02_c15_numbers_at_the_edges_never_wrap() {
    use Reason::{
        ClaimMalformed as Malformed, ClaimsMalformed as NotJson, TokenExpired as Expired,
        TokenIssuedInFuture as InFuture, TokenNotYetValid as NotYet,
    };

    let world = World::start();
    for (claim, text, reason) in [
        ("exp", "-1", Expired),
        ("exp", "0", Expired),
        ("exp", "-0", Expired),
        ("exp", "-0.0", Expired),
        ("exp", "1.5", Expired),
        ("exp", "1e3", Expired),
        ("exp", "1e-400", Expired),
        ("exp", "-9223372036854775808", Malformed),
        ("exp", "-9223372036854775809", NotJson),
        ("exp", "9223372036854775808", Malformed),
        ("exp", "18446744073709551615", Malformed),
        ("exp", "18446744073709551616", NotJson),
        ("exp", "-1e300", Malformed),
        ("exp", "1e300", Malformed),
        ("exp", "1e400", NotJson),
        ("exp", "-1e400", NotJson),
        ("exp", "NaN", NotJson),
        ("exp", "Infinity", NotJson),
        ("exp", "-Infinity", NotJson),
        ("exp", "0x7fffffff", NotJson),
        ("exp", "+1900000300", NotJson),
        ("exp", "1_900_000_300", NotJson),
        ("exp", "01900000300", NotJson),
        ("exp", "1900000300000", Malformed),
        ("exp", "1900000300000000", Malformed),
        ("exp", "9007199254740991", Malformed),
        ("exp", "9223372036854775807", Malformed),
        ("nbf", "7931520000", NotYet),
        ("nbf", "1900000000000", Malformed),
        ("nbf", "9223372036854775807", Malformed),
        ("nbf", "-9223372036854775808", Malformed),
        ("nbf", "9223372036854775808", Malformed),
        ("nbf", "1e300", Malformed),
        ("iat", "7931520000", InFuture),
        ("iat", "1900000000000", Malformed),
        ("iat", "9223372036854775807", Malformed),
        ("iat", "-9223372036854775808", Malformed),
        ("iat", "18446744073709551615", Malformed),
    ] {
        let token = world.issuer.mint_text(claim, text);
        world.refuses(&format!("{claim}: {text}"), &token, reason);
    }
    for (claim, text) in [
        ("exp", "1900000300.0"),
        ("exp", "1.9000003e9"),
        ("exp", "190000030000e-2"),
        // In 20 years, and in 2221.
        ("exp", "2531152000"),
        ("exp", "7931520000"),
        ("nbf", "-1"),
        ("nbf", "0"),
        ("nbf", "1899999999.5"),
        ("iat", "-1"),
        ("iat", "0.1"),
    ] {
        world.admits(&format!("{claim}: {text}"), &world.issuer.mint_text(claim, text));
    }
}

#[test]
fn c02_a_longest_lifetime_needs_both_ends() {
    let world = World::with_rules("max_lifetime = \"300s\"");
    let lifetime = |iat: i64, exp: i64| world.issuer.mint(json!({ "iat": iat, "exp": exp }));
    world.admits("exactly", &lifetime(NOW - 10, NOW + 290));
    world.admits("skew is not lifetime", &lifetime(NOW + 60, NOW + 360));
    for (case, token) in [
        ("a second more", lifetime(NOW - 10, NOW + 291)),
        ("the end of time", lifetime(0, UnixTime::FARTHEST.0)),
        ("from before time", lifetime(-UnixTime::FARTHEST.0, UnixTime::FARTHEST.0)),
        ("half a second more", world.issuer.mint(json!({ "iat": NOW, "exp": 1_900_000_300.5 }))),
    ] {
        world.refuses(case, &token, Reason::LifetimeTooLong);
    }
    let without = world.issuer.mint(json!({ "iat": null, "exp": NOW + 10 }));
    world.refuses("no iat", &without, Reason::ClaimMissing);
}

#[test]
fn c03_a_token_expires() {
    let world = World::start();
    let without = world.issuer.mint(json!({ "exp": null }));
    world.refuses("no exp", &without, Reason::ClaimMissing);
    let capital = world.issuer.mint(json!({ "exp": null, "Exp": NOW + 100, "EXP": NOW + 100 }));
    world.refuses("names are case-sensitive", &capital, Reason::ClaimMissing);
}

#[test]
fn c04_expiry_is_exact_to_the_second_whatever_the_skew() {
    for (rules, skew) in [
        ("", 60),
        ("clock_skew = \"0s\"", 0),
        ("clock_skew = \"1s\"", 1),
        ("clock_skew = \"5m\"", 300),
    ] {
        let world = World::with_rules(rules);
        let (early, end) = (world.issuer.mint(json!({})), NOW + LIFETIME + skew);
        world.admits("in time", &early);
        world.proxy.set_time(end - 1);
        world.admits("the last second, cached", &early);
        world.admits("the last second, new", &world.issuer.mint(json!({ "jti": "1" })));
        world.proxy.set_time(end);
        world.refuses("over, cached", &early, Reason::TokenExpired);
        let late = world.issuer.mint(json!({ "jti": "2" }));
        world.refuses("over, new", &late, Reason::TokenExpired);
        world.proxy.set_time(end + 1_000);
        world.refuses("long over", &early, Reason::TokenExpired);
    }
}

#[test]
fn c04_the_beginning_is_exact_to_the_second_whatever_the_skew() {
    for (rules, skew) in [("", 60), ("clock_skew = \"0s\"", 0), ("clock_skew = \"5m\"", 300)] {
        let world = World::with_rules(rules);
        let claims = |jti: &str| json!({ "nbf": NOW + 500, "exp": NOW + 5_000, "jti": jti });
        let token = world.issuer.mint(claims("1"));
        let issued = world.issuer.mint(json!({ "iat": NOW + 500, "exp": NOW + 5_000 }));
        world.proxy.set_time(NOW + 500 - skew - 1);
        world.refuses("a second early", &token, Reason::TokenNotYetValid);
        world.refuses("issued later", &issued, Reason::TokenIssuedInFuture);
        world.proxy.set_time(NOW + 500 - skew);
        world.admits("in time", &token);
        world.admits("issued now", &issued);
        // The clock is set back behind the beginning of a token that is cached by now.
        world.proxy.set_time(NOW + 500 - skew - 1);
        world.refuses("early again", &token, Reason::TokenNotYetValid);
        world.refuses("new", &world.issuer.mint(claims("2")), Reason::TokenNotYetValid);
    }
}

#[test]
fn c04_fractions_of_a_second_are_never_in_favour_of_the_token() {
    let world = World::with_rules("clock_skew = \"0s\"");
    let ends = world.issuer.mint_text("exp", "1900000010.9");
    let begins = world.issuer.mint_text("nbf", "1900000010.1");
    world.proxy.set_time(NOW + 9);
    world.admits("before its end", &ends);
    world.proxy.set_time(NOW + 10);
    world.refuses("within its last second", &ends, Reason::TokenExpired);
    world.refuses("within its first second", &begins, Reason::TokenNotYetValid);
    world.proxy.set_time(NOW + 11);
    world.admits("begun", &begins);
}

#[test]
fn c04_a_clock_that_jumps_is_followed_in_both_directions() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.admits("at first", &token);
    world.proxy.set_time(NOW + 3_600);
    world.refuses("an hour on", &token, Reason::TokenExpired);
    world.proxy.set_time(NOW);
    world.admits("back again", &token);
}
