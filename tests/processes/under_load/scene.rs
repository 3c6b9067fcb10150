//! The program in front of services, and clients with tokens that send at a constant rate.

use std::env;

use serde_json::json;

use crate::support::{
    h2load::{Load, Outcome, RunningLoad, Speaks},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    process::Process,
    setup::Setup,
    upstream::Upstream,
};

/// The program; every request needs a token.
pub(super) struct Scene {
    pub(super) process: Process,
    token: String,
    _others: (Upstream, KeyServer),
}

/// One kind of the requests that are sent at the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    name: &'static str,
    speaks: Speaks,
    /// Of [`RATE`], in hundredths.
    share: usize,
    body: Option<&'static str>,
}

/// Lanes that are under way.
pub(super) struct Traffic(Vec<(Lane, RunningLoad)>);

/// Requests a second, of all lanes.
pub(super) const RATE: usize = 2000;
/// Of each lane. Their product with each lane's rate is whole.
pub(super) const CLIENTS: usize = 20;

const GETS: Lane = Lane { name: "GET HTTP/1.1", speaks: Speaks::Http1, share: 40, body: None };
const GETS_BY_HTTP2: Lane = Lane { name: "GET HTTP/2", speaks: Speaks::Http2, ..GETS };
const POSTS: Lane = Lane { name: "POST HTTP/1.1", share: 20, body: Some("once"), ..GETS };

/// What callers of a service do.
pub(super) const MIXED: [Lane; 3] = [GETS, GETS_BY_HTTP2, POSTS];
/// Half of [`RATE`].
pub(super) const HALF: [Lane; 2] =
    [Lane { share: 25, ..GETS }, Lane { share: 25, ..GETS_BY_HTTP2 }];

/// A tenth of it.
pub(super) const LITTLE: [Lane; 2] =
    [Lane { share: 5, ..GETS }, Lane { share: 5, ..GETS_BY_HTTP2 }];

/// Whether it takes as long as the figures in docs/performance.md.
pub(super) fn is_full() -> bool {
    env::var("COUNTERSIGN_LOAD").is_ok_and(|scale| scale == "full")
}

impl Scene {
    /// In front of an upstream with these lines, with a further line of the route, and with further
    /// tables.
    pub(super) fn start(lines: &str, route: &str, tables: &str) -> Self {
        let (app, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
        key_server.serve("/corp/jwks", Page::json(&issuer.jwks()));
        let routes = format!("[[routes]]\npath = \"/**\"\nupstream = \"other\"\n{route}");
        let setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", "")
            .with(&format!("[upstreams.other]\n{lines}\n{tables}\n[log]\nlevel = \"info\""))
            .routes(&routes);
        let claims = json!({ "client_id": "app", "iat": 0, "exp": 9_000_000_000_u64 });
        let token = issuer.mint(claims);
        Self { process: Process::start(&setup, &app), token, _others: (app, key_server) }
    }

    /// Starts to send, for so many seconds. `None`, with a notice, where there is no h2load.
    pub(super) fn send(&self, lanes: &[Lane], seconds: usize) -> Option<Traffic> {
        let url = format!("http://{}/orders", self.process.address());
        let start = |lane: &Lane| {
            let rate = RATE * lane.share / 100;
            let token = Some(self.token.clone());
            let (speaks, body, requests) = (lane.speaks, lane.body, rate * seconds);
            let load = Load { speaks, requests, rate, clients: CLIENTS, token, body };
            Some((*lane, load.start(&url)?))
        };
        lanes.iter().map(start).collect::<Option<_>>().map(Traffic)
    }

    /// How many endpoints are in that state.
    pub(super) fn are(&self, state: &str, count: u32) -> bool {
        let labels = format!("{{state=\"{state}\",upstream=\"other\"}}");
        let found = self.process.metric(&format!("countersign_upstream_endpoints{labels}"));
        (found - f64::from(count)).abs() < f64::EPSILON
    }
}

impl Traffic {
    /// Waits for the end of all. GETs, and POSTs: what may be sent twice, and what must not.
    pub(super) fn finish(self, case: &str) -> (Outcome, Outcome) {
        let (mut gets, mut posts) = (Outcome::default(), Outcome::default());
        for (lane, load) in self.0 {
            let outcome = load.finish();
            println!("{case}: {}: {outcome}", lane.name);
            let all = if lane.body.is_some() { &mut posts } else { &mut gets };
            *all = std::mem::take(all).and(outcome);
        }
        (gets, posts)
    }

    pub(super) fn is_over(&mut self) -> bool {
        self.0.iter_mut().any(|(_, load)| load.is_over())
    }
}
