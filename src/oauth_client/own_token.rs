//! An access token of our own, for endpoints that require one (RFC 6749 §4.4).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::HeaderValue;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    clock::Clock,
    fetch::{FetchError, Fetcher, shown},
    oauth_client::settings::ClientProof,
    tasks::SingleRun,
    telemetry::OutageLines,
};

use super::{
    ClientError,
    own_token_request::{HeldToken, OwnTokenRequest},
};

/// Gets a token when there is none, keeps it, and gets the next one before it ends, beside the
/// requests. The present one is used until shortly before its end.
#[derive(Debug)]
pub(super) struct OwnToken {
    renewer: Arc<TokenRenewer>,
    /// One request serves all who wait.
    renewal: SingleRun<Result<HeaderValue, ClientError>>,
    discarded: AtomicU64,
}

/// What a renewal works with.
#[derive(Debug)]
struct TokenRenewer {
    request: OwnTokenRequest,
    state: Mutex<OwnTokenState>,
    lines: OutageLines,
}

#[derive(Debug, Default)]
struct OwnTokenState {
    kept: Option<HeldToken>,
    last_discarded: Option<Instant>,
}

/// The least time between two discards of refused tokens: where the next is refused as well,
/// another will not help, and a client that causes refusals must not make us fetch tokens without
/// end.
const DISCARD_INTERVAL: Duration = Duration::from_secs(10);
/// After a failed renewal the next is tried this much later, while the present token lives: soon
/// enough for one of a minute, seldom enough for an endpoint that has too much to do.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);
/// While renewals fail and the present token lives, there is a log line this often.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

impl OwnToken {
    /// `None` for ways of authentication that need none.
    pub(super) fn of(
        auth: &ClientProof,
        clock: &Arc<dyn Clock>,
        fetcher: &Arc<Fetcher>,
    ) -> Option<Self> {
        let ClientProof::Bearer { token_url, scope, client } = auth else {
            return None;
        };
        let request = OwnTokenRequest {
            url: token_url.clone(),
            scope: scope.clone(),
            client: (**client).clone(),
            clock: Arc::clone(clock),
            fetcher: Arc::clone(fetcher),
        };
        let (state, lines) = (Mutex::default(), OutageLines::new(LOG_INTERVAL));
        Some(Self {
            renewer: Arc::new(TokenRenewer { request, state, lines }),
            renewal: SingleRun::default(),
            discarded: AtomicU64::new(0),
        })
    }

    /// `Bearer …`, kept or new. Waits only while there is none that lives.
    pub(super) async fn authorization(&self) -> Result<HeaderValue, ClientError> {
        let renew = || self.renewal.join(|| Arc::clone(&self.renewer).renew());
        let now = Instant::now();
        if let Some(kept) = self.renewer.living(now) {
            if now >= kept.renew_at {
                renew();
            }
            return Ok(kept.authorization);
        }
        renew().result().await.unwrap_or_else(|| {
            let cause = "the request for a token did not end".to_owned();
            Err(FetchError::Internal { cause }.into())
        })
    }

    /// The endpoint rejected this token: the next request fetches another one, unless the last was
    /// discarded a moment ago.
    pub(super) fn discard(&self, refused: &HeaderValue) {
        let mut state = self.renewer.state.lock();
        if state.kept.as_ref().is_none_or(|kept| kept.authorization != *refused) {
            return;
        }
        if state.last_discarded.is_none_or(|last| last.elapsed() >= DISCARD_INTERVAL) {
            state.kept = None;
            state.last_discarded = Some(Instant::now());
            self.discarded.fetch_add(1, Relaxed);
        }
    }

    /// How many were discarded so far.
    pub(super) fn discarded(&self) -> u64 {
        self.discarded.load(Relaxed)
    }
}

impl TokenRenewer {
    fn living(&self, now: Instant) -> Option<HeldToken> {
        self.state.lock().kept.as_ref().filter(|kept| now < kept.ends_at).cloned()
    }

    async fn renew(self: Arc<Self>) -> Result<HeaderValue, ClientError> {
        match self.request.send().await {
            Ok(fresh) => {
                let authorization = fresh.authorization.clone();
                self.renewed(fresh);
                Ok(authorization)
            }
            Err(error) => {
                self.failed(&error);
                Err(error)
            }
        }
    }

    fn renewed(&self, fresh: HeldToken) {
        self.state.lock().kept = Some(fresh);
        if self.lines.recovered() {
            let token_url = shown(&self.request.url);
            tracing::info!(token_url, "the proxy's own token is renewed again");
        }
    }

    /// Without a token that lives, those who wait report the error.
    fn failed(&self, error: &ClientError) {
        let now = Instant::now();
        let is_used = {
            let mut state = self.state.lock();
            let living = state.kept.as_mut().filter(|kept| now < kept.ends_at);
            living.map(|kept| kept.renew_at = now + RENEWAL_PAUSE).is_some()
        };
        if let Some(more) = is_used.then(|| self.lines.failed()).flatten() {
            let token_url = shown(&self.request.url);
            tracing::warn!(token_url, %error, more, "the proxy's own token can't be renewed");
        }
    }
}

#[cfg(test)]
mod tests;
