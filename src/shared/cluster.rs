//! Keeps the connections of a cluster: one to each primary, and knows which slots each serves.
//!
//! The topology is read again when a connection ends, when a node says that a key is elsewhere, and
//! now and then. Of a primary that is lost, only its slots are: operations on them fail at once
//! until its replica has taken over, and all others go on.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use crate::shared::settings::{NodeAddress, SharedSettings};

use super::{
    connect::{ConnectError, connect, connect_once, within},
    link::{ConnectionMap, RedisConnection, RedisLink},
    metrics::Metrics,
    slots::{MAX_TOPOLOGY_BYTES, SlotMap, Topology},
    supervisor::{FAILOVER_BACKOFF, FailureLog, PING_DEADLINE, Waits, ending},
};

/// Between two looks at a topology of which nothing was heard.
const REFRESH: Duration = Duration::from_secs(5);

/// Between two looks at least, however many keys are elsewhere.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// As many as there may be new connections before one of them is seen.
const EVENTS: usize = 64;

/// The state of all connections.
struct Cluster<'s> {
    settings: &'s Arc<SharedSettings>,
    seeds: &'s [NodeAddress],
    link: &'s RedisLink,
    metrics: &'s Metrics,
    topology: Topology,
    live: HashMap<NodeAddress, Arc<RedisConnection>>,
    /// Those that connect, and those that are connected.
    tasks: JoinSet<NodeEnd>,
    running: HashMap<NodeAddress, NodeTask>,
    events: mpsc::Sender<Arc<RedisConnection>>,
    generation: u64,
    /// Whether every slot is served.
    is_complete: bool,
}

/// The task of a node.
struct NodeTask {
    handle: AbortHandle,
    /// Of its connection.
    generation: u64,
}

/// How the task of a node ended.
struct NodeEnd {
    node: NodeAddress,
    generation: u64,
    cause: String,
}

/// What has happened.
enum Event {
    Opened(Arc<RedisConnection>),
    Ended(Option<NodeEnd>),
    Moved,
    Due,
}

/// Never ends.
pub(super) async fn keep(
    settings: &Arc<SharedSettings>,
    seeds: &[NodeAddress],
    link: &RedisLink,
    metrics: &Metrics,
) {
    let (sender, mut events) = mpsc::channel(EVENTS);
    let mut cluster = Cluster {
        settings,
        seeds,
        link,
        metrics,
        topology: Topology::default(),
        live: HashMap::new(),
        tasks: JoinSet::new(),
        running: HashMap::new(),
        events: sender,
        generation: 0,
        is_complete: false,
    };
    let mut waits = Waits::new(FAILOVER_BACKOFF);
    let mut logged = FailureLog::default();
    loop {
        match cluster.discover().await {
            Ok(topology) => {
                logged = FailureLog::default();
                cluster.follow(topology);
            }
            Err(error) => logged.log(settings, &error),
        }
        let looked = Instant::now();
        if cluster.is_complete {
            waits = Waits::new(FAILOVER_BACKOFF);
        }
        let pause = if cluster.is_complete { REFRESH } else { waits.after(Duration::ZERO) };
        cluster.wait(looked, looked + pause, &mut events).await;
    }
}

impl Cluster<'_> {
    /// The present topology, by a node that is connected, or else by any that is known.
    async fn discover(&self) -> Result<Topology, ConnectError> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        for connection in self.live.values() {
            let mut redis = connection.redis();
            let answer = command.query_async::<redis::Value>(&mut redis);
            let answer = connection.answer(MAX_TOPOLOGY_BYTES, PING_DEADLINE, answer).await;
            if let Some(topology) = answer.ok().and_then(|it| usable(&it, connection.node())) {
                return Ok(topology);
            }
        }
        let mut last = ConnectError::NoTopology;
        for node in self.seeds.iter().chain(self.topology.nodes()) {
            let asked = async {
                let mut session = connect_once(self.settings, node).await?;
                let answer: redis::Value = session.ask(&command, MAX_TOPOLOGY_BYTES).await?;
                usable(&answer, node).ok_or(ConnectError::NoTopology)
            };
            match within(PING_DEADLINE, asked).await {
                Ok(topology) => return Ok(topology),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Connects to primaries that are new, and leaves those that are none any more.
    fn follow(&mut self, topology: Topology) {
        let primaries: Vec<_> = topology.primaries().cloned().collect();
        self.running.retain(|node, task| {
            let stays = primaries.contains(node);
            if !stays {
                task.handle.abort();
            }
            stays
        });
        self.live.retain(|node, _| primaries.contains(node));
        self.topology = topology;
        for node in primaries {
            if !self.running.contains_key(&node) {
                self.start(node);
            }
        }
        self.publish(0);
    }

    fn start(&mut self, node: NodeAddress) {
        self.generation += 1;
        let (settings, opened) = (Arc::clone(self.settings), self.events.clone());
        let task = run_node(settings, node.clone(), self.generation, opened);
        let task = NodeTask { handle: self.tasks.spawn(task), generation: self.generation };
        self.running.insert(node, task);
    }

    /// Waits until the topology is due, and takes notice of what happens meanwhile.
    async fn wait(
        &mut self,
        looked: Instant,
        mut due: Instant,
        events: &mut mpsc::Receiver<Arc<RedisConnection>>,
    ) {
        loop {
            match self.next(due, events).await {
                Event::Opened(connection) => self.opened(connection),
                Event::Ended(end) => {
                    self.ended(end);
                    due = due.min(looked + MIN_PAUSE);
                }
                Event::Moved => due = due.min(looked + MIN_PAUSE),
                Event::Due => return,
            }
        }
    }

    async fn next(
        &mut self,
        due: Instant,
        events: &mut mpsc::Receiver<Arc<RedisConnection>>,
    ) -> Event {
        tokio::select! {
            Some(connection) = events.recv() => Event::Opened(connection),
            Some(end) = self.tasks.join_next() => Event::Ended(end.ok()),
            () = self.link.moved() => Event::Moved,
            () = sleep_until(due) => Event::Due,
        }
    }

    /// What is heard of a task that has ended meanwhile, or was left, is of no use.
    fn opened(&mut self, connection: Arc<RedisConnection>) {
        let task = self.running.get(connection.node());
        if task.is_some_and(|task| task.generation == connection.generation()) {
            self.live.insert(connection.node().clone(), connection);
            self.publish(1);
        }
    }

    /// `None` was left on purpose.
    fn ended(&mut self, end: Option<NodeEnd>) {
        let Some(NodeEnd { node, generation, cause }) = end else {
            return;
        };
        if self.running.get(&node).is_none_or(|task| task.generation != generation) {
            return;
        }
        self.running.remove(&node);
        let was_live = self.live.remove(&node).is_some();
        if was_live {
            let url = &self.settings.address;
            tracing::warn!(%url, %node, cause, "the connection to a node of the shared store ended");
        }
        self.publish(0);
    }

    /// Lets operations use what there is.
    fn publish(&mut self, opened: u64) {
        let slots = SlotMap::new(&self.topology, self.live.values().cloned().collect());
        let is_complete = slots.unserved() == 0;
        if self.live.is_empty() {
            self.link.detach();
        } else {
            self.link.attach(ConnectionMap::Cluster(slots), opened);
        }
        if is_complete != self.is_complete {
            self.is_complete = is_complete;
            self.metrics.connected(is_complete);
            let url = &self.settings.address;
            if is_complete {
                tracing::info!(%url, "the shared store is connected");
            } else {
                tracing::warn!(%url, "some of the shared store can't be reached");
            }
        }
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        self.link.detach();
        if self.is_complete {
            self.metrics.connected(false);
        }
    }
}

/// Connects to a node, and serves the connection to its end.
async fn run_node(
    settings: Arc<SharedSettings>,
    node: NodeAddress,
    generation: u64,
    opened: mpsc::Sender<Arc<RedisConnection>>,
) -> NodeEnd {
    let cause = match connect(&settings, &node, generation).await {
        Err(error) => error.to_string(),
        Ok(connected) => {
            // The receiver lives as long as this task does.
            let _ = opened.send(Arc::clone(&connected.connection)).await;
            ending(&connected.connection, connected.driver).await.cause().to_owned()
        }
    };
    NodeEnd { node, generation, cause }
}

/// A topology in which a node serves something: a node that has just started knows of none.
fn usable(answer: &redis::Value, asked: &NodeAddress) -> Option<Topology> {
    Topology::parse(answer, asked).filter(|topology| topology.primaries().next().is_some())
}
