//! T-11, T-12, T-17, T-18 and T-20: what is no compact JWS over a JSON object.

use countersign::{jose::base64url, reason::Reason};
use serde_json::json;

use crate::support::{client::Request, issuer::parts, oracle::assert_turned_away, world::World};

#[test]
fn t11_base64url_has_one_spelling() {
    let world = World::start();
    let good = world.issuer.mint(json!({ "note": "\u{fb}\u{ff}>>??" }));
    world.admits("canonical", &good);
    let [header, payload, signature] = parts(&good);
    // 64 bytes take 86 characters, the last of which has four bits to spare.
    let (start, last) = signature.split_at(85);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = alphabet.iter().position(|&c| c == last.as_bytes()[0]).unwrap();
    for spare in 1..16 {
        let last = char::from(alphabet[value | spare]);
        let token = format!("{header}.{payload}.{start}{last}");
        world.refuses("trailing bits", &token, Reason::TokenMalformed);
    }
    for (case, token) in [
        ("padded signature", format!("{header}.{payload}.{signature}==")),
        ("padded payload", format!("{header}.{payload}=.{signature}")),
        ("padded header", format!("{header}=.{payload}.{signature}")),
        ("standard alphabet", good.replace('-', "+").replace('_', "/")),
        ("a plus", format!("{header}.{payload}.+{}", &signature[1..])),
        ("a tilde", format!("{header}.{payload}.~{}", &signature[1..])),
        ("an impossible length", format!("{header}.{payload}.{signature}AAA")),
    ] {
        world.refuses(case, &token, Reason::TokenMalformed);
    }
    for (case, token) in [
        ("%3D", format!("{good}%3D")),
        ("a space inside", format!("{header}. {payload}.{signature}")),
        ("a tab inside", format!("{header}.\t{payload}.{signature}")),
        ("a comma behind", format!("{good},")),
        ("in quotes", format!("\"{good}\"")),
        ("beyond ASCII", format!("{header}.{payload}.\u{e9}{signature}")),
    ] {
        world.refuses(case, &token, Reason::CredentialMalformed);
    }
}

#[test]
fn t11_exactly_three_parts_none_of_them_empty() {
    let world = World::start();
    let good = world.issuer.mint(json!({}));
    let [header, payload, signature] = parts(&good);
    for token in [
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{good}.{good}"),
        format!(".{good}"),
        format!("{good}."),
        format!("{good}..."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{payload}."),
        "..".to_owned(),
        ".".to_owned(),
        "......".to_owned(),
        ".".repeat(8000),
    ] {
        world.refuses(&token[..token.len().min(80)], &token, Reason::TokenMalformed);
    }
}

#[test]
fn t11_size_is_bounded_before_anything_is_looked_at() {
    let world = World::start();
    let fitting = 16 * 1024 - world.issuer.mint(json!({ "pad": "" })).len();
    // Three bytes of claims make four characters.
    let pad = |bytes: usize| world.issuer.mint(json!({ "pad": "x".repeat(bytes) }));
    let (largest, too_large) = (pad(fitting * 3 / 4 - 3), pad(fitting * 3 / 4 + 3));
    assert!(
        largest.len() <= 16_384 && 16_384 < too_large.len(),
        "{} {}",
        largest.len(),
        too_large.len()
    );
    world.admits("the largest", &largest);
    world.refuses("too large", &too_large, Reason::TokenTooLarge);
    world.refuses("dots only", &".".repeat(16_385), Reason::TokenTooLarge);
    world.refuses("60,000 dots", &".".repeat(60_000), Reason::TokenTooLarge);

    let before = world.mark();
    let mut client = world.proxy.client();
    client.send(&Request::get("/").bearer(&".".repeat(2_000_000)).bytes());
    let answer = client.try_read().unwrap_or(None);
    assert_turned_away("two million dots", answer.as_ref(), &before);
}

#[test]
fn t12_the_header_is_one_strict_json_object() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"alg":"ES256","kid":"ec","x":{open}{close}}}"#).into_bytes()
    };
    let deep = nested(2_500);
    let cases: &[(&str, &[u8])] = &[
        ("array", br#"["ES256"]"#),
        ("string", br#""ES256""#),
        ("number", b"17"),
        ("null", b"null"),
        ("nothing but space", b" "),
        ("byte order mark", b"\xef\xbb\xbf{\"alg\":\"ES256\",\"kid\":\"ec\"}"),
        ("alg twice", br#"{"alg":"ES256","alg":"ES256","kid":"ec"}"#),
        ("alg twice, none first", br#"{"alg":"none","alg":"ES256","kid":"ec"}"#),
        ("alg twice, once escaped", br#"{"alg":"ES256","\u0061lg":"none","kid":"ec"}"#),
        ("kid twice", br#"{"alg":"ES256","kid":"ec","kid":"rsa"}"#),
        ("kid twice, once escaped", br#"{"alg":"ES256","kid":"ec","k\u0069d":"rsa"}"#),
        ("an inner name twice", br#"{"alg":"ES256","kid":"ec","x":{"a":1,"a":2}}"#),
        ("trailing bytes", br#"{"alg":"ES256","kid":"ec"}x"#),
        ("two objects", br#"{"alg":"ES256","kid":"ec"}{}"#),
        ("trailing NUL", b"{\"alg\":\"ES256\",\"kid\":\"ec\"}\0"),
        ("trailing comma", br#"{"alg":"ES256","kid":"ec",}"#),
        ("comment", br#"{"alg":"ES256","kid":"ec"/**/}"#),
        ("single quotes", b"{'alg':'ES256','kid':'ec'}"),
        ("bare name", br#"{alg:"ES256","kid":"ec"}"#),
        ("not UTF-8", b"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x\":\"\xff\"}"),
        ("overlong UTF-8", b"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x\":\"\xc0\xaf\"}"),
        ("lone surrogate", br#"{"alg":"ES256","kid":"ec","x":"\ud800"}"#),
        ("raw control character", b"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x\":\"\n\"}"),
        ("1e999", br#"{"alg":"ES256","kid":"ec","x":1e999}"#),
        ("huge integer", br#"{"alg":"ES256","kid":"ec","x":100000000000000000000000}"#),
        ("NaN", br#"{"alg":"ES256","kid":"ec","x":NaN}"#),
        ("leading zero", br#"{"alg":"ES256","kid":"ec","x":01}"#),
        ("too deep", &nested(33)),
        ("much too deep", &deep),
    ];
    for (case, header) in cases {
        let token = world.issuer.sign_text(header, payload.as_bytes());
        world.refuses(case, &token, Reason::HeaderMalformed);
    }
    for (case, header) in [
        ("escaped, but once", br#"{"\u0061lg":"ES256","kid":"ec"}"#.as_slice()),
        ("white space", b" {\n\"alg\" :\t\"ES256\", \"kid\":\"ec\" }\r\n"),
        ("unknown members", br#"{"alg":"ES256","kid":"ec","x":{"a":[1,null]}}"#),
    ] {
        world.admits(case, &world.issuer.sign_text(header, payload.as_bytes()));
    }
}

#[test]
fn t17_encrypted_and_nested_tokens_are_refused_before_any_work() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    let jwe = |header: serde_json::Value| {
        let header = base64url::encode(header.to_string().as_bytes());
        format!("{header}.AAAA.AAAA.AAAA.AAAA")
    };
    for (case, token) in [
        ("RSA-OAEP", jwe(json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }))),
        ("RSA1_5", jwe(json!({ "alg": "RSA1_5", "enc": "A128CBC-HS256" }))),
        (
            "dir, no key part",
            jwe(json!({ "alg": "dir", "enc": "A256GCM" })).replacen(".AAAA", ".", 1),
        ),
        (
            "PBES2",
            jwe(json!({ "alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 4_000_000_000_u32 })),
        ),
        ("zip bomb", jwe(json!({ "alg": "dir", "enc": "A256GCM", "zip": "DEF" }))),
        ("wrapped none", jwe(json!({ "alg": "none", "cty": "JWT" }))),
        ("enc in three parts", world.issuer.sign(json!({ "enc": "A256GCM" }), &payload)),
    ] {
        world.refuses(case, &token, Reason::TokenEncrypted);
    }
    for header in [
        json!({ "cty": "JWT" }),
        json!({ "cty": "jwt" }),
        json!({ "cty": "application/jwt" }),
        json!({ "cty": 1 }),
        json!({ "zip": "DEF" }),
        json!({ "zip": "none" }),
    ] {
        let token = world.issuer.sign(header.clone(), &payload);
        world.refuses(&header.to_string(), &token, Reason::HeaderMalformed);
    }
    let inner = world.issuer.mint(json!({}));
    let nested = world.issuer.sign(json!({}), &inner);
    world.refuses("a token as payload", &nested, Reason::ClaimsMalformed);
}

#[test]
fn t18_only_the_compact_form_is_a_credential() {
    let world = World::start();
    let good = world.issuer.mint(json!({}));
    let [header, payload, signature] = parts(&good);
    for (case, text) in [
        ("flattened", json!({ "protected": header, "payload": payload, "signature": signature })),
        (
            "general",
            json!({
                "payload": payload,
                "signatures": [{ "protected": header, "signature": signature }],
            }),
        ),
        ("no signatures", json!({ "payload": payload, "signatures": [] })),
        (
            "unprotected alg",
            json!({
                "header": { "alg": "none" }, "payload": payload, "signature": "",
            }),
        ),
        // python-jwt, CVE-2022-39227: a compact token as a member's name.
        ("polyglot", json!({ format!("{header}.{payload}.{signature}"): "", "payload": payload })),
    ] {
        world.refuses(case, &text.to_string(), Reason::CredentialMalformed);
        let encoded = base64url::encode(text.to_string().as_bytes());
        world.refuses(case, &encoded, Reason::TokenMalformed);
        let as_header = format!("{encoded}.{payload}.{signature}");
        world.refuses_somehow(case, &as_header);
    }
}

#[test]
fn t20_the_payload_is_a_json_object() {
    let world = World::start();
    let good = world.issuer.claims().to_string();
    for payload in [
        "[]",
        &format!("[{good}]"),
        "\"claims\"",
        "17",
        "null",
        "true",
        " ",
        "{",
        &format!("{good}{good}"),
        &format!("{good}\0"),
        &format!("\u{feff}{good}"),
        "iss=https://idp.test",
    ] {
        let token = world.issuer.sign(json!({}), payload);
        world.refuses(payload, &token, Reason::ClaimsMalformed);
    }
    let token = world.issuer.sign(json!({}), "{}");
    world.refuses("no claims", &token, Reason::ClaimMissing);
    let not_utf8 = [&good.as_bytes()[..good.len() - 1], b",\"x\":\"\xff\"}"].concat();
    let header = br#"{"alg":"ES256","kid":"ec"}"#;
    let token = world.issuer.sign_text(header, &not_utf8);
    world.refuses("not UTF-8", &token, Reason::ClaimsMalformed);
}

#[test]
fn t20_a_detached_payload_is_no_token() {
    let world = World::start();
    let detached = world.issuer.sign(json!({}), "");
    world.refuses("signed", &detached, Reason::TokenMalformed);
    let good = world.issuer.mint(json!({}));
    let [header, _, signature] = parts(&good);
    world.refuses("cut out", &format!("{header}..{signature}"), Reason::TokenMalformed);
}
