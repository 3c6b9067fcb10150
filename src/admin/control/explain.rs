//! `POST /explain`: the verdict on a request, check by check, with the keys and the configuration
//! of this moment.

mod asked;
mod rate;
mod report;

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use self::{
    asked::{AskedRequest, ExplainableRequest},
    report::LiveReport,
};
use crate::{
    admin::pages,
    gate::{Explained, Gate, NotExplained},
    proxy::ProxyConfig,
    reason::{Class, Subject},
    token::Observer,
};

pub use self::{rate::ExplanationRate, report::ExplainedCheck};

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
    /// What the route has in addition, and a request that no client has sent can't show.
    pub not_checked: Vec<String>,
    /// Where it would be redirected to, without the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// What its upstream would receive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<ForwardedRequest>,
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

/// For what is asked of others: an introspection and keys for an unknown `kid`. Longer than either
/// takes at its default timeout.
const DEADLINE: Duration = Duration::from_secs(10);

/// 200 with the verdict, whatever that is.
pub(super) async fn answer(
    body: &[u8],
    proxy: &ProxyConfig,
    rate: &ExplanationRate,
) -> Response<Full<Bytes>> {
    let asked = match AskedRequest::parse(body) {
        Ok(asked) => asked,
        Err(mistake) => return pages::text(StatusCode::BAD_REQUEST, mistake + "\n"),
    };
    let explainable = match asked.read(proxy) {
        Ok(explainable) => explainable,
        Err(mistake) => return pages::text(StatusCode::BAD_REQUEST, mistake + "\n"),
    };
    if !rate.take() {
        return too_many();
    }
    match timeout(DEADLINE, explain(&explainable, proxy)).await {
        Ok(explanation) => page(&explanation),
        Err(_) => pages::text(
            StatusCode::GATEWAY_TIMEOUT,
            format!("there was no verdict within {DEADLINE:?}\n"),
        ),
    }
}

async fn explain(asked: &ExplainableRequest, proxy: &ProxyConfig) -> Explanation {
    let (gate, mut report) = (proxy.engine().gate(), LiveReport::default());
    let verdict = decide(asked, gate, &mut report).await;
    match verdict {
        Ok((explained, not_checked)) => {
            let is_forwarded = explained.redirect.is_none();
            let forwarded = is_forwarded.then(|| forwarded(&explained, proxy, asked.shows_claims));
            let issuer = explained.issuer.map(|issuer| gate.issuer_label(Some(issuer)).to_owned());
            Explanation {
                verdict: "admitted".to_owned(),
                route: Some(explained.route.label().to_owned()),
                issuer,
                checks: report.checks(),
                not_checked,
                redirect: explained.redirect,
                forwarded,
                ..Explanation::default()
            }
        }
        Err(NotExplained { denial, checks }) => {
            report.failed(denial.reason(), checks);
            let issuer = denial.issuer().map(|issuer| gate.issuer_label(Some(issuer)).to_owned());
            let verdict = match denial.class() {
                Class::CannotDecide => "cannot_decide",
                _ => "refused",
            };
            Explanation {
                verdict: verdict.to_owned(),
                reason: Some(denial.reason().code().to_owned()),
                text: Some(denial.reason().text().to_owned()),
                subject: denial.subject().map(Subject::in_words),
                route: denial.route().map(|route| route.label().to_owned()),
                issuer,
                checks: report.checks(),
                ..Explanation::default()
            }
        }
    }
}

async fn decide<'g>(
    asked: &ExplainableRequest,
    gate: &'g Gate,
    report: &mut LiveReport,
) -> Result<(Explained<'g>, Vec<String>), NotExplained> {
    report.began("request");
    let request = asked.canonical(gate)?;
    report.passed("request", || {
        format!("{} {}{}", request.method(), request.authority(), request.path())
    });
    let explained = gate.explain(&request, &asked.head.headers, &asked.peer, report).await?;
    let not_checked = asked.not_checked(explained.route);
    Ok((explained, not_checked))
}

fn forwarded(explained: &Explained<'_>, proxy: &ProxyConfig, shows: bool) -> ForwardedRequest {
    let value = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let claims = explained.claims.iter().filter(|_| shows);
    ForwardedRequest {
        upstream: proxy.upstream_name(explained.route.upstream()).to_owned(),
        path: explained.path.clone(),
        headers: explained.headers.keys().map(ToString::to_string).collect(),
        claims: claims.map(|(name, of)| (name.to_string(), value(of))).collect(),
    }
}

fn page(explanation: &Explanation) -> Response<Full<Bytes>> {
    match serde_json::to_string_pretty(explanation) {
        Ok(text) => pages::json(StatusCode::OK, text + "\n"),
        Err(error) => pages::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn too_many() -> Response<Full<Bytes>> {
    let text = format!("at most {} explanations a second\n", ExplanationRate::PER_SECOND);
    let mut response = pages::text(StatusCode::TOO_MANY_REQUESTS, text);
    response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
    response
}
