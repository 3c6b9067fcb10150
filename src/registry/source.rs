//! Sends a lookup of one signer to the registry.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION},
};
use http_body_util::Full;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    clock::{Clock, SystemClock},
    fetch::{FetchError, Fetcher, Reply, retry_after, shown},
    json::Json,
    oauth_client::{Form, OauthClient},
    registry::settings::{RegistrySettings, SelectSettings},
};

use super::{
    Registered,
    document::{self, SignerList, SignerRecord},
    error::SourceError,
};

/// Where signers are looked up.
#[derive(Debug)]
pub(super) struct RegistrySource {
    settings: RegistrySettings,
    fetcher: Arc<Fetcher>,
    client: OauthClient,
    clock: Arc<dyn Clock>,
    /// A list of all signers, and since when it is here. Locked during a fetch, so that one fetch
    /// serves all lookups.
    list: Mutex<Option<(Instant, Arc<SignerList>)>>,
}

const ACCEPTED: HeaderValue =
    HeaderValue::from_static("application/json, application/jwk-set+json;q=0.9, */*;q=0.1");

/// How old a list may be that answers a renewal by force: those of many signers come at once when
/// the list's own keys have changed.
const FORCED_LIST_AGE: Duration = Duration::from_secs(1);

impl RegistrySource {
    pub(super) fn new(settings: &RegistrySettings, clock: &Arc<dyn Clock>) -> Self {
        let fetcher = Arc::new(Fetcher::new(settings.client.fetch_rules()));
        Self {
            client: OauthClient::new(&settings.client.proof, clock, &fetcher),
            fetcher,
            clock: Arc::clone(clock),
            settings: settings.clone(),
            list: Mutex::default(),
        }
    }

    /// Whether one request serves all names.
    pub(super) fn is_list(&self) -> bool {
        self.settings.select.is_some()
    }

    /// Looks a signer up, within the deadline. `is_forced`: a list cached from another signer's
    /// lookup is not used.
    pub(super) async fn find(
        &self,
        signer: &str,
        is_forced: bool,
    ) -> Result<Registered, SourceError> {
        let Some(url) = self.settings.url.of(signer) else {
            return Err(SourceError::Unknown { place: self.settings.url.to_string() });
        };
        let limit = self.settings.client.timeout;
        let place = shown(&url);
        let found = timeout(limit, async {
            let part = match &self.settings.select {
                Some(select) => {
                    let list = self.listed(&url, select, is_forced).await?;
                    document::find(&list, signer, &place)?
                }
                None => SignerRecord::of(&self.fetch(&url).await?, &self.settings),
            };
            part.read(&self.settings, &place, self.clock.now())
        });
        let late = || Err(FetchError::Timeout { place: place.clone(), limit }.into());
        found.await.unwrap_or_else(|_| late())
    }

    /// The list, as it was fetched for the last request, or fetched again.
    async fn listed(
        &self,
        url: &Uri,
        select: &SelectSettings,
        is_forced: bool,
    ) -> Result<Arc<SignerList>, SourceError> {
        let mut list = self.list.lock().await;
        let oldest = if is_forced { FORCED_LIST_AGE } else { self.settings.cooldown };
        if let Some((since, known)) = &*list
            && since.elapsed() < oldest
        {
            return Ok(Arc::clone(known));
        }
        let place = shown(url);
        let document = self.fetch(url).await.map_err(|error| match error {
            // A missing list is no evidence about any signer.
            SourceError::Unknown { place } => SourceError::Status { place, status: 404 },
            error => error,
        })?;
        let fresh = Arc::new(document::list(&document, select, &self.settings, &place)?);
        *list = Some((Instant::now(), Arc::clone(&fresh)));
        Ok(fresh)
    }

    /// The document. A token of our own that was refused may have been withdrawn: the next one
    /// decides.
    async fn fetch(&self, url: &Uri) -> Result<Json, SourceError> {
        let discarded = self.client.tokens_discarded();
        match self.fetch_once(url).await {
            Err(SourceError::Refused { .. }) if self.client.tokens_discarded() != discarded => {
                self.fetch_once(url).await
            }
            outcome => outcome,
        }
    }

    async fn fetch_once(&self, url: &Uri) -> Result<Json, SourceError> {
        let place = shown(url);
        let mut form = Form::default();
        let proof = self.client.authorization(url, &mut form).await?;
        let mut request = Request::get(url)
            .header(ACCEPT, ACCEPTED)
            .body(Full::<Bytes>::default())
            .map_err(|_| malformed(&place, "no request can be made for the URL"))?;
        if let Some(proof) = &proof {
            request.headers_mut().insert(AUTHORIZATION, proof.clone());
        }
        let reply = self.fetcher.send(request).await?;
        let answer = read(&reply, &place);
        if let (Err(SourceError::Refused { .. }), Some(proof)) = (&answer, &proof) {
            self.client.discard(proof);
        }
        answer
    }
}

/// Looks up an invented signer: whether the registry responds and accepts our credentials.
///
/// # Errors
/// Why not, in words.
pub async fn probe(settings: &RegistrySettings) -> Result<(), String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match RegistrySource::new(settings, &clock).find("countersign-check", false).await {
        Err(error) if !error.is_answer(false) => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn read(reply: &Reply, place: &str) -> Result<Json, SourceError> {
    let status = reply.status.as_u16();
    match reply.status {
        StatusCode::OK => document::parse(&reply.body).map_err(|cause| malformed(place, &cause)),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Err(SourceError::Unknown { place: place.to_owned() })
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(SourceError::Refused { place: place.to_owned(), status })
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let retry_after = retry_after(&reply.headers);
            Err(FetchError::Status { place: place.to_owned(), status, retry_after }.into())
        }
        _ => Err(SourceError::Status { place: place.to_owned(), status }),
    }
}

fn malformed(place: &str, cause: &str) -> SourceError {
    SourceError::Malformed { place: place.to_owned(), cause: cause.to_owned() }
}
