//! Answers that the issuer has signed (RFC 9701).

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};

use crate::{
    clock::{UnixTime, seconds},
    fetch::Reply,
    introspection::settings::IntrospectedIssuer,
    jose::{AlgorithmSet, CompactJws, VerificationKey, short_media_type},
    json::{Json, Object},
    keys::{KeyLookup, KeyWait, LiveKeySet},
};

use super::{
    IntrospectionError,
    answer::{self, IntrospectionAnswer, malformed},
};

/// The media type of RFC 9701 §4, requested and returned.
pub(super) const MEDIA_TYPE: HeaderValue =
    HeaderValue::from_static("application/token-introspection+jwt");
/// The `typ` of a signed response (§5).
const TYPE: &str = "token-introspection+jwt";

/// How old a response may be: it is made for this request (RFC 9701 §8.1 requires `iat`).
const MAX_AGE_SECONDS: i64 = 60;

/// Who must have signed the answers, and for whom.
#[derive(Debug)]
pub(super) struct SignedResponseRules {
    issuer: String,
    client_id: Option<String>,
    algorithms: AlgorithmSet,
    skew: i64,
    keys: Arc<LiveKeySet>,
}

impl SignedResponseRules {
    /// `None` where plain answers are taken.
    pub(super) fn expected(issuer: &IntrospectedIssuer<'_>, keys: Arc<LiveKeySet>) -> Option<Self> {
        issuer.settings.signed.then(|| Self {
            issuer: issuer.issuer.to_owned(),
            client_id: issuer.settings.client.proof.client_id().map(str::to_owned),
            algorithms: issuer.algorithms,
            skew: seconds(issuer.clock_skew),
            keys,
        })
    }

    /// Reads a signed answer. A plain one is refused: an attacker who could strip the signature
    /// could change what it covers.
    pub(super) async fn read(
        &self,
        reply: &Reply,
        place: &str,
        now: UnixTime,
    ) -> Result<IntrospectionAnswer, IntrospectionError> {
        if reply.status != StatusCode::OK {
            return answer::of_introspection(reply, place);
        }
        let content_type = reply.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let essence = content_type.unwrap_or_default().split(|byte| *byte == b';').next();
        let essence = essence.unwrap_or_default().trim_ascii();
        if !essence.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()) {
            return Err(malformed(place, "the answer is not signed (RFC 9701)"));
        }
        let text = reply.body.trim_ascii();
        let refuse = |cause: &str| malformed(place, cause);
        let jws = CompactJws::parse(text).map_err(|_| refuse("the answer is no compact JWS"))?;
        if !jws.header().typ().is_some_and(is_introspection) {
            return Err(refuse("the answer's typ is not token-introspection+jwt"));
        }
        if !self.algorithms.contains(jws.algorithm()) {
            return Err(refuse("the answer's algorithm is not one of the issuer's"));
        }
        let payload = jws.payload().map_err(|_| refuse("the answer has no payload"))?;
        let claims = Object::parse(&payload).map_err(|_| refuse("the answer has no claims"))?;
        self.check(&claims, now).map_err(refuse)?;
        let key = self.key_for(&jws, now).await.ok_or_else(|| refuse("its key is unknown"))?;
        if !jws.verify(&key) {
            return Err(refuse("the answer's signature is wrong"));
        }
        match claims.get("token_introspection") {
            Some(Json::Object(members)) => answer::parsed(members.clone(), place),
            _ => Err(refuse("the answer has no token_introspection object")),
        }
    }

    /// RFC 9701 §5: from the issuer, for us, now.
    fn check(&self, claims: &Object, now: UnixTime) -> Result<(), &'static str> {
        if claims.get("iss").and_then(Json::as_str) != Some(&self.issuer) {
            return Err("the answer's iss is not the issuer");
        }
        if let Some(client_id) = &self.client_id
            && !names(claims.get("aud"), client_id)
        {
            return Err("the answer's aud is not this client");
        }
        match claims.get("iat") {
            Some(Json::Integer(iat)) if self.is_fresh(iat.get(), now) => Ok(()),
            _ => Err("the answer's iat is not now"),
        }
    }

    fn is_fresh(&self, iat: i128, now: UnixTime) -> bool {
        let (now, skew) = (i128::from(now.0), i128::from(self.skew));
        iat <= now + skew && iat >= now - skew - i128::from(MAX_AGE_SECONDS)
    }

    async fn key_for(&self, jws: &CompactJws<'_>, now: UnixTime) -> Option<Arc<VerificationKey>> {
        let find = || {
            let keys = self.keys.current(now)?;
            match keys.lookup(jws.header().kid(), jws.algorithm()) {
                KeyLookup::Found(key) => Some(Arc::clone(key)),
                _ => None,
            }
        };
        if let Some(key) = find() {
            return Some(key);
        }
        let waited = self.keys.refresh_for(jws.header().kid()?).await;
        if waited == KeyWait::Refreshed { find() } else { None }
    }
}

fn is_introspection(typ: &str) -> bool {
    short_media_type(typ).eq_ignore_ascii_case(TYPE)
}

fn names(audience: Option<&Json>, client_id: &str) -> bool {
    match audience {
        Some(Json::String(audience)) => audience == client_id,
        Some(Json::Array(all)) => all.iter().any(|one| one.as_str() == Some(client_id)),
        _ => false,
    }
}
