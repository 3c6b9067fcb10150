//! P-14 over HTTP/2: what h2 drops, repairs or fills in of `:path`, `:authority` and `:scheme`.

use crate::paths::scene::{Fate, Scene, sent_on};

/// Pseudo-header fields in place of those of `GET http://api.test/`, and their outcome.
type Table<'t> = &'t [(&'t [(&'t str, Option<&'t str>)], Fate)];

#[track_caller]
fn assert_fates(table: Table<'_>) {
    for scene in Scene::both() {
        for (changes, fate) in table {
            assert_eq!(scene.http2(changes), *fate, "{changes:?}");
        }
    }
}

#[track_caller]
fn assert_paths(table: &[(&str, Fate)]) {
    for scene in Scene::both() {
        for (path, fate) in table {
            assert_eq!(scene.http2(&[(":path", Some(path))]), *fate, "{path:?}");
            // Without `:authority` h2 has no use for the scheme either.
            let in_host =
                [(":path", Some(*path)), (":authority", None), ("host", Some("api.test"))];
            assert_eq!(scene.http2(&in_host), *fate, "{path:?} by Host");
        }
    }
}

#[test]
fn p2_behind_a_fragment_in_the_path_there_is_nothing() {
    assert_paths(&[
        ("/public#/../admin", sent_on("/public")),
        ("/#x", sent_on("/")),
        ("/a#", sent_on("/a")),
        ("/a?b#c?d#e", sent_on("/a?b")),
        // HTTP/2 has room for anything behind the `#`, and the library does not look there.
        ("/a# HTTP/1.1\r\nx-auth-subject: forged-by-the-client\r\n\r\n", sent_on("/a")),
        ("/a?b#\0\u{7f}\u{e9}", sent_on("/a?b")),
    ]);
}

#[test]
fn p14_a_path_that_does_not_begin_with_a_slash_is_refused() {
    assert_paths(&[
        ("#", Fate::Refused),
        ("#/../admin", Fate::Refused),
        ("#/public/x", Fate::Refused),
        ("?", Fate::Refused),
        ("?x", Fate::Refused),
        ("?x#y", Fate::Refused),
        ("", Fate::Reset),
        ("foo", Fate::Reset),
        ("api.test:443", Fate::Reset),
        ("http://api.test/x", Fate::Reset),
        ("**", Fate::Reset),
        ("/ HTTP/1.1\r\nx: y", Fate::Reset),
    ]);
}

#[test]
fn p14_a_request_without_a_path_is_refused() {
    let host = ("host", Some("api.test"));
    assert_fates(&[
        (&[(":path", None)], Fate::Reset),
        (&[(":path", None), host], Fate::Reset),
        (&[(":path", None), (":authority", None), host], Fate::Refused),
        (&[(":path", None), (":authority", None)], Fate::Refused),
    ]);
}

#[test]
fn p14_a_path_that_begins_with_two_slashes_names_no_host_over_http2() {
    assert_paths(&[("//other.test/admin", sent_on("/other.test/admin")), ("//", sent_on("/"))]);
}

#[test]
fn p14_an_asterisk_is_for_options_and_takes_no_route_over_http2() {
    let options = (":method", Some("OPTIONS"));
    assert_fates(&[
        (&[(":path", Some("*"))], Fate::Refused),
        (&[options, (":path", Some("*"))], Fate::NotServed),
        (&[options, (":path", Some("/*"))], sent_on("/*")),
        (&[options, (":path", Some("*#x"))], Fate::Reset),
        (&[options, (":path", Some(""))], Fate::Reset),
        (&[options, (":path", Some("#"))], Fate::Refused),
    ]);
}

#[test]
fn p14_an_authority_is_a_host_with_an_optional_port() {
    let host = ("host", Some("api.test"));
    assert_fates(&[
        (&[(":authority", Some("API.test."))], sent_on("/")),
        (&[(":authority", None), host], sent_on("/")),
        (&[host], sent_on("/")),
        (&[(":authority", None)], Fate::Refused),
        (&[(":authority", Some("other.test")), host], Fate::Refused),
        (&[(":authority", Some("u@api.test"))], Fate::Refused),
        (&[(":authority", Some("u@api.test")), host], Fate::Refused),
        (&[(":authority", Some("@api.test"))], Fate::Refused),
        (&[(":authority", Some("api.test:"))], Fate::Refused),
        (&[(":authority", Some("api.test:0"))], Fate::Refused),
        (&[(":authority", Some("api.test:080"))], Fate::Refused),
        (&[(":authority", Some("api.test:65536"))], Fate::Refused),
        (&[(":authority", Some(":80"))], Fate::Refused),
        (&[(":authority", Some(""))], Fate::Reset),
        (&[(":authority", Some("api.test/x"))], Fate::Reset),
        (&[(":authority", Some("api.test#x"))], Fate::Reset),
        (&[(":authority", Some("api.test?x"))], Fate::Reset),
        (&[(":authority", Some("%61pi.test"))], Fate::Reset),
        (&[(":authority", Some("http://api.test"))], Fate::Reset),
    ]);
}

#[test]
fn p14_the_scheme_decides_nothing() {
    let by_host = [(":authority", None), ("host", Some("api.test"))];
    assert_fates(&[
        (&[(":scheme", Some("https"))], sent_on("/")),
        (&[(":scheme", Some("ftp"))], Fate::Refused),
        (&[(":scheme", Some("HTTP"))], Fate::Refused),
        (&[(":scheme", Some(""))], Fate::Refused),
        (&[(":scheme", Some("a:b"))], Fate::Reset),
        (&[(":scheme", None)], Fate::Reset),
        // The library drops it where there is no `:authority`.
        (&[(":scheme", Some("https")), by_host[0], by_host[1]], sent_on("/")),
        (&[(":scheme", Some("ftp")), by_host[0], by_host[1]], sent_on("/")),
        (&[(":scheme", Some("a:b")), by_host[0], by_host[1]], Fate::Reset),
        (&[(":scheme", None), by_host[0], by_host[1]], Fate::Reset),
    ]);
    let scene = Scene::http1();
    assert_eq!(scene.http2(&[(":scheme", Some("https"))]), sent_on("/"));
    let received = scene.world.upstream.requests().pop().unwrap();
    assert_eq!(received.head.field("x-forwarded-proto"), Some("http"), "what the connection is");
}
