//! P-14 over HTTP/1.1: for everything that the HTTP library drops, repairs or fills in before a
//! target is judged, what the upstream receives.

use countersign::reason::Reason;

use crate::{
    paths::scene::{Fate, Scene, sent_on},
    support::client::Request,
};

/// Targets, and what the upstream receives; nothing where they are answered with 400.
type Table<'t> = &'t [(&'t str, Option<&'t str>)];

#[track_caller]
fn assert_fates(table: Table<'_>) {
    for scene in Scene::both() {
        for (target, canonical) in table {
            let fate = canonical.map_or(Fate::Refused, sent_on);
            assert_eq!(scene.get(target), fate, "{target}");
        }
    }
}

#[test]
fn p2_behind_a_fragment_there_is_nothing_for_policy_nor_upstream() {
    assert_fates(&[
        ("/public#/../admin", Some("/public")),
        ("/public/x#/../../admin", Some("/public/x")),
        ("/admin/x#?/public/", Some("/admin/x")),
        ("/#x", Some("/")),
        ("/a#", Some("/a")),
        ("/a?b#c?d#e", Some("/a?b")),
        ("/a#\\..\\<>\"\u{e9}", Some("/a")),
        ("/%2e%2e#", None),
        ("http://api.test/public#/../admin", Some("/public")),
        ("http://api.test?b#c", Some("/?b")),
        ("http://api.test?#c", Some("/?")),
        ("#", None),
        ("#/public", None),
    ]);
}

#[test]
fn p2_p14_a_fragment_in_place_of_the_path_is_refused() {
    assert_fates(&[
        ("http://api.test#", None),
        ("http://api.test#/../admin", None),
        ("http://api.test#?x", None),
        ("HTTPS://API.TEST#/public/x", None),
    ]);
}

#[test]
fn p2_fragments_are_cut_from_every_request_of_a_connection() {
    let scene = Scene::http1();
    let before = scene.world.upstream.requests().len();
    let mut client = scene.world.proxy.client();
    let targets = ["/public/1#/../admin", "/public/2#a b", "/public/3?q#/", "http://api.test#x"];
    let pipelined = targets.map(|target| Request::get(target).bytes()).concat();
    client.send(&pipelined);
    assert!(client.read().is_from_upstream());
    // A space ends the target wherever it stands, and what follows is no version.
    assert_eq!(client.read().status, 400);
    assert!(client.is_closed());

    let mut client = scene.world.proxy.client();
    for target in ["/public/3?q#/", "/public/4"] {
        client.send(&Request::get(target).bytes());
        assert!(client.read().is_from_upstream(), "{target}");
    }
    client.send(&Request::get("http://api.test#x").bytes());
    assert_eq!(client.read().status, 400);
    let requests = scene.world.upstream.requests();
    let lines: Vec<_> = requests[before..].iter().map(|r| r.head.start.as_str()).collect();
    assert_eq!(
        lines,
        ["GET /public/1 HTTP/1.1", "GET /public/3?q HTTP/1.1", "GET /public/4 HTTP/1.1"]
    );
}

#[test]
fn p14_an_empty_path_is_a_slash() {
    assert_fates(&[
        ("http://api.test", Some("/")),
        ("http://api.test/", Some("/")),
        ("http://api.test?x", Some("/?x")),
        ("http://api.test?", Some("/?")),
        ("http://api.test?/public/x", Some("/?/public/x")),
        ("http://api.test//", Some("/")),
        ("", None),
        ("?x", None),
        ("?", None),
    ]);
}

#[test]
fn p14_a_path_that_begins_with_two_slashes_names_no_host() {
    assert_fates(&[
        ("//other.test/admin", Some("/other.test/admin")),
        ("//api.test", Some("/api.test")),
        ("//", Some("/")),
        ("//u@other.test:/x", Some("/u@other.test:/x")),
        ("http://api.test//other.test/", Some("/other.test/")),
    ]);
}

#[test]
fn p14_an_authority_with_userinfo_or_an_odd_port_is_refused() {
    assert_fates(&[
        ("http://u@api.test/", None),
        ("http://u:p@api.test/", None),
        ("http://@api.test/", None),
        ("http://u@api.test", None),
        ("http://%61@api.test/", None),
        ("http://%61pi.test/", None),
        ("http://api.test:/", None),
        ("http://api.test:", None),
        ("http://api.test:0", None),
        ("http://api.test:080/", None),
        ("http://api.test:80/", None),
        ("http://api.test:65536/", None),
        ("http://:80/", None),
        ("http://", None),
        ("http:///x", None),
        ("http://?x", None),
        ("http://#x", None),
        ("http://api.test\\@other.test/", None),
    ]);
}

#[test]
fn p14_a_url_and_its_host_header_say_the_same_or_are_refused() {
    let scene = Scene::http1();
    for (target, host, canonical) in [
        ("http://api.test:8080/a", "api.test:8080", Some("/a")),
        ("http://API.test./a", "api.test", Some("/a")),
        ("http://[::1]/a", "[0::1]", Some("/a")),
        ("http://api.test:/a", "api.test:", None),
        ("http://u@api.test/a", "u@api.test", None),
        ("http://api.test/a", "api.test:80", None),
        ("http://other.test/a", "api.test", None),
    ] {
        let fate = canonical.map_or(Fate::Refused, sent_on);
        assert_eq!(scene.get_at(target, host), fate, "{target} at {host}");
    }
}

#[test]
fn p14_the_scheme_of_a_url_is_not_passed_on() {
    assert_fates(&[
        ("HTTP://api.test/a", Some("/a")),
        ("https://api.test/a", Some("/a")),
        ("ftp://api.test/a", None),
        ("ws://api.test/a", None),
        ("file:///a", None),
        ("http:/a", None),
        ("http:a", None),
        ("://api.test/a", None),
    ]);
    let scene = Scene::http1();
    assert_eq!(scene.get("https://api.test/a"), sent_on("/a"));
    let received = scene.world.upstream.requests().pop().unwrap();
    assert_eq!(received.head.field("x-forwarded-proto"), Some("http"), "what the connection is");
}

#[test]
fn p14_an_authority_alone_is_refused() {
    assert_fates(&[
        ("api.test", None),
        ("api.test:443", None),
        ("a", None),
        ("u@api.test", None),
        ("api.test/x", None),
        ("mailto:x", None),
        ("*x", None),
        ("**", None),
    ]);
}

#[test]
fn p14_an_asterisk_is_for_options_and_takes_no_route() {
    for scene in Scene::both() {
        let by = |method, target| scene.request(Request::new(method, target));
        assert_eq!(by("GET", "*"), Fate::Refused);
        assert_eq!(by("POST", "*"), Fate::Refused);
        assert_eq!(by("OPTIONS", "*"), Fate::NotServed);
        assert_eq!(by("OPTIONS", "*#x"), Fate::Refused);
        assert_eq!(by("OPTIONS", "*?x"), Fate::Refused);
        assert_eq!(by("OPTIONS", "http://api.test/*"), sent_on("/*"));
        let asterisk = Request::new("OPTIONS", "*").bearer(&scene.token);
        scene.world.refuses_request("OPTIONS *", &asterisk, Reason::RouteUnknown);
        // The library fills in the slash, and policy has judged `/`.
        assert_eq!(by("OPTIONS", "http://api.test"), sent_on("/"));
        assert_eq!(by("OPTIONS", "http://api.test#x"), Fate::Refused);
    }
}

#[test]
fn p14_characters_that_the_library_lets_through_are_escaped_or_refused() {
    assert_fates(&[
        ("/a\"b", Some("/a%22b")),
        ("/a{b}", Some("/a%7Bb%7D")),
        ("/a|b^c", Some("/a%7Cb%5Ec")),
        ("/a\\b", None),
        ("/\u{e9}", None),
        ("/a<b>", None),
        ("/a`b", None),
        ("/a?{b}|\\^`", Some("/a?{b}|\\^`")),
        ("/a?b\"c", None),
        ("/a?<b>", None),
        ("/a?\u{e9}", None),
    ]);
}
