//! `POST /backchannel-logout`: where issuers send logouts (OpenID Connect Back-Channel Logout 1.0
//! §2.5, §2.8). There is no client authentication: the logout token's signature proves its sender.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::{
    reason::Subject,
    revocation::LoggedOut,
    token::{LogoutCause, RefusedLogout, logout::LOGGED_OUT},
};

use super::{View, connections::read_body, pages};

pub(super) const PATH: &str = "/backchannel-logout";

/// When to try again what could not be decided.
const RETRY: HeaderValue = HeaderValue::from_static("5");

const FORM: &str = "application/x-www-form-urlencoded";
const PARAMETER: &str = "logout_token";

/// The outcome of a request that holds no logout token.
const NO_TOKEN: &str = "request_malformed";

/// Verifies the logout token and has its tokens refused from then on.
pub(super) async fn answer(request: Request<Incoming>, view: &View) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Some(body) = read_body(body).await else {
        return refuse_request(view, "the body is too long or incomplete");
    };
    if !is_form(&head.headers) {
        return refuse_request(view, "expected application/x-www-form-urlencoded");
    }
    let Some(token) = logout_token(&body) else {
        return refuse_request(view, "expected exactly one logout_token");
    };
    log_out(token.as_bytes(), view).await
}

async fn log_out(token: &[u8], view: &View) -> Response<Full<Bytes>> {
    let engine = view.engine.load_full();
    let gate = engine.gate();
    match gate.verifier().log_out(token).await {
        Ok((issuer, whom)) => {
            let issuer = gate.issuer_label(Some(issuer));
            count(view, issuer, LOGGED_OUT);
            let ends = ended_by(&whom);
            tracing::info!(issuer, ends, "logged out over the back channel");
            page(StatusCode::OK, String::new())
        }
        Err(RefusedLogout { cause, issuer }) => {
            let issuer = gate.issuer_label(issuer);
            count(view, issuer, cause.code());
            let subject = cause.subject().map(Subject::in_words);
            tracing::warn!(issuer, reason = cause.code(), subject, "a logout token is refused");
            refusal(&cause)
        }
    }
}

/// Which tokens a logout can end. An issuer may log sessions out and write no `sid` into its access
/// tokens: then nothing ends, and nothing else would say so.
fn ended_by(whom: &LoggedOut) -> &'static str {
    match whom {
        LoggedOut::Session(_) => {
            "tokens with this 'sid'; nothing, if the issuer's access tokens have no 'sid'"
        }
        LoggedOut::Subject(_) => "tokens of this 'sub' that were issued before",
        LoggedOut::SessionOf { .. } => {
            "tokens with this 'sid', and those of this 'sub' that have none"
        }
    }
}

/// 400 as §2.8 demands it, or 503 where the issuer may retry with the same token.
fn refusal(cause: &LogoutCause) -> Response<Full<Bytes>> {
    if !cause.is_temporary() {
        return page(StatusCode::BAD_REQUEST, error("invalid_request", cause.code()));
    }
    let body = error("temporarily_unavailable", cause.code());
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, body);
    response.headers_mut().insert(RETRY_AFTER, RETRY);
    response
}

fn refuse_request(view: &View, problem: &'static str) -> Response<Full<Bytes>> {
    count(view, "", NO_TOKEN);
    tracing::warn!(problem, "a request for a back-channel logout is refused");
    page(StatusCode::BAD_REQUEST, error("invalid_request", problem))
}

fn error(code: &'static str, description: &'static str) -> String {
    serde_json::json!({ "error": code, "error_description": description }).to_string() + "\n"
}

/// The response may not be cached (§2.8).
fn page(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = pages::json(status, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn count(view: &View, issuer: &str, outcome: &str) {
    view.engine.load().gate().verifier().count_logout(issuer, outcome);
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(found), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = found.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes())
}

/// The one `logout_token`. Other parameters are ignored (§2.5). A broken escape is left as it is by
/// the decoder, and no token has a `%`.
fn logout_token(form: &[u8]) -> Option<Cow<'_, str>> {
    let mut tokens =
        form_urlencoded::parse(form).filter(|(name, _)| name == PARAMETER).map(|(_, value)| value);
    let (Some(token), None) = (tokens.next(), tokens.next()) else {
        return None;
    };
    Some(token).filter(|token| !token.contains('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_logout_token_is_taken_out_of_a_form() {
        let token = |form: &str| logout_token(form.as_bytes()).map(Cow::into_owned);
        assert_eq!(token("logout_token=a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(token("x=1&logout_token=a%2Eb.c&y").as_deref(), Some("a.b.c"));
        for empty in ["logout_token=", "logout_token"] {
            assert_eq!(token(empty).as_deref(), Some(""), "{empty}: refused as a token");
        }
        for form in [
            "logout_token=%2",
            "logout_token=%zz",
            "",
            "x=1",
            "logout_token=a&logout_token=b",
            "logout_token=a&logout%5Ftoken=b",
            "Logout_Token=a",
        ] {
            assert_eq!(token(form), None, "{form}");
        }
    }

    #[test]
    fn a_form_is_recognised_by_its_type() {
        let is_form = |value: &'static str| {
            is_form(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert!(is_form("application/x-www-form-urlencoded"));
        assert!(is_form("Application/X-WWW-Form-Urlencoded ; charset=utf-8"));
        assert!(!is_form("application/json"));
        assert!(!is_form("application/x-www-form-urlencoded, text/plain"));
    }
}
