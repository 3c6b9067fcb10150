//! A key server that counts, for any number of replicas.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::sleep;

use crate::{
    fetch::FetchError,
    jose::JwkSet,
    keys::{
        KeyError,
        source::{KeySetContent, KeySetReading, Origin},
        testing::{jwk, jwks, set},
    },
    testing::fleet::{LATENCY, PerSecond},
};

/// The provider of one key set.
pub(super) struct Provider {
    pub(super) fetches: PerSecond,
    state: Mutex<State>,
}

struct State {
    /// Changes with the keys, as an `ETag` does.
    version: u32,
    document: String,
    keys: JwkSet,
    is_up: bool,
}

/// One replica's way to it.
pub(super) struct FleetOrigin {
    provider: Arc<Provider>,
    known: u32,
}

impl Provider {
    /// It has one key.
    pub(super) fn start(kid: &str) -> Arc<Self> {
        let state = State::with_keys(1, &[jwk(kid)]);
        Arc::new(Self { fetches: PerSecond::starting_now(), state: Mutex::new(state) })
    }

    /// From now on, it has this key alone.
    pub(super) fn rotate_to(&self, kid: &str) {
        let mut state = self.state.lock();
        *state = State::with_keys(state.version + 1, &[jwk(kid)]);
    }

    pub(super) fn set_up(&self, is_up: bool) {
        self.state.lock().is_up = is_up;
    }

    pub(super) fn origin(self: &Arc<Self>) -> FleetOrigin {
        FleetOrigin { provider: Arc::clone(self), known: 0 }
    }
}

impl State {
    fn with_keys(version: u32, keys: &[String]) -> Self {
        Self { version, document: jwks(keys), keys: set(keys), is_up: true }
    }
}

impl Origin for FleetOrigin {
    async fn read(&mut self) -> Result<KeySetReading, KeyError> {
        self.provider.fetches.count();
        sleep(LATENCY).await;
        let state = self.provider.state.lock();
        if !state.is_up {
            let (place, cause) = ("https://idp.example.com/jwks".into(), "refused".into());
            return Err(FetchError::Connect { place, cause }.into());
        }
        let content = (state.version != self.known).then(|| KeySetContent {
            keys: state.keys.clone(),
            document: Some(state.document.clone().into()),
        });
        self.known = state.version;
        Ok(KeySetReading { content, max_age: None })
    }

    async fn has_changed(&mut self) -> bool {
        false
    }
}
