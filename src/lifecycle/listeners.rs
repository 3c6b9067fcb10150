//! The listening sockets of the process, and how a reload changes them: new sockets are bound before
//! anything else changes, and removed ones stop accepting afterwards.

mod operators;

use std::{io, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    listener::{Listener, PassedSockets, settings::ListenAddress},
    proxy::{
        BoundListener, StopStages,
        settings::{ListenerSettings, listeners::SERVER_LISTENER},
    },
    settings::Settings,
    telemetry::MetricRegistry,
};

use super::{drain::DrainTimeouts, server::StartError};

pub(super) use operators::{BoundOperators, OperatorListeners};

/// A listener of requests, from when it is bound until a reload removes it.
#[derive(Debug)]
pub(super) struct Binding {
    /// As configured: port 0 stays 0.
    listen: ListenAddress,
    listener: Arc<BoundListener>,
    /// One for each worker, until that takes it.
    sockets: Vec<Mutex<Option<Listener>>>,
    /// Its own address.
    address: ListenAddress,
    /// No new connections.
    stop: CancellationToken,
    /// Its connections end, between requests.
    stages: StopStages,
}

/// What workers serve.
#[derive(Debug, Clone)]
pub(super) struct WorkerTargets {
    pub(super) bindings: Vec<Arc<Binding>>,
    /// How long finishing may take, once they stop.
    pub(super) drain: DrainTimeouts,
}

/// The listeners of requests.
pub(super) struct OpenListeners {
    workers: usize,
    passed: PassedSockets,
    metrics: MetricRegistry,
    /// Of the process.
    stop: CancellationToken,
    stages: StopStages,
    /// By position. A position is used again once nothing of an earlier listener is left.
    places: Vec<Arc<BoundListener>>,
    bindings: Vec<Arc<Binding>>,
    targets: watch::Sender<WorkerTargets>,
}

/// The listeners of a new configuration, bound. Dropped, the new ones are closed.
pub(super) struct PreparedListeners {
    bindings: Vec<Arc<Binding>>,
    /// The names in the new configuration, by position.
    pub(super) names: Vec<Option<String>>,
}

impl OpenListeners {
    /// None yet; `stop` and `stages` are those of the process.
    pub(super) fn new(
        workers: usize,
        metrics: &MetricRegistry,
        stop: CancellationToken,
        stages: StopStages,
    ) -> Self {
        let targets = WorkerTargets { bindings: Vec::new(), drain: DrainTimeouts::default() };
        Self {
            workers,
            passed: PassedSockets::default(),
            metrics: metrics.clone(),
            stop,
            stages,
            places: Vec::new(),
            bindings: Vec::new(),
            targets: watch::Sender::new(targets),
        }
    }

    /// What workers serve, from now on.
    pub(super) fn targets(&self) -> watch::Receiver<WorkerTargets> {
        self.targets.subscribe()
    }

    /// The sockets that systemd passed, for the operator's listeners.
    pub(super) fn passed(&mut self) -> &mut PassedSockets {
        &mut self.passed
    }

    /// The addresses, in the order of the settings.
    pub(super) fn addresses(&self) -> Vec<ListenAddress> {
        self.bindings.iter().map(|binding| binding.address.clone()).collect()
    }

    /// Binds what the settings have in addition. A listener with the same address stays.
    pub(super) fn prepare(&mut self, settings: &Settings) -> Result<PreparedListeners, StartError> {
        self.refuse_shared_sockets(settings)?;
        let mut bindings: Vec<Arc<Binding>> = Vec::new();
        for listener in &settings.listeners {
            let present = self.bindings.iter().find(|binding| binding.serves(listener));
            let binding = match present {
                Some(binding) => Arc::clone(binding),
                None => Arc::new(self.bind(listener, &bindings)?),
            };
            bindings.push(binding);
        }
        let names = self.names(settings, &bindings);
        Ok(PreparedListeners { bindings, names })
    }

    /// Two listeners of one passed socket would each get some of its connections: it may be named
    /// by its name and by its number.
    fn refuse_shared_sockets(&mut self, settings: &Settings) -> Result<(), StartError> {
        let of_requests = settings.listeners.iter().map(|it| (&it.listen, key(it)));
        let control = settings.control.iter().map(|it| (&it.listen, "control.listen"));
        let mut taken = Vec::new();
        for (address, key) in
            of_requests.chain([(&settings.admin.listen, "admin.listen")]).chain(control)
        {
            let ListenAddress::Systemd(name) = address else { continue };
            let Some(position) = self.passed.position(name) else { continue };
            if taken.contains(&position) {
                let error = io::Error::other("another listener has that socket");
                return Err(bind_error(address, key, error));
            }
            taken.push(position);
        }
        Ok(())
    }

    /// What the connections of each position are served by. Those of a listener that has moved are
    /// served until they end: a request may be on its way.
    fn names(&self, settings: &Settings, bindings: &[Arc<Binding>]) -> Vec<Option<String>> {
        let mut names = vec![None; self.places.len()];
        let mut set = |binding: &Binding, listener: &ListenerSettings| {
            if let Some(name) = names.get_mut(binding.listener.position()) {
                *name = Some(listener.name.clone());
            }
        };
        for listener in &settings.listeners {
            let moved = self.bindings.iter().filter(|it| it.listener.name() == listener.name);
            moved.for_each(|binding| set(binding, listener));
        }
        for (binding, listener) in bindings.iter().zip(&settings.listeners) {
            set(binding, listener);
        }
        names
    }

    fn bind(
        &mut self,
        settings: &ListenerSettings,
        prepared: &[Arc<Binding>],
    ) -> Result<Binding, StartError> {
        let sockets = Listener::bind(&settings.listen, self.workers, &mut self.passed);
        let sockets =
            sockets.map_err(|error| bind_error(&settings.listen, key(settings), error))?;
        let address = local_address(&sockets)?;
        let listener = self.place(settings, prepared);
        let sockets = sockets.into_iter().map(|socket| Mutex::new(Some(socket))).collect();
        let (stop, stages) = (self.stop.child_token(), self.stages.child());
        let listen = settings.listen.clone();
        Ok(Binding { listen, listener, sockets, address, stop, stages })
    }

    /// A position that no listener has, and no connection of an earlier one.
    fn place(
        &mut self,
        settings: &ListenerSettings,
        prepared: &[Arc<Binding>],
    ) -> Arc<BoundListener> {
        let is_free = |place: &Arc<BoundListener>| {
            let mut in_use = self.bindings.iter().chain(prepared);
            Arc::strong_count(place) == 1
                && !in_use.any(|binding| binding.listener.position() == place.position())
        };
        let position = self.places.iter().position(is_free).unwrap_or(self.places.len());
        let listener = BoundListener::new(settings, position, &self.metrics);
        match self.places.get_mut(position) {
            Some(place) => *place = Arc::clone(&listener),
            None => self.places.push(Arc::clone(&listener)),
        }
        listener
    }

    /// Serves what was prepared; what is not part of it stops accepting, and drains.
    pub(super) fn adopt(&mut self, prepared: PreparedListeners, drain: DrainTimeouts) {
        let PreparedListeners { bindings, names: _ } = prepared;
        let earlier = std::mem::replace(&mut self.bindings, bindings);
        let bindings = self.bindings.clone();
        self.targets.send_replace(WorkerTargets { bindings, drain });
        for binding in earlier {
            let stays = self.bindings.iter().any(|other| Arc::ptr_eq(other, &binding));
            if !stays {
                let (listen, name) = (&binding.address, binding.listener.name());
                tracing::info!(%listen, listener = name, "no longer listening");
                binding.stop.cancel();
                binding.stages.cancel();
            }
        }
    }

    /// Logs what is listened on besides what `known` has.
    pub(super) fn log_new(&self, known: &[ListenAddress]) {
        let new = self.bindings.iter().filter(|binding| !known.contains(&binding.address));
        for binding in new {
            let (listen, listener) = (&binding.address, binding.listener.name());
            tracing::info!(%listen, listener, "listening as well");
        }
    }
}

impl Binding {
    /// Whether it is that listener. Port 0 is another port each time, so its name decides.
    fn serves(&self, settings: &ListenerSettings) -> bool {
        let is_any_port = matches!(self.listen, ListenAddress::Tcp(at) if at.port() == 0);
        self.listen == settings.listen && (!is_any_port || self.listener.name() == settings.name)
    }

    /// A worker's socket. `None`: the worker has taken it already.
    pub(super) fn take_socket(&self, worker: usize) -> Option<Listener> {
        self.sockets.get(worker)?.lock().take()
    }

    pub(super) fn listener(&self) -> &Arc<BoundListener> {
        &self.listener
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    pub(super) fn stages(&self) -> &StopStages {
        &self.stages
    }
}

fn key(listener: &ListenerSettings) -> &'static str {
    if listener.name == SERVER_LISTENER { "server.listen" } else { "listeners" }
}

fn bind_error(address: &ListenAddress, key: &'static str, error: io::Error) -> StartError {
    StartError::Bind { address: address.to_string(), key, error }
}

fn local_address(sockets: &[Listener]) -> io::Result<ListenAddress> {
    sockets.first().map_or_else(|| Err(io::ErrorKind::NotFound.into()), Listener::local_address)
}
