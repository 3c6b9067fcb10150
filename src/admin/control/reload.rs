//! `POST /reload`: has the configuration read again, waits for the verdict and answers with it.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::admin::pages;

/// The outcome of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadVerdict {
    /// Whether the configuration that was read is in force.
    pub outcome: ReloadOutcome,
    /// The SHA-256 of the configuration that is in force now, in hexadecimal digits.
    pub config_hash: String,
    /// The settings that differ from the configuration before, if it was taken.
    pub changed: Vec<String>,
    /// The settings that differ from the start and have no effect before a restart.
    pub restart_required: Vec<String>,
    /// What the configuration depends on and lacks at present, if it was taken. None of it has kept
    /// the configuration from being taken.
    #[serde(default)]
    pub missing: Vec<String>,
    /// What is doubtful in the configuration, as `countersign check` prints it, if it was taken.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Every mistake, or the reason of a refusal.
    pub errors: Vec<String>,
}

impl ReloadVerdict {
    /// Whether the configuration was read and not taken.
    pub fn is_refused(&self) -> bool {
        self.outcome == ReloadOutcome::Refused
    }
}

/// Whether a reload was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// The configuration is in force.
    Applied,
    /// The one before stays in force.
    Refused,
    /// A later reload, or the end of the process, came before this one was through.
    Superseded,
}

/// What has a reload done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadTrigger {
    /// SIGHUP.
    Signal,
    /// `POST /reload`.
    Request,
    /// A file that has changed.
    Watch,
    /// The program that the proxy is a part of.
    Library,
}

/// Has the configuration read again from where it came.
#[derive(Debug)]
pub struct ReloadRequest {
    /// Why.
    pub trigger: ReloadTrigger,
    /// Gets the verdict.
    pub done: oneshot::Sender<ReloadVerdict>,
}

impl ReloadVerdict {
    /// What `/readyz` says of it, where the configuration was refused.
    pub fn note(&self) -> String {
        let first = self.errors.first().map_or("", String::as_str);
        // A parser's message may draw the place in several lines.
        let first = first.lines().next().unwrap_or_default();
        match self.errors.len() {
            0 | 1 => format!("refused: {first}"),
            all => format!("refused: {first} (and {} more)", all - 1),
        }
    }
}

impl ReloadOutcome {
    /// As metrics and logs name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
        }
    }
}

impl ReloadTrigger {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Signal, Self::Request, Self::Watch, Self::Library];

    /// As metrics and logs name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Request => "request",
            Self::Watch => "watch",
            Self::Library => "library",
        }
    }
}

/// 200 if the configuration is in force, 409 if it is not.
pub(super) async fn answer(reloads: &mpsc::Sender<ReloadRequest>) -> Response<Full<Bytes>> {
    let (done, verdict) = oneshot::channel();
    let request = ReloadRequest { trigger: ReloadTrigger::Request, done };
    // Without a place in the queue others wait already.
    if reloads.try_send(request).is_err() {
        return unavailable("too many reloads are waiting, or the process is stopping\n");
    }
    match verdict.await {
        Ok(verdict) => page(&verdict),
        Err(_) => unavailable("the process is stopping\n"),
    }
}

fn page(verdict: &ReloadVerdict) -> Response<Full<Bytes>> {
    let status = match verdict.outcome {
        ReloadOutcome::Applied => StatusCode::OK,
        ReloadOutcome::Refused | ReloadOutcome::Superseded => StatusCode::CONFLICT,
    };
    pages::written(status, verdict)
}

fn unavailable(text: &str) -> Response<Full<Bytes>> {
    pages::text(StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
}
