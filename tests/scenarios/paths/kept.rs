//! P-15: paths that a route keeps as they came, by the URLs of products that need it; and what
//! such a setting could be misused for.

use countersign::reason::Reason;
use serde_json::json;

use crate::{
    paths::scene::{Fate, Scene, sent_on},
    support::{
        client::Request,
        h2_upstream::H2Upstream,
        oracle::assert_refused,
        world::{World, identity},
    },
};

const SLASH: &str = "encoded_slash = \"keep\"";
const EMPTY: &str = "empty_segments = \"keep\"";
const ESCAPES: &str = "escapes = \"keep\"";

/// What a product's route has to say, and URLs as its clients send them.
struct Product {
    name: &'static str,
    settings: &'static [&'static str],
    urls: &'static [&'static str],
}

const PRODUCTS: &[Product] = &[
    Product {
        name: "GitLab",
        settings: &[SLASH],
        urls: &[
            "/api/v4/projects/group%2Fname",
            "/api/v4/projects/group%2fsub%2fname/repository/files/lib%2Fa.rb?ref=main",
            "/api/v4/projects/1/repository/branches/feature%2Fx/protect",
        ],
    },
    Product {
        name: "npm",
        settings: &[SLASH],
        urls: &[
            "/@scope%2fpkg",
            "/-/package/@scope%2fpkg/dist-tags",
            "/@scope%2Fpkg/-/pkg-1.0.0.tgz",
        ],
    },
    Product {
        name: "RabbitMQ",
        settings: &[SLASH],
        urls: &[
            "/api/queues/%2F/q",
            "/api/vhosts/%2f",
            "/api/exchanges/%2F/amq.topic/bindings/source",
        ],
    },
    Product {
        name: "S3",
        settings: &[SLASH, EMPTY, ESCAPES],
        urls: &[
            "/bucket/folder//object%20name%2B1.txt?X-Amz-Signature=0a",
            "/bucket/a%5Cb",
            "/bucket/tab%09line%0A",
            "/bucket/%E4%B8%AD%2F%F0%9F%98%80",
        ],
    },
    Product {
        name: "Google Cloud Storage",
        settings: &[SLASH, ESCAPES],
        urls: &[
            "/storage/v1/b/bucket/o/folder%2Fobject?alt=media",
            "/storage/v1/b/bucket/o/100%25%2F50%2525%252F",
        ],
    },
    Product {
        name: "CouchDB",
        settings: &[SLASH],
        urls: &["/db/_design%2Fapp/_view/all", "/db%2Fpart/doc", "/db/_local%2fcheckpoint"],
    },
    Product {
        name: "Elasticsearch",
        settings: &[SLASH],
        urls: &["/%3Clogs-%7Bnow%2Fd%7D%3E/_search", "/%3Clogs-%7Bnow%2FM-1M%7D%3E"],
    },
    Product {
        name: "Jenkins",
        settings: &[SLASH, ESCAPES],
        urls: &[
            "/job/app/job/feature%252Fx/lastBuild",
            "/view/all/job/a%2Fb/",
            "/job/app/job/feature%2Fx",
        ],
    },
    Product {
        name: "MediaWiki",
        settings: &[SLASH, EMPTY],
        urls: &[
            "/wiki/AC%2FDC",
            "/wiki/Talk:http://example.org/",
            "/wiki/C%2B%2B%2FCLI?action=raw",
        ],
    },
    Product {
        name: "OData",
        settings: &[SLASH],
        urls: &[
            "/odata/Products('a%2Fb')",
            "/odata/Products(Name='a%2Fb',Year=2020)/Supplier?$top=1",
        ],
    },
    Product {
        name: "image proxies",
        settings: &[SLASH, EMPTY],
        urls: &[
            "/upload/w_500/https://img.test/a.jpg",
            "/unsafe/300x200/https%3A%2F%2Fimg.test%2Fa.jpg",
            "/rs:fill:300/plain/http://img.test/a%20b.jpg@png",
        ],
    },
    Product {
        name: "names in Latin-1",
        settings: &[ESCAPES],
        urls: &["/archive/caf%E9.html", "/archive/%FC%62er"],
    },
];

fn routes(upstream: &str, settings: &[&str]) -> String {
    format!("[[routes]]\npath = \"/**\"\nupstream = \"{upstream}\"\n{}\n", settings.join("\n"))
}

#[test]
fn p15_urls_of_products_arrive_byte_for_byte_where_the_route_keeps_them() {
    for Product { name, settings, urls } in PRODUCTS {
        let world = World::with_setup(|setup| setup.routes(&routes("app", settings)));
        let token = world.issuer.mint(json!({}));
        for url in *urls {
            let request = Request::get(url).bearer(&token);
            let received = world.admits_request(name, &request, &identity(&token));
            assert_eq!(received.head.start, format!("GET {url} HTTP/1.1"), "{name}");
        }
    }
}

#[test]
fn p15_urls_of_products_arrive_byte_for_byte_over_http2_in_front_of_h2c() {
    let upstream = H2Upstream::start();
    let settings = [SLASH, EMPTY, ESCAPES];
    let other = format!("[upstreams.other]\nurl = \"{}\"", upstream.url());
    let world = World::with_setup(|setup| setup.with(&other).routes(&routes("other", &settings)));
    let scene = Scene::new(world, Some(upstream));
    for url in PRODUCTS.iter().flat_map(|product| product.urls) {
        assert_eq!(scene.http2(&[(":path", Some(url))]), sent_on(url), "{url}");
    }
}

/// Every one of them needs all of its product's settings, or is changed or refused.
#[test]
fn p15_by_default_no_such_url_arrives_as_it_came() {
    let scene = Scene::http1();
    for url in PRODUCTS.iter().flat_map(|product| product.urls) {
        let fate = scene.get(url);
        assert_ne!(fate, sent_on(url), "{url}");
        assert!(fate == Fate::Refused || url.contains("//"), "{url}: {fate:?}");
    }
}

/// Everything is kept, except below `/admin/`.
const LAX_AND_STRICT: &str = r#"
[[routes]]
path = "/**"
encoded_slash = "keep"
empty_segments = "keep"
escapes = "keep"
raw_utf8 = "encode"

[[routes]]
path = "/admin/**"
scopes = ["admin"]

[[routes]]
path = "/open/**"
access = "public"
encoded_slash = "keep"
escapes = "keep"
"#;

/// The attacks on a gateway and a service that read a path in two ways.
#[test]
fn p15_no_reading_of_a_kept_path_is_one_of_another_route() {
    let world = World::with_setup(|setup| setup.routes(LAX_AND_STRICT));
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    for target in [
        "/admin%2Fusers",
        "/admin%2fusers",
        "/%2Fadmin/users",
        "/x%2F..%2Fadmin",
        "/x/%2e%2e%2fadmin",
        "/x%5C..%5Cadmin",
        "/admin%5Cusers",
        "/admin%252Fusers",
        "/admin%25252Fusers",
        "/admin;a%2Fb",
        "/admin%3Ba/users",
        "/admin%253Ba/users",
        "/ad%0Amin/users",
        "/ad%0D%0Amin/users",
        "//api.test/admin/users",
        "/%2Fapi.test/admin/users",
        "/open/..%2Fadmin",
        "/open/%2e%2e/admin",
        "/open%2Fx",
        "/open/%252e%252e%252fadmin",
        "/open/%c0%ae%c0%ae%2Fadmin",
        "/open/x%00",
        "/open//a%2F/../b",
    ] {
        let before = world.mark();
        let answer = world.proxy.exchange(&Request::get(target).bearer(&token));
        assert_refused(target, &answer, Reason::RequestNotCanonical, &before);
    }
    for target in ["/admin/a%2Fb", "/admin/a%0Ab", "/admin/%E9", "/admin/a%255Cb"] {
        world.refuses_request(
            target,
            &Request::get(target).bearer(&token),
            Reason::RequestNotCanonical,
        );
    }
    let received = world.admits_request(
        "the strict route merges",
        &Request::get("/admin//users").bearer(&token),
        &identity(&token),
    );
    assert_eq!(received.target(), "/admin/users");
}

/// What is decided about is what a log says and what a second proxy would read.
#[test]
fn p15_a_kept_path_writes_no_line_of_its_own_into_the_log() {
    let world = World::with_setup(|setup| setup.routes(LAX_AND_STRICT));
    let token = world.issuer.mint(json!({}));
    let path = "/x%0Areason=forged%0D%2Fy%1b%5B0m";
    let received =
        world.admits_request("log", &Request::get(path).bearer(&token), &identity(&token));
    assert_eq!(received.target(), path);
    let logs = world.proxy.logs();
    assert!(logs.contains(&format!("path=\"{path}\"")) || logs.contains(path), "{logs}");
    assert!(!logs.lines().any(|line| line.starts_with("reason=forged")));
    assert!(!logs.contains('\u{1b}'));
}

/// A service's pages may be cached by their path: the two spellings stay two.
#[test]
fn p15_kept_spellings_stay_apart() {
    let world = World::with_setup(|setup| setup.routes(LAX_AND_STRICT));
    let token = world.issuer.mint(json!({}));
    for path in ["/a%2Fb", "/a%2fb", "/a/b", "/a//b", "/a%252Fb"] {
        let request = Request::get(path).bearer(&token);
        assert_eq!(world.admits_request(path, &request, &identity(&token)).target(), path);
    }
}

#[test]
fn p15_raw_utf8_arrives_escaped_where_the_route_says_so() {
    let routes = "[[routes]]\npath = \"/**\"\nraw_utf8 = \"encode\"";
    let world = World::with_setup(|setup| setup.routes(routes));
    let token = world.issuer.mint(json!({}));
    for (sent, received) in [
        ("/caf\u{e9}?q=\u{e4}", "/caf%C3%A9?q=%C3%A4"),
        ("/a?q={a}|^`\\", "/a?q={a}|^`\\"),
        ("/\u{4e2d}\u{202e}", "/%E4%B8%AD%E2%80%AE"),
    ] {
        let request = Request::get(sent).bearer(&token);
        assert_eq!(world.admits_request(sent, &request, &identity(&token)).target(), received);
    }
    // What the HTTP library refuses, no setting lets in.
    for target in [&b"/a\xff"[..], b"/a?\xe9", b"/a<b>", b"/a?q=\"x\"", b"/a?<", b"/a`b"] {
        let before = world.mark();
        let mut client = world.proxy.client();
        client.send(&[b"GET ", target, b" HTTP/1.1\r\nhost: api.test\r\n\r\n"].concat());
        assert_eq!(client.read().status, 400);
        before.assert_untouched("what is no UTF-8");
    }
}

#[test]
fn p15_a_kept_path_that_takes_many_readings_is_refused_at_once() {
    let world = World::with_setup(|setup| setup.routes(LAX_AND_STRICT));
    let nested = format!("/a%{}2Fb", "25".repeat(100));
    let long = format!("/{}%2F", "a".repeat(40_000));
    for target in [nested, long] {
        let before = world.mark();
        let answer = world.proxy.get(&target, None);
        assert_refused("bounded", &answer, Reason::RequestNotCanonical, &before);
    }
}

/// One place, whose routes differ in what they keep, and an upstream that answers preflights.
const PREFLIGHTS: &str = r#"
[cors]
origins = ["https://app.test"]
preflights = "PREFLIGHTS"

[[routes]]
path = "/**"
methods = ["GET"]
cors = true

[[routes]]
path = "/**"
methods = ["PUT", "PATCH", "patch"]
cors = true
encoded_slash = "keep"
"#;

/// A preflight is decided on by what the route of its request allows.
#[test]
fn p8_p15_a_preflight_has_the_path_that_its_request_may_have() {
    for (preflights, passed) in [("answer", 204), ("pass", 200)] {
        let routes = PREFLIGHTS.replace("PREFLIGHTS", preflights);
        let world = World::with_setup(|setup| setup.routes(&routes));
        let status = |target: &str, method: &str| {
            let request = Request::new("OPTIONS", target)
                .field("origin", "https://app.test")
                .field("access-control-request-method", method);
            world.proxy.exchange(&request).status
        };
        for method in ["PUT", "patch"] {
            assert_eq!(status("/a%2Fb", method), passed, "{preflights} {method}");
        }
        assert_eq!(status("/a/b", "GET"), passed, "{preflights}");
        // Nothing of a strict route is reached by the settings of its neighbour.
        assert_eq!(status("/a%2Fb", "GET"), 405, "{preflights}");
        assert_eq!(status("/a%5Cb", "PUT"), 400, "{preflights}");
        assert_eq!(status("/a/b", "Patch"), 405, "{preflights}");
    }
}
