//! The program between a flood and its upstream, and what valid requests beside it see.

use std::{
    env,
    io::{Write, stderr},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    client::{Client, Request},
    h2::{self, H2},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    process::{BINARY, Process},
    proxy::metric_in,
    setup::Setup,
    upstream::Upstream,
    world::JWKS,
};

use super::upstream::FloodUpstream;

const MIB: usize = 1024 * 1024;

/// Requests of which the 99th percentile is taken, per protocol.
const SAMPLES: usize = 200;

/// So often memory is looked at before.
const LOOKS: u32 = 5;

/// On a busy machine, a p99 below this is a matter of luck.
const FLOOR: Duration = Duration::from_millis(10);

/// How large the floods are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// A part, for every run of the tests.
    Part,
    /// What the bars are about.
    Full,
}

/// The program in front of an upstream that can take a flood, and a second one without a flood.
pub(super) struct Scene {
    flooded: Process,
    quiet: Process,
    valid: ValidClients,
    valid_at_quiet: ValidClients,
    upstream: FloodUpstream,
    issuer: Issuer,
    _others: (Upstream, KeyServer),
}

/// Clients that were there before the flood.
struct ValidClients {
    token: String,
    http1: Client,
    http2: H2,
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
    pub(super) fn start() -> Self {
        Self::start_with("", "")
    }

    /// With further lines of `[server]` and further tables.
    pub(super) fn start_with(server: &str, tables: &str) -> Self {
        let flood_upstream = FloodUpstream::start();
        let (app, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let routes = "[[routes]]\npath = \"/public/**\"\naccess = \"public\"\n\
                      upstream = \"flooded\"\n\n\
                      [[routes]]\npath = \"/**\"\nupstream = \"app\"\n";
        let setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", "")
            .with(&format!("[upstreams.flooded]\nurl = \"{}\"", flood_upstream.url()))
            .with("[log]\nlevel = \"info\"")
            .with(tables)
            .server(server)
            .routes(routes);
        let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
        let (flooded, quiet) = (Process::start(&setup, &app), Process::start(&setup, &app));
        let (valid, valid_at_quiet) =
            (ValidClients::of(&flooded, &token), ValidClients::of(&quiet, &token));
        let (upstream, others) = (flood_upstream, (app, key_server));
        Self { flooded, quiet, valid, valid_at_quiet, upstream, issuer, _others: others }
    }

    pub(super) fn process(&self) -> &Process {
        &self.flooded
    }

    /// What the process may take, by `countersign check --resources`.
    pub(super) fn computed_bytes(&self) -> usize {
        let mut command = Command::new(BINARY);
        command.env_clear().args(["check", "--resources", "--json", "--config"]);
        let output = command.arg(self.flooded.config()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        usize::try_from(report["resources"]["memory_bytes"].as_u64().unwrap()).unwrap()
    }

    /// What the process takes while a flood stands.
    pub(super) fn anonymous_and_resident(&self) -> (usize, usize) {
        self.upstream.standstill();
        (self.flooded.anonymous(), self.flooded.resident())
    }

    /// Requests with different tokens, one after the other, on connections that are kept.
    pub(super) fn wait_with_tokens(&self, count: usize) -> Vec<Client> {
        let client = |n: usize| {
            let claims = json!({ "iat": 0, "exp": 9_000_000_000_u64, "jti": n.to_string() });
            let request = Request::get("/").bearer(&self.issuer.mint(claims));
            let mut client = self.flooded.client();
            assert_eq!(client.exchange(&request).status, 200);
            client
        };
        (0..count).map(client).collect()
    }

    /// Looks at memory and at valid requests while a flood stands, and prints what it saw.
    #[track_caller]
    pub(super) fn assert_bounded(mut self, flood: &str, most_mib: usize) {
        let mut most = 0;
        self.upstream.standstill();
        for _ in 0..LOOKS {
            most = most.max(self.flooded.resident());
            thread::sleep(Duration::from_millis(100));
        }
        // By turns, so that both see the same of the machine.
        let mut times = (0..SAMPLES).map(|_| (self.valid.once(), self.valid_at_quiet.once()));
        let (during, quiet): (Vec<_>, Vec<_>) = times.by_ref().unzip();
        let (during, quiet) = (percentiles(&during), percentiles(&quiet));
        most = most.max(self.flooded.resident()).div_ceil(MIB);
        let idle = self.quiet.resident().div_ceil(MIB);
        let held = metric(&self.flooded, "countersign_waiting_body_bytes");
        // Not by a macro, whose output is hidden when a test passes.
        let _ = writeln!(
            stderr(),
            "FLOOD {flood}: {most} MiB resident, {idle} without it; {held} bytes of bodies; \
             p99 of HTTP/1.1 and HTTP/2 {during:?}, {quiet:?} without it"
        );
        assert!(most <= most_mib, "{flood}: {most} MiB");
        for (during, quiet) in during.into_iter().zip(quiet) {
            let allowed = 5 * quiet.max(FLOOR);
            assert!(during <= allowed, "{flood}: p99 of {during:?}, {quiet:?} without it");
        }
    }
}

impl ValidClients {
    fn of(process: &Process, token: &str) -> Self {
        let (http1, http2) = (process.client(), H2::connect(process.address()));
        let mut clients = Self { token: token.to_owned(), http1, http2 };
        clients.once();
        clients
    }

    /// How long a request takes over HTTP/1.1 and over HTTP/2.
    fn once(&mut self) -> [Duration; 2] {
        let request = Request::get("/").bearer(&self.token);
        let since = Instant::now();
        assert_eq!(self.http1.exchange(&request).status, 200);
        let http1 = since.elapsed();
        let request = h2::get("/", &self.token);
        let since = Instant::now();
        assert_eq!(self.http2.exchange(request).unwrap().status, 200);
        [http1, since.elapsed()]
    }
}

fn metric(process: &Process, series: &str) -> f64 {
    let page = String::from_utf8(process.admin("/metrics").body.bytes).unwrap();
    metric_in(&page, series).map_or(0.0, |value| value.parse().unwrap())
}

/// The 99th percentile for each protocol.
fn percentiles(times: &[[Duration; 2]]) -> [Duration; 2] {
    [0, 1].map(|protocol| {
        let mut times: Vec<_> = times.iter().map(|times| times[protocol]).collect();
        times.sort_unstable();
        times[SAMPLES * 99 / 100]
    })
}
