//! The program between a flood and its upstream, and what valid requests beside it see.

use std::{
    env,
    io::{Write, stderr},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    client::Request,
    h2::{self, H2},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    process::Process,
    proxy::metric_in,
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::JWKS,
};

use super::upstream::FloodUpstream;

const MIB: usize = 1024 * 1024;

/// Requests of which the 99th percentile is taken, per protocol.
const SAMPLES: usize = 300;

/// So often memory is looked at while a flood lasts.
const LOOKS: u32 = 10;

/// On a busy machine a quiet p99 is a matter of luck below this.
const QUIET_FLOOR: Duration = Duration::from_millis(4);

/// How large the floods are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// A part of it, for every run of the tests.
    Part,
    /// As the bars are meant.
    Full,
}

/// The program in front of an upstream that can take a flood.
pub(super) struct Scene {
    process: Process,
    token: String,
    quiet: Latency,
    _parts: (Upstream, KeyServer, FloodUpstream),
}

/// 99th percentiles of valid requests.
#[derive(Debug, Clone, Copy)]
struct Latency {
    http1: Duration,
    http2: Duration,
}

impl Scale {
    pub(super) fn get() -> Self {
        match env::var("COUNTERSIGN_FLOODS") {
            Ok(scale) if scale == "full" => Self::Full,
            _ => Self::Part,
        }
    }

    pub(super) fn of<T>(self, part: T, full: T) -> T {
        match self {
            Self::Part => part,
            Self::Full => full,
        }
    }
}

impl Scene {
    pub(super) fn start(limits: &str) -> Self {
        let flooded = FloodUpstream::start();
        let (upstream, key_server, issuer) =
            (Upstream::start(), KeyServer::start(), Issuer::usual());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let routes = "[[routes]]\npath = \"/public/**\"\naccess = \"public\"\n\
                      upstream = \"flooded\"\n\n\
                      [[routes]]\npath = \"/**\"\nupstream = \"flooded\"\n";
        let setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", "")
            .with(&format!("[upstreams.flooded]\nurl = \"{}\"", flooded.url()))
            .with("[log]\nlevel = \"info\"")
            .routes(routes)
            .server(limits);
        let process = Process::start(&setup, &upstream);
        let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
        let mut scene = Self {
            process,
            token,
            quiet: Latency { http1: Duration::ZERO, http2: Duration::ZERO },
            _parts: (upstream, key_server, flooded),
        };
        scene.latency();
        scene.quiet = scene.latency();
        scene
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    pub(super) fn metric(&self, series: &str) -> f64 {
        let page = self.process.admin("/metrics").body.bytes;
        let page = String::from_utf8(page).unwrap();
        metric_in(&page, series).map_or(0.0, |value| value.parse().unwrap())
    }

    /// Looks at memory and at valid requests while a flood stands, and prints what it saw.
    #[track_caller]
    pub(super) fn assert_bounded(&self, flood: &str, most_mib: usize) {
        let mut most = 0;
        for _ in 0..LOOKS {
            most = most.max(self.process.resident());
            thread::sleep(Duration::from_millis(100));
        }
        let during = self.latency();
        most = most.max(self.process.resident()).div_ceil(MIB);
        let quiet = self.quiet;
        // Not by a macro, whose output is hidden when a test passes.
        let _ = writeln!(stderr(), "FLOOD {flood}: {most} MiB; p99 {during:?}, quiet {quiet:?}");
        assert!(most <= most_mib, "{flood}: {most} MiB");
        for (during, quiet) in [(during.http1, quiet.http1), (during.http2, quiet.http2)] {
            let allowed = 5 * quiet.max(QUIET_FLOOR);
            assert!(during <= allowed, "{flood}: p99 of {during:?}, {quiet:?} when quiet");
        }
    }

    fn latency(&self) -> Latency {
        let request = Request::get("/").bearer(&self.token);
        let mut client = self.process.client();
        let http1 = percentile(|| assert_eq!(client.exchange(&request).status, 200));
        let client = H2::connect(self.process.address());
        let http2 = percentile(|| {
            assert_eq!(client.exchange(h2::get("/", &self.token)).unwrap().status, 200);
        });
        Latency { http1, http2 }
    }

    /// Waits until the proxy has as many connections as that, at least.
    pub(super) fn wait_for_connections(&self, count: usize) {
        let open = || self.metric("countersign_connections");
        wait_until("the flood to arrive", || open() as usize >= count);
    }
}

fn percentile(mut exchange: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..SAMPLES)
        .map(|_| {
            let since = Instant::now();
            exchange();
            since.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[SAMPLES * 99 / 100]
}
