//! A JWKS behind a URL that is configured, or found by discovery.

use std::time::Duration;

use http::{HeaderValue, Uri};

use crate::{
    fetch::{Answer, FetchRules, Fetcher, Metadata, shown},
    jose::jwk::KeyLimits,
    json::JsonPointer,
    keys::{KeyError, settings::KeySettings},
};

use super::{Content, Reading, wrapped};

/// Fetches a JWKS, and lets the source say "not modified".
#[derive(Debug)]
pub(in crate::keys) struct RemoteSource {
    address: Address,
    /// Where in the document the keys are, if they are not all of it.
    pointer: Option<JsonPointer>,
    fetcher: Fetcher,
    limits: KeyLimits,
    last: Option<Last>,
}

/// Where a JWKS is.
#[derive(Debug)]
pub(in crate::keys) enum Address {
    Configured(Uri),
    Discovered(Metadata),
}

/// The last answer that was taken.
#[derive(Debug)]
struct Last {
    url: Uri,
    etag: Option<HeaderValue>,
    max_age: Option<Duration>,
}

impl RemoteSource {
    pub(super) fn new(address: Address, pointer: Option<JsonPointer>, keys: &KeySettings) -> Self {
        let rules = FetchRules::occasional(keys.timeout, keys.max_bytes, keys.ca_file.clone());
        let fetcher = Fetcher::new(rules);
        Self { address, pointer, fetcher, limits: keys.limits(), last: None }
    }

    pub(super) async fn read(&mut self) -> Result<Reading, KeyError> {
        let url = match &self.address {
            Address::Configured(url) => url.clone(),
            Address::Discovered(metadata) => metadata.endpoint(&self.fetcher).await?,
        };
        let result = self.read_from(&url).await;
        if let (Err(_), Address::Discovered(metadata)) = (&result, &self.address) {
            metadata.forget();
        }
        result
    }

    async fn read_from(&mut self, url: &Uri) -> Result<Reading, KeyError> {
        let last = self.last.as_ref().filter(|last| last.url == *url);
        let etag = last.and_then(|last| last.etag.clone());
        let answer = self.fetcher.get(url, etag.as_ref()).await?;
        let Answer { document, etag: new_etag, max_age } = answer;
        let Some(document) = document else {
            // RFC 9111 §3.2: what a 304 does not say again stays as it was said before.
            let max_age = max_age.or_else(|| last?.max_age);
            let etag = new_etag.or(etag);
            self.last = Some(Last { url: url.clone(), etag, max_age });
            return Ok(Reading { content: None, max_age });
        };
        let content = match &self.pointer {
            None => Content::of_jwks(document, self.limits, &shown(url))?,
            Some(pointer) => {
                let place = wrapped::place(&shown(url), pointer);
                let keys = wrapped::unwrap(&document, pointer, &place)?;
                Content::of_jwks(keys, self.limits, &place)?
            }
        };
        // Only now: an answer that was refused must not be confirmed by a later 304.
        self.last = Some(Last { url: url.clone(), etag: new_etag, max_age });
        Ok(Reading { content: Some(content), max_age })
    }
}
