//! The request for an access token of our own, and its answer (RFC 6749 §4.4, §5.1).

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    fetch::{FetchError, Fetcher, shown},
    json::{Json, Object},
    oauth_client::settings::ClientProof,
};

use super::{ClientError, error::malformed, form::Form, form_request, proof};

/// Where a token is requested, and who the proxy is there.
#[derive(Debug)]
pub(super) struct OwnTokenRequest {
    pub(super) url: http::Uri,
    pub(super) scope: Option<String>,
    pub(super) client: ClientProof,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fetcher: Arc<Fetcher>,
}

/// A token as it is sent, and for how long.
#[derive(Debug, Clone)]
pub(super) struct HeldToken {
    pub(super) authorization: HeaderValue,
    /// From here on another one is requested.
    pub(super) renew_at: Instant,
    /// From here on it is not sent any more.
    pub(super) ends_at: Instant,
}

/// How long a token without `expires_in` is cached.
const UNSAID_LIFETIME: Duration = Duration::from_mins(1);
/// The longest caching time, whatever its `expires_in`: a withdrawn permission must show.
const LONGEST_USE: Duration = Duration::from_hours(12);
/// The share of its life after which a token is renewed: 4/5, so that it is still valid for a
/// request that has just received it.
const RENEW_AFTER: f64 = 0.8;
/// Before its end a token is not sent any more: its `exp` is a whole second, and it takes a while to
/// the endpoint. A twentieth of its life, and not more than this.
const END_MARGIN: Duration = Duration::from_secs(5);

impl OwnTokenRequest {
    /// Requests a token, within the deadline of an exchange, files of secrets included.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) async fn send(&self) -> Result<HeldToken, ClientError> {
        let (limit, place) = (self.fetcher.deadline(), shown(&self.url));
        let answer = timeout(limit, self.exchange(&place)).await;
        answer.unwrap_or_else(|_| Err(FetchError::Timeout { place, limit }.into()))
    }

    async fn exchange(&self, place: &str) -> Result<HeldToken, ClientError> {
        let mut form = Form::default();
        form.add("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.add("scope", scope);
        }
        let endpoint = self.url.to_string();
        let proven = proof::prove(&self.client, &mut form, &endpoint, &*self.clock).await?;
        let request = form_request(&self.url, &form, proven, place)?;
        // Before it is sent: an answer takes its time, and the lifetime in it does not.
        let asked = Instant::now();
        let reply = self.fetcher.send(request).await?;
        let (place, status) = (place.to_owned(), reply.status.as_u16());
        match status {
            200 => read(&reply.body, &place, asked),
            400 | 401 | 403 => Err(ClientError::Refused { place, status }),
            _ => Err(ClientError::Status { place, status }),
        }
    }
}

/// Reads the answer of a token endpoint (RFC 6749 §5.1). `asked` is when it was asked for.
pub(super) fn read(body: &[u8], place: &str, asked: Instant) -> Result<HeldToken, ClientError> {
    let refuse = |cause| malformed(place, cause);
    let members = Object::parse(body).map_err(|_| refuse("the answer is no JSON object"))?;
    let token = members.get("access_token").and_then(Json::as_str);
    let token = token.ok_or_else(|| refuse("there is no \"access_token\""))?;
    let is_bearer = |kind: &Json| kind.as_str().is_some_and(|k| k.eq_ignore_ascii_case("bearer"));
    if !members.get("token_type").is_none_or(is_bearer) {
        return Err(refuse("the \"token_type\" is not Bearer"));
    }
    let value = Zeroizing::new(format!("Bearer {token}"));
    let authorization = proof::credential(&value)
        .ok_or_else(|| refuse("the \"access_token\" can't be sent in a header"))?;
    let lifetime = match members.get("expires_in") {
        Some(Json::Integer(seconds)) => {
            Duration::from_secs(u64::try_from(seconds.get()).unwrap_or_default())
        }
        _ => UNSAID_LIFETIME,
    };
    let lifetime = lifetime.min(LONGEST_USE);
    let renew_at = asked + lifetime.mul_f64(RENEW_AFTER);
    Ok(HeldToken { authorization, renew_at, ends_at: asked + usable(lifetime) })
}

/// For how much of its life a token is sent.
fn usable(lifetime: Duration) -> Duration {
    lifetime.saturating_sub((lifetime / 20).min(END_MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Result<HeldToken, ClientError> {
        read(body.as_bytes(), "idp", Instant::now())
    }

    #[test]
    fn only_a_bearer_token_is_taken() {
        let code = |body| parsed(body).map_or_else(|error| error.code(), |_| "ok");
        assert_eq!(code(r#"{"access_token":"a","token_type":"bearer","expires_in":60}"#), "ok");
        assert_eq!(code(r#"{"access_token":"a"}"#), "ok");
        for bad in [
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"access_token":"a","token_type":["DPoP"]}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"a\nb"}"#,
            r#"{"error":"invalid_client"}"#,
            "[]",
        ] {
            assert_eq!(code(bad), "malformed", "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_before_it_ends_and_kept_for_a_bounded_time() {
        let lives = |expires_in: &str| {
            let token = parsed(&format!(r#"{{"access_token":"a","expires_in":{expires_in}}}"#));
            let (token, now) = (token.unwrap(), Instant::now());
            (token.renew_at - now, token.ends_at - now)
        };
        let of = |lifetime: Duration| (lifetime.mul_f64(RENEW_AFTER), usable(lifetime));
        assert_eq!(lives("20"), (Duration::from_secs(16), Duration::from_secs(19)));
        assert_eq!(lives("1000"), (Duration::from_secs(800), Duration::from_secs(995)));
        assert_eq!(lives("-1"), (Duration::ZERO, Duration::ZERO));
        assert_eq!(lives("999999999999"), of(LONGEST_USE));
        assert_eq!(lives("\"100\""), of(UNSAID_LIFETIME));
    }

    #[test]
    fn o2_it_is_not_shown() {
        let kept = parsed(r#"{"access_token":"s3cret"}"#).unwrap();
        assert!(!format!("{kept:?}").contains("s3cret"));
    }
}
