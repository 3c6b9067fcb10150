//! `[revocation]`: tokens that are refused before they expire.

use std::{path::PathBuf, time::Duration};

use http::Uri;

use crate::{
    config::{
        files::expected_file,
        reader::Section,
        urls::callable,
        values::{count, duration, keyword, size, switch},
        writer::{Writer, Written},
    },
    fetch::settings::{EgressProxySettings, key as of_proxy},
    tls::settings::authorities_file,
};

pub(crate) mod key {
    pub(crate) const LOGOUT_TTL: &str = "logout_ttl";
    pub(crate) const MAX_LOGOUTS: &str = "max_logouts";
    pub(crate) const REFRESH: &str = "refresh";
    pub(crate) const MAX_STALE: &str = "max_stale";
    pub(crate) const ON_FAILURE: &str = "on_failure";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const MAX_BYTES: &str = "max_bytes";
    pub(crate) const MAX_ENTRIES: &str = "max_entries";
    pub(crate) const CA_FILE: &str = "ca_file";
    pub(crate) const FILE: &str = "file";
    pub(crate) const URL: &str = "url";
    pub(crate) const ALLOW_HTTP: &str = "allow_http";
}

/// `[revocation]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationSettings {
    /// The list of what is revoked, if there is one.
    pub list: Option<ListSettings>,
    /// How long a back-channel logout is remembered.
    pub logout_ttl: Duration,
    /// The most back-channel logouts kept at the same time.
    pub max_logouts: usize,
}

/// The list, and how long it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSettings {
    /// Where it is.
    pub source: ListSource,
    /// How often a URL is fetched, and a file read that does not look changed.
    pub refresh: Duration,
    /// How long the list outlives an unreachable or broken source.
    pub max_stale: Duration,
    /// What happens to tokens when there is no list, or only a stale one.
    pub on_failure: OnFailure,
    /// A whole reading: connect, TLS, headers and body.
    pub timeout: Duration,
    /// The largest accepted document, in bytes.
    pub max_bytes: usize,
    /// The most entries of one list.
    pub max_entries: usize,
    /// PEM file of the certificate authorities to trust for the URL, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy that the URL is reached through.
    pub proxy: Option<EgressProxySettings>,
}

/// Where the list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    /// In a file, which may come later, and is checked for changes every second.
    File(PathBuf),
    /// At a URL (https, or http where allowed), fetched every `refresh`.
    Url(Uri),
}

/// What a missing list means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It is unknown whether a token is revoked: 503.
    Refuse,
    /// Tokens pass by what is known, and that is logged and counted.
    Continue,
}

const ON_FAILURE: &[(&str, OnFailure)] =
    &[("refuse", OnFailure::Refuse), ("continue", OnFailure::Continue)];

/// A revoked token passes for as long where the list is fetched.
const DEFAULT_REFRESH: Duration = Duration::from_secs(30);
/// More often is an attack on one's own server.
const MIN_REFRESH: Duration = Duration::from_secs(1);
/// Longer than most tokens live.
const MAX_REFRESH: Duration = Duration::from_hours(24);
/// A short outage must not become one of the service; what was revoked since passes for that time.
const DEFAULT_MAX_STALE: Duration = Duration::from_hours(1);
/// As for keys: beyond a month, old keys are no basis for trust.
const MAX_MAX_STALE: Duration = Duration::from_hours(30 * 24);
/// As for keys.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Below this no fetch over a network succeeds.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// A longer reading only delays the retry.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
/// The default number of entries at some 80 bytes each.
const DEFAULT_MAX_BYTES: usize = 8 * 1024 * 1024;
/// A handful of entries must fit.
const MIN_MAX_BYTES: usize = 1024;
/// Document and list are held in memory side by side while the one becomes the other.
const MAX_MAX_BYTES: usize = 256 * 1024 * 1024;
/// What is kept of an entry.
pub(crate) const LIST_ENTRY_BYTES: usize = 160;
/// Some 15 MiB of memory. Tokens that have expired need no entry.
const DEFAULT_MAX_ENTRIES: usize = 100_000;
/// What a list of the largest size could hold.
const MAX_MAX_ENTRIES: usize = 10_000_000;
/// Longer than access tokens live where logout matters.
const DEFAULT_LOGOUT_TTL: Duration = Duration::from_hours(24);
/// A logout token must be remembered for as long as it could be sent again.
const MIN_LOGOUT_TTL: Duration = Duration::from_mins(15);
/// Tokens that live longer than a month are not ended by logging out.
const MAX_LOGOUT_TTL: Duration = Duration::from_hours(30 * 24);
/// A logout as it usually is, with a session and a subject of 36 characters.
pub(crate) const LOGOUT_BYTES: usize = 512;
/// More than one a second, all day; some 40 MiB.
const DEFAULT_MAX_LOGOUTS: usize = 100_000;
/// Each takes up to 2 KiB.
const MAX_MAX_LOGOUTS: usize = 1_000_000;

const SOURCES: &[&str] = &[key::FILE, key::URL];
/// Keys without effect where there is no list.
const LIST_ONLY: &[&str] =
    &[key::REFRESH, key::MAX_STALE, key::ON_FAILURE, key::MAX_BYTES, key::MAX_ENTRIES];
/// What only makes sense for a list that is fetched.
const URL_ONLY: &[&str] = &[
    key::TIMEOUT,
    key::CA_FILE,
    key::ALLOW_HTTP,
    of_proxy::PROXY,
    of_proxy::PROXY_CREDENTIALS_FILE,
];

impl RevocationSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let ttl = duration(MIN_LOGOUT_TTL..=MAX_LOGOUT_TTL);
        Self {
            list: ListSettings::read(section),
            logout_ttl: section.or(key::LOGOUT_TTL, DEFAULT_LOGOUT_TTL, ttl),
            max_logouts: section.or(
                key::MAX_LOGOUTS,
                DEFAULT_MAX_LOGOUTS,
                count(1..=MAX_MAX_LOGOUTS),
            ),
        }
    }

    pub(crate) fn write(&self) -> Written {
        let writer = Writer::default();
        let writer = match &self.list {
            Some(list) => list.write(writer),
            None => writer,
        };
        writer
            .duration(key::LOGOUT_TTL, self.logout_ttl)
            .count(key::MAX_LOGOUTS, self.max_logouts)
            .table()
    }
}

impl ListSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        refuse_idle_keys(section);
        let source = read_source(section);
        let refresh =
            section.or(key::REFRESH, DEFAULT_REFRESH, duration(MIN_REFRESH..=MAX_REFRESH));
        let max_stale = duration(MIN_REFRESH..=MAX_MAX_STALE);
        let max_stale = section.or(key::MAX_STALE, DEFAULT_MAX_STALE, max_stale);
        if max_stale < refresh {
            section.mistake(
                key::MAX_STALE,
                "is shorter than refresh: the list would lapse between two refreshes".to_owned(),
            );
        }
        let size = size(MIN_MAX_BYTES..=MAX_MAX_BYTES);
        Some(Self {
            refresh,
            max_stale,
            on_failure: section.or(key::ON_FAILURE, OnFailure::Refuse, keyword(ON_FAILURE)),
            timeout: section.or(key::TIMEOUT, DEFAULT_TIMEOUT, duration(MIN_TIMEOUT..=MAX_TIMEOUT)),
            max_bytes: section.or(key::MAX_BYTES, DEFAULT_MAX_BYTES, size),
            max_entries: section.or(
                key::MAX_ENTRIES,
                DEFAULT_MAX_ENTRIES,
                count(1..=MAX_MAX_ENTRIES),
            ),
            ca_file: section.optional(key::CA_FILE, authorities_file),
            proxy: EgressProxySettings::read(section, &[key::URL], key::ALLOW_HTTP),
            // Last, so that a bad source does not hide the mistakes above.
            source: source?,
        })
    }

    fn write(&self, writer: Writer) -> Writer {
        let writer = writer
            .duration(key::REFRESH, self.refresh)
            .duration(key::MAX_STALE, self.max_stale)
            .keyword(key::ON_FAILURE, ON_FAILURE, &self.on_failure)
            .size(key::MAX_BYTES, self.max_bytes)
            .count(key::MAX_ENTRIES, self.max_entries);
        match &self.source {
            ListSource::File(path) => writer.path(key::FILE, path),
            ListSource::Url(url) => {
                let writer = writer
                    .text(key::URL, url)
                    .duration(key::TIMEOUT, self.timeout)
                    .optional_path(key::CA_FILE, self.ca_file.as_deref());
                match &self.proxy {
                    Some(proxy) => proxy.write(writer),
                    None => writer.switch(key::ALLOW_HTTP, url.scheme_str() == Some("http")),
                }
            }
        }
    }
}

fn read_source(section: &mut Section<'_>) -> Option<ListSource> {
    if SOURCES.iter().all(|name| section.peek(name).is_some()) {
        section.own_mistake("found file and url, expected at most one of them".to_owned());
    }
    let allow_http = section.or(key::ALLOW_HTTP, false, switch);
    let file = section.optional(key::FILE, expected_file);
    let url = section.optional(
        key::URL,
        callable(allow_http, "a list fetched over plain http can be forged on the way"),
    );
    file.map(ListSource::File).or_else(|| url.map(ListSource::Url))
}

/// A setting without effect is a mistake: the operator believes that a list is read.
fn refuse_idle_keys(section: &Section<'_>) {
    let has_url = section.peek(key::URL).is_some();
    let has_list = has_url || section.peek(key::FILE).is_some();
    let list_only = LIST_ONLY.iter().filter(|_| !has_list).map(|name| (name, "file or url"));
    let url_only = URL_ONLY.iter().filter(|_| !has_url).map(|name| (name, key::URL));
    for (name, needed) in list_only.chain(url_only) {
        if section.peek(name).is_some() {
            section.mistake(name, format!("has no effect without {needed}"));
        }
    }
}
