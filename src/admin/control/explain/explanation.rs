//! The answer to `POST /explain`.

use serde::{Deserialize, Serialize};

use super::ExplainedCheck;
use crate::gate::Unchecked;

/// The verdict on a request that no client has sent.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// `admitted`, `refused`, or `cannot_decide`.
    pub verdict: String,
    /// Why it would be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it is about, with what was found and expected, and the setting that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The route that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whose token it has, as the configuration calls the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Every check, in the order in which they were made.
    pub checks: Vec<ExplainedCheck>,
    /// What was not checked, or not in full.
    pub not_checked: Vec<NotChecked>,
    /// Where it would be redirected to, without the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// What the proxy would answer it with itself, besides redirects and refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_answer: Option<String>,
    /// What its upstream would receive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<ForwardedRequest>,
}

/// A check of the route that is missing in an explanation.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotChecked {
    /// The setting that it is of.
    pub check: String,
    /// Why it was not made, and what would help.
    pub why: String,
}

/// What an upstream would receive.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForwardedRequest {
    /// The upstream.
    pub upstream: String,
    /// The path, without the query.
    pub path: String,
    /// The names of its headers. Values are never shown: they may be credentials.
    pub headers: Vec<String>,
    /// The values of those that hold verified claims, if that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<(String, String)>,
}

impl From<Unchecked> for NotChecked {
    fn from(unchecked: Unchecked) -> Self {
        Self { check: unchecked.name().to_owned(), why: unchecked.why().to_owned() }
    }
}
