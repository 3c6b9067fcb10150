//! The process under its operating system: SIGTERM and SIGINT stop it gently, a second one at
//! once, SIGHUP reads the configuration again.
//!
//! SIGTERM is what supervisors send, with a load balancer in front that has yet to notice. SIGINT is
//! a person at a terminal: where no request is in progress, nothing is waited for.

use std::io;

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::settings::Settings;

use super::{Server, ServerParts, StartError};

/// A signal's request.
enum Request {
    Stop { by_hand: bool },
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
    let by_hand = loop {
        match runtime.block_on(signals.next()) {
            Request::Reload => server.request_reload(),
            Request::Stop { by_hand } => break by_hand,
        }
    };
    // A second signal stops at once: the exit ends the drain in progress.
    std::thread::spawn(move || {
        runtime.block_on(signals.next_stop());
        tracing::warn!("second signal: stopping at once");
        std::process::exit(1);
    });
    if by_hand {
        server.stop_when_idle();
    } else {
        server.stop();
    }
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
            _ = self.terminate.recv() => Request::Stop { by_hand: false },
            _ = self.interrupt.recv() => Request::Stop { by_hand: true },
            _ = self.hangup.recv() => Request::Reload,
        }
    }

    async fn next_stop(&mut self) {
        while let Request::Reload = self.next().await {}
    }
}
