//! The process under its operating system: SIGTERM and SIGINT stop it gently, a second one at
//! once, SIGHUP reads the configuration again.

use std::io;

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::settings::Settings;

use super::{Server, ServerParts, StartError};

/// A signal's request.
enum Request {
    Stop,
    Reload,
}

/// Serves until a signal stops the process.
///
/// # Errors
/// [`StartError`], before anything is served.
pub fn run(settings: Settings, parts: ServerParts) -> Result<(), StartError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::new()?
    };
    let server = Server::start_with(settings, parts)?;
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
