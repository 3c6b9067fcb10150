//! What systemd hears of the process (`sd_notify(3)`, `Type=notify`). Without `NOTIFY_SOCKET`
//! nothing is sent.

use std::{sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::admin::control::ReloadVerdict;

use super::pulse::Pulse;

/// How much of a hash or an error a status has: it is one line of `systemctl status`.
const MAX_STATUS_BYTES: usize = 200;

/// The service manager of the process.
#[derive(Debug, Clone, Copy)]
pub(super) enum ServiceManager {
    /// The one that `NOTIFY_SOCKET` names, if it is set.
    OfEnvironment,
    /// The process is not only this proxy.
    None,
}

impl ServiceManager {
    /// Whether the process is this proxy, and nothing else.
    pub(super) fn has_process(self) -> bool {
        matches!(self, Self::OfEnvironment)
    }

    /// Requests are served from now on.
    pub(super) fn ready(self, config_hash: &str) {
        self.notify(&[NotifyState::Ready, NotifyState::Status(&serving(config_hash))]);
    }

    /// The outcome of a reload.
    pub(super) fn reloaded(self, verdict: &ReloadVerdict) {
        let mut status = serving(&verdict.config_hash);
        if verdict.is_refused() {
            let first = verdict.errors.first().and_then(|error| error.lines().next());
            status =
                format!("{status}; the last reload was refused: {}", first.unwrap_or_default());
        }
        let end = status.floor_char_boundary(MAX_STATUS_BYTES);
        self.notify(&[NotifyState::Status(status.get(..end).unwrap_or_default())]);
    }

    /// The process stops.
    pub(super) fn stopping(self) {
        self.notify(&[NotifyState::Stopping, NotifyState::Status("finishing what is in flight")]);
    }

    /// Resets the watchdog (`WatchdogSec=`, `WATCHDOG_USEC`) for as long as every worker answers. A
    /// process whose workers stand still is restarted.
    pub(super) async fn watchdog(self, pulse: Arc<Pulse>, stop: CancellationToken) {
        let Some(limit) = self.watchdog_limit() else { return };
        // As sd_watchdog_enabled(3) recommends.
        let mut ticks = interval((limit / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let silent = pulse.silent();
            // Workers that end do not answer.
            if silent.is_empty() || stop.is_cancelled() {
                self.notify(&[NotifyState::Watchdog]);
            } else {
                tracing::error!(workers = ?silent, "workers do not answer: no sign to the watchdog");
            }
        }
    }

    fn watchdog_limit(self) -> Option<Duration> {
        match self {
            Self::OfEnvironment => sd_notify::watchdog_enabled(),
            Self::None => None,
        }
    }

    /// One that can't be reached is no reason to stop.
    fn notify(self, states: &[NotifyState<'_>]) {
        if let Self::OfEnvironment = self
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::warn!(%error, "systemd can't be notified");
        }
    }
}

fn serving(config_hash: &str) -> String {
    format!("serving, configuration {}", config_hash.get(..12).unwrap_or(config_hash))
}
