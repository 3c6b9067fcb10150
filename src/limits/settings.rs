//! `[limits]`: how often, and how many at once, one caller may pass a route.

mod rate;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{check_name, count, first_duplicate, parsed, switch},
        writer::{Writer, Written, list_of},
    },
    identity::ClaimPath,
    policy::ids::PerLimit,
};

pub use rate::{Period, Rate};

pub(crate) mod key {
    pub(crate) const KEY: &str = "key";
    pub(crate) const CLAIM: &str = "claim";
    pub(crate) const RATE: &str = "rate";
    pub(crate) const BURST: &str = "burst";
    pub(crate) const CONCURRENCY: &str = "concurrency";
    pub(crate) const SHARED: &str = "shared";
    pub(crate) const MAX_KEYS: &str = "max_keys";
    pub(crate) const HEADERS: &str = "headers";
}

/// `[limits.NAME]`
#[derive(Debug, Clone)]
pub struct CallerLimitSettings {
    /// Its name in this configuration, which clients see in `RateLimit`.
    pub name: String,
    /// Whose requests are counted together: all parts are. Never empty.
    pub key: Vec<KeyPart>,
    /// How often; `None`: as often as they like.
    pub rate: Option<Rate>,
    /// How many at once after a pause; as many as the rate has in its period by default.
    pub burst: u32,
    /// How many may be under way at the same time; `None`: any number.
    pub concurrency: Option<u32>,
    /// Whether the rate is that of all replicas together.
    pub shared: bool,
    /// Callers that are remembered at a time, by their identity and, where that falls to it, by
    /// their address: so many each.
    pub max_keys: usize,
    /// Whether answers that pass have `RateLimit` and `RateLimit-Policy`.
    pub headers: bool,
}

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPart {
    /// A claim of the token, and the token's issuer.
    Claim(ClaimPath),
    /// The token's issuer.
    Issuer,
    /// Who signed the request.
    Signer,
    /// The client's address, or its IPv6 network.
    Address,
    /// The route.
    Route,
}

/// Each request of a route looks at all of its limits.
const MAX_LIMITS: usize = 1_000;
/// More than this at once is no limit of one caller.
const MAX_BURST: u32 = 1_000_000;
/// As many connections as there may be.
const MAX_CONCURRENCY: u32 = 1_000_000;
/// The bucket of one caller.
pub(crate) const BUCKET_BYTES: usize = 64;
/// Some 6 MiB when full; more callers than most services have in the time that a bucket takes to
/// fill.
const DEFAULT_MAX_KEYS: usize = 100_000;
/// Some 640 MiB.
const MAX_MAX_KEYS: usize = 10_000_000;

const KEYWORDS: &[(&str, KeyPart)] = &[
    ("issuer", KeyPart::Issuer),
    ("signer", KeyPart::Signer),
    ("address", KeyPart::Address),
    ("route", KeyPart::Route),
];

const EXPECTED_KEY: &str = "{ claim = \"client_id\" }, \"issuer\", \"signer\", \"address\" or \
                            \"route\", or a list of them";

/// Reads `[limits]`.
pub(crate) fn read(section: &mut Section<'_>) -> PerLimit<CallerLimitSettings> {
    let limits = section.each_table(|name, limit| {
        if let Err(message) = check_name(name) {
            limit.own_mistake(message);
        }
        CallerLimitSettings::read(name, limit)
    });
    if limits.len() > MAX_LIMITS {
        section.own_mistake(format!("expected at most {MAX_LIMITS} limits"));
    }
    limits.into_iter().flatten().collect()
}

/// Writes the members of `[limits]`.
pub(crate) fn write(
    limits: &PerLimit<CallerLimitSettings>,
) -> impl Iterator<Item = (String, Written)> + use<'_> {
    limits.iter().map(|limit| (limit.name.clone(), limit.write()))
}

impl CallerLimitSettings {
    fn read(name: &str, section: &mut Section<'_>) -> Option<Self> {
        let parts = section.required(key::KEY, EXPECTED_KEY, key_parts);
        let rate = section.optional(key::RATE, rate::rate);
        let burst = section.optional(key::BURST, at_most(MAX_BURST));
        let concurrency = section.optional(key::CONCURRENCY, at_most(MAX_CONCURRENCY));
        let shared = section.or(key::SHARED, false, switch);
        let max_keys = section.or(key::MAX_KEYS, DEFAULT_MAX_KEYS, count(1..=MAX_MAX_KEYS));
        let headers = section.or(key::HEADERS, true, switch);
        if section.peek(key::RATE).is_none() {
            let needs_rate = |name: &str| {
                section.mistake(name, "has no effect without rate".to_owned());
            };
            let idle = [(key::BURST, burst.is_some()), (key::SHARED, shared)];
            idle.iter().filter(|(_, is_set)| *is_set).for_each(|(name, _)| needs_rate(name));
            if section.peek(key::CONCURRENCY).is_none() {
                let message =
                    "limits nothing; expected rate = \"100/s\", concurrency = 20, or both";
                section.own_mistake(message.to_owned());
            }
        }
        Some(Self {
            name: name.to_owned(),
            key: parts?,
            burst: burst.or_else(|| rate.map(|rate| rate.requests)).unwrap_or(1),
            rate,
            concurrency,
            shared,
            max_keys,
            headers,
        })
    }

    /// Whether it says something about one caller that only a token says.
    pub(crate) fn needs_token(&self) -> bool {
        self.key.iter().any(|part| matches!(part, KeyPart::Claim(_) | KeyPart::Issuer))
    }

    /// Whether its key is known only once the request's signature is verified.
    pub(crate) fn needs_signature(&self) -> bool {
        self.key.contains(&KeyPart::Signer)
    }

    fn write(&self) -> Written {
        let parts = match self.key.as_slice() {
            [only] => only.write(),
            several => list_of(several.iter().map(KeyPart::write)),
        };
        let writer = Writer::default().value(key::KEY, parts);
        let writer = match &self.rate {
            Some(rate) => writer
                .text(key::RATE, rate)
                .count(key::BURST, self.burst as usize)
                .switch(key::SHARED, self.shared),
            None => writer,
        };
        let writer = match self.concurrency {
            Some(most) => writer.count(key::CONCURRENCY, most as usize),
            None => writer,
        };
        writer.count(key::MAX_KEYS, self.max_keys).switch(key::HEADERS, self.headers).table()
    }
}

impl KeyPart {
    fn write(&self) -> Written {
        match self {
            Self::Claim(path) => Writer::default().text(key::CLAIM, path.as_str()).table(),
            other => {
                let known = KEYWORDS.iter().find(|(_, part)| part == other);
                Written::String(known.map_or("", |(keyword, _)| keyword).to_owned())
            }
        }
    }
}

/// In a sentence, for `explain`.
impl std::fmt::Display for CallerLimitSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} by ", self.name)?;
        for (position, part) in self.key.iter().enumerate() {
            let and = if position > 0 { " and " } else { "" };
            write!(f, "{and}{part}")?;
        }
        if let Some(rate) = self.rate {
            write!(f, ", {rate}, {} at once after a pause", self.burst)?;
        }
        if let Some(most) = self.concurrency {
            write!(f, ", {most} at the same time")?;
        }
        Ok(())
    }
}

/// As the configuration names it, for `explain`.
impl std::fmt::Display for KeyPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Claim(path) => write!(f, "claim {}", path.as_str()),
            other => {
                let known = KEYWORDS.iter().find(|(_, part)| part == other);
                f.write_str(known.map_or("", |(keyword, _)| keyword))
            }
        }
    }
}

fn key_parts(node: &Node) -> Parsed<Vec<KeyPart>> {
    let parts = match &node.value {
        Value::List(list) if !list.is_empty() => {
            list.iter().map(key_part).collect::<Parsed<Vec<_>>>()?
        }
        _ => vec![key_part(node)?],
    };
    match first_duplicate(&parts) {
        Some(twice) => Err(format!("lists {twice} twice")),
        None => Ok(parts),
    }
}

fn key_part(node: &Node) -> Parsed<KeyPart> {
    let keyword = KEYWORDS.iter().find(|(keyword, _)| Some(*keyword) == node.as_text());
    if let Some((_, part)) = keyword {
        return Ok(part.clone());
    }
    match node.as_table() {
        Some(table) if table.len() == 1 && table.contains_key(key::CLAIM) => {
            let claim = table.get(key::CLAIM).unwrap_or(node);
            let path = parsed("the name of a claim such as \"client_id\"", ClaimPath::parse);
            path(claim).map(KeyPart::Claim)
        }
        _ => Err(node.mismatch(EXPECTED_KEY)),
    }
}

fn at_most(most: u32) -> impl Fn(&Node) -> Parsed<u32> {
    let count = count(1..=most as usize);
    move |node| count(node).map(|number| u32::try_from(number).unwrap_or(most))
}
