//! The life of the pod of `deploy/kubernetes/sidecar.yaml`, with processes and a file system: its
//! configuration, probes and times are read from that file.

mod app;
mod pod;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use pod::{Pod, TOKEN_PATH};

use crate::support::{client::Request, wait_until};

#[test]
fn the_app_starts_when_the_sidecar_is_alive_and_requests_come_when_there_are_keys() {
    let pod = Pod::start();
    let begun = Instant::now();
    wait_until("the startup probe", || pod.probe("startupProbe") == 200);
    assert!(begun.elapsed() < pod.time_to_start(), "{:?}", begun.elapsed());
    assert_eq!(pod.probe("readinessProbe"), 503, "no keys yet");
    assert_eq!(pod.app_readiness(), 502, "no app yet");

    pod.app.start();
    wait_until("the app", || pod.app_readiness() == 200);
    assert_eq!(pod.probe("readinessProbe"), 503, "still no keys");

    pod.provide_keys();
    wait_until("the keys", || pod.probe("readinessProbe") == 200);
    assert_eq!(pod.client().exchange(&pod.request(TOKEN_PATH)).status, 200);
    assert_eq!(pod.client().exchange(&Request::get(TOKEN_PATH)).status, 401);
    assert_eq!(pod.probe("livenessProbe"), 200);
}

/// The kubelet ends the app first; the sidecar gets its SIGTERM when the app is gone, or when there
/// is no more time.
#[test]
fn the_sidecar_serves_until_the_app_has_ended_and_then_ends_within_the_pods_grace() {
    let mut pod = Pod::start_ready();
    let mut idle = pod.client();
    assert_eq!(idle.exchange(&pod.request(TOKEN_PATH)).status, 200);

    let last = pod.slow_request();
    pod.app.stop_accepting();
    wait_until("the end of the app", || pod.app_readiness() == 502);
    assert_eq!(pod.probe("readinessProbe"), 200, "the sidecar has what it needs");
    pod.app.answer_slow_requests();
    assert_eq!(last.join().unwrap(), 200, "answered by an app that is ending");

    let begun = Instant::now();
    pod.process.signal("TERM");
    assert_eq!(pod.process.exit_code(), Some(0));
    assert!(idle.is_closed());
    // Nothing was in flight: there is nothing to wait for.
    assert!(begun.elapsed() < pod.time_to_stop() / 2, "{:?}", begun.elapsed());
}

#[test]
fn a_request_in_flight_is_answered_when_the_sidecar_has_to_end() {
    let mut pod = Pod::start_ready();
    let last = pod.slow_request();
    pod.process.signal("TERM");
    wait_until("the drain", || !pod.accepts());
    pod.app.answer_slow_requests();
    assert_eq!(last.join().unwrap(), 200);
    let begun = Instant::now();
    assert_eq!(pod.process.exit_code(), Some(0));
    assert!(begun.elapsed() < pod.time_to_stop() / 2, "{:?}", begun.elapsed());
}

#[test]
fn a_swapped_config_map_is_in_force_soon_and_no_request_fails_meanwhile() {
    let mut pod = Pod::start_ready();
    let load = Load::start(&pod);
    for path in ["/first", "/second"] {
        assert_eq!(pod.client().exchange(&Request::get(path)).status, 401);
        let begun = Instant::now();
        pod.swap(&format!("[[routes]]\npath = \"{path}\"\naccess = \"public\"\n"));
        wait_until("the new route", || pod.client().exchange(&Request::get(path)).status == 200);
        // Seen by one look, complete by the next; and the machine may be busy.
        assert!(begun.elapsed() < 5 * pod.watch_interval(), "{:?}", begun.elapsed());
    }
    let statuses = load.stop();
    assert!(statuses.len() > 100, "{}", statuses.len());
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[test]
fn a_broken_config_map_changes_nothing_and_is_shown_until_it_is_mended() {
    let mut pod = Pod::start_ready();
    pod.swap("[[routes]]\npath = \"/broken\"\nacces = \"public\"\n");
    wait_until("the refusal", || pod.page("/readyz?verbose").contains("acces: unknown key"));
    assert_eq!(pod.probe("readinessProbe"), 200, "it goes on with what it has");
    assert_eq!(pod.client().exchange(&pod.request(TOKEN_PATH)).status, 200);
    assert_eq!(pod.client().exchange(&Request::get("/broken")).status, 401);

    pod.swap("[[routes]]\npath = \"/broken\"\naccess = \"public\"\n");
    wait_until("the mended one", || pod.client().exchange(&Request::get("/broken")).status == 200);
    wait_until("no note", || !pod.page("/readyz?verbose").contains("refused"));
}

/// Requests with a token, one after the other, on a connection that is kept and on new ones.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<u16>>>,
}

impl Load {
    fn start(pod: &Pod) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let kept = {
            let (mut client, request, stop) =
                (pod.client(), pod.request(TOKEN_PATH), Arc::clone(&stop));
            thread::spawn(move || until(&stop, || client.exchange(&request).status))
        };
        let new = {
            let (connect, request, stop) =
                (pod.connector(), pod.request(TOKEN_PATH), Arc::clone(&stop));
            thread::spawn(move || until(&stop, || connect().exchange(&request).status))
        };
        Self { stop, threads: vec![kept, new] }
    }

    /// The status of each.
    fn stop(self) -> Vec<u16> {
        self.stop.store(true, SeqCst);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

fn until(stop: &AtomicBool, mut once: impl FnMut() -> u16) -> Vec<u16> {
    const PAUSE: Duration = Duration::from_millis(2);
    let mut statuses = Vec::new();
    while !stop.load(SeqCst) {
        statuses.push(once());
        thread::sleep(PAUSE);
    }
    statuses
}
