//! The process under its operating system: SIGTERM and SIGINT stop it gently, a second one at
//! once, SIGHUP reads the configuration again.

use std::{io, sync::Arc};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    clock::SystemClock, config::ConfigErrors, settings::Settings, telemetry::MetricRegistry,
};

use super::{Reread, Server, ServerParts, StartError};

/// A signal's request.
enum Request {
    Stop,
    Reload,
}

/// Serves until a signal stops the process. `reread` reads the configuration from where it came.
///
/// # Errors
/// [`StartError`], before anything is served.
pub fn run(
    settings: Settings,
    metrics: MetricRegistry,
    reread: impl Fn() -> Result<Settings, ConfigErrors> + Send + Sync + 'static,
) -> Result<(), StartError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::new()?
    };
    let (clock, reread) = (Arc::new(SystemClock), Some(Arc::new(reread) as Reread));
    let server = Server::start_with(settings, ServerParts { clock, metrics, reread })?;
    while let Request::Reload = runtime.block_on(signals.next()) {
        server.request_reload();
    }
    // A second signal stops at once: the exit ends the drain in progress.
    std::thread::spawn(move || {
        if let Request::Stop = runtime.block_on(signals.next_stop()) {
            tracing::warn!("second signal: stopping at once");
            std::process::exit(1);
        }
    });
    server.stop();
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hangup.recv() => Request::Reload,
        }
    }

    async fn next_stop(&mut self) -> Request {
        loop {
            if let Request::Stop = self.next().await {
                return Request::Stop;
            }
        }
    }
}
