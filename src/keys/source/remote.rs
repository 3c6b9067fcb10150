//! A JWKS at a URL that is configured, or found by discovery.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Uri};

use crate::{
    fetch::{DiscoveredEndpoint, Fetched, Fetcher, shown},
    jose::jwk::KeyLimits,
    json::JsonPointer,
    keys::KeyError,
};

use super::{KeySetContent, KeySetReading, wrapped};

/// Fetches a JWKS with conditional requests.
#[derive(Debug)]
pub(in crate::keys) struct RemoteSource {
    address: KeySetAddress,
    /// Where in the document the keys are, if they are not all of it.
    pointer: Option<JsonPointer>,
    fetcher: Arc<Fetcher>,
    limits: KeyLimits,
    last: Option<Last>,
}

/// Where a JWKS is.
#[derive(Debug)]
pub(in crate::keys) enum KeySetAddress {
    Configured(Uri),
    Discovered(DiscoveredEndpoint),
}

/// The last answer that was taken.
#[derive(Debug)]
struct Last {
    url: Uri,
    etag: Option<HeaderValue>,
    max_age: Option<Duration>,
}

impl RemoteSource {
    pub(super) fn new(
        address: KeySetAddress,
        pointer: Option<JsonPointer>,
        fetcher: Arc<Fetcher>,
        limits: KeyLimits,
    ) -> Self {
        Self { address, pointer, fetcher, limits, last: None }
    }

    pub(super) async fn read(&mut self) -> Result<KeySetReading, KeyError> {
        let url = match &self.address {
            KeySetAddress::Configured(url) => url.clone(),
            KeySetAddress::Discovered(endpoint) => endpoint.url().await?,
        };
        let result = self.read_from(&url).await;
        if let (Err(_), KeySetAddress::Discovered(endpoint)) = (&result, &self.address) {
            endpoint.doubt(&url);
        }
        result
    }

    async fn read_from(&mut self, url: &Uri) -> Result<KeySetReading, KeyError> {
        let last = self.last.as_ref().filter(|last| last.url == *url);
        let etag = last.and_then(|last| last.etag.clone());
        let answer = self.fetcher.get(url, etag.as_ref()).await?;
        let Fetched { document, etag: new_etag, max_age } = answer;
        let Some(document) = document else {
            // RFC 9111 §3.2: fields that a 304 leaves out keep their value.
            let max_age = max_age.or_else(|| last?.max_age);
            let etag = new_etag.or(etag);
            self.last = Some(Last { url: url.clone(), etag, max_age });
            return Ok(KeySetReading { content: None, max_age });
        };
        let content = match &self.pointer {
            None => KeySetContent::of_jwks(document, self.limits, &shown(url))?,
            Some(pointer) => {
                let place = wrapped::place(&shown(url), pointer);
                let keys = wrapped::unwrap(&document, pointer, &place)?;
                KeySetContent::of_jwks(keys, self.limits, &place)?
            }
        };
        // Only now: an answer that was refused must not be confirmed by a later 304.
        self.last = Some(Last { url: url.clone(), etag: new_etag, max_age });
        Ok(KeySetReading { content: Some(content), max_age })
    }
}
