//! H-13: how the text of a claim is written into one header, and what no form lets through.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{client::Request, invariants::FORGED, world::World};

/// A world in which the claim `name` becomes four headers, each in a form of its own.
fn world() -> World {
    World::with_setup(|setup| {
        setup.with(
            "[claims]\n\
             x-auth-name = \"name\"\n\
             x-auth-plain = { claim = \"plain\", text = \"utf-8\" }\n\
             x-auth-extended = { claim = \"name\", text = \"rfc8187\" }\n\
             x-auth-encoded = { claim = \"name\", text = \"base64url\" }",
        )
    })
}

/// As the record of the upstream shows bytes beyond ASCII.
fn shown(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

fn told(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn h13_a_name_that_is_not_ascii_reaches_the_upstream_in_the_form_of_each_header() {
    let world = world();
    let token = world.issuer.mint(json!({ "name": "Zoë 100%", "plain": "Zoë 100%" }));
    let identity = told(&[
        ("x-auth-encoded", "Wm_DqyAxMDAl"),
        ("x-auth-extended", "UTF-8''Zo%C3%AB%20100%25"),
        ("x-auth-name", "Zo%C3%AB 100%25"),
        ("x-auth-plain", &shown("Zoë 100%")),
    ]);
    let forged = Request::get("/").bearer(&token).field("x-auth-plain", FORGED);
    world.admits_request("four forms", &forged, &identity);
    // The bytes themselves: a reader of headers may take them for Latin-1.
    let connections = world.upstream.connections().concat();
    let line = "x-auth-plain: Zoë 100%\r\n".as_bytes();
    assert!(connections.windows(line.len()).any(|window| window == line));
}

/// A user who chooses a name at the provider chooses these bytes.
#[test]
fn h13_a_name_cannot_end_the_header_that_it_is_written_into() {
    let world = world();
    for name in [
        "a\r\nx-auth-subject: admin",
        "a\nx-auth-subject: admin",
        "a\rb",
        "a\u{0}b",
        "a\tb",
        "a\u{7f}b",
        "a\u{85}b",
        "a\u{2028}b",
        " admin",
        "admin\u{a0}",
    ] {
        let token = world.issuer.mint(json!({ "plain": name }));
        world.refuses(name, &token, Reason::ClaimUnrenderable);
        // The other forms have a way to write it, and none of it as itself.
        let token = world.issuer.mint(json!({ "name": name }));
        let before = world.mark();
        let answer = world.proxy.get("/", Some(&token));
        assert!(answer.is_from_upstream(), "{name:?}: {answer:?}");
        let received = before.only_request(name);
        assert_eq!(received.head.field("x-auth-subject"), None, "{name:?}");
        for header in ["x-auth-name", "x-auth-extended", "x-auth-encoded"] {
            let value = received.head.field(header).unwrap();
            assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name:?}: {value:?}");
        }
    }
}

/// A character whose UTF-8, or whose number cut to a byte, has a line break in it.
#[test]
fn h13_characters_that_only_look_like_a_line_break_are_text() {
    let world = world();
    for name in ["\u{10a}\u{10d}", "\u{560a}\u{560d}", "\u{ff0a}"] {
        let token = world.issuer.mint(json!({ "plain": name }));
        let identity = told(&[("x-auth-plain", &shown(name))]);
        world.admits_request(name, &Request::get("/").bearer(&token), &identity);
    }
}

#[test]
fn h7_h13_a_blank_claim_makes_no_header_in_any_form() {
    let world = world();
    for blank in [Value::Null, json!(""), json!([]), json!(["", null])] {
        let token = world.issuer.mint(json!({ "name": blank, "plain": blank }));
        world.admits_request("blank", &Request::get("/").bearer(&token), &[]);
    }
}
