//! `[signatures.NAME.keys.registry]`: keys of signers that are looked up one by one.

mod url;

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{
        files::directory,
        node::{Node, Value},
        reader::{Parsed, Section},
        urls::reveals_user_information,
        values::{count, duration, keyword, parsed},
        writer::{Writer, Written},
    },
    identity::{ClaimPath, headers::settings::claim_path},
    json::JsonPointer,
    oauth_client::settings::{
        client::{ClientDefaults, ClientSettings},
        key as of_client,
    },
    policy::{
        RequiredValue,
        comparison::settings::{required_value, written_value},
    },
};

pub use url::SignerUrl;

pub(crate) mod key {
    pub(crate) const URL: &str = "url";
    pub(crate) const POINTER: &str = "pointer";
    pub(crate) const FORMAT: &str = "format";
    pub(crate) const SELECT: &str = "select";
    pub(crate) const LIST: &str = "list";
    pub(crate) const MEMBER: &str = "member";
    pub(crate) const REQUIRE: &str = "require";
    pub(crate) const REFRESH: &str = "refresh";
    pub(crate) const MAX_STALE: &str = "max_stale";
    pub(crate) const NEGATIVE_TTL: &str = "negative_ttl";
    pub(crate) const COOLDOWN: &str = "cooldown";
    pub(crate) const ENTRIES: &str = "entries";
    pub(crate) const SNAPSHOT: &str = "snapshot";
}

/// `[signatures.NAME.keys.registry]`
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// Where a signer is looked up.
    pub url: SignerUrl,
    /// Where in the answer, or in the selected element, the key is; `None`: it is all of it.
    pub pointer: Option<JsonPointer>,
    /// What the key is written as.
    pub format: KeyFormat,
    /// How a signer is found in a list; `None`: the answer is about one signer.
    pub select: Option<SelectSettings>,
    /// The required fields of a signer.
    pub require: Vec<FieldRequirement>,
    /// How old an entry may be before it is renewed in the background.
    pub refresh: Duration,
    /// How long an entry outlives an unreachable registry.
    pub max_stale: Duration,
    /// How long the absence of a signer is cached.
    pub negative_ttl: Duration,
    /// The least time between two renewals of a signer triggered by wrong signatures.
    pub cooldown: Duration,
    /// The most signers that are cached.
    pub entries: usize,
    /// How requests are sent.
    pub client: ClientSettings,
    /// Directory for the last confirmed entries.
    pub snapshot: Option<PathBuf>,
}

/// What a registry's key is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyFormat {
    /// A JWK or JWKS, as JSON or as text in JSON, or PEM, or a certificate in base64.
    #[default]
    Auto,
    /// The bare bytes in hex: P-256 or Ed25519.
    Hex,
    /// The 32 bytes of an Ed25519 key in base64 or base64url.
    Ed25519,
}

/// How a signer is found in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectSettings {
    /// Where the list is; `None`: it is the whole answer.
    pub list: Option<JsonPointer>,
    /// What of an element is the signer's name.
    pub member: ClaimPath,
}

/// A required field of a signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRequirement {
    /// The field.
    pub field: ClaimPath,
    /// What it must be.
    pub value: RequiredValue,
}

/// As of key sets.
const DEFAULT_REFRESH: Duration = Duration::from_mins(10);
const MIN_REFRESH: Duration = Duration::from_secs(1);
const MAX_REFRESH: Duration = Duration::from_hours(24);
/// A night's outage of the registry must not become one of the network.
const DEFAULT_MAX_STALE: Duration = Duration::from_hours(24);
const MAX_MAX_STALE: Duration = Duration::from_hours(30 * 24);
/// A participant that has just been admitted does not wait long.
const DEFAULT_NEGATIVE_TTL: Duration = Duration::from_secs(30);
const MAX_NEGATIVE_TTL: Duration = Duration::from_hours(1);
/// A client that sends wrong signatures costs the registry one request in that time.
const DEFAULT_COOLDOWN: Duration = Duration::from_secs(30);
const MIN_COOLDOWN: Duration = Duration::from_secs(1);
const MAX_COOLDOWN: Duration = Duration::from_hours(1);
/// A signer's entry with its keys takes some 5 KiB.
pub(crate) const ENTRY_BYTES: usize = 8 * 1024;
/// Networks have hundreds of participants.
const DEFAULT_ENTRIES: usize = 10_000;
const MAX_ENTRIES: usize = 1_000_000;
const CLIENT: ClientDefaults = ClientDefaults {
    is_unauthenticated: true,
    urls: &[key::URL, of_client::TOKEN_URL],
    // What OCEN's reference code grants half of.
    timeout: Duration::from_secs(5),
    max_timeout: Duration::from_mins(1),
    // A participant with its logo.
    max_bytes: 256 * 1024,
    max_max_bytes: 4 * 1024 * 1024,
};
/// Fields with secrets: never to be compared with a setting, nor kept in memory.
const SECRET_WORDS: &[&str] = &["secret", "password", "passwd", "token", "private"];

const FORMATS: &[(&str, KeyFormat)] =
    &[("auto", KeyFormat::Auto), ("hex", KeyFormat::Hex), ("ed25519", KeyFormat::Ed25519)];

const EXPECTED_SELECT: &str = "{ list = \"/entities\", member = \"/entityinfo/id\" }";

impl RegistrySettings {
    /// `None` after a mistake, or where there is no such table.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let allow_http = ClientSettings::read_allow_http(section);
        let select = section.optional(key::SELECT, SelectSettings::read);
        let is_list = section.peek(key::SELECT).is_some();
        let expected = "the URL of the registry, with {signer} where the signer's name belongs";
        let url = section.required(key::URL, expected, |node| {
            let text = node.as_text().unwrap_or_default();
            if reveals_user_information(text) {
                return Err(format!(
                    "found user information in the URL, which is not shown; expected {expected}"
                ));
            }
            SignerUrl::parse(text, allow_http, is_list)
                .map_err(|problem| format!("{}{problem}", node.mismatch(expected)))
        });
        let refresh =
            section.or(key::REFRESH, DEFAULT_REFRESH, duration(MIN_REFRESH..=MAX_REFRESH));
        let max_stale =
            section.or(key::MAX_STALE, DEFAULT_MAX_STALE, duration(MIN_REFRESH..=MAX_MAX_STALE));
        if max_stale < refresh {
            let message = "is shorter than refresh: keys would lapse between two renewals";
            section.mistake(key::MAX_STALE, message.to_owned());
        }
        let pointer = parsed("a JSON pointer such as \"/publicKey\"", JsonPointer::parse);
        let negative_ttl = duration(Duration::ZERO..=MAX_NEGATIVE_TTL);
        let client = ClientSettings::read(section, allow_http, &CLIENT);
        Some(Self {
            pointer: section.optional(key::POINTER, pointer),
            format: section.or(key::FORMAT, KeyFormat::default(), keyword(FORMATS)),
            select,
            require: section.section(key::REQUIRE, |require| require.each_member(requirement)),
            refresh,
            max_stale,
            negative_ttl: section.or(key::NEGATIVE_TTL, DEFAULT_NEGATIVE_TTL, negative_ttl),
            cooldown: section.or(
                key::COOLDOWN,
                DEFAULT_COOLDOWN,
                duration(MIN_COOLDOWN..=MAX_COOLDOWN),
            ),
            entries: section.or(key::ENTRIES, DEFAULT_ENTRIES, count(1..=MAX_ENTRIES)),
            snapshot: section.optional(key::SNAPSHOT, directory),
            // Last, so that a missing part does not hide the mistakes above.
            url: url?,
            client: client?,
        })
    }

    pub(crate) fn write(&self) -> Written {
        let require = self.require.iter();
        let require = require.map(|it| (it.field.as_str().to_owned(), written_value(&it.value)));
        let writer = Writer::default()
            .text(key::URL, &self.url)
            .optional(key::POINTER, self.pointer.as_ref())
            .keyword(key::FORMAT, FORMATS, &self.format)
            .optional_value(key::SELECT, self.select.as_ref().map(SelectSettings::write));
        let writer = self
            .client
            .write_proof(writer)
            .optional_members(key::REQUIRE, require)
            .duration(key::REFRESH, self.refresh)
            .duration(key::MAX_STALE, self.max_stale)
            .duration(key::NEGATIVE_TTL, self.negative_ttl)
            .duration(key::COOLDOWN, self.cooldown)
            .count(key::ENTRIES, self.entries);
        let writer = self.client.write_bounds(writer);
        writer.optional_path(key::SNAPSHOT, self.snapshot.as_deref()).table()
    }
}

impl SelectSettings {
    fn read(node: &Node) -> Parsed<Self> {
        let Value::Table(table) = &node.value else {
            return Err(node.mismatch(EXPECTED_SELECT));
        };
        let known = [key::LIST, key::MEMBER];
        if let Some(unknown) = table.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("unknown key {unknown:?}; expected {EXPECTED_SELECT}"));
        }
        let pointer = parsed("a JSON pointer such as \"/entities\"", JsonPointer::parse);
        let member = node.member(key::MEMBER).and_then(Node::as_text);
        let member = member.ok_or_else(|| format!("no member; expected {EXPECTED_SELECT}"))?;
        Ok(Self {
            list: node.member(key::LIST).map(pointer).transpose()?,
            member: claim_path(member)?,
        })
    }

    fn write(&self) -> Written {
        Writer::default()
            .optional(key::LIST, self.list.as_ref())
            .text(key::MEMBER, self.member.as_str())
            .table()
    }
}

fn requirement(name: &str, node: &Node) -> Parsed<FieldRequirement> {
    let lower = name.to_ascii_lowercase();
    if SECRET_WORDS.iter().any(|keyword| lower.contains(keyword)) {
        return Err(
            "looks like a secret, and those are not kept; expected another field".to_owned()
        );
    }
    Ok(FieldRequirement { field: claim_path(name)?, value: required_value(node)? })
}
