//! Endpoints that fail, are slow, or answer badly.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::support::{
    bare,
    client::Request,
    fleet::{Instance, Protocol, load},
    wait_until,
};

use super::scene::{ejections, endpoints, in_front_of, is};

const CLIENTS: usize = 4;

#[test]
fn u5_one_of_three_endpoints_killed_under_load_and_back_fails_nothing_but_posts_in_flight() {
    for protocol in Protocol::ALL {
        let mut instances = Instance::several(3, protocol);
        let world = in_front_of(&instances, "eject = { failures = 3, for = \"300ms\" }");
        let is_over = AtomicBool::new(false);
        let answers = thread::scope(|scope| {
            let proxy = &world.proxy;
            let running =
                scope.spawn(|| load(proxy, CLIENTS, true, || is_over.load(Ordering::SeqCst)));
            wait_until("requests", || instances.iter().all(|it| it.count() > 50));
            instances[1].kill();
            wait_until("the ejection", || is(endpoints(proxy, "ejected"), 1));
            instances[1].revive();
            let before = instances[1].count();
            wait_until("the return", || instances[1].count() > before + 50);
            wait_until("the whole share", || is(endpoints(proxy, "used"), 3));
            is_over.store(true, Ordering::SeqCst);
            running.join().unwrap()
        });
        // The only excuse: a request in flight that must not be sent twice, at most one a client.
        let excused = answers.failed.iter().filter(|(request, _)| request.starts_with("POST"));
        assert_eq!(excused.count(), answers.failed.len(), "{protocol:?}: {:?}", answers.failed);
        assert!(answers.failed.len() <= CLIENTS, "{protocol:?}: {:?}", answers.failed);
        for client in 0..CLIENTS {
            for number in (3..answers.count).step_by(4) {
                let post = format!("POST /public/{client}-{number}");
                let times: usize = instances.iter().map(|it| it.times(&post)).sum();
                assert!(times <= 1, "{protocol:?}: {post} came {times} times");
            }
        }
        let logs = world.proxy.worker_logs();
        let lines = logs.lines().filter(|line| line.contains("endpoint ejected")).count();
        assert!((1..=6).contains(&lines), "{protocol:?}: {lines}");
        println!("{protocol:?}: {} requests, {} POSTs failed", answers.count, answers.failed.len());
    }
}

#[test]
fn an_endpoint_that_answers_slowly_gets_fewer_requests() {
    for protocol in Protocol::ALL {
        let instances = Instance::several(3, protocol);
        let world = in_front_of(&instances, "");
        instances[0].delay(Duration::from_millis(400));
        let others = || instances[1].count().min(instances[2].count());
        let answers = load(&world.proxy, 8, false, || others() > 250);
        assert!(answers.failed.is_empty(), "{protocol:?}: {:?}", answers.failed);
        let counts: Vec<_> = instances.iter().map(Instance::count).collect();
        // A third of the clients wait for it, and no more.
        assert!(counts[0] * 8 < answers.count, "{protocol:?}: {counts:?}");
        instances[0].delay(Duration::ZERO);
        let before = instances[0].count();
        let back = load(&world.proxy, 4, false, || instances[0].count() > before + 50);
        assert!(back.failed.is_empty(), "{protocol:?}: {:?}", back.failed);
    }
}

#[test]
fn weights_are_kept_by_both_rules() {
    for rule in ["two-choices", "round-robin"] {
        let instances = Instance::several(3, Protocol::Http1);
        let [a, b, c] = [&instances[0], &instances[1], &instances[2]].map(Instance::url);
        let lines = format!(
            "urls = [\"{a}\", {{ url = \"{b}\", weight = 3 }}, \"{c}\"]\nbalance = \"{rule}\""
        );
        let world = bare::in_front_of_several(&lines, "");
        let mut client = world.proxy.client();
        for number in 0..500 {
            let request = Request::get(&format!("/public/{number}"));
            assert_eq!(client.exchange(&request).status, 200);
        }
        let share = instances[1].count();
        assert!((250..=350).contains(&share), "{rule}: {share}");
    }
}

#[test]
fn u6_answers_eject_by_choice_only_and_never_more_than_half() {
    for (lines, ejected) in [("", 0), ("eject = { on_status = [503], for = \"1m\" }", 2)] {
        let instances = Instance::several(4, Protocol::Http1);
        let world = in_front_of(&instances, lines);
        // A client has found a request that every instance answers so.
        for instance in &instances {
            instance.answer(503);
        }
        let received = || instances.iter().map(Instance::count).sum::<usize>();
        let answers = load(&world.proxy, 4, false, || received() > 300);
        assert_eq!(answers.failed.len(), answers.count, "they are passed on");
        assert!(is(ejections(&world.proxy, "status"), ejected), "{lines}");
        assert!(is(endpoints(&world.proxy, "ejected"), ejected), "{lines}");
        for instance in &instances {
            instance.answer(0);
        }
        let mut client = world.proxy.client();
        let request = Request::get("/public/x");
        assert_eq!(client.exchange(&request).status, 200, "{lines}");
    }
}
