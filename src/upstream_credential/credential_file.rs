//! A credential in a file, which is read again when it changes.

use std::{path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config::files::read_whole,
    refresh::{
        Confirmation, ContentAge, FileError, FileLimit, Refresh, RefreshPlan, Refreshed, Schedule,
        SourceChange, WatchedFile, keep_fresh,
    },
};

use super::{
    TokenDigest,
    settings::{MAX_SECRET_BYTES, parse_upstream_secret},
};

/// The file's content in use. After a failed reading that is the one before.
#[derive(Debug)]
pub struct CredentialFile {
    name: String,
    current: ArcSwapOption<FileSecret>,
}

/// The credential in a file.
pub struct FileSecret {
    text: Zeroizing<String>,
    digest: TokenDigest,
}

struct FilePlan {
    file: Arc<CredentialFile>,
    path: Box<Path>,
    clock: Arc<dyn Clock>,
}

struct FileRefresh {
    file: Arc<CredentialFile>,
    watched: WatchedFile,
    clock: Arc<dyn Clock>,
}

/// How often it is read although it looks unchanged.
const INTERVAL: Duration = Duration::from_mins(10);
/// A file system that is gone for longer is a failed reading.
const READ_DEADLINE: Duration = Duration::from_secs(5);

impl CredentialFile {
    /// The content as it is now, and the task that follows it. `name` is the credential's.
    pub(super) fn watch(
        name: &str,
        path: &Path,
        clock: &Arc<dyn Clock>,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        // Without it the first requests would have none. It was read a moment ago, to be checked;
        // what went wrong since then is reported by the task.
        let content = read_whole(path, MAX_SECRET_BYTES as u64).ok();
        let secret = content.and_then(|content| FileSecret::parse(&content).ok());
        let current = ArcSwapOption::from(secret.map(Arc::new));
        let file = Arc::new(Self { name: name.to_owned(), current });
        let plan =
            FilePlan { file: Arc::clone(&file), path: path.into(), clock: Arc::clone(clock) };
        (file, keep_fresh(plan))
    }

    /// The credential; `None` while it could never be read.
    pub fn current(&self) -> Option<Arc<FileSecret>> {
        self.current.load_full()
    }
}

impl FileSecret {
    fn parse(content: &[u8]) -> Result<Self, String> {
        let text = parse_upstream_secret(content)?;
        Ok(Self { digest: digest_of(text.as_bytes()), text })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its digest.
    pub(super) fn digest(&self) -> &TokenDigest {
        &self.digest
    }
}

impl std::fmt::Debug for FileSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileSecret({} bytes)", self.text.len())
    }
}

pub(super) fn digest_of(bytes: &[u8]) -> TokenDigest {
    let mut array = TokenDigest::default();
    array.copy_from_slice(digest(&SHA256, bytes).as_ref());
    array
}

impl RefreshPlan for FilePlan {
    type Refresh = FileRefresh;

    fn refresh(&self) -> FileRefresh {
        FileRefresh {
            file: Arc::clone(&self.file),
            watched: WatchedFile::new(&self.path, MAX_SECRET_BYTES, READ_DEADLINE),
            clock: Arc::clone(&self.clock),
        }
    }

    fn schedule(&self) -> Schedule {
        Schedule::every(INTERVAL)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn panicked(&self, cause: String, _pause: Duration) {
        tracing::error!(credential = self.file.name, cause, "the reading of a credential failed");
    }
}

impl Refresh for FileRefresh {
    type Content = FileSecret;
    type Error = String;

    /// A `stat` each time. Soon: the credential before may be revoked already.
    const LOOK_INTERVAL: Duration = Duration::from_secs(1);

    fn content_age(&self) -> Option<&ContentAge> {
        None
    }

    async fn read(&mut self) -> Result<Refreshed<FileSecret>, String> {
        let confirmed = Confirmation::now(&*self.clock);
        let content = self.watched.read().await.map_err(|error| in_words(&error))?;
        let secret = FileSecret::parse(&content);
        let secret = secret.map_err(|problem| format!("{} {problem}", self.watched.place()))?;
        Ok(Refreshed { content: Some(secret), max_age: None, confirmed })
    }

    fn replace(&mut self, secret: FileSecret) -> bool {
        let before = self.file.current.load();
        if before.as_ref().is_some_and(|before| before.digest == secret.digest) {
            return false;
        }
        self.file.current.store(Some(Arc::new(secret)));
        tracing::info!(credential = self.file.name, "the credential in the file changed");
        true
    }

    fn failed(&mut self, error: &String, _wait: Duration) {
        tracing::warn!(credential = self.file.name, error, "the credential in use is kept");
    }

    async fn look(&mut self) -> SourceChange {
        match self.watched.has_changed().await {
            Some(true) => SourceChange::Changed,
            Some(false) => SourceChange::Unchanged,
            None => SourceChange::Unknown,
        }
    }
}

fn in_words(error: &FileError) -> String {
    match error {
        FileError::Limit { place, limit: FileLimit::Bytes(most) } => {
            format!("{place} has more than {most} bytes")
        }
        FileError::Limit { place, limit: FileLimit::Time(limit) } => {
            format!("{place} could not be read within {limit:?}")
        }
        FileError::Unreadable { place, cause } => format!("{place}: {cause}"),
    }
}
