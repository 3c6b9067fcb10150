//! Where the list comes from.

mod file;
mod url;

use std::ops::Deref;

use tokio::task::spawn_blocking;

use crate::{
    clock::UnixTime,
    fetch::{FetchError, shown},
    refresh::SourceChange,
    revocation::settings::{ListSettings, ListSource},
};

use self::{file::ListFile, url::UrlSource};

use super::{Denylist, ListError};

/// The sources that can be configured. Each bounds the time a reading takes, and its bytes.
#[derive(Debug)]
pub(super) enum OpenListSource {
    File(ListFile),
    Url(Box<UrlSource>),
}

impl OpenListSource {
    pub(super) fn new(settings: &ListSettings) -> Self {
        match &settings.source {
            ListSource::File(path) => Self::File(ListFile::new(path, settings)),
            ListSource::Url(url) => Self::Url(Box::new(UrlSource::new(url, settings))),
        }
    }

    /// The whole list; `None`: not modified.
    pub(super) async fn read(&mut self, now: UnixTime) -> Result<Option<Denylist>, ListError> {
        match self {
            Self::File(source) => source.read(now).await.map(Some),
            Self::Url(source) => source.read(now).await,
        }
    }

    pub(super) async fn look(&self) -> SourceChange {
        match self {
            Self::File(source) => source.look().await,
            Self::Url(_) => SourceChange::Unknown,
        }
    }
}

/// Reads the list once, outside of any proxy, and returns its number of entries.
///
/// # Errors
/// See [`ListError`].
pub async fn probe(settings: &ListSettings, now: UnixTime) -> Result<usize, ListError> {
    let list = OpenListSource::new(settings).read(now).await?;
    Ok(list.map_or(0, |list| list.len()))
}

/// The source, for messages.
pub(super) fn describe(source: &ListSource) -> String {
    match source {
        ListSource::File(path) => path.display().to_string(),
        ListSource::Url(url) => shown(url),
    }
}

/// Parses apart from the runtime: a large list takes longer than a scrape of the metrics may wait.
async fn parse(
    document: impl Deref<Target: AsRef<[u8]>> + Send + 'static,
    max_entries: usize,
    now: UnixTime,
    place: String,
) -> Result<Denylist, ListError> {
    let parsed =
        spawn_blocking(move || Denylist::parse((*document).as_ref(), max_entries, now)).await;
    let parsed = parsed.map_err(|error| FetchError::Internal { cause: error.to_string() })?;
    parsed.map_err(|cause| ListError::Malformed { place, cause })
}
