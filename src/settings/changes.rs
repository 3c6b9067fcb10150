//! What differs between two configurations, and what of it takes a restart.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use toml::Value;

use super::Settings;
use crate::proxy::settings::ListenerSettings;

/// A changed setting that has no effect before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartNeeded {
    /// The setting.
    pub key: &'static str,
    /// Why a reload does not change it.
    pub reason: &'static str,
}

/// The most differences that are named: a whole new file has hundreds.
const MAX_SHOWN: usize = 50;

/// The settings that differ, by their full names, defaults included. Beyond 50 only their number.
pub fn changed_settings(old: &Settings, new: &Settings) -> Vec<String> {
    let mut changed = Vec::new();
    differences(String::new(), Some(&old.written()), Some(&new.written()), &mut changed);
    let more = changed.len().saturating_sub(MAX_SHOWN);
    if more > 0 {
        changed.truncate(MAX_SHOWN);
        changed.push(format!("and {more} more"));
    }
    changed
}

/// The changed settings that a reload leaves as they were at the start.
pub fn restart_needed(old: &Settings, new: &Settings) -> Vec<RestartNeeded> {
    let candidates = [
        (
            old.server.workers != new.server.workers,
            RestartNeeded {
                key: "server.workers",
                reason: "a connection stays on the thread that accepted it",
            },
        ),
        (
            has_renamed_listener(old, new),
            RestartNeeded {
                key: "listeners.name",
                reason: "metrics and logs keep the name under which an address was bound",
            },
        ),
        (
            old.log.format != new.log.format,
            RestartNeeded {
                key: "log.format",
                reason: "requests that are under way have their fields in the old format",
            },
        ),
    ];
    let changed = candidates.into_iter().filter(|(has_changed, _)| *has_changed);
    changed.map(|(_, needed)| needed).collect()
}

fn has_renamed_listener(old: &Settings, new: &Settings) -> bool {
    let named = |listener: &ListenerSettings| {
        let same = |other: &&ListenerSettings| other.listen == listener.listen;
        let mut before = old.listeners.iter().filter(same).peekable();
        before.peek().is_some() && before.all(|before| before.name != listener.name)
    };
    new.listeners.iter().any(named)
}

impl Settings {
    /// The SHA-256 of the effective configuration, in hexadecimal digits, with the values that come
    /// from variables and files. What is in the files that it names is no part of it.
    pub fn config_hash(&self) -> String {
        let effective = self.effective();
        let mut text = String::with_capacity(64);
        for byte in digest(&SHA256, effective.as_bytes()).as_ref() {
            // Can't fail: it is a String.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

fn differences(name: String, old: Option<&Value>, new: Option<&Value>, changed: &mut Vec<String>) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Table(old)), Some(Value::Table(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                differences(inner, old.get(key), new.get(key), changed);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if has_tables(old) && has_tables(new) =>
        {
            for position in 0..old.len().max(new.len()) {
                let inner = format!("{name}[{position}]");
                differences(inner, old.get(position), new.get(position), changed);
            }
        }
        _ => changed.push(name),
    }
}

fn has_tables(list: &[Value]) -> bool {
    list.iter().all(Value::is_table)
}
