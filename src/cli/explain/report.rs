//! The lines about the checks.

use std::fmt;

use crate::{cli::printable::printable, reason::Cause, token::Observer};

/// What was checked, a line each.
#[derive(Debug, Default)]
pub(super) struct CheckReport {
    lines: Vec<(CheckOutcome, &'static str, String)>,
    /// The check that has begun and not ended, of those that are in no list.
    under_way: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckOutcome {
    Passed,
    Failed,
    NotReached,
}

impl CheckReport {
    /// A check that failed, and what may help to understand it.
    pub(super) fn failed(&mut self, check: &'static str, cause: &Cause, hint: Option<String>) {
        let reason = cause.reason();
        let mut text = format!("{reason}: {}", reason.text());
        let subject = cause.subject().map(|subject| format!("({subject}.)"));
        for more in [subject, hint].into_iter().flatten() {
            text = format!("{text} {more}");
        }
        self.lines.push((CheckOutcome::Failed, check, text));
    }

    /// The checks of which some were passed: the next one failed, those after it were not made.
    pub(super) fn failed_among(
        &mut self,
        checks: &'static [&'static str],
        cause: &Cause,
        hint: Option<String>,
    ) {
        let first = checks.iter().position(|check| !self.has(check)).unwrap_or(checks.len());
        let mut rest = checks.iter().skip(first).copied();
        self.failed(rest.next().unwrap_or("token"), cause, hint);
        let not_reached = rest.map(|check| (CheckOutcome::NotReached, check, String::new()));
        self.lines.extend(not_reached);
    }

    /// The check that is under way failed.
    pub(super) fn failed_under_way(&mut self, cause: &Cause, hint: Option<String>) {
        let check = self.under_way.take().unwrap_or("request");
        self.failed(check, cause, hint);
    }

    fn has(&self, check: &str) -> bool {
        self.lines.iter().any(|(_, had, _)| *had == check)
    }
}

impl Observer for CheckReport {
    fn began(&mut self, check: &'static str) {
        self.under_way = Some(check);
    }

    fn passed(&mut self, check: &'static str, found: impl FnOnce() -> String) {
        self.under_way = None;
        self.lines.push((CheckOutcome::Passed, check, found()));
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (outcome, check, text) in &self.lines {
            match outcome {
                CheckOutcome::Passed => writeln!(f, "ok    {check:<14}{}", printable(text))?,
                CheckOutcome::Failed => writeln!(f, "FAIL  {check:<14}{}", printable(text))?,
                CheckOutcome::NotReached => writeln!(f, "-     {check}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::{Fault, Reason, Subject};

    #[test]
    fn the_first_check_that_was_not_passed_is_the_one_that_failed() {
        let mut report = CheckReport::default();
        report.passed("one", || "fine".to_owned());
        let hint = Some("(A hint.)".to_owned());
        let cause = Reason::TokenExpired.about(Subject::claim("exp", Fault::InPast));
        report.failed_among(&["one", "two", "three"], &cause, hint);
        let text = report.to_string();
        assert_eq!(
            text,
            "ok    one           fine\n\
             FAIL  two           token_expired: The token has expired. (claim 'exp' is in the past.) (A hint.)\n\
             -     three\n"
        );
    }

    #[test]
    fn a_check_of_no_list_fails_under_the_name_that_it_gave() {
        let mut report = CheckReport::default();
        report.began("one");
        report.passed("one", || "fine".to_owned());
        report.began("two");
        report.failed_under_way(&Reason::OriginMismatch.into(), None);
        let text = report.to_string();
        assert!(text.contains("FAIL  two           origin_mismatch: "), "{text}");
        assert!(text.starts_with("ok    one           fine\nFAIL"), "{text}");
    }
}
