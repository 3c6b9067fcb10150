//! The proxy under test: started through the library, on ephemeral ports, by a clock of its own.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use countersign::{
    clock::{ManualClock, UnixTime},
    lifecycle::Server,
    listener::settings::ListenAddress,
    settings::Settings,
};

use super::{
    client::{Answer, Client, Request},
    invariants,
    journal::Journal,
    logs,
    oracle::Mark,
    upstream::{Record, Upstream},
    wait_until,
};

/// A running proxy. When it is dropped it stops, and the invariants are checked.
#[derive(Debug)]
pub(crate) struct Proxy {
    server: Server,
    clock: Arc<ManualClock>,
    journal: Arc<Journal>,
    upstream: Arc<Record>,
    logs_from: usize,
    unmatched_answers: bool,
    /// The series of its metrics when it had started.
    first_series: BTreeSet<String>,
    /// Whether a test may have changed its configuration.
    may_be_reloaded: AtomicBool,
}

impl Proxy {
    pub(super) fn start(settings: Settings, upstream: &Upstream, now: i64) -> Self {
        let logs_from = logs::capture();
        let clock = Arc::new(ManualClock::at(UnixTime(now)));
        let server = Server::start_at(settings, Arc::clone(&clock) as _).unwrap();
        let upstream = Arc::clone(upstream.record());
        let journal = Arc::default();
        let mut proxy = Self {
            server,
            clock,
            journal,
            upstream,
            logs_from,
            unmatched_answers: false,
            first_series: BTreeSet::new(),
            may_be_reloaded: AtomicBool::new(false),
        };
        assert_eq!(proxy.admin("/livez").status, 200);
        proxy.first_series = proxy.series();
        proxy
    }

    /// Not every request that the upstream answers has an answer that a client reads: this test
    /// breaks off on purpose, and INV-2 is not checked for it.
    pub(crate) fn expect_unmatched_answers(&mut self) {
        self.unmatched_answers = true;
    }

    /// Waits for 200 of `/readyz`, and for all that it would have a note about but
    /// upstreams.
    pub(crate) fn wait_until_ready(&self) {
        let mut last = String::new();
        wait_until("readiness", || {
            let answer = self.admin("/readyz");
            last = String::from_utf8_lossy(&answer.body.bytes).into_owned();
            let is_of_upstream = |line: &str| line.starts_with("note: upstream ");
            answer.status == 200 && last.lines().skip(1).all(is_of_upstream)
        });
    }

    pub(crate) fn address(&self) -> SocketAddr {
        tcp(self.server.address())
    }

    /// The address of a further listener, by its position; 0 is that of [`Self::address`].
    pub(crate) fn address_of(&self, listener: usize) -> SocketAddr {
        tcp(&self.server.addresses()[listener])
    }

    /// A new connection to a further listener.
    pub(crate) fn client_of(&self, listener: usize) -> Client {
        Client::connect(self.address_of(listener), &self.journal)
    }

    /// The server itself, e.g. for a reload.
    pub(crate) fn server(&self) -> &Server {
        self.may_be_reloaded.store(true, Ordering::Relaxed);
        &self.server
    }

    /// Moves the wall clock that the proxy sees.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
    }

    /// Sets the wall clock that the proxy sees.
    pub(crate) fn set_time(&self, now: i64) {
        self.clock.set(UnixTime(now));
    }

    /// A new connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address(), &self.journal)
    }

    /// One exchange on a connection of its own.
    pub(crate) fn exchange(&self, request: &Request) -> Answer {
        self.client().exchange(request)
    }

    /// One GET on a connection of its own.
    pub(crate) fn get(&self, target: &str, token: Option<&str>) -> Answer {
        let request = Request::get(target);
        self.exchange(&match token {
            Some(token) => request.bearer(token),
            None => request,
        })
    }

    /// What the upstream has received until now.
    pub(crate) fn mark(&self) -> Mark {
        Mark::of(&self.upstream)
    }

    /// A page of the admin listener.
    pub(crate) fn admin(&self, page: &str) -> Answer {
        let journal = Arc::default();
        let mut client = Client::connect(tcp(self.server.admin_address()), &journal);
        client.exchange(&Request::get(page).field("connection", "close"))
    }

    /// Any request to the admin listener.
    pub(crate) fn ask_admin(&self, request: &Request) -> Answer {
        Client::connect(tcp(self.server.admin_address()), &self.journal).exchange(request)
    }

    /// Any request to the private listener.
    pub(crate) fn ask_control(&self, request: &Request) -> Answer {
        let control = self.server.control_address().expect("there is a private listener");
        Client::connect(tcp(control), &Arc::default()).exchange(request)
    }

    /// The text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        self.page("/metrics")
    }

    /// The value of one metric, e.g.
    /// `countersign_denials_total{issuer="corp",reason="kid_unknown"}`; labels in the order of
    /// their names. 0 if there is no such line.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        metric_in(&self.metrics(), series).map_or(0.0, |value| value.parse().unwrap())
    }

    /// The names and labels of all series.
    fn series(&self) -> BTreeSet<String> {
        let metrics = self.metrics();
        let series = metrics.lines().filter(|line| !line.starts_with('#'));
        series.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
    }

    /// The series that were not there when the proxy had started. `None`: its configuration may be
    /// another one by now.
    pub(super) fn new_series(&self) -> Option<Vec<String>> {
        let is_same = !self.may_be_reloaded.load(Ordering::Relaxed);
        is_same.then(|| self.series().difference(&self.first_series).cloned().collect())
    }

    /// What `/readyz` says is pending; empty if the proxy is ready.
    pub(crate) fn pending(&self) -> String {
        let answer = self.admin("/readyz");
        match answer.status {
            200 => String::new(),
            503 => String::from_utf8(answer.body.bytes).unwrap(),
            status => panic!("/readyz: {status}"),
        }
    }

    /// The body of an admin page, as text.
    pub(crate) fn page(&self, page: &str) -> String {
        String::from_utf8(self.admin(page).body.bytes).unwrap()
    }

    /// Everything logged since the proxy started, by whatever in the process.
    pub(crate) fn logs(&self) -> String {
        logs::since(self.logs_from)
    }

    /// Everything that its workers have logged, which no other test adds to.
    pub(crate) fn worker_logs(&self) -> String {
        logs::of_workers_since(self.logs_from, &self.server.address().to_string())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        invariants::check(self, &self.journal, &self.upstream, self.unmatched_answers);
    }
}

/// The value of one series in the text of metrics, by its name and labels.
/// `None` if there is no such line.
pub(crate) fn metric_in<'m>(metrics: &'m str, series: &str) -> Option<&'m str> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

fn tcp(address: &ListenAddress) -> SocketAddr {
    match address {
        ListenAddress::Tcp(address) => *address,
        other => panic!("not TCP: {other}"),
    }
}
