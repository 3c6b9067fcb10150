//! The checks of an explanation.

use serde::{Deserialize, Serialize};

use crate::{reason::Reason, token::Observer};

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedCheck {
    /// Its name.
    pub check: String,
    /// `passed`, `failed`, or `not_reached`.
    pub outcome: String,
    /// What was found; of a check that failed, the reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub found: String,
}

/// Collects them.
#[derive(Debug, Default)]
pub(super) struct LiveReport {
    checks: Vec<ExplainedCheck>,
    under_way: Option<&'static str>,
}

impl LiveReport {
    pub(super) fn checks(self) -> Vec<ExplainedCheck> {
        self.checks
    }

    /// The request is refused: by the first of these checks that was not passed, or, without any, by
    /// the one under way.
    pub(super) fn failed(&mut self, reason: Reason, of: &[&'static str]) {
        let first = of.iter().position(|check| !self.has(check)).unwrap_or(of.len());
        let mut rest = of.iter().skip(first).copied();
        let failed = rest.next().or(self.under_way).unwrap_or("request");
        self.push(failed, "failed", reason.code().to_owned());
        rest.for_each(|check| self.push(check, "not_reached", String::new()));
    }

    fn has(&self, name: &str) -> bool {
        self.checks.iter().any(|had| had.check == name)
    }

    fn push(&mut self, check: &str, outcome: &str, found: String) {
        let (check, outcome) = (check.to_owned(), outcome.to_owned());
        self.checks.push(ExplainedCheck { check, outcome, found });
    }
}

impl Observer for LiveReport {
    fn began(&mut self, check: &'static str) {
        self.under_way = Some(check);
    }

    fn passed(&mut self, check: &'static str, found: impl FnOnce() -> String) {
        self.under_way = None;
        self.push(check, "passed", found());
    }
}
