use crate::identity::{fold_header_name, forwarded::settings::LoopHeader};
use proptest::prelude::*;

use super::*;

fn names(list: &[&str]) -> Vec<HeaderName> {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

fn hygiene_settings() -> ForwardingSettings {
    ForwardingSettings {
        trusted_proxies: Vec::new(),
        drop_underscores: true,
        remove: Vec::new(),
        remove_sets: Vec::new(),
        keep: Vec::new(),
        loop_header: LoopHeader::CdnLoop,
        max_header_bytes: 4096,
    }
}

/// `x-user` and `x-auth-roles` are ours, `x-token` may carry the credential.
fn hygiene_with(adjust: impl Fn(&mut ForwardingSettings)) -> Hygiene {
    let mut forwarding = hygiene_settings();
    adjust(&mut forwarding);
    let (managed, credential) =
        (names(&["x-user", "x-auth-roles"]), names(&["authorization", "x-token"]));
    Hygiene::compile(&HeaderUses {
        request_id: &HeaderName::from_static("x-request-id"),
        managed: managed.iter().collect(),
        credential: credential.iter().collect(),
        forwarding: &forwarding,
    })
}

fn hygiene() -> Hygiene {
    hygiene_with(|_| {})
}

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    headers
}

/// What is left, sorted, and how many managed names were there.
fn clean(rules: &Hygiene, lines: &[&str]) -> (Vec<String>, usize) {
    let mut map = headers(lines);
    let managed = rules.clean_request(&mut map).unwrap();
    let line =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut left: Vec<_> = map.iter().map(line).collect();
    left.sort();
    (left, managed.len())
}

fn left(lines: &[&str]) -> Vec<String> {
    clean(&hygiene(), lines).0
}

const ORDINARY: [&str; 10] = [
    "accept-encoding: gzip",
    "accept: */*",
    "authorization: Bearer x",
    "content-length: 5",
    "content-type: application/json",
    "cookie: a=b",
    "host: api.example.com",
    "sec-fetch-mode: cors",
    "user-agent: k6",
    "x-request-id: 7",
];

#[test]
fn ordinary_headers_come_through() {
    assert_eq!(left(&ORDINARY), ORDINARY);
}

#[test]
fn h1_our_headers_are_removed_however_they_come() {
    let rules = hygiene();
    let (rest, managed) =
        clean(&rules, &["X-User: a", "x-user: b", "X-AUTH-ROLES: admin", "accept: c"]);
    assert_eq!(rest, ["accept: c"]);
    assert_eq!(managed, 2, "names, not lines");

    let mut obs_text = HeaderMap::new();
    obs_text.insert("x-user", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert_eq!(rules.clean_request(&mut obs_text).unwrap(), ["x-user"]);
    assert!(obs_text.is_empty());
}

#[test]
fn h2_every_name_that_folds_to_ours_is_removed() {
    let with_underscores = hygiene_with(|forwarding| forwarding.drop_underscores = false);
    for name in [
        "X_User",
        "x.user",
        "x~user",
        "x--user",
        "x!user",
        "x`user",
        "x|user",
        "X_AUTH-roles",
        "x_auth_roles",
    ] {
        let line = format!("{name}: evil");
        assert_eq!(clean(&hygiene(), &[&line]), (vec![], 1), "{name}");
        assert_eq!(clean(&with_underscores, &[&line]), (vec![], 1), "{name}");
    }
}

#[test]
fn h2_names_with_underscores_are_dropped_unless_switched_off() {
    assert_eq!(left(&["my_header: 1", "my-header: 2"]), ["my-header: 2"]);
    let rules = hygiene_with(|forwarding| forwarding.drop_underscores = false);
    assert_eq!(clean(&rules, &["my_header: 1", "content_length: 9"]).0, ["my_header: 1"]);
    let rules = hygiene_with(|forwarding| forwarding.keep = names(&["my_header", "x_user"]));
    assert_eq!(
        clean(&rules, &["my_header: 1", "your_header: 2", "x_user: 3"]),
        (vec!["my_header: 1".to_owned()], 1)
    );
}

#[test]
fn h2_variants_of_what_others_look_after_are_removed() {
    let rules = hygiene_with(|forwarding| forwarding.drop_underscores = false);
    for line in [
        "content_length: 0",
        "content.type: x",
        "x_forwarded_for: 1.1.1.1",
        "x.forwarded.proto: https",
        "x_forwarded_port: 1",
        "x_token: forged",
        "transfer_encoding: chunked",
        "x_real_ip: 1",
        "x_envoy_x: 1",
    ] {
        assert_eq!(clean(&rules, &[line]), (vec![], 0), "{line}");
    }
    assert_eq!(
        clean(&rules, &["x-token: t", "x-forwarded-for: 1.1.1.1"]).0,
        ["x-forwarded-for: 1.1.1.1", "x-token: t"]
    );
}

#[test]
fn h3_hop_by_hop_headers_and_what_connection_names_are_removed() {
    let lines = [
        "connection: keep-alive, X-Drop ,close",
        "connection: x-also",
        "keep-alive: timeout=5",
        "x-drop: 1",
        "x-also: 2",
        "x-stay: 3",
        "proxy-authorization: Basic x",
        "proxy-connection: close",
        "trailer: x",
        "transfer-encoding: chunked",
        "te: gzip",
        "proxy: http://evil",
    ];
    assert_eq!(left(&lines), ["x-stay: 3"]);
}

#[test]
fn h3_connection_cannot_name_our_headers() {
    for token in ["x-user", "X-User, close", "close ,\tX-USER", "x_user", "keep-alive,x.auth.roles"]
    {
        let mut map = headers(&[&format!("connection: {token}")]);
        let refused = hygiene().clean_request(&mut map);
        assert_eq!(refused, Err(HygieneViolation::ConnectionNamesManagedHeader), "{token}");
    }
    let mut two = headers(&["connection: close", "connection: x-user"]);
    assert!(hygiene().clean_request(&mut two).is_err());
}

#[test]
fn h3_connection_cannot_take_away_what_the_message_needs() {
    let lines = [
        "authorization: Bearer x",
        "connection: authorization, content-length, host, x-forwarded-for, x-token, cookie",
        "content-length: 5",
        "cookie: a=b",
        "host: a",
        "x-forwarded-for: 1.1.1.1",
        "x-token: t",
    ];
    let mut expected = lines.to_vec();
    expected.remove(1);
    assert_eq!(left(&lines), expected);
}

#[test]
fn h9_what_upstreams_would_believe_is_removed() {
    for name in FORGEABLE {
        assert_eq!(left(&[&format!("{name}: forged")]), [""; 0], "{name}");
    }
    for name in [
        "x-envoy-original-path",
        "x-envoy-external-address",
        "x-auth-request-user",
        "x-auth-request-email",
        "x-accel-redirect",
        "x-accel-buffering",
        "x-client-cert-dn",
        "ssl-client-verify",
        "x-ssl-client-s-dn",
        "x-amzn-oidc-data",
        "x-remote-extra-scopes",
    ] {
        assert_eq!(left(&[&format!("{name}: forged")]), [""; 0], "{name}");
    }
}

#[test]
fn h9_the_lists_can_be_adjusted() {
    let rules = hygiene_with(|forwarding| {
        forwarding.keep = names(&["x-real-ip", "x-envoy-attempt-count", "x-user", "te", "x-both"]);
        forwarding.remove = names(&["x-internal", "x-both", "authorization"]);
    });
    let lines = [
        "x-real-ip: 1",
        "x-envoy-attempt-count: 2",
        "x-envoy-other: 3",
        "x-user: 4",
        "te: gzip",
        "x-internal: 5",
        "x_internal: 6",
        "x-both: 7",
        "authorization: Bearer x",
    ];
    let expected = ["authorization: Bearer x", "x-envoy-attempt-count: 2", "x-real-ip: 1"];
    assert_eq!(clean(&rules, &lines), (expected.map(str::to_owned).to_vec(), 1));
}

#[test]
fn p9_method_overrides_are_removed() {
    let lines = [
        "x-http-method-override: DELETE",
        "X-Method-Override: PUT",
        "x-http-method: PATCH",
        "X_HTTP_Method: PATCH",
    ];
    assert_eq!(left(&lines), [""; 0]);
}

#[test]
fn h12_connection_bound_credentials_are_removed() {
    for value in ["NTLM TlRMTVNT", "Negotiate YII=", "negotiate", " nTLM x"] {
        assert_eq!(left(&[&format!("authorization: {value}")]), [""; 0], "{value}");
    }
    assert_eq!(left(&["authorization: Bearer x", "authorization: NTLM y"]), [""; 0]);
    assert_eq!(left(&["authorization: NtlmLike x"]), ["authorization: NtlmLike x"]);
}

#[test]
fn f9_upgrades_are_removed_and_trailers_stay_announced() {
    let lines = [
        "connection: Upgrade, HTTP2-Settings, TE",
        "http2-settings: AAMAAABk",
        "upgrade: h2c",
        "te: gzip;q=0.5, Trailers",
    ];
    assert_eq!(left(&lines), ["te: trailers"]);
    assert_eq!(left(&["http2-settings: AAMAAABk"]), [""; 0]);
    assert_eq!(left(&["te: trailers"]), ["te: trailers"]);
}

#[test]
fn h11_answers_lose_what_is_for_one_connection() {
    let mut map = headers(&[
        "connection: close, set-cookie, x-hop, content-length",
        "keep-alive: 5",
        "transfer-encoding: chunked",
        "upgrade: h2c",
        "proxy-authenticate: Basic",
        "x-hop: 1",
        "set-cookie: a=b",
        "content-length: 3",
        "trailer: grpc-status",
        "x-stay: 2",
    ]);
    clean_response(&mut map);
    let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "set-cookie", "trailer", "x-stay"]);
}

/// Names near ours: separators swapped, doubled and in other letter cases.
fn near_name() -> impl Strategy<Value = String> {
    let separator = "[-_.~!#$%&'*+^`|]{1,2}";
    prop_oneof![
        separator.prop_map(|s| format!("X{s}user")),
        (separator, separator).prop_map(|(a, b)| format!("x{a}Auth{b}roles")),
        "[a-zA-Z0-9_.~!#$%&'*+^`|-]{1,12}",
    ]
}

proptest! {
    #[test]
    fn h2_nothing_that_folds_to_ours_is_ever_left(
        names in prop::collection::vec(near_name(), 0..12),
        drop_underscores in any::<bool>(),
    ) {
        let rules = hygiene_with(|forwarding| {
            forwarding.drop_underscores = drop_underscores;
            forwarding.keep = names.iter().map(|name| name.parse().unwrap()).collect();
        });
        let mut map = HeaderMap::new();
        for name in &names {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("evil"));
        }
        rules.clean_request(&mut map).unwrap();
        for name in map.keys() {
            let folded = fold_header_name(name.as_str());
            prop_assert!(folded != "x-user" && folded != "x-auth-roles", "{}", name);
        }
    }
}

#[test]
fn h1_no_client_brings_an_assertion_along() {
    let forged = ["X-JWT-Assertion: a.b.c", "x_jwt_assertion: a.b.c", "x.jwt--assertion: a.b.c"];
    assert_eq!(left(&forged), [""; 0]);
    // Not even where it is ours and the operator would keep it.
    let mut rules = hygiene_with(|forwarding| forwarding.keep = names(&["x-jwt-assertion"]));
    assert_eq!(clean(&rules, &["x-jwt-assertion: a.b.c"]).0.len(), 1);
    rules.set("x-jwt-assertion", HeaderRule::Managed);
    assert_eq!(clean(&rules, &forged), (Vec::new(), 3));
}

#[test]
fn h9_a_rule_about_a_header_that_most_requests_have_is_followed() {
    let value = HeaderValue::from_static("x");
    for name in USUAL {
        let rules = hygiene_with(|forwarding| forwarding.remove = vec![name.clone()]);
        let mut map = HeaderMap::from_iter([(name.clone(), value.clone())]);
        rules.clean_request(&mut map).unwrap();
        // Where a credential comes in, it is left to what reads the credential.
        assert_eq!(map.contains_key(name), *name == AUTHORIZATION, "{name}");
    }
}

/// A name of the family, or the name itself.
fn example(header: &str) -> String {
    header.replace('*', "any")
}

fn is_generic(product: &str) -> bool {
    product == identity_headers::GENERIC_PRODUCT
}

#[test]
fn h14_identity_headers_of_other_proxies_are_removed_and_counted() {
    let metrics = MetricRegistry::default();
    let rules = hygiene().counting(&metrics);
    for (header, product) in identity_headers::all().filter(|(_, product)| !is_generic(product)) {
        let name = example(header);
        for spelling in [name.clone(), name.to_uppercase(), name.replace('-', "_")] {
            let twice = format!("{spelling}: forged");
            assert_eq!(clean(&rules, &[&twice, &twice]), (vec![], 0), "{spelling}");
        }
        let counter =
            rules.seen[identity_headers::all().position(|of| of.0 == header).unwrap()].get();
        assert_eq!(counter, 3, "{product}: {header}: requests, not lines");
    }
    let text = metrics.render();
    let shown = "countersign_identity_headers_removed_total{header=\"x-pomerium-claim-*\",product=\"pomerium\"} 3";
    assert!(text.contains(shown), "the family, not what the client called it: {text}");
}

#[test]
fn h14_generic_names_are_removed_only_where_their_set_is_listed() {
    let with_set =
        hygiene_with(|forwarding| forwarding.remove_sets = vec![HeaderSet::GenericIdentity]);
    for (header, _) in identity_headers::all().filter(|(_, product)| is_generic(product)) {
        let line = format!("{}: forged", example(header));
        // These two are ours in these tests.
        if !["x-user", "x-auth-roles"].contains(&header) {
            assert_eq!(left(&[&line]), [line.as_str()], "{header}");
        }
        assert_eq!(clean(&with_set, &[&line]).0, [""; 0], "{header}");
    }
    // Ours stays ours, and what the operator keeps is kept.
    assert_eq!(clean(&with_set, &["x-user: forged"]), (vec![], 1));
    let kept = hygiene_with(|forwarding| {
        forwarding.remove_sets = vec![HeaderSet::GenericIdentity];
        forwarding.keep = names(&["x-tenant-id", "impersonate-user"]);
    });
    let lines = ["impersonate-group: 1", "impersonate-user: 2", "x-tenant-id: 3", "x-tenant: 4"];
    assert_eq!(clean(&kept, &lines).0, ["impersonate-user: 2", "x-tenant-id: 3"]);
}

/// A token in a proxy's header passes to what reads the credential, under its exact name only.
#[test]
fn h14_a_configured_source_is_left_to_what_reads_the_credential() {
    let forwarding = hygiene_settings();
    for source in ["cf-access-jwt-assertion", "x-goog-iap-jwt-assertion", "x-amzn-oidc-accesstoken"]
    {
        let credential = names(&[source]);
        let rules = Hygiene::compile(&HeaderUses {
            request_id: &HeaderName::from_static("x-request-id"),
            managed: Vec::new(),
            credential: credential.iter().collect(),
            forwarding: &forwarding,
        });
        let line = format!("{source}: token");
        let variant = line.replace('-', "_");
        assert_eq!(clean(&rules, &[&line, &variant]).0, [line], "{source}");
    }
}

#[test]
fn h14_no_family_is_a_part_of_another() {
    let families = identity_headers::all().filter_map(|(header, _)| header.strip_suffix('*'));
    let families: Vec<_> = families.chain(FORGEABLE_PREFIXES.iter().copied()).collect();
    for (place, family) in families.iter().enumerate() {
        let mut others = families.iter().enumerate().filter(|(other, _)| *other != place);
        assert!(others.all(|(_, other)| !family.starts_with(other)), "{family}");
    }
}
