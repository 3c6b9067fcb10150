//! Whether another value of a setting lets more pass, or less.

use std::{cmp::Ordering, collections::BTreeSet, fmt};

use bytesize::ByteSize;
use toml::Value;

/// Which way a setting has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// More requests pass than before.
    Laxer,
    /// Fewer requests pass than before.
    Stricter,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Laxer => "laxer",
            Self::Stricter => "stricter",
        })
    }
}

/// How the values of a setting compare.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    /// Keywords, the strictest first.
    Order(&'static [&'static str]),
    /// One of a list is enough; without a list, or with `"any"`, everything is.
    AnyOf,
    /// What a list names is trusted or accepted; without one, nothing is.
    Granted,
    /// All of a list is needed.
    AllOf,
    /// `true` lets more pass.
    Allows,
    /// `true` demands more.
    Demands,
    /// A number, size or duration: the larger, the more passes. Absent or `"none"`: no bound.
    Bound,
    /// A condition: being there is stricter than not.
    Condition,
}

/// By section and key; `*` stands for every section. What is not here has no direction.
const MEANINGS: &[(&str, Meaning)] = &[
    ("routes.access", Meaning::Order(&["protected", "optional", "public"])),
    ("routes.expired", Meaning::Order(&["refuse", "ignore"])),
    ("routes.issuers", Meaning::AnyOf),
    ("routes.methods", Meaning::AnyOf),
    ("routes.hosts", Meaning::AnyOf),
    ("routes.scopes", Meaning::AllOf),
    ("routes.any_scopes", Meaning::AnyOf),
    ("routes.acr", Meaning::AnyOf),
    ("routes.max_age", Meaning::Bound),
    ("routes.addresses.allow", Meaning::AnyOf),
    ("routes.addresses.deny", Meaning::AllOf),
    ("routes.signature", Meaning::Condition),
    ("routes.resource", Meaning::Condition),
    ("routes.client_certificate", Meaning::Condition),
    ("routes.limit", Meaning::AllOf),
    ("routes.encoded_slash", Meaning::Order(&["refuse", "keep"])),
    ("routes.escapes", Meaning::Order(&["refuse", "keep"])),
    ("routes.raw_utf8", Meaning::Order(&["refuse", "encode"])),
    ("*.max_body", Meaning::Bound),
    ("*.concurrency", Meaning::Bound),
    ("*.max_connections", Meaning::Bound),
    ("*.max_connections_per_address", Meaning::Bound),
    ("*.max_requests", Meaning::Bound),
    ("*.credential.ambiguous", Meaning::Order(&["refuse", "first"])),
    ("*.credential.cross_site", Meaning::Order(&["refuse", "allow"])),
    ("listeners.hosts", Meaning::AnyOf),
    ("listeners.routes", Meaning::AnyOf),
    ("*.tls.client_auth", Meaning::Order(&["required", "optional", "none"])),
    ("*.tls.unknown_name", Meaning::Order(&["refuse", "default"])),
    ("*.tls.verify", Meaning::Condition),
    ("*.allow_http", Meaning::Allows),
    // Without them, only tokens for the audiences of a route's resource pass.
    ("issuers.audiences", Meaning::Granted),
    ("issuers.algorithms", Meaning::Granted),
    ("issuers.tenants", Meaning::AnyOf),
    ("issuers.token_types", Meaning::Granted),
    ("issuers.clock_skew", Meaning::Bound),
    ("issuers.max_lifetime", Meaning::Bound),
    ("issuers.require", Meaning::AllOf),
    ("issuers.require_any", Meaning::AllOf),
    ("issuers.profile", Meaning::Condition),
    ("issuers.origin_claim", Meaning::Condition),
    ("issuers.accept_without_expiry", Meaning::Allows),
    ("issuers.accept_without_issuer", Meaning::Allows),
    ("issuers.accept_id_tokens", Meaning::Allows),
    ("issuers.integer_subject", Meaning::Allows),
    ("issuers.ignore_binding", Meaning::Allows),
    ("issuers.credential.sources", Meaning::AnyOf),
    ("issuers.keys.max_stale", Meaning::Bound),
    ("issuers.keys.max_rsa_bits", Meaning::Bound),
    ("issuers.introspection.when", Meaning::Order(&["always", "hybrid", "opaque"])),
    ("issuers.introspection.issuers", Meaning::AnyOf),
    ("issuers.introspection.audiences", Meaning::AnyOf),
    ("issuers.introspection.client_ids", Meaning::AnyOf),
    ("issuers.introspection.token_types", Meaning::Granted),
    ("issuers.introspection.require", Meaning::AllOf),
    ("issuers.introspection.signed", Meaning::Demands),
    ("issuers.introspection.cache_ttl", Meaning::Bound),
    ("issuers.introspection.stale_if_error", Meaning::Bound),
    ("resources.audiences", Meaning::AnyOf),
    ("signatures.algorithms", Meaning::Granted),
    ("signatures.dialects", Meaning::Granted),
    ("signatures.critical", Meaning::AllOf),
    ("signatures.kid", Meaning::Order(&["match", "ignore"])),
    ("signatures.freshness.max_age", Meaning::Bound),
    ("limits.rate", Meaning::Bound),
    ("limits.burst", Meaning::Bound),
    ("settings.credential.sources", Meaning::Granted),
    ("settings.forwarding.trusted_proxies", Meaning::Granted),
    ("settings.forwarding.keep", Meaning::Granted),
    ("settings.forwarding.remove", Meaning::AllOf),
    ("settings.forwarding.drop_underscores", Meaning::Demands),
    ("settings.cors.origins", Meaning::Granted),
    ("settings.cors.credentials", Meaning::Allows),
    ("settings.cors.all_routes", Meaning::Allows),
    ("settings.revocation.on_failure", Meaning::Order(&["refuse", "continue"])),
    ("settings.revocation.max_stale", Meaning::Bound),
    ("settings.evidence.on_failure", Meaning::Order(&["refuse", "continue"])),
    ("settings.shared.replay.on_failure", Meaning::Order(&["refuse", "local"])),
    ("settings.shared.limits.on_failure", Meaning::Order(&["refuse", "local"])),
    ("settings.server.accept_hosts", Meaning::Granted),
];

/// The direction of a change from one value to another one; `None`: neither, or not known.
pub(super) fn direction(key: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Direction> {
    let is_meant = |pattern: &str| match pattern.strip_prefix('*') {
        Some(end) => key.ends_with(end),
        None => key == pattern,
    };
    let (_, meaning) = MEANINGS.iter().find(|(pattern, _)| is_meant(pattern))?;
    match meaning.compare(old, new)? {
        Ordering::Less => Some(Direction::Laxer),
        Ordering::Greater => Some(Direction::Stricter),
        Ordering::Equal => None,
    }
}

impl Meaning {
    /// How much the values let pass, compared.
    fn compare(self, old: Option<&Value>, new: Option<&Value>) -> Option<Ordering> {
        match self {
            Self::Order(words) => {
                let rank = |value: Option<&Value>| {
                    let word = value?.as_str()?;
                    words.iter().position(|known| *known == word)
                };
                Some(rank(old)?.cmp(&rank(new)?))
            }
            Self::AnyOf => match (elements(old), elements(new)) {
                (None, None) => None,
                (None, Some(_)) => Some(Ordering::Greater),
                (Some(_), None) => Some(Ordering::Less),
                (Some(old), Some(new)) => inclusion(&old, &new),
            },
            Self::Granted => match (grants_all(old), grants_all(new)) {
                (false, false) => inclusion(
                    &elements(old).unwrap_or_default(),
                    &elements(new).unwrap_or_default(),
                ),
                (old, new) => Some(old.cmp(&new)),
            },
            Self::AllOf => {
                let (old, new) =
                    (elements(old).unwrap_or_default(), elements(new).unwrap_or_default());
                inclusion(&old, &new).map(Ordering::reverse)
            }
            Self::Allows => Some(is_true(old).cmp(&is_true(new))),
            Self::Demands => Some(is_true(new).cmp(&is_true(old))),
            Self::Bound => quantity(old)?.partial_cmp(&quantity(new)?),
            Self::Condition => Some(new.is_some().cmp(&old.is_some())),
        }
    }
}

/// The elements of a list; `None` for the text that stands for all of them, and where it is absent.
fn elements(value: Option<&Value>) -> Option<BTreeSet<String>> {
    match value? {
        Value::Array(list) => Some(list.iter().map(ToString::to_string).collect()),
        _ => None,
    }
}

fn grants_all(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_str)
}

fn inclusion(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Option<Ordering> {
    match (old.is_subset(new), new.is_subset(old)) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
        (false, false) => None,
    }
}

fn is_true(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool).unwrap_or(false)
}

/// A number, a duration in seconds, a size in bytes, or requests a second.
#[allow(clippy::cast_precision_loss, reason = "the order of bounds needs no last digit")]
fn quantity(value: Option<&Value>) -> Option<f64> {
    match value {
        None => Some(f64::INFINITY),
        Some(Value::Integer(number)) => Some(*number as f64),
        Some(Value::Float(number)) => Some(*number),
        Some(Value::String(text)) if text == "none" => Some(f64::INFINITY),
        Some(Value::String(text)) => {
            let duration = humantime::parse_duration(text).ok().map(|span| span.as_secs_f64());
            let size = || text.parse::<ByteSize>().ok().map(|size| size.as_u64() as f64);
            duration.or_else(|| rate(text)).or_else(size)
        }
        Some(_) => None,
    }
}

/// `600/m`
fn rate(text: &str) -> Option<f64> {
    let (requests, unit) = text.split_once('/')?;
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some(requests.parse::<f64>().ok()? / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line each: the key, the old and the new value as TOML (`-`: absent), and the direction.
    #[test]
    fn a_change_lets_more_pass_or_less() {
        for line in [
            r#"routes.access | "protected" | "public" | laxer"#,
            r#"routes.access | "public" | "optional" | stricter"#,
            r#"routes.scopes | ["a"] | ["a", "b"] | stricter"#,
            r#"routes.scopes | ["a"] | - | laxer"#,
            r#"routes.scopes | ["a"] | ["b"] | ?"#,
            r#"routes.any_scopes | ["a"] | ["a", "b"] | laxer"#,
            r#"routes.any_scopes | ["a"] | - | laxer"#,
            r#"routes.methods | - | ["GET"] | stricter"#,
            r#"routes.max_age | "15m" | "1h" | laxer"#,
            r#"routes.signature | "partner" | - | laxer"#,
            r#"routes.signature | "partner" | "other" | ?"#,
            r#"routes.max_body | "1MiB" | "900KiB" | stricter"#,
            r#"routes.max_body | "1MiB" | "none" | laxer"#,
            r#"routes.upstream | "a" | "b" | ?"#,
            r#"issuers.audiences | ["a"] | "any" | laxer"#,
            r#"issuers.audiences | ["a", "b"] | ["b"] | stricter"#,
            r#"issuers.audiences | ["a"] | - | stricter"#,
            r#"issuers.audiences | - | "any" | laxer"#,
            r#"issuers.algorithms | ["ES256"] | ["ES256", "RS256"] | laxer"#,
            r#"issuers.clock_skew | "1m" | "0s" | stricter"#,
            r#"issuers.max_lifetime | "1d" | - | laxer"#,
            "issuers.accept_without_expiry | false | true | laxer",
            "issuers.introspection.signed | false | true | stricter",
            "issuers.keys.allow_http | false | true | laxer",
            r#"limits.rate | "600/m" | "11/s" | laxer"#,
            "limits.concurrency | 20 | 10 | stricter",
            r#"settings.forwarding.trusted_proxies | - | ["10.0.0.0/8"] | laxer"#,
            r#"settings.cors.origins | ["https://a.example"] | "any" | laxer"#,
            r#"settings.server.tls.client_auth | "required" | "none" | laxer"#,
        ] {
            let [key, old, new, expected] =
                line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
            let value = |text: &str| -> Option<Value> {
                let table: toml::Table = format!("v = {text}").parse().ok()?;
                table.get("v").cloned()
            };
            let found = direction(key, value(old).as_ref(), value(new).as_ref());
            let found = found.map_or_else(|| "?".to_owned(), |direction| direction.to_string());
            assert_eq!(found, expected, "{line}");
        }
    }
}
