//! Several real Redis servers that belong together: a cluster, or a primary with its sentinels.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    optional,
    redis::{PASSWORD, is_installed, said},
    wait_until,
};

/// Three primaries with a replica each.
pub(crate) struct RedisCluster {
    nodes: Vec<RedisNode>,
}

/// A primary, two replicas, and three sentinels.
pub(crate) struct RedisSentinels {
    servers: Vec<RedisNode>,
    sentinels: Vec<RedisNode>,
    _tls: Option<TlsFiles>,
}

/// The files of nodes that take TLS, besides, on a port of its own, and talk TLS to each other.
struct TlsFiles {
    folder: tempfile::TempDir,
}

/// A server of its own; killed when dropped.
struct RedisNode {
    child: Child,
    port: u16,
    /// Taken only where its configuration says so.
    tls_port: u16,
    _folder: tempfile::TempDir,
}

/// What sentinels want to hear, which is not what servers do.
pub(crate) const SENTINEL_PASSWORD: &str = "hunter3-of-sentinels";

/// The name that the sentinels know the primary under.
pub(crate) const MASTER: &str = "mymaster";

/// How long a primary may be silent until the others act.
const DOWN_AFTER: &str = "500";

const START_DEADLINE: Duration = Duration::from_secs(20);

/// Between two looks at what is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Stands for the port of a node where it takes TLS.
const TLS_PORT: &str = "TLS_PORT";

/// The nodes of a cluster talk to each other on their port plus this.
const BUS: u16 = 10_000;

impl RedisCluster {
    /// `None`, with a notice, where none is installed, see [`optional::skip`].
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("", None)
    }

    /// The same, whose nodes take TLS and talk TLS to each other, with a certificate, its key and
    /// its authority in PEM.
    pub(crate) fn start_with_tls(certificate: &str, key: &str, authority: &str) -> Option<Self> {
        let tls = TlsFiles::new(certificate, key, authority);
        let lines = format!("{}tls-cluster yes\n", tls.lines());
        Self::start_with(&lines, Some(&tls.file("ca")))
    }

    fn start_with(lines: &str, authority: Option<&str>) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let nodes: Vec<_> = (0..6).map(|_| RedisNode::of_cluster(lines)).collect();
        let mut command = redis_cli();
        if let Some(authority) = authority {
            command.args(["--tls", "--cacert", authority]);
        }
        command.args(["--cluster", "create"]);
        let port = |node: &RedisNode| if authority.is_some() { node.tls_port } else { node.port };
        command.args(nodes.iter().map(|node| format!("127.0.0.1:{}", port(node))));
        command.args(["--cluster-replicas", "1", "--cluster-yes"]);
        let log = tempfile::NamedTempFile::new().unwrap();
        optional::run(&mut command, log.path(), START_DEADLINE).unwrap();
        let cluster = Self { nodes };
        wait_until("the cluster", || {
            cluster.nodes.iter().all(|node| node.info("cluster info").contains("cluster_state:ok"))
                && cluster.primaries().len() == 3
        });
        wait_until("the replicas", || {
            let linked =
                |node: &&RedisNode| node.info("info replication").contains("master_link_status:up");
            cluster.nodes.iter().filter(linked).count() == 3
        });
        Some(cluster)
    }

    /// Where a node takes TLS.
    pub(crate) fn tls_port(&self) -> u16 {
        self.nodes[0].tls_port
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.port).collect()
    }

    /// The ports of those that are primaries now.
    pub(crate) fn primaries(&self) -> Vec<u16> {
        let is_primary = |node: &&RedisNode| node.info("info replication").contains("role:master");
        self.nodes.iter().filter(is_primary).map(|node| node.port).collect()
    }

    /// What a node answers.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, port: u16, command: &[&str]) -> T {
        let node = self.nodes.iter().find(|node| node.port == port).unwrap();
        node.ask(command)
    }

    /// At once and without a word.
    pub(crate) fn kill(&mut self, port: u16) {
        let position = self.nodes.iter().position(|node| node.port == port).unwrap();
        drop(self.nodes.remove(position));
    }
}

impl RedisSentinels {
    /// `None`, with a notice, where none is installed, see [`optional::skip`].
    pub(crate) fn start() -> Option<Self> {
        if !is_installed() {
            return None;
        }
        Some(Self::start_all(None))
    }

    /// The same, all of which take TLS and talk TLS to each other, with a certificate, its key and
    /// its authority in PEM.
    pub(crate) fn start_with_tls(certificate: &str, key: &str, authority: &str) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        Some(Self::start_all(Some(TlsFiles::new(certificate, key, authority))))
    }

    fn start_all(tls: Option<TlsFiles>) -> Self {
        let lines = tls.as_ref().map_or_else(String::new, TlsFiles::lines);
        let primary = RedisNode::start(&lines);
        let port = if tls.is_some() { primary.tls_port } else { primary.port };
        let replica = format!("{lines}replicaof 127.0.0.1 {port}\n");
        let replicas = [RedisNode::start(&replica), RedisNode::start(&replica)];
        let sentinels = [(); 3].map(|()| RedisNode::sentinel(port, &lines)).into();
        let servers: Vec<_> = [primary].into_iter().chain(replicas).collect();
        let group = Self { servers, sentinels, _tls: tls };
        wait_until("the sentinels", || {
            group.sentinels.iter().all(|sentinel| {
                let known = sentinel.ask::<Vec<redis::Value>>(&["SENTINEL", "MASTER", MASTER]);
                let known = format!("{known:?}");
                let number = |name: &str, of: &str| {
                    known.contains(&format!("bulk-string('\"{name}\"'), bulk-string('\"{of}\"')"))
                };
                number("num-slaves", "2") && number("num-other-sentinels", "2")
            })
        });
        group
    }

    /// Where the sentinels take TLS.
    pub(crate) fn sentinel_tls_ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(|sentinel| sentinel.tls_port).collect()
    }

    pub(crate) fn sentinel_ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(|sentinel| sentinel.port).collect()
    }

    /// The primary, by its own word. A failover may have two of them for a moment.
    pub(crate) fn primary(&self) -> u16 {
        let is_primary = |node: &&RedisNode| node.info("info replication").contains("role:master");
        self.servers.iter().find(is_primary).unwrap().port
    }

    /// Kills the primary, at once and without a word.
    pub(crate) fn kill_primary(&mut self) {
        let port = self.primary();
        let position = self.servers.iter().position(|node| node.port == port).unwrap();
        drop(self.servers.remove(position));
    }

    /// Kills a sentinel.
    pub(crate) fn kill_sentinel(&mut self) {
        drop(self.sentinels.remove(0));
    }
}

impl TlsFiles {
    fn new(certificate: &str, key: &str, authority: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        for (name, content) in [("crt", certificate), ("key", key), ("ca", authority)] {
            fs::write(files.file(name), content).unwrap();
        }
        files
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Of the configuration; each node has a port of its own.
    fn lines(&self) -> String {
        let [certificate, key, authority] = ["crt", "key", "ca"].map(|name| self.file(name));
        format!(
            "tls-port {TLS_PORT}\ntls-cert-file {certificate}\ntls-key-file {key}\n\
             tls-ca-cert-file {authority}\ntls-auth-clients no\ntls-replication yes\n"
        )
    }
}

impl RedisNode {
    fn of_cluster(lines: &str) -> Self {
        Self::start(&format!(
            "{lines}cluster-enabled yes\ncluster-config-file nodes.conf\n\
             cluster-node-timeout {DOWN_AFTER}\ncluster-require-full-coverage no\n"
        ))
    }

    /// With further lines of its configuration.
    fn start(lines: &str) -> Self {
        let lines = format!(
            "requirepass {PASSWORD}\nmasterauth {PASSWORD}\nsave \"\"\nappendonly no\n\
             repl-diskless-sync-delay 0\n{lines}"
        );
        Self::launch(&lines, &[], "Ready to accept connections")
    }

    fn sentinel(primary: u16, lines: &str) -> Self {
        let lines = format!(
            "{lines}requirepass {SENTINEL_PASSWORD}\nsentinel sentinel-pass {SENTINEL_PASSWORD}\n\
             sentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
             sentinel auth-pass {MASTER} {PASSWORD}\n\
             sentinel down-after-milliseconds {MASTER} {DOWN_AFTER}\n\
             sentinel failover-timeout {MASTER} 3000\n"
        );
        Self::launch(&lines, &["--sentinel"], "+monitor")
    }

    /// On any port; one that is free now may be taken a moment later.
    fn launch(lines: &str, arguments: &[&str], ready: &str) -> Self {
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let (port, tls_port) = (free_port(), free_port());
            let own = format!("port {port}\nbind 127.0.0.1\ndaemonize no\ndir {}\n", {
                folder.path().display()
            });
            let lines = lines.replace(TLS_PORT, &tls_port.to_string());
            fs::write(folder.path().join("redis.conf"), own + &lines).unwrap();
            if let Some(child) = run(folder.path(), arguments, ready) {
                return Self { child, port, tls_port, _folder: folder };
            }
        }
        panic!("redis-server does not start");
    }

    fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn try_ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        let address = redis::ConnectionAddr::Tcp("127.0.0.1".to_owned(), self.port);
        let info = redis::IntoConnectionInfo::into_connection_info(address).unwrap();
        let is_sentinel = command.first() == Some(&"SENTINEL");
        let password = if is_sentinel { SENTINEL_PASSWORD } else { PASSWORD };
        let login =
            redis::RedisConnectionInfo::default().set_password(password).set_skip_set_lib_name();
        let client = redis::Client::open(info.set_redis_settings(login)).unwrap();
        let mut words = command.iter();
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(*word);
        }
        command.query(&mut client.get_connection()?)
    }

    /// Empty while it does not answer.
    fn info(&self, command: &str) -> String {
        let words: Vec<_> = command.split(' ').collect();
        self.try_ask(&words).unwrap_or_default()
    }
}

impl Drop for RedisNode {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With a free port for the bus of a cluster as well.
fn free_port() -> u16 {
    for _ in 0..100 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let bus = port.checked_add(BUS);
        if bus.is_some_and(|bus| TcpListener::bind(("127.0.0.1", bus)).is_ok()) {
            return port;
        }
    }
    panic!("no free port");
}

/// `None` if it ended instead of getting ready.
fn run(folder: &Path, arguments: &[&str], ready: &str) -> Option<Child> {
    let log = File::create(folder.join("log")).unwrap();
    let mut child = Command::new("redis-server")
        .arg("redis.conf")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let until = Instant::now() + START_DEADLINE;
    while !said(folder).contains(ready) {
        if child.try_wait().unwrap().is_some() || Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(LOOK_INTERVAL);
    }
    Some(child)
}

fn redis_cli() -> Command {
    let mut command = Command::new("redis-cli");
    command.env("REDISCLI_AUTH", PASSWORD);
    command
}
