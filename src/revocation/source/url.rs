//! A list at a URL.

use http::{HeaderValue, Uri};

use crate::{
    clock::UnixTime,
    fetch::{FetchRules, Fetched, Fetcher, shown},
    revocation::{Denylist, ListError, settings::ListSettings},
};

/// Fetches the list with conditional requests.
#[derive(Debug)]
pub(in crate::revocation) struct UrlSource {
    url: Uri,
    fetcher: Fetcher,
    max_entries: usize,
    etag: Option<HeaderValue>,
}

impl UrlSource {
    pub(super) fn new(url: &Uri, settings: &ListSettings) -> Self {
        let ca_file = settings.ca_file.clone();
        let rules = FetchRules::occasional(settings.timeout, settings.max_bytes, ca_file);
        Self {
            url: url.clone(),
            fetcher: Fetcher::new(rules.through(settings.proxy.as_ref())),
            max_entries: settings.max_entries,
            etag: None,
        }
    }

    pub(super) async fn read(&mut self, now: UnixTime) -> Result<Option<Denylist>, ListError> {
        let answer = self.fetcher.get(&self.url, self.etag.as_ref()).await?;
        let Fetched { document, etag, .. } = answer;
        let Some(document) = document else {
            return Ok(None);
        };
        let list = super::parse(document, self.max_entries, now, shown(&self.url)).await?;
        // Only now: an answer that was refused must not be confirmed by a later 304.
        self.etag = etag;
        Ok(Some(list))
    }
}
