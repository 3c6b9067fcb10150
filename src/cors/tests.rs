//! Who may read an answer, as headers in and headers out.

use std::time::Duration;

use http::Method;

use super::*;

const APP: &str = "https://app.test";
const ADMIN: &str = "https://admin.test:8443";

fn cors(origins: &[&str], credentials: bool, preflights: PreflightSettings) -> Cors {
    let listed = origins.iter().map(|origin| WebOrigin::parse(origin).unwrap());
    let origins = match origins {
        [] => OriginSettings::Any,
        _ => OriginSettings::Listed(listed.collect()),
    };
    Cors::compile(&CorsSettings { origins, credentials, all_routes: false, preflights })
}

fn answering(expose: &[&'static str]) -> PreflightSettings {
    PreflightSettings::Answered(AnsweredSettings {
        methods: vec![Method::GET, Method::DELETE],
        headers: vec![http::header::AUTHORIZATION, HeaderName::from_static("x-api-token")],
        max_age: Duration::from_mins(2),
        expose: expose.iter().map(|name| HeaderName::from_static(name)).collect(),
    })
}

fn fields(fields: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value).unwrap(),
        );
    }
    headers
}

fn sent(headers: &HeaderMap) -> Vec<String> {
    let text =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut lines: Vec<_> = headers.iter().map(text).collect();
    lines.sort();
    lines
}

/// What a service says on its own, of a page that should read nothing.
const OF_SERVICE: &[(&str, &[u8])] = &[
    ("access-control-allow-origin", b"https://evil.test"),
    ("access-control-allow-origin", b"*"),
    ("access-control-allow-credentials", b"true"),
    ("access-control-expose-headers", b"*"),
    ("access-control-allow-private-network", b"true"),
    ("content-type", b"text/plain"),
];

#[test]
fn p16_an_origin_is_allowed_to_the_letter_or_not_at_all() {
    let cors = cors(&[APP, ADMIN], true, answering(&[]));
    for origin in [APP, ADMIN] {
        let allowed = cors.allowed_origin(&fields(&[("origin", origin.as_bytes())]));
        assert_eq!(allowed.unwrap(), origin);
    }
    let others: &[&[u8]] = &[
        b"",
        b"null",
        b"*",
        b"app.test",
        b"http://app.test",
        b"https://APP.test",
        b"HTTPS://app.test",
        b"https://app.test:443",
        b"https://app.test:8443",
        b"https://app.test.",
        b"https://app.test/",
        b"https://app.test.evil.test",
        b"https://evilapp.test",
        b"https://evil.test/https://app.test",
        b"https://app.test@evil.test",
        b"https://app.tes",
        b"https://admin.test",
        b"https://app.test, https://evil.test",
        b"https://app.test https://evil.test",
        b"https://app.test\t",
        b"https://app\xb7test",
    ];
    for origin in others {
        let shown = String::from_utf8_lossy(origin);
        assert_eq!(cors.allowed_origin(&fields(&[("origin", origin)])), None, "{shown}");
    }
    assert_eq!(cors.allowed_origin(&HeaderMap::new()), None);
    let twice = fields(&[("origin", APP.as_bytes()), ("origin", APP.as_bytes())]);
    assert_eq!(cors.allowed_origin(&twice), None, "two of them");
}

#[test]
fn p16_what_the_service_says_is_replaced_for_every_client() {
    let cors = cors(&[APP], true, answering(&["x-total", "link"]));
    for (origin, expected) in [
        (
            Some(APP),
            &[
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://app.test",
                "access-control-expose-headers: x-total, link",
                "content-type: text/plain",
                "vary: Origin",
            ][..],
        ),
        (Some("https://evil.test"), &["content-type: text/plain", "vary: Origin"]),
        (None, &["content-type: text/plain", "vary: Origin"]),
    ] {
        let request = origin.map(|origin| fields(&[("origin", origin.as_bytes())]));
        let request = request.unwrap_or_default();
        let mut headers = fields(OF_SERVICE);
        cors.share(&mut headers, AnswerFrom::Service, cors.allowed_origin(&request));
        assert_eq!(sent(&headers), expected, "{origin:?}");
    }
}

#[test]
fn a_service_that_answers_preflights_says_everything_itself() {
    let cors = cors(&[APP], false, PreflightSettings::Passed);
    let mut headers = fields(OF_SERVICE);
    let request = fields(&[("origin", APP.as_bytes())]);
    cors.share(&mut headers, AnswerFrom::Service, cors.allowed_origin(&request));
    assert_eq!(headers, fields(OF_SERVICE));

    let mut own = HeaderMap::new();
    cors.share(&mut own, AnswerFrom::Proxy, cors.allowed_origin(&request));
    assert_eq!(
        sent(&own),
        [
            "access-control-allow-origin: https://app.test",
            "access-control-expose-headers: www-authenticate, retry-after",
            "vary: Origin"
        ]
    );
}

#[test]
fn p16_every_answer_says_once_that_it_depends_on_the_origin() {
    let cors = cors(&[APP], false, answering(&[]));
    for (before, after) in [
        (&[][..], &["Origin"][..]),
        (&["accept-encoding"], &["accept-encoding", "Origin"]),
        (&["accept", "x, ORIGIN , y"], &["accept", "x, ORIGIN , y"]),
        (&["x-origin"], &["x-origin", "Origin"]),
        (&["*"], &["*"]),
    ] {
        let before: Vec<_> = before.iter().map(|value| ("vary", value.as_bytes())).collect();
        let mut headers = fields(&before);
        cors.share(&mut headers, AnswerFrom::Service, None);
        assert_eq!(headers.get_all(VARY).iter().collect::<Vec<_>>(), after);
    }
}

#[test]
fn any_origin_is_allowed_by_a_constant_that_forbids_credentials() {
    let cors = cors(&[], false, answering(&[]));
    for origin in ["https://a.test", "null", "\"><script>"] {
        let mut headers = fields(OF_SERVICE);
        let request = fields(&[("origin", origin.as_bytes())]);
        cors.share(&mut headers, AnswerFrom::Service, cors.allowed_origin(&request));
        assert_eq!(
            sent(&headers),
            ["access-control-allow-origin: *", "content-type: text/plain", "vary: Origin"]
        );
    }
}

#[test]
fn an_answer_of_ours_that_is_for_every_page_stays_so() {
    let cors = cors(&[APP], true, answering(&[]));
    let mut headers = fields(&[("access-control-allow-origin", b"*")]);
    cors.share(&mut headers, AnswerFrom::Proxy, None);
    assert_eq!(sent(&headers), ["access-control-allow-origin: *"]);
}

#[test]
fn the_answer_to_a_preflight_is_made_of_settings_only() {
    let cors = cors(&[APP], false, answering(&[]));
    let mut headers = HeaderMap::new();
    cors.answer_preflight(&mut headers);
    assert_eq!(
        sent(&headers),
        [
            "access-control-allow-headers: authorization, x-api-token",
            "access-control-allow-methods: GET, DELETE",
            "access-control-max-age: 120",
            "vary: Access-Control-Request-Method"
        ]
    );
}

#[test]
fn p8_a_preflight_has_one_origin_and_one_method_of_a_request() {
    let origin = ("origin", APP.as_bytes());
    let method = |value: &'static [u8]| ("access-control-request-method", value);
    let announced = |how: &Method, sent: &[(&str, &[u8])]| {
        Preflight::of(how, &fields(sent)).map(Preflight::announced)
    };
    let options = Method::OPTIONS;
    assert_eq!(announced(&options, &[origin, method(b"PUT")]), Some(Method::PUT));
    for (how, sent) in [
        (Method::GET, vec![origin, method(b"PUT")]),
        (Method::POST, vec![origin, method(b"PUT")]),
        (options.clone(), vec![origin]),
        (options.clone(), vec![method(b"PUT")]),
        (options.clone(), vec![origin, method(b"")]),
        (options.clone(), vec![origin, method(b"PUT, GET")]),
        (options.clone(), vec![origin, method(b"PUT"), method(b"GET")]),
        (options.clone(), vec![origin, origin, method(b"PUT")]),
        (options, vec![origin, method(b"P\xffT")]),
    ] {
        assert_eq!(announced(&how, &sent), None, "{how} {sent:?}");
    }
}
