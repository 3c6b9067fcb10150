//! What is cached of signers, for all workers together.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use parking_lot::{Mutex, MutexGuard};

use crate::{
    bounded::BoundedMap,
    clock::{UnixTime, seconds},
    lookup::{Cache, Lifetime},
    registry::settings::{ENTRY_BYTES, RegistrySettings},
};

use super::Registered;

/// Signers that the registry knows, and names that it does not know. Each side has bounds of its
/// own: invented names evict no signer.
#[derive(Debug)]
pub(super) struct Entries {
    known: Mutex<BoundedMap<Arc<Registered>>>,
    absent: Cache<Absence>,
    refresh: i64,
    max_stale: i64,
    negative_ttl: i64,
    is_inherited: AtomicBool,
}

/// Why a name has no entry.
#[derive(Debug, Clone, Copy)]
enum Absence {
    /// The registry has responded that there is no such signer.
    Unknown,
    /// It has failed about the name.
    BackingOff,
}

/// What is cached of a name.
#[derive(Debug)]
pub(super) enum Cached {
    /// Fetched recently.
    Fresh(Arc<Registered>),
    /// Fetched a while ago: valid while it is refreshed.
    Stale(Arc<Registered>),
    /// Fetched so long ago that it is refreshed first: valid only if that fails.
    Expired(Arc<Registered>),
    /// There is no such signer.
    Unknown,
    /// The registry failed about the name a moment ago.
    BackingOff,
    /// Nothing that counts.
    Miss,
}

/// How long a name that the registry fails about is not looked up again, in seconds: its sender
/// must not take all the turns. A new signer waits for no more than this after a hiccup.
const BACKOFF: i64 = 2;
/// Names that do not exist: at 256 bytes and their overhead below 4 MiB.
const UNKNOWN_ENTRIES: usize = 10_000;

impl Cached {
    /// The entry, whatever its age.
    pub(super) fn entry(self) -> Option<Arc<Registered>> {
        match self {
            Self::Fresh(entry) | Self::Stale(entry) | Self::Expired(entry) => Some(entry),
            Self::Unknown | Self::BackingOff | Self::Miss => None,
        }
    }
}

impl Entries {
    pub(super) fn new(settings: &RegistrySettings) -> Self {
        let bytes = settings.entries.saturating_mul(ENTRY_BYTES);
        Self {
            known: Mutex::new(BoundedMap::new(settings.entries, bytes)),
            absent: Cache::new(UNKNOWN_ENTRIES, usize::MAX),
            refresh: seconds(settings.refresh),
            max_stale: seconds(settings.max_stale),
            negative_ttl: seconds(settings.negative_ttl),
            is_inherited: AtomicBool::new(false),
        }
    }

    pub(super) fn find(&self, signer: &str, now: UnixTime) -> Cached {
        let key = signer.as_bytes();
        if let Some(entry) = self.known().find(key) {
            return match entry.age(now) {
                age if (0..self.refresh).contains(&age) => Cached::Fresh(Arc::clone(entry)),
                // One from the future as well: its age is unknown.
                age if age < self.refresh.saturating_mul(2).min(self.max_stale) => {
                    Cached::Stale(Arc::clone(entry))
                }
                age if age <= self.max_stale => Cached::Expired(Arc::clone(entry)),
                _ => self.without(key, now),
            };
        }
        self.without(key, now)
    }

    fn without(&self, key: &[u8], now: UnixTime) -> Cached {
        match self.absent.find(key, now) {
            Some(Absence::Unknown) => Cached::Unknown,
            Some(Absence::BackingOff) => Cached::BackingOff,
            None => Cached::Miss,
        }
    }

    /// Whether the registry has known the signer, however long ago.
    pub(super) fn has_known(&self, signer: &str) -> bool {
        self.known().find(signer.as_bytes()).is_some()
    }

    /// The registry knows the signer. Returns the previous entry.
    pub(super) fn know(&self, signer: &str, entry: Arc<Registered>) -> Option<Arc<Registered>> {
        let mut known = self.known();
        let earlier = known.find(signer.as_bytes()).cloned();
        if let Some(earlier) = &earlier {
            entry.succeeds(earlier);
        }
        let bytes = entry.memory();
        known.insert(signer.as_bytes(), entry, bytes);
        drop(known);
        self.absent.remove(signer.as_bytes());
        earlier
    }

    /// The registry does not know the signer, any more or yet. Returns whether it did.
    pub(super) fn forget(&self, signer: &str, now: UnixTime) -> bool {
        let mut known = self.known();
        let was_known = known.find(signer.as_bytes()).is_some();
        known.remove(signer.as_bytes());
        drop(known);
        self.keep_absent(signer, Absence::Unknown, self.negative_ttl, now);
        was_known
    }

    /// The registry has failed about the name.
    pub(super) fn back_off(&self, signer: &str, now: UnixTime) {
        self.keep_absent(signer, Absence::BackingOff, BACKOFF, now);
    }

    fn keep_absent(&self, signer: &str, absence: Absence, seconds: i64, now: UnixTime) {
        let until = UnixTime(now.0.saturating_add(seconds));
        self.absent.insert(signer.as_bytes(), absence, Lifetime::fresh_only(until), 0, now);
    }

    /// They come from an earlier configuration's cache, which is newer than the snapshot: a signer
    /// that was removed since must not return from that.
    pub(super) fn are_inherited(&self) {
        self.is_inherited.store(true, Relaxed);
    }

    pub(super) fn is_inherited(&self) -> bool {
        self.is_inherited.load(Relaxed)
    }

    /// Every signer that is known.
    pub(super) fn all(&self) -> Vec<(String, Arc<Registered>)> {
        let known = self.known();
        let named = known.iter().filter_map(|(name, entry)| {
            Some((std::str::from_utf8(name).ok()?.to_owned(), Arc::clone(entry)))
        });
        named.collect()
    }

    fn known(&self) -> MutexGuard<'_, BoundedMap<Arc<Registered>>> {
        self.known.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::{
        jose::{Algorithm, JwkSet, SigningKey},
        json::Object,
        oauth_client::settings::{ClientProof, client::ClientSettings},
        registry::settings::{KeyFormat, SignerUrl},
    };

    fn settings() -> RegistrySettings {
        RegistrySettings {
            url: SignerUrl::fixed("https://registry.test/roles"),
            pointer: None,
            format: KeyFormat::Auto,
            select: None,
            require: Vec::new(),
            refresh: Duration::from_mins(10),
            max_stale: Duration::from_hours(1),
            negative_ttl: Duration::from_secs(30),
            cooldown: Duration::from_secs(30),
            entries: 3,
            client: ClientSettings {
                proof: ClientProof::Unauthenticated,
                identity: None,
                timeout: Duration::from_secs(1),
                concurrency: 1,
                max_bytes: 1024,
                allow_http: false,
                ca_file: None,
                proxy: None,
            },
            snapshot: None,
        }
    }

    fn entry(at: i64) -> Arc<Registered> {
        let key = SigningKey::generate(Algorithm::Es256, Some("k")).unwrap();
        let key = Arc::new(key.verification_key().unwrap());
        let keys = JwkSet { keys: vec![key], skipped: Vec::new() };
        Arc::new(Registered::new(keys, Object::default(), UnixTime(at), UnixTime(at)))
    }

    #[test]
    fn an_entry_ages_and_then_does_not_count() {
        let entries = Entries::new(&settings());
        entries.know("a", entry(1_000));
        assert!(entries.has_known("a"));
        let at = |now| entries.find("a", UnixTime(now));
        assert!(matches!(at(1_599), Cached::Fresh(_)));
        assert!(matches!(at(1_600), Cached::Stale(_)));
        assert!(matches!(at(2_199), Cached::Stale(_)));
        assert!(matches!(at(2_200), Cached::Expired(_)));
        assert!(matches!(at(4_600), Cached::Expired(_)));
        assert!(matches!(at(4_601), Cached::Miss));
        assert!(matches!(at(999), Cached::Fresh(_)), "the clock was set back");
    }

    #[tokio::test(start_paused = true)]
    async fn d11_an_entry_ages_and_is_renewed_though_the_clock_is_set_back() {
        const BACK: i64 = 100_000;
        let entries = Entries::new(&settings());
        let entry = entry(BACK);
        entries.know("a", Arc::clone(&entry));
        assert!(entry.claims_refresh(UnixTime(BACK), 5));
        advance(Duration::from_secs(599)).await;
        assert!(matches!(entries.find("a", UnixTime(599)), Cached::Fresh(_)));
        advance(Duration::from_secs(1)).await;
        assert!(matches!(entries.find("a", UnixTime(600)), Cached::Stale(_)));
        assert!(entry.claims_refresh(UnixTime(600), 5) && !entry.claims_refresh(UnixTime(604), 5));
        advance(Duration::from_secs(3_001)).await;
        assert!(matches!(entries.find("a", UnixTime(3_601)), Cached::Miss));
    }

    #[test]
    fn a_name_that_the_registry_fails_about_backs_off_for_a_moment() {
        let entries = Entries::new(&settings());
        entries.back_off("a", UnixTime(1_000));
        let at = |now| entries.find("a", UnixTime(now));
        assert!(matches!(at(1_000 + BACKOFF - 1), Cached::BackingOff));
        assert!(matches!(at(1_000 + BACKOFF), Cached::Miss));
        entries.know("a", entry(1_000));
        assert!(matches!(at(1_000), Cached::Fresh(_)));
        entries.back_off("a", UnixTime(1_000));
        assert!(matches!(at(1_000), Cached::Fresh(_)), "what is known goes before");
    }

    #[test]
    fn d7_invented_names_are_bounded_and_push_no_signer_out() {
        let entries = Entries::new(&settings());
        entries.know("a", entry(0));
        for n in 0..5 * UNKNOWN_ENTRIES {
            entries.forget(&format!("invented-{n}"), UnixTime(0));
        }
        assert!(entries.absent.len() <= UNKNOWN_ENTRIES);
        assert!(matches!(entries.find("a", UnixTime(1)), Cached::Fresh(_)));
        for n in 0..100 {
            entries.know(&format!("signer-{n}"), entry(0));
        }
        assert!(entries.known().len() <= 3);
    }

    #[test]
    fn k8_a_renewal_by_force_gives_no_right_to_the_next() {
        let entries = Entries::new(&settings());
        let first = entry(0);
        entries.know("a", Arc::clone(&first));
        assert!(first.claims_renewal(UnixTime(10), 30));
        assert!(!first.claims_renewal(UnixTime(39), 30));
        let second = entry(11);
        entries.know("a", Arc::clone(&second));
        assert!(!second.claims_renewal(UnixTime(39), 30));
        assert!(second.claims_renewal(UnixTime(40), 30));
    }
}
