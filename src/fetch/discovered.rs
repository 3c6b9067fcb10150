//! An endpoint that an issuer's metadata name. They are read again beside the requests to it.

use std::{sync::Arc, time::Duration};

use http::Uri;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{tasks::SingleRun, telemetry::OutageLines};

use super::{FetchError, Metadata, MetadataError};

/// Knows where the endpoint is, once that was found.
///
/// A known URL is returned at once: providers move once in years, and an outage of the metadata
/// must be none of the endpoint. When the metadata are due, they are read beside the request, and
/// the next one goes where they point. Without a known URL requests wait for one reading, all for
/// the same.
#[derive(Debug)]
pub(crate) struct DiscoveredEndpoint {
    discovery: Arc<EndpointDiscovery>,
    reading: SingleRun<Result<Uri, MetadataError>>,
}

/// What a reading works with.
#[derive(Debug)]
struct EndpointDiscovery {
    metadata: Metadata,
    state: Mutex<DiscoveryState>,
    lines: OutageLines,
}

#[derive(Debug, Default)]
struct DiscoveryState {
    known: Option<KnownEndpoint>,
    /// A known URL is not looked up again before.
    paused_until: Option<Instant>,
}

#[derive(Debug)]
struct KnownEndpoint {
    url: Uri,
    read_at: Instant,
    /// It did not answer as an endpoint does.
    is_doubted: bool,
}

/// Metadata are read again after this time.
const METADATA_LIFETIME: Duration = Duration::from_hours(1);
/// The least time from a failed refresh to the next: what can't be read must not be tried with
/// every request.
const FAILURE_PAUSE: Duration = Duration::from_mins(1);
/// The same after one that succeeded. While an endpoint fails, its metadata are read no more often,
/// and a corrected URL is found this soon.
const SUCCESS_PAUSE: Duration = Duration::from_secs(1);
/// While refreshes fail there is a log line this often: the endpoint works, nothing is urgent.
const LOG_INTERVAL: Duration = Duration::from_mins(10);

impl DiscoveredEndpoint {
    pub(crate) fn new(metadata: Metadata) -> Self {
        let (state, lines) = (Mutex::default(), OutageLines::new(LOG_INTERVAL));
        let discovery = Arc::new(EndpointDiscovery { metadata, state, lines });
        Self { discovery, reading: SingleRun::default() }
    }

    /// Where the endpoint is. Waits only while that was never found: for each metadata URL as long
    /// as an exchange may take.
    ///
    /// # Errors
    /// [`MetadataError`].
    pub(crate) async fn url(&self) -> Result<Uri, MetadataError> {
        if let Some(url) = self.discovery.known_url() {
            self.refresh_if_due();
            return Ok(url);
        }
        let reading = self.reading.join(|| Arc::clone(&self.discovery).read());
        reading.result().await.unwrap_or_else(|| {
            let cause = "the metadata were not read to their end".to_owned();
            Err(FetchError::Internal { cause }.into())
        })
    }

    /// Whether a URL was found.
    pub(crate) fn is_known(&self) -> bool {
        self.discovery.known_url().is_some()
    }

    /// The endpoint may have moved: it did not answer as one does. Its metadata are read now, or
    /// after the pause; until then, and without them, it stays in use.
    pub(crate) fn doubt(&self, url: &Uri) {
        self.discovery.doubt(url);
        self.refresh_if_due();
    }

    fn refresh_if_due(&self) {
        if self.discovery.claims_refresh() {
            self.reading.join(|| Arc::clone(&self.discovery).read());
        }
    }
}

impl EndpointDiscovery {
    fn known_url(&self) -> Option<Uri> {
        self.state.lock().known.as_ref().map(|known| known.url.clone())
    }

    /// Requests in flight may still fail at the URL before.
    fn doubt(&self, url: &Uri) {
        if let Some(known) = self.state.lock().known.as_mut().filter(|known| known.url == *url) {
            known.is_doubted = true;
        }
    }

    /// Whether a refresh is due. Of several callers at once, only one gets `true`.
    fn claims_refresh(&self) -> bool {
        let mut state = self.state.lock();
        let is_wanted = state.known.as_ref().is_some_and(KnownEndpoint::wants_refresh);
        let now = Instant::now();
        let is_due = is_wanted && state.paused_until.is_none_or(|until| now >= until);
        if is_due {
            state.paused_until = Some(now + FAILURE_PAUSE);
        }
        is_due
    }

    async fn read(self: Arc<Self>) -> Result<Uri, MetadataError> {
        let outcome = self.metadata.endpoint().await;
        match &outcome {
            Ok(url) => self.found(url),
            Err(error) => self.failed(error),
        }
        outcome
    }

    fn found(&self, url: &Uri) {
        let known = KnownEndpoint { url: url.clone(), read_at: Instant::now(), is_doubted: false };
        {
            let mut state = self.state.lock();
            // The first doubt about a URL that was just found is looked into at once.
            let was_known = state.known.is_some();
            state.paused_until = was_known.then_some(known.read_at + SUCCESS_PAUSE);
            state.known = Some(known);
        }
        if self.lines.recovered() {
            let (issuer, endpoint) = self.names();
            tracing::info!(issuer, endpoint, "metadata can be refreshed again");
        }
    }

    /// A failed reading leaves a known URL in use. A verdict ends its use, also of one that was
    /// good an hour ago: the issuer has been heard, and vouches for that URL no longer. To go on
    /// would be to send tokens and credentials of ours to a host, or to take keys from one, that
    /// may be another's by now. Keys that are there live on until `max_stale`, introspection is
    /// 503; the next request reads the metadata again, so this lasts no longer than the mistake.
    fn failed(&self, error: &MetadataError) {
        let is_verdict = error.is_verdict();
        let was_known = {
            let known = &mut self.state.lock().known;
            if is_verdict { known.take().is_some() } else { known.is_some() }
        };
        if !was_known {
            // Who waits for it reports it.
            return;
        }
        let unlogged = self.lines.failed();
        let (issuer, endpoint) = self.names();
        if is_verdict {
            tracing::warn!(issuer, endpoint, %error, "metadata name the endpoint no longer");
        } else if let Some(more) = unlogged {
            tracing::warn!(issuer, endpoint, %error, more, "metadata can't be refreshed");
        }
    }

    /// For log lines: the configured issuer, and what the metadata call the endpoint.
    fn names(&self) -> (Option<&str>, &'static str) {
        (self.metadata.issuer(), self.metadata.member())
    }
}

impl KnownEndpoint {
    fn wants_refresh(&self) -> bool {
        self.is_doubted || self.read_at.elapsed() >= METADATA_LIFETIME
    }
}
