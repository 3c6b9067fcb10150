//! Ten processes, and what they have in common.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::super::scenes::{AT_ONCE, Arrival, CACHE_TTL, Counts, REPLICAS, Scene, Step};
use crate::support::{
    client::{Client, Request},
    introspection::Endpoint,
    issuer::{AUDIENCE, Issuer},
    key_server::{KeyServer, Page},
    process::Process,
    redis::{PASSWORD, RedisServer},
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

pub(super) struct TenProcesses {
    replicas: Vec<Process>,
    endpoint: Endpoint,
    redis: Option<RedisServer>,
    _key_server: KeyServer,
    _app: Upstream,
    _files: tempfile::TempDir,
}

/// One connection to each replica, for the tokens of one attempt.
pub(super) struct Clients<'p> {
    processes: &'p TenProcesses,
    connections: Vec<Client>,
    attempt: usize,
}

impl TenProcesses {
    /// With a `[shared]` if there is a Redis, and with these lines for introspection.
    pub(super) fn start(redis: Option<RedisServer>, lines: &str) -> Self {
        let (endpoint, key_server, app) =
            (Endpoint::start(), KeyServer::start(), Upstream::start());
        let claims = json!({ "active": true, "aud": AUDIENCE, "sub": "alice" });
        endpoint.say_of_all(Some(Page::json(&claims)));
        let (issuer, files) = (Issuer::usual(), tempfile::tempdir().unwrap());
        key_server.serve("/corp/jwks", Page::json(&issuer.jwks()));
        let introspection = format!(
            "[issuers.corp.introspection]\nurl = \"{}\"\nauth = \"none\"\nclient_id = \"api\"\n\
             timeout = \"30s\"\n{lines}",
            endpoint.url("/introspect")
        );
        let mut setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", &introspection)
            .with("[log]\nlevel = \"info\"");
        if let Some(redis) = &redis {
            setup = setup.with(&shared(redis, &files));
        }
        let replicas = thread::scope(|scope| {
            let start = || Process::start(&setup, &app);
            let starting: Vec<_> = (0..REPLICAS).map(|_| scope.spawn(start)).collect();
            starting.into_iter().map(|process| process.join().unwrap()).collect()
        });
        let processes =
            Self { replicas, endpoint, redis, _key_server: key_server, _app: app, _files: files };
        processes.wait_until_connected();
        processes
    }

    fn wait_until_connected(&self) {
        if self.redis.is_some() {
            for replica in &self.replicas {
                let is_connected = || replica.metric("countersign_shared_connected") > 0.5;
                wait_until("the shared store", is_connected);
            }
        }
    }

    /// What each scene costs, with tokens that no other attempt has. `None` if answers may have
    /// expired before their time.
    pub(super) fn play(&self, scenes: &[Scene], attempt: usize) -> Option<Vec<Counts>> {
        let mut clients = self.clients(attempt);
        // Whole seconds count, so that an answer may expire a second early.
        let longest_part = CACHE_TTL.saturating_sub(Duration::from_secs(1));
        let (mut costs, mut began) = (Vec::new(), Instant::now());
        for scene in scenes {
            if scene.is_after_expiry {
                thread::sleep(CACHE_TTL);
                began = Instant::now();
            }
            let before = self.counts();
            for step in &scene.steps {
                clients.take(*step);
            }
            costs.push(self.counts().since(before));
            if began.elapsed() > longest_part {
                return None;
            }
        }
        Some(costs)
    }

    pub(super) fn clients(&self, attempt: usize) -> Clients<'_> {
        let connections = self.replicas.iter().map(Process::client).collect();
        Clients { processes: self, connections, attempt }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            introspections: self.endpoint.count().try_into().unwrap(),
            reads: self.calls("getrange"),
            writes: self.calls("set"),
        }
    }

    /// What Redis does for replicas whatever they receive: reads of logouts, and `PING`.
    pub(super) fn upkeep(&self) -> u32 {
        self.calls("xrange") + self.calls("ping")
    }

    fn calls(&self, command: &str) -> u32 {
        self.redis.as_ref().map_or(0, |redis| redis.calls(command))
    }

    /// A replica forwards a request before the answer is in Redis.
    fn wait_until_written(&self) {
        if self.redis.is_some() {
            wait_until("the write of each answer", || {
                let Counts { introspections, writes, .. } = self.counts();
                writes >= introspections
            });
        }
    }
}

impl Clients<'_> {
    fn take(&mut self, step: Step) {
        let asked_before = self.processes.endpoint.count();
        match step {
            Step::Send(arrival) => self.send(arrival),
            Step::SendToAllAtOnce(token) => self.send_to_all_at_once(token),
        }
        if self.processes.endpoint.count() > asked_before {
            self.processes.wait_until_written();
        }
    }

    pub(super) fn send(&mut self, Arrival { replica, token }: Arrival) {
        let request = self.request(token);
        pass(&mut self.connections[replica], &request);
    }

    /// No answer comes before every replica has asked.
    fn send_to_all_at_once(&self, token: usize) {
        let TenProcesses { replicas, endpoint, .. } = self.processes;
        let (request, before) = (self.request(token), endpoint.count());
        endpoint.hold();
        thread::scope(|scope| {
            for replica in replicas.iter().cycle().take(REPLICAS * AT_ONCE) {
                scope.spawn(|| pass(&mut replica.client(), &request));
            }
            endpoint.wait_for(before + REPLICAS);
            endpoint.release();
        });
    }

    fn request(&self, token: usize) -> Request {
        Request::get("/orders").bearer(&format!("opaque-{}-{token}", self.attempt))
    }
}

fn pass(client: &mut Client, request: &Request) {
    let answer = client.exchange(request);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// As patient as it can be: an answer that comes late costs an introspection.
fn shared(redis: &RedisServer, files: &tempfile::TempDir) -> String {
    let folder = files.path();
    fs::write(folder.join("password"), PASSWORD).unwrap();
    fs::write(folder.join("key"), "k".repeat(32)).unwrap();
    let (port, folder) = (redis.port(), folder.display());
    format!(
        "[shared]\nurl = \"redis://127.0.0.1:{port}/0\"\npassword_file = \"{folder}/password\"\n\
         integrity_key_file = \"{folder}/key\"\ntimeout = \"1s\""
    )
}
