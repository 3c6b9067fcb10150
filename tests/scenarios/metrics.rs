//! What `/metrics` shows of requests.

use std::io::Write as _;

use serde_json::json;

use crate::support::{
    authority::Authority,
    bare,
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    proxy::{Proxy, metric_in},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    wire::Head,
    world::{JWKS, World},
};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

fn count(proxy: &Proxy, series: &str) -> u64 {
    metric_in(&proxy.metrics(), series).map_or(0, |value| value.parse().unwrap())
}

fn responses(proxy: &Proxy, route: &str) -> [u64; 5] {
    let of =
        |class| format!("countersign_responses_total{{class=\"{class}xx\",route=\"{route}\"}}");
    [1, 2, 3, 4, 5].map(|class| count(proxy, &of(class)))
}

fn durations(proxy: &Proxy, route: &str) -> u64 {
    count(proxy, &format!("countersign_request_seconds_count{{route=\"{route}\"}}"))
}

#[test]
fn a_response_is_counted_by_route_and_class_and_its_duration_where_it_was_forwarded() {
    let world = World::start();
    let statuses = [("/public/a", None), ("/a", None), ("/a", Some("x.y.z"))];
    let statuses = statuses.map(|(path, token)| world.proxy.get(path, token).status);
    assert_eq!(statuses, [200, 401, 401]);
    wait_until("the end", || responses(&world.proxy, "/**")[3] == 2);
    assert_eq!(responses(&world.proxy, "/**"), [0, 0, 0, 2, 0]);
    assert_eq!(responses(&world.proxy, "/public/**"), [0, 1, 0, 0, 0]);
    assert_eq!(durations(&world.proxy, "/public/**"), 1);
    // A flood of refusals, which take microseconds, does not hide a slow service.
    assert_eq!(durations(&world.proxy, "/**"), 0);
    assert_eq!(count(&world.proxy, "countersign_decision_seconds_count"), 1);
}

#[test]
fn what_hyper_answers_itself_is_counted_and_its_status_is_in_the_line() {
    let mut world = World::with_setup(|setup| {
        setup.with(
            "[server.limits]\nheader_bytes = \"128KiB\"\n\
             [log]\nlevel = \"debug\"\nformat = \"json\"\naccess = \"denials\"",
        )
    });
    world.proxy.expect_unmatched_answers();
    let target = "a".repeat(70_000);
    let heads = [
        ("GET / HTTP/1.1\r\nhost: a\r\nb\u{e9} d: e\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(200_000)), 431),
        (format!("GET /{target} HTTP/1.1\r\nhost: a\r\n\r\n"), 414),
    ];
    for (nth, (head, status)) in heads.iter().enumerate() {
        let mut client = world.proxy.client();
        let _ = client.stream().get_mut().write_all(head.as_bytes());
        let answer = client.read();
        assert_eq!(answer.status, *status, "{nth}");
        let counted = nth as u64 + 1;
        wait_until("the response", || responses(&world.proxy, "(none)")[3] == counted);
        let lines = crate::access_log::lines(&world);
        let line: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        assert_eq!(line["status"], *status, "{line}");
    }
}

#[test]
fn a_request_counts_as_in_flight_until_its_response_has_ended() {
    let listening = bare::upstream(|_, mut reader| {
        let stream = reader.get_mut();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na");
        // The other byte comes when the client has gone.
        let _ = std::io::Read::read(stream, &mut [0]);
    });
    let mut world = bare::in_front_of(&bare::url(&listening), "");
    world.proxy.expect_unmatched_answers();
    let in_flight = || count(&world.proxy, "countersign_requests_in_flight");
    assert_eq!(in_flight(), 0);
    let mut client = world.proxy.client();
    client.send(b"GET /public/a HTTP/1.1\r\nhost: app.example\r\n\r\n");
    Head::read(client.stream()).unwrap();
    assert_eq!(in_flight(), 1);
    assert_eq!(durations(&world.proxy, "/public/**"), 0);
    drop(client);
    wait_until("the end", || in_flight() == 0);
    assert_eq!(durations(&world.proxy, "/public/**"), 1);
}

#[test]
fn a_service_that_fails_counts_as_5xx_and_with_the_time_that_it_took() {
    let world = bare::in_front_of(&bare::closed_port(), "");
    assert_eq!(world.proxy.get("/public/a", None).status, 502);
    wait_until("the end", || durations(&world.proxy, "/public/**") == 1);
    assert_eq!(responses(&world.proxy, "/public/**"), [0, 0, 0, 0, 1]);
}

#[test]
fn a_failure_is_counted_for_the_last_of_the_endpoints_that_were_tried() {
    let urls = [bare::closed_port(), bare::closed_port()];
    let world = bare::in_front_of_several(&format!("urls = {urls:?}"), "");
    assert_eq!(world.proxy.get("/public/a", None).status, 502);
    let failures = |url: &String| {
        let labels =
            format!("endpoint=\"{url}\",reason=\"upstream_unreachable\",upstream=\"other\"");
        count(&world.proxy, &format!("countersign_upstream_endpoint_failures_total{{{labels}}}"))
    };
    assert_eq!(urls.iter().map(failures).sum::<u64>(), 1);
}

#[test]
fn a_worker_shows_how_long_it_was_busy() {
    let world = World::start();
    let busy = || world.proxy.metric("countersign_worker_busy_seconds_total{worker=\"0\"}");
    let before = busy();
    wait_until("work", || {
        assert_eq!(world.proxy.get("/public/a", None).status, 200);
        busy() > before
    });
    assert!(busy() < 60.0, "a worker that waits is not busy: {} s", busy());
}

#[test]
fn a_scraper_that_prefers_open_metrics_gets_it() {
    let world = World::start();
    let scrape = |accept: &str| {
        let request = Request::get("/metrics").field("accept", accept);
        let answer = world.proxy.ask_admin(&request.field("connection", "close"));
        let content_type = answer.field("content-type").unwrap().to_owned();
        (content_type, String::from_utf8(answer.body.bytes).unwrap())
    };
    let (content_type, text) = scrape(OPEN_METRICS);
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    assert!(text.contains("# TYPE countersign_requests counter\n"), "{text}");
    let (content_type, text) = scrape("*/*");
    assert_eq!(content_type, "text/plain; version=0.0.4");
    assert!(text.contains("# TYPE countersign_requests_total counter\n"), "{text}");
}

#[test]
fn d8_an_exemplar_s_id_is_one_of_ours_even_where_another_is_accepted() {
    let trusting = "[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let world = World::with_setup(|setup| setup.with(trusting));
    let scrape = || {
        let request = Request::get("/metrics").field("accept", OPEN_METRICS);
        let answer = world.proxy.ask_admin(&request.field("connection", "close"));
        String::from_utf8(answer.body.bytes).unwrap()
    };
    assert!(!scrape().contains(" # {"));
    let get = |id: Option<&str>| {
        let request = Request::get("/public/a");
        world.proxy.exchange(&match id {
            Some(id) => request.field("x-request-id", id),
            None => request,
        });
    };
    get(Some("accepted"));
    wait_until("the end", || durations(&world.proxy, "/public/**") == 1);
    assert!(!scrape().contains(" # {"));
    get(None);
    wait_until("the end", || durations(&world.proxy, "/public/**") == 2);
    let text = scrape();
    let exemplar = text.lines().find_map(|line| line.split_once(" # {request_id=\"")).unwrap().1;
    let id = exemplar.split('"').next().unwrap();
    assert!(world.proxy.worker_logs().contains(id), "no line has the id {id}");
}

#[test]
fn d8_whatever_is_sent_there_are_no_more_series_than_at_the_start() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let count = || world.proxy.metrics().lines().filter(|line| !line.starts_with('#')).count();
    let first = count();
    for n in 0..20 {
        let strange = format!("strange-{n}");
        let tokens = [
            world.issuer.mint(json!({ "sub": strange, "aud": strange })),
            world.issuer.mint(json!({ "iss": strange })),
            world.issuer.mint_with(json!({ "kid": strange }), json!({})),
            world.issuer.mint(json!({ "exp": n })),
            strange.clone(),
        ];
        for token in &tokens {
            let request = Request::get(&format!("/{strange}?{strange}={n}")).bearer(token);
            let request = request.field("x-request-id", &strange).field("traceparent", &strange);
            world.proxy.exchange(&request);
        }
        world.proxy.exchange(&Request::new("STRANGE", &format!("/{strange}")));
        world.proxy.exchange(&Request::to(&strange, "GET", "/public/a"));
        let mut client = world.proxy.client();
        client.send(b"strange\r\n\r\n");
        let _ = client.try_read();
    }
    assert_eq!(count(), first);
    let metrics = world.proxy.metrics();
    assert!(!metrics.contains("strange"), "{metrics}");
}

/// A hundred issuers: what their denials take of a scrape, which is there from the start.
#[test]
fn the_denials_of_many_issuers_are_shown_within_a_bound() {
    const ISSUERS: usize = 100;
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let mut setup = Setup::new().issuer("corp", &issuer, &key_server, "", "");
    for n in 1..ISSUERS {
        let other = issuer.named(&format!("https://issuer-{n}.example"));
        key_server.serve(&format!("/issuer-{n}/jwks"), Page::json(&other.jwks()));
        setup = setup.issuer(&format!("issuer-{n}"), &other, &key_server, "", "");
    }
    let proxy = setup.start(&upstream);
    let metrics = proxy.metrics();
    let denials = metrics.lines().filter(|line| line.starts_with("countersign_denials_total{"));
    let (series, bytes) =
        denials.fold((0, 0), |(series, bytes), line| (series + 1, bytes + line.len() + 1));
    println!("{ISSUERS} issuers: {series} series of denials, {bytes} bytes of {}", metrics.len());
    assert!(series > 25 * ISSUERS && series < 40 * ISSUERS, "{series}");
    assert!(bytes < 400_000, "{bytes}");
    let expired = "countersign_denials_total{issuer=\"issuer-99\",reason=\"token_expired\"}";
    assert_eq!(metric_in(&metrics, expired), Some("0"));
    let introspected = "countersign_denials_total{issuer=\"corp\",reason=\"token_inactive\"}";
    assert_eq!(metric_in(&metrics, introspected), None, "it is not introspected");
}

#[test]
fn certificates_towards_providers_and_stores_have_an_expiry_until_a_reload_removes_them() {
    let (issuer, upstream, keys) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    keys.serve(JWKS, Page::json(&issuer.jwks()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, Authority::new("of all").pem()).unwrap();
    let trusted = format!("ca_file = \"{}\"", file.display());
    let setup = |trusted: &str| Setup::new().issuer("corp", &issuer, &keys, "", trusted);
    let proxy = setup(&trusted).start(&upstream);
    let series = "countersign_certificate_expiry_timestamp_seconds{setting=\"issuers.corp.keys.\
                  ca_file\"}";
    let expiry: i64 = metric_in(&proxy.metrics(), series).unwrap().parse().unwrap();
    assert!(expiry > 4_000_000_000, "rcgen's default is far away: {expiry}");
    proxy.server().reload(setup("").load(&upstream).unwrap()).unwrap();
    assert_eq!(metric_in(&proxy.metrics(), series), None);
}
