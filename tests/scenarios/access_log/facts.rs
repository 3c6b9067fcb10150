//! What a line knows of a request besides whose it was.

use super::{lines, only_line, with_log};
use crate::support::{
    bare,
    client::Request,
    h2::{self, H2},
    logs::field,
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ALL: &str = "[log]\nlevel = \"debug\"\naccess = \"all\"";

#[test]
fn a_line_has_the_listener_the_version_of_http_the_trace_and_what_to_do() {
    let log = "format = \"json\"\n[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let world = with_log(log);
    let token = world.issuer.mint(serde_json::json!({ "exp": 1 }));
    let mut request = h2::get("/", &token);
    request.headers_mut().insert("traceparent", TRACE.parse().unwrap());
    let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
    assert_eq!(answer.status, 401);
    wait_until("the line", || !lines(&world).is_empty());
    let line = only_line(&world);
    assert_eq!(line["protocol"], "HTTP/2", "{line}");
    assert_eq!(line["listener"], "server", "{line}");
    assert_eq!(line["trace_id"], TRACE[3..35], "{line}");
    assert!(line["hint"].as_str().unwrap().contains("renew its tokens"), "{line}");
}

#[test]
fn a_client_that_leaves_before_there_is_an_answer_is_aborted() {
    let silent = bare::upstream(|_, mut reader| {
        let _ = std::io::Read::read(&mut reader, &mut [0]);
    });
    let mut world = bare::in_front_of_several(&format!("url = \"{}\"", bare::url(&silent)), ALL);
    world.proxy.expect_unmatched_answers();
    let mut client = world.proxy.client();
    client.send(&Request::get("/public/a").bytes());
    wait_until("the request at the service", || silent.accepted() == 1);
    drop(client);
    wait_until("the line", || lines(&world).len() == 1);
    let line = lines(&world).remove(0);
    assert!(line.starts_with("aborted "), "{line}");
    assert_eq!(field(&line, "end"), Some("client_gone"), "{line}");
    assert!(!line.contains(" status="), "{line}");
}

#[test]
fn attempts_are_counted_and_the_endpoint_is_the_one_that_answered() {
    let service = Upstream::start();
    let urls = [bare::closed_port(), service.url()];
    let endpoints = format!("urls = {urls:?}\nbalance = \"round-robin\"");
    let mut world = bare::in_front_of_several(&endpoints, ALL);
    world.proxy.expect_unmatched_answers();
    // Which endpoint comes first is up to the balance.
    for _ in 0..10 {
        assert_eq!(world.proxy.get("/public/a", None).status, 200);
    }
    wait_until("the lines", || lines(&world).len() == 10);
    let lines = lines(&world);
    let twice: Vec<_> = lines.iter().filter(|line| line.contains(" attempts=2 ")).collect();
    assert!(!twice.is_empty(), "{lines:?}");
    for line in twice {
        assert_eq!(field(line, "endpoint"), Some(&*service.url()), "{line}");
    }
}

#[test]
fn d8_a_reload_gives_a_flood_of_refusals_no_further_lines() {
    let upstream = Upstream::start();
    let log = "[log]\nlevel = \"debug\"\nlines_per_second = 1\nburst = 10\n";
    let setup = Setup::new().routes("[[routes]]\npath = \"/a\"\naccess = \"public\"").with(log);
    let proxy = setup.start(&upstream);
    let flood = || (0..20).for_each(|_| assert_eq!(proxy.get("/b", None).status, 403));
    flood();
    let changed = setup.with("[headers]\nset_headers = { x-a = \"1\" }\n");
    proxy.server().reload(changed.load(&upstream).unwrap()).unwrap();
    flood();
    let logs = proxy.worker_logs();
    let refused = logs.lines().filter(|line| line.contains("denied reason=")).count();
    assert!((10..20).contains(&refused), "{refused}: {logs}");
}
