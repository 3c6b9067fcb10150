//! What the process depends on: which parts may be missing, and what their absence means.

use std::fmt;

/// What a dependency is of. A closed set: it is a label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyKind {
    /// The keys of an issuer.
    Issuer,
    /// The key set of a signature's signers.
    Signature,
    /// The registry of a signature's signers.
    Registry,
    /// The revocation list.
    RevocationList,
    /// The introspection endpoint of an issuer.
    Introspection,
    /// The token endpoint of a credential towards upstreams.
    UpstreamCredential,
    /// What replicas share.
    SharedStore,
    /// The endpoints of an upstream.
    Upstream,
    /// The evidence journal.
    Journal,
    /// What takes the spans of requests.
    TraceReceiver,
    /// A listener.
    Listener,
    /// The threads that serve requests.
    Workers,
}

/// What it means that a dependency is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// The process is not ready.
    Required,
    /// The process is not ready if no route can be decided on without it.
    ForRoutes,
    /// It is noted.
    Optional,
}

/// One dependency at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What it is of.
    pub kind: DependencyKind,
    /// Its name in the configuration; empty where there is only one.
    pub name: String,
    /// What its absence means.
    pub importance: Importance,
    /// Why it is missing; `None`: it is usable.
    pub missing: Option<String>,
    /// Whether it makes the process unready.
    pub blocks: bool,
}

impl DependencyKind {
    /// Its name in metrics and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Signature => "signature",
            Self::Registry => "registry",
            Self::RevocationList => "revocation_list",
            Self::Introspection => "introspection",
            Self::UpstreamCredential => "upstream_credential",
            Self::SharedStore => "shared",
            Self::Upstream => "upstream",
            Self::Journal => "journal",
            Self::TraceReceiver => "trace_receiver",
            Self::Listener => "listener",
            Self::Workers => "workers",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Registry => "registry of",
            Self::RevocationList => "revocation",
            Self::Introspection => "introspection of issuer",
            Self::UpstreamCredential => "upstream credential",
            Self::SharedStore => "shared store",
            Self::TraceReceiver => "receiver of traces",
            kind => kind.name(),
        }
    }
}

impl Importance {
    /// By `required` in the configuration, and what holds without it.
    pub fn of(required: Option<bool>, unless_said: Self) -> Self {
        match required {
            Some(true) => Self::Required,
            Some(false) => Self::Optional,
            None => unless_said,
        }
    }
}

impl Dependency {
    /// One whose absence is noted.
    pub fn optional(kind: DependencyKind, name: &str, missing: Option<String>) -> Self {
        let name = name.to_owned();
        Self { kind, name, importance: Importance::Optional, missing, blocks: false }
    }

    /// Of this importance. One that is required blocks while it is missing.
    #[must_use]
    pub fn of_importance(self, importance: Importance) -> Self {
        let blocks = importance == Importance::Required && self.missing.is_some();
        Self { importance, blocks, ..self }
    }

    /// What is missing, and why; `None`: it is usable.
    pub fn trouble(&self) -> Option<String> {
        self.missing.as_ref().map(|missing| format!("{self}: {missing}"))
    }
}

/// Its kind and name.
impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.words())?;
        if self.name.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_required_blocks_while_it_is_missing() {
        let missing = |text: &str| Some(text.to_owned());
        let optional = Dependency::optional(DependencyKind::Registry, "acme", missing("refused"));
        assert_eq!(optional.trouble().as_deref(), Some("registry of acme: refused"));
        assert!(!optional.blocks);
        let required = |dependency: Dependency| dependency.of_importance(Importance::Required);
        assert!(required(optional).blocks);
        let usable = required(Dependency::optional(DependencyKind::SharedStore, "", None));
        assert_eq!((usable.blocks, usable.trouble()), (false, None));
        assert_eq!(usable.to_string(), "shared store");
    }

    #[test]
    fn what_is_written_counts_before_what_holds_without_it() {
        let of = |required| Importance::of(required, Importance::ForRoutes);
        assert_eq!(of(Some(true)), Importance::Required);
        assert_eq!(of(Some(false)), Importance::Optional);
        assert_eq!(of(None), Importance::ForRoutes);
    }
}
