//! What is written about sections and keys: in `config/countersign.toml`, in the table of sections
//! of `docs/configuration.md`, and in `descriptions.toml` what these leave to the reader's wit.

use std::collections::BTreeMap;

use toml::Table;

use super::{own, read};

/// What a comment that goes on in the next line begins behind, at least.
const COLUMN: usize = 16;

/// Comments by paths of keys.
#[derive(Debug, Default)]
pub(super) struct Comments {
    /// With the names that an operator chooses as they are in the example.
    example: BTreeMap<String, String>,
    /// Of sections, with `*` for names.
    page: BTreeMap<String, String>,
    /// By the end of a path.
    descriptions: Table,
}

impl Comments {
    pub(super) fn read() -> Self {
        let mut comments =
            Self { descriptions: own("descriptions.toml").parse().unwrap(), ..Self::default() };
        comments.read_page();
        comments.read_example();
        comments
    }

    /// What is written about the key at a path with `*` for chosen names.
    pub(super) fn of(&self, path: &[&str]) -> Vec<String> {
        let own = self.example.iter().find(|(key, _)| is_at(key, path));
        let page = self.page.get(&path.join("."));
        let written: Vec<String> = page.into_iter().chain(own.map(|(_, it)| it)).cloned().collect();
        if written.is_empty() { self.described(path).into_iter().collect() } else { written }
    }

    /// By the longest end of the path that has a description.
    fn described(&self, path: &[&str]) -> Option<String> {
        let fits = |end: &str| {
            let end: Vec<&str> = end.split('.').collect();
            let below = path.len().checked_sub(end.len())?;
            let steps = path.get(below..)?.iter().zip(&end);
            steps.clone().all(|(step, name)| *name == "*" || step == name).then_some(end.len())
        };
        let fitting = self.descriptions.iter().filter(|(end, _)| fits(end).is_some());
        let (_, text) = fitting.max_by_key(|(end, _)| fits(end))?;
        text.as_str().map(str::to_owned)
    }

    /// The table of sections: `` | `[server]`, `[server.limits]` | what it is about | ``.
    fn read_page(&mut self) {
        for row in
            read("docs/configuration.md").lines().filter_map(|line| line.strip_prefix("| `["))
        {
            if let Some((name, rest)) = row.trim_start_matches('[').split_once(']')
                && let Some((_, text)) = rest.trim_end_matches(" |").rsplit_once(" | ")
            {
                let text = text.split("; see").next().unwrap_or(text);
                let text = text.split(": see").next().unwrap_or(text);
                self.page.insert(name.replace("NAME", "*"), text.to_owned());
            }
        }
    }

    fn read_example(&mut self) {
        let (mut section, mut key) = (String::new(), None);
        for line in read("config/countersign.toml").lines() {
            let bare = line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or(line);
            if let Some((name, rest)) = header(bare) {
                section = name.to_owned();
                key = Some(section.clone());
                self.add(key.as_deref(), rest);
            } else if let Some((name, rest)) = assignment(bare) {
                key = Some(format!("{section}.{name}"));
                self.add(key.as_deref(), rest);
            } else if bare.len() - bare.trim_start().len() >= COLUMN {
                self.add(key.as_deref(), bare);
            } else {
                key = None;
            }
        }
    }

    /// Adds the comment that a line ends with.
    fn add(&mut self, key: Option<&str>, line: &str) {
        let comment = line.rsplit_once("# ").map(|(_, comment)| comment.trim());
        if let (Some(key), Some(comment)) = (key, comment) {
            let text = self.example.entry(key.to_owned()).or_default();
            let separator = if text.is_empty() { "" } else { " " };
            *text = format!("{text}{separator}{comment}");
        }
    }
}

/// `[a.b]   # comment`.
fn header(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix('[')?.trim_start_matches('[').split_once(']')?;
    let is_name = name.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it));
    is_name.then_some((name, rest.trim_start_matches(']')))
}

/// `name = value   # comment`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once('=')?;
    let name = name.trim();
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '.';
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, rest))
}

/// Whether a key of the example is at that path.
fn is_at(key: &str, path: &[&str]) -> bool {
    let names: Vec<&str> = key.split('.').collect();
    names.len() == path.len()
        && names.iter().zip(path).all(|(name, step)| *step == "*" || name == step)
}
