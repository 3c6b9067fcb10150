//! What is said of a resource's token, and of a step-up.

use super::{AUDIENCE, NOW, Setup};

const FILES: &str = "https://api.example.com/mcp";

fn setup() -> Setup {
    let tables = "[resources.files]\nid = \"https://api.example.com/mcp\"\n\
                  [[routes]]\npath = \"/mcp\"\nresource = \"files\"\n\
                  [[routes]]\npath = \"/transfer\"\nacr = [\"urn:mfa\"]\nmax_age = \"15m\"\n[claims]";
    Setup::new().with("[claims]", tables)
}

#[test]
fn an_audience_that_only_another_route_takes_is_said_with_what_this_one_takes() {
    let setup = setup();
    let of_issuer = setup.explain(&[&setup.token(&[]), "--path", "/mcp"]);
    assert_eq!(of_issuer.refusal(), "refused: audience_mismatch");
    let line = "FAIL  requirement   audience_mismatch: ";
    assert!(of_issuer.out.contains(line), "{}", of_issuer.out);
    let accepted = format!("found: '{AUDIENCE}'; expected: '{FILES}'");
    assert!(of_issuer.out.contains(&accepted), "{}", of_issuer.out);
    let of_resource = setup.token(&[("aud", FILES.into())]);
    assert!(setup.explain(&[&of_resource, "--path", "/mcp"]).admitted());
    let elsewhere = setup.explain(&[&of_resource, "--path", "/transfer"]);
    assert_eq!(elsewhere.refusal(), "refused: audience_mismatch");
    let accepted = format!("found: '{FILES}'; expected: '{AUDIENCE}'");
    assert!(elsewhere.out.contains(&accepted), "{}", elsewhere.out);
}

#[test]
fn a_step_up_is_said_with_what_is_asked_for() {
    let setup = setup();
    for (acr, age, reason, subject) in [
        (
            "urn:pwd",
            0,
            "authentication_insufficient",
            "claim 'acr' is not allowed; found: 'urn:pwd'; expected: 'urn:mfa'; setting: acr",
        ),
        (
            "urn:mfa",
            901,
            "authentication_too_old",
            "claim 'auth_time' is out of range; found: 1799999099; expected: a time at most 900 s \
             ago, and not ahead; setting: max_age",
        ),
    ] {
        let token = setup.token(&[("acr", acr.into()), ("auth_time", (NOW - age).into())]);
        let said = setup.explain(&[&token, "--path", "/transfer"]);
        assert_eq!(said.refusal(), format!("refused: {reason}"));
        assert!(said.out.contains(subject), "{}", said.out);
    }
    let good = setup.token(&[("acr", "urn:mfa".into()), ("auth_time", (NOW - 900).into())]);
    assert!(setup.explain(&[&good, "--path", "/transfer"]).admitted());
}
