//! `POST /explain`: the verdict on a request, check by check, with the keys and the configuration
//! of this moment.

mod asked;
mod explanation;
mod rate;
mod report;

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use http_body_util::Full;
use tokio::time::timeout;

use self::{
    asked::{AskedRequest, ExplainableRequest},
    report::LiveReport,
};
use crate::{
    admin::pages,
    gate::{Explained, NotExplained, OwnAnswer},
    policy::ids::IssuerId,
    proxy::ProxyConfig,
    reason::{Class, Subject},
    token::Observer,
};

pub use self::{
    explanation::{Explanation, ForwardedRequest, NotChecked},
    rate::ExplanationRate,
    report::ExplainedCheck,
};

/// The verdict on a request that would pass.
const ADMITTED: &str = "admitted";

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
        Ok(explanation) => pages::written(StatusCode::OK, &explanation),
        Err(_) => pages::text(
            StatusCode::GATEWAY_TIMEOUT,
            format!("there was no verdict within {DEADLINE:?}\n"),
        ),
    }
}

async fn explain(asked: &ExplainableRequest, proxy: &ProxyConfig) -> Explanation {
    let (gate, mut report) = (proxy.engine().gate(), LiveReport::default());
    let decided = decide(asked, proxy, &mut report).await;
    let issuer =
        |issuer: Option<IssuerId>| issuer.map(|issuer| gate.issuer_label(Some(issuer)).to_owned());
    match decided {
        Ok(Decided::Document) => Explanation {
            verdict: ADMITTED.to_owned(),
            checks: report.checks(),
            own_answer: Some("the metadata of a protected resource".to_owned()),
            ..Explanation::default()
        },
        Ok(Decided::ByGate(explained)) => Explanation {
            verdict: ADMITTED.to_owned(),
            route: Some(explained.route.label().to_owned()),
            issuer: issuer(explained.issuer),
            checks: report.checks(),
            ..outcome(*explained, proxy, asked.shows_claims)
        },
        Err(NotExplained { denial, checks }) => {
            report.failed(denial.reason(), checks);
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
                issuer: issuer(denial.issuer()),
                checks: report.checks(),
                ..Explanation::default()
            }
        }
    }
}

/// What happens to a request that would pass.
enum Decided<'g> {
    /// The proxy answers it before it takes any route.
    Document,
    ByGate(Box<Explained<'g>>),
}

async fn decide<'g>(
    asked: &ExplainableRequest,
    proxy: &'g ProxyConfig,
    report: &mut LiveReport,
) -> Result<Decided<'g>, NotExplained> {
    let gate = proxy.engine().gate();
    report.began("request");
    let (request, announced) = asked.canonical(gate)?;
    report.passed("request", || {
        format!("{} {}{}", request.method(), request.authority(), request.path())
    });
    if proxy.engine().has_document(&request) {
        return Ok(Decided::Document);
    }
    let asked = asked.of(&request);
    let explained = match announced {
        Some(route) => gate.explain_preflight(route, &asked, report)?,
        None => gate.explain(&asked, report).await?,
    };
    Ok(Decided::ByGate(Box::new(explained)))
}

fn outcome(explained: Explained<'_>, proxy: &ProxyConfig, shows_claims: bool) -> Explanation {
    let (redirect, own_answer, forwarded) = match &explained.own_answer {
        None => (None, None, forwarded(&explained, proxy, shows_claims)),
        Some(OwnAnswer::Redirect(location)) => (Some(location.clone()), None, None),
        Some(OwnAnswer::Preflight) => (None, Some("the answer to a preflight".to_owned()), None),
    };
    let not_checked = explained.unchecked.into_iter().map(NotChecked::from).collect();
    Explanation { not_checked, redirect, own_answer, forwarded, ..Explanation::default() }
}

/// `None`: its route has no upstream.
fn forwarded(
    explained: &Explained<'_>,
    proxy: &ProxyConfig,
    shows: bool,
) -> Option<ForwardedRequest> {
    let upstream = explained.route.destination().upstream()?;
    let value = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let claims = explained.claims.iter().filter(|_| shows);
    Some(ForwardedRequest {
        upstream: proxy.upstream_name(upstream).to_owned(),
        path: explained.path.clone(),
        headers: explained.headers.keys().map(ToString::to_string).collect(),
        claims: claims.map(|(name, of)| (name.to_string(), value(of))).collect(),
    })
}

fn too_many() -> Response<Full<Bytes>> {
    let text = format!("at most {} explanations a second\n", ExplanationRate::PER_SECOND);
    let mut response = pages::text(StatusCode::TOO_MANY_REQUESTS, text);
    response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
    response
}
