//! I-9 and I-10: many callers, one question; many tokens, a bounded number of them.

use std::thread;

use serde_json::json;

use crate::{
    introspection::scene::{PATH, Scene, opaque},
    support::{
        client::Request, introspection::Endpoint, page::Page, process::Process, setup::Setup,
        upstream::Upstream, wait_until,
    },
};

/// Waits until the proxy has so many connections: a client that connects sends its request at once.
fn wait_for_connections(scene: &Scene, count: usize) {
    let wanted = f64::from(u32::try_from(count).unwrap());
    wait_until("connections", || scene.world.proxy.metric("countersign_connections") >= wanted);
}

#[test]
fn i9_sixty_four_callers_with_one_new_token_ask_once() {
    let scene = Scene::with("", |setup| setup.server("workers = 2"));
    let token = scene.active("shared", json!({}));
    scene.endpoint.hold();
    thread::scope(|scope| {
        let callers: Vec<_> = (0..64).map(|_| scope.spawn(|| scene.passes(&token))).collect();
        scene.endpoint.wait_for(1);
        wait_for_connections(&scene, 64);
        scene.endpoint.release();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap()));
    });
    assert_eq!(scene.endpoint.count_of(&token), 1);
}

#[test]
fn i9_the_first_who_asked_goes_away_and_the_others_get_their_answer() {
    let scene = Scene::start("");
    let token = scene.active("shared", json!({}));
    scene.endpoint.hold();
    let mut leader = scene.world.proxy.client();
    leader.send(&Request::get("/").bearer(&token).bytes());
    scene.endpoint.wait_for(1);
    thread::scope(|scope| {
        let followers: Vec<_> = (0..8).map(|_| scope.spawn(|| scene.passes(&token))).collect();
        wait_for_connections(&scene, 9);
        drop(leader);
        wait_until("the leader's end", || {
            scene.world.proxy.metric("countersign_connections") <= 8.0
        });
        scene.endpoint.release();
        assert!(followers.into_iter().all(|follower| follower.join().unwrap()));
    });
    assert_eq!(scene.endpoint.count_of(&token), 1);
}

/// In a process of its own, whose memory can be looked at: it does not grow with the tokens.
#[test]
fn i10_d6_ten_thousand_random_tokens_are_no_more_questions_at_once_than_the_cap() {
    const CLIENTS: usize = 16;
    let (endpoint, upstream) = (Endpoint::start(), Upstream::start());
    let setup = Setup::new().with(&format!(
        "[issuers.corp]\nissuer = \"https://idp.test\"\naudiences = \"any\"\n\
         [issuers.corp.introspection]\nwhen = \"only\"\nurl = \"{}\"\nauth = \"none\"\n\
         client_id = \"proxy\"\nconcurrency = 4\ncache_bytes = \"64KiB\"\n\
         [log]\nlevel = \"info\"\nformat = \"json\"",
        endpoint.url(PATH)
    ));
    let proxy = Process::start(&setup, &upstream);
    let flood = |of: &str| {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let proxy = &proxy;
                scope.spawn(move || {
                    let mut connection = proxy.client();
                    for n in 0..5_000 / CLIENTS {
                        let token = opaque(&format!("{of}-{client}-{n}"));
                        let answer = connection.exchange(&Request::get("/").bearer(&token));
                        assert!(matches!(answer.status, 401 | 503), "{answer:?}");
                    }
                });
            }
        });
        proxy.resident()
    };
    let (half, whole) = (flood("first"), flood("second"));
    assert!(endpoint.most_at_once() <= 4, "{} at once", endpoint.most_at_once());
    assert!(whole < half + 4 * 1024 * 1024, "{half} bytes after 5,000 tokens, then {whole}");
}

#[test]
fn one_callers_wait_is_no_other_callers() {
    let scene = Scene::start("");
    let (known, new) = (scene.active("known", json!({})), scene.active("new", json!({})));
    assert!(scene.passes(&known));
    scene.endpoint.hold();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| scene.passes(&new));
        scene.endpoint.wait_for(2);
        for _ in 0..20 {
            assert!(scene.passes(&known), "while another token is being asked about");
        }
        assert!(!waiting.is_finished());
        scene.endpoint.release();
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn a_question_outlives_a_reload() {
    let mut kept = None;
    let scene = Scene::with("", |setup| kept.insert(setup).clone());
    let token = scene.active("alice", json!({}));
    let settings = kept.unwrap().load(&scene.world.upstream).unwrap();
    scene.endpoint.hold();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| scene.passes(&token));
        scene.endpoint.wait_for(1);
        scene.world.proxy.server().reload(settings).unwrap();
        scene.endpoint.release();
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn i10_an_endpoint_that_fails_again_and_again_is_left_alone_for_a_while() {
    let scene = Scene::start("");
    scene.endpoint.say_of_all(Some(Page::status(503)));
    for n in 0..50 {
        assert_eq!(scene.reason(&opaque(&format!("lost-{n}"))), "introspection_unavailable");
    }
    assert!(scene.endpoint.count() < 50, "{} questions", scene.endpoint.count());
    assert!(scene.outcomes("resting") > 0);
    scene.endpoint.say_of_all(None);
    let token = scene.active("alice", json!({}));
    wait_until("the endpoint to be asked again", || scene.passes(&token));
    assert!(scene.is_up());
}
