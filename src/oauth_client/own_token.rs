//! An access token of our own, for endpoints that require one (RFC 6749 §4.4).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::HeaderValue;
use tokio::{sync::Mutex, time::Instant};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    fetch::{Fetcher, shown},
    json::{Json, Object},
    oauth_client::settings::ClientProof,
};

use super::{ClientError, error::malformed, form::Form, form_request, proof};

/// Gets a token when there is none, keeps it, and gets the next one before it ends.
#[derive(Debug)]
pub(super) struct OwnToken {
    url: http::Uri,
    scope: Option<String>,
    client: ClientProof,
    clock: Arc<dyn Clock>,
    /// Held while a new one is fetched, so that one fetch serves all who wait.
    state: Mutex<State>,
    discarded: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<HeldToken>,
    last_discarded: Option<Instant>,
}

#[derive(Debug, Clone)]
struct HeldToken {
    authorization: HeaderValue,
    renew_at: Instant,
}

/// How long a token without `expires_in` is cached.
const UNSAID_LIFETIME: Duration = Duration::from_mins(1);
/// The longest caching time, whatever its `expires_in`: a withdrawn permission must show.
const LONGEST_USE: Duration = Duration::from_hours(12);
/// The least time between two discards of refused tokens: where the next is refused as well,
/// another will not help, and a client that causes refusals must not make us fetch tokens without
/// end.
const DISCARD_INTERVAL: Duration = Duration::from_secs(10);
/// The share of its life after which a token is renewed: 4/5, so that it is still valid for a
/// request that has just received it.
const RENEW_AFTER: f64 = 0.8;

impl OwnToken {
    /// `None` for ways of authentication that need none.
    pub(super) fn of(auth: &ClientProof, clock: &Arc<dyn Clock>) -> Option<Self> {
        let ClientProof::Bearer { token_url, scope, client } = auth else {
            return None;
        };
        Some(Self {
            url: token_url.clone(),
            scope: scope.clone(),
            client: (**client).clone(),
            clock: Arc::clone(clock),
            state: Mutex::default(),
            discarded: AtomicU64::new(0),
        })
    }

    /// `Bearer …`, kept or new.
    pub(super) async fn authorization(
        &self,
        fetcher: &Fetcher,
    ) -> Result<HeaderValue, ClientError> {
        let mut state = self.state.lock().await;
        if let Some(kept) = &state.kept
            && Instant::now() < kept.renew_at
        {
            return Ok(kept.authorization.clone());
        }
        let fresh = self.fetch(fetcher).await?;
        let authorization = fresh.authorization.clone();
        state.kept = Some(fresh);
        Ok(authorization)
    }

    /// The endpoint rejected this token: the next request fetches another one, unless the last was
    /// discarded a moment ago.
    pub(super) async fn discard(&self, refused: &HeaderValue) {
        let mut state = self.state.lock().await;
        if state.kept.as_ref().is_none_or(|kept| kept.authorization != *refused) {
            return;
        }
        if state.last_discarded.is_none_or(|last| last.elapsed() >= DISCARD_INTERVAL) {
            state.kept = None;
            state.last_discarded = Some(Instant::now());
            self.discarded.fetch_add(1, Relaxed);
        }
    }

    /// How many were discarded so far.
    pub(super) fn discarded(&self) -> u64 {
        self.discarded.load(Relaxed)
    }

    async fn fetch(&self, fetcher: &Fetcher) -> Result<HeldToken, ClientError> {
        let place = shown(&self.url);
        let mut form = Form::default();
        form.add("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.add("scope", scope);
        }
        let endpoint = self.url.to_string();
        let proven = proof::prove(&self.client, &mut form, &endpoint, &*self.clock).await?;
        let reply = fetcher.send(form_request(&self.url, &form, proven, &place)?).await?;
        let status = reply.status.as_u16();
        match status {
            200 => read(&reply.body, &place),
            400 | 401 | 403 => Err(ClientError::Refused { place, status }),
            _ => Err(ClientError::Status { place, status }),
        }
    }
}

/// Reads the answer of a token endpoint (RFC 6749 §5.1).
fn read(body: &[u8], place: &str) -> Result<HeldToken, ClientError> {
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
    let renew_at = Instant::now() + lifetime.min(LONGEST_USE).mul_f64(RENEW_AFTER);
    Ok(HeldToken { authorization, renew_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> &'static str {
        read(body.as_bytes(), "idp").map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn only_a_bearer_token_is_taken() {
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
            let body = format!(r#"{{"access_token":"a","expires_in":{expires_in}}}"#);
            read(body.as_bytes(), "idp").unwrap().renew_at - Instant::now()
        };
        assert_eq!(lives("100"), Duration::from_secs(80));
        assert_eq!(lives("-1"), Duration::ZERO);
        assert_eq!(lives("999999999999"), LONGEST_USE.mul_f64(RENEW_AFTER));
        assert_eq!(lives("\"100\""), UNSAID_LIFETIME.mul_f64(RENEW_AFTER));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_cost_one_token_in_a_while() {
        let client = ClientProof::Bearer {
            token_url: http::Uri::from_static("http://idp.test/token"),
            scope: None,
            client: Box::new(ClientProof::Unauthenticated),
        };
        let clock: Arc<dyn Clock> = Arc::new(crate::clock::SystemClock);
        let own = OwnToken::of(&client, &clock).unwrap();
        let give = async |token: &str| {
            let kept = read(format!(r#"{{"access_token":"{token}"}}"#).as_bytes(), "idp").unwrap();
            let authorization = kept.authorization.clone();
            own.state.lock().await.kept = Some(kept);
            authorization
        };
        let first = give("first").await;
        own.discard(&first).await;
        assert_eq!(own.discarded(), 1);
        let second = give("second").await;
        own.discard(&first).await;
        own.discard(&second).await;
        assert_eq!(own.discarded(), 1, "the next one would fare no better");
        tokio::time::advance(DISCARD_INTERVAL).await;
        own.discard(&second).await;
        assert_eq!(own.discarded(), 2);
    }

    #[test]
    fn o2_it_is_not_shown() {
        let kept = read(br#"{"access_token":"s3cret"}"#, "idp").unwrap();
        assert!(!format!("{kept:?}").contains("s3cret"));
    }
}
