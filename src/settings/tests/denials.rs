//! `[denials]`, and a route's `denials`.

use super::*;
use crate::{
    policy::denial_profile::{BuiltInProfile, DenialProfile},
    reason::Class,
};

/// The mistakes of an own profile with these lines.
fn mistakes_in_profile(lines: &str) -> Vec<String> {
    mistakes_with(&format!("[denials.profiles.own]\n{lines}"))
}

#[track_caller]
fn assert_profile_mistake(lines: &str, message: &str) {
    let expected = format!("countersign.toml: denials.profiles.own{message}");
    assert_eq!(mistakes_in_profile(lines), [expected], "{lines}");
}

#[test]
fn refusals_are_those_of_rfc6750_unless_configured_otherwise() {
    let settings = settings(MINIMAL);
    assert_eq!(settings.denials.profile, DenialProfile::BuiltIn(BuiltInProfile::Rfc6750));
    assert_eq!(first(settings.routes.all()).denials, None);
}

#[test]
fn every_built_in_profile_can_be_named_for_all_routes_and_for_one() {
    for name in ["rfc6750", "problem", "ubirch", "genauth", "ocen", "empty"] {
        let text = with_route(&format!("denials = \"{name}\"\n[denials]\nprofile = \"{name}\""));
        let settings = settings(&text);
        let DenialProfile::BuiltIn(profile) = settings.denials.profile else {
            panic!("{name} is built in");
        };
        assert_eq!(profile.name(), name);
        assert_eq!(first(settings.routes.all()).denials, Some(settings.denials.profile));
    }
}

#[test]
fn an_own_profile_is_found_by_its_name() {
    let settings = settings(&with_route(
        "denials = \"second\"\n[denials.profiles.second]\nbased_on = \"empty\"\n\
         not_permitted.status = 404\n[denials.profiles.first]",
    ));
    let Some(DenialProfile::Own(own)) = first(settings.routes.all()).denials else {
        panic!("the route's profile is one of the operator's own");
    };
    let second = settings.denials.profiles.get(own);
    assert_eq!((second.name.as_str(), own.position()), ("second", 1));
    assert_eq!(second.based_on, BuiltInProfile::Empty);
    let status = second.by_class.of(Class::NotPermitted).status;
    assert_eq!(status.map(|status| status.as_u16()), Some(404));
    assert_eq!(first(&settings.denials.profiles).based_on, BuiltInProfile::Rfc6750);
}

#[test]
fn profiles_are_printed_as_they_load_again() {
    let workspace = Workspace::new();
    let text = with_route(
        r#"
        denials = "own"
        [denials]
        profile = "ubirch"
        realm = "loans"
        [denials.profiles.own]
        based_on = "problem"
        credential_missing = { status = 403, headers = { "x-a" = "b", "Link" = "</login>" } }
        credential_invalid = { body = "{\"code\":\"{reason}\"}\n", content_type = "application/json" }
        not_permitted = { body = "" }
        [denials.profiles.plain]
        "#,
    );
    let first = workspace.load(&text).unwrap().to_toml();
    assert_eq!(first, workspace.load(&first).unwrap().to_toml());
    for shown in [
        "profile = \"ubirch\"",
        "denials = \"own\"",
        "based_on = \"problem\"",
        "status = 403",
        "link = \"</login>\"",
        "body = \"\"",
        "[denials.profiles.plain]",
    ] {
        assert!(first.contains(shown), "{shown}: {first}");
    }
}

#[test]
fn x1_an_unknown_profile_is_a_mistake_with_a_hint() {
    assert_mistake(
        "[denials]\nprofile = \"rfc6570\"",
        "countersign.toml: denials.profile: found \"rfc6570\", which is not the name of a denial \
         profile; did you mean \"rfc6750\"?",
    );
    let found = mistakes(&with_route("denials = \"mine\"\n[denials.profiles.own]"));
    assert_eq!(
        found,
        ["countersign.toml: routes[0].denials: found \"mine\", which is not the name of a denial \
          profile; configured: rfc6750, problem, ubirch, genauth, ocen, empty, own"]
    );
}

#[test]
fn x1_an_own_profile_has_a_name_of_its_own() {
    assert_mistake(
        "[denials.profiles.ubirch]",
        "countersign.toml: denials.profiles.ubirch: is the name of a built-in profile; expected \
         another",
    );
    assert_eq!(mistakes_with("[denials.profiles.\"a b\"]").len(), 1);
    assert_profile_mistake(
        "based_on = \"own\"",
        ".based_on: found \"own\", expected \"rfc6750\" or \"problem\" or \"ubirch\" or \
         \"genauth\" or \"ocen\" or \"empty\"",
    );
    assert_profile_mistake(
        "credential_mising.status = 401",
        ".credential_mising: unknown key; did you mean \"credential_missing\"?",
    );
}

#[test]
fn x1_a_refusal_is_an_error_and_an_outage_is_not_the_clients() {
    for status in ["200", "204", "302", "399", "600", "-1", "70000", "\"401\"", "401.0"] {
        let found = mistakes_in_profile(&format!("credential_invalid.status = {status}"));
        assert_eq!(found.len(), 1, "{status}: {found:?}");
        let expected = "expected a status from 400 to 599: a refusal is an error";
        assert!(found[0].ends_with(expected), "{found:?}");
    }
    for status in ["200", "401", "403", "499", "600"] {
        assert_profile_mistake(
            &format!("cannot_decide.status = {status}"),
            &format!(
                ".cannot_decide.status: found {status}, expected a status from 500 to 599: not \
                 being able to decide is no client's fault"
            ),
        );
    }
    for status in ["200", "401", "499"] {
        assert_profile_mistake(
            &format!("upstream_failed.status = {status}"),
            &format!(
                ".upstream_failed.status: found {status}, expected a status from 500 to 599: what \
                 an upstream fails at is no client's fault"
            ),
        );
    }
    for class in Class::ALL {
        let fine = mistakes_in_profile(&format!("{}.status = 503", class.name()));
        assert_eq!(fine, Vec::<String>::new());
    }
}

#[test]
fn x1_a_body_tells_the_reason_code_and_nothing_else() {
    let with_body = |body: &str| {
        format!("not_permitted = {{ content_type = \"text/plain\", body = '{body}' }}")
    };
    for unknown in
        ["status", "text", "trace_id", "denial_id", "Reason", "path", "header.x-a", "token"]
    {
        assert_profile_mistake(
            &with_body(&format!("{{reason}} {{{unknown}}}")),
            &format!(
                ".not_permitted.body: found {{{unknown}}}, which has no meaning here; expected no \
                 place but {{reason}}, {{subject}}"
            ),
        );
    }
    let too_long = "x".repeat(4097);
    assert_eq!(mistakes_in_profile(&with_body(&too_long)).len(), 1);
    assert_eq!(mistakes_in_profile("not_permitted.body = \"a\\u0000\"").len(), 1);
    assert_eq!(mistakes_in_profile("not_permitted.body = 1").len(), 1);
    for fine in ["", "{reason}", "{reason}: {subject}", r#"{"a":{"b":"{reason}"}}"#, "{}", "ä"] {
        let body = if fine.is_empty() { "not_permitted.body = ''".into() } else { with_body(fine) };
        assert_eq!(mistakes_in_profile(&body), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn x1_a_body_and_its_type_come_together() {
    assert_profile_mistake(
        "not_permitted.body = 'no'",
        ".not_permitted.content_type: missing; expected the type of the body, such as \
         \"application/json\"",
    );
    for lines in [
        "not_permitted.content_type = 'text/plain'",
        "not_permitted = { body = '', content_type = 'text/plain' }",
    ] {
        let message = ".not_permitted.content_type: has no effect without a body";
        assert_profile_mistake(lines, message);
    }
    for wrong in ["json", "text/", "/plain", "text plain/x", "text/plain, text/html", "ä/b"] {
        let lines = format!("not_permitted = {{ body = 'no', content_type = '{wrong}' }}");
        assert_eq!(mistakes_in_profile(&lines).len(), 1, "{wrong}");
    }
    let fine = "not_permitted = { body = 'no', content_type = 'text/plain; charset=utf-8' }";
    assert_eq!(mistakes_in_profile(fine), Vec::<String>::new());
}

#[test]
fn x1_no_header_touches_framing_connection_or_what_is_ours() {
    for name in [
        "content-length",
        "Transfer-Encoding",
        "trailer",
        "content-encoding",
        "connection",
        "keep-alive",
        "te",
        "upgrade",
        "proxy-authenticate",
        "proxy-connection",
        "content-type",
        "cache-control",
        "allow",
        "retry-after",
        "date",
        "grpc-status",
        "a b",
        "",
    ] {
        let lines = format!("not_permitted.headers.\"{name}\" = \"x\"");
        let found = mistakes_in_profile(&lines);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].contains("denials.profiles.own.not_permitted.headers."), "{found:?}");
    }
    for name in ["www-authenticate", "x-error", "link", "strict-transport-security"] {
        let lines = format!("not_permitted.headers.{name} = \"x\"");
        assert_eq!(mistakes_in_profile(&lines), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn x1_header_values_are_plain_text() {
    for value in ["a\\r\\nset-cookie: b", "a\\nb", "\\u0000", "ä", "", " a", "a\\tb"] {
        let lines = format!("not_permitted.headers.x-a = \"{value}\"");
        assert_eq!(mistakes_in_profile(&lines).len(), 1, "{value}");
    }
    let long = format!("not_permitted.headers.x-a = \"{}\"", "x".repeat(1025));
    assert_eq!(mistakes_in_profile(&long).len(), 1);
    assert_profile_mistake(
        "not_permitted.headers = { X-A = 'b', x-a = 'c' }",
        ".not_permitted.headers: sets x-a twice",
    );
    let many: Vec<_> = (0..17).map(|n| format!("x-{n} = 'a'")).collect();
    assert_profile_mistake(
        &format!("not_permitted.headers = {{ {} }}", many.join(", ")),
        ".not_permitted.headers: expected at most 16 headers",
    );
}
