//! Introspection responses that replicas share.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use crate::{
    clock::UnixTime,
    introspection::settings::{IntrospectionEndpoint, IntrospectionSettings},
    json::{Json, Object},
    shared::{SharedKey, SharedKind, SharedStore},
};

use super::{
    answer::IntrospectionAnswer,
    memory::{Digest, Statement},
};

/// The responses of one endpoint to one client, shared by replicas that use the same endpoint as
/// the same client. A shared response counts as the endpoint's own, for as long as that would have
/// been cached here.
#[derive(Debug)]
pub(super) struct SharedAnswers {
    store: SharedStore,
    scope: Digest,
}

/// A response that some replica received.
#[derive(Debug, PartialEq)]
pub(super) struct SharedAnswer {
    pub(super) response: IntrospectionAnswer,
    pub(super) until: UnixTime,
}

/// The version of what is written. Another one is a miss.
const VERSION: i128 = 2;

impl SharedAnswers {
    pub(super) fn new(store: SharedStore, issuer: &str, settings: &IntrospectionSettings) -> Self {
        Self { store, scope: scope(issuer, settings) }
    }

    /// What some replica received, if it still counts.
    pub(super) async fn find(&self, token: &Digest, now: UnixTime) -> Option<SharedAnswer> {
        let answer = SharedAnswer::read(&self.store.get(&self.key(token)).await?)?;
        (now < answer.until).then_some(answer)
    }

    /// Writes a response for the others, without waiting until it is written.
    pub(super) fn keep(
        &self,
        token: &Digest,
        statement: &Statement,
        until: UnixTime,
        now: UnixTime,
    ) {
        let Ok(seconds @ 1..) = u64::try_from(until.0.saturating_sub(now.0)) else {
            return;
        };
        let text = write(statement, until);
        self.store.set(&self.key(token), text.as_bytes(), Duration::from_secs(seconds));
    }

    fn key(&self, token: &Digest) -> SharedKey {
        SharedKey::new(SharedKind::Introspection, digest_of_parts(&[&self.scope, token]))
    }
}

/// Everything that a response depends on besides the token (threat I-6). The files of secrets are
/// not among it: replicas may keep them in different places.
pub(super) fn scope(issuer: &str, settings: &IntrospectionSettings) -> Digest {
    let endpoint = match &settings.endpoint {
        IntrospectionEndpoint::Url(url) => url.to_string(),
        IntrospectionEndpoint::Discovery { .. } => String::new(),
    };
    let signed = if settings.signed { "signed" } else { "" };
    let client = settings.client.proof.identity();
    let mut parts = vec![issuer, settings.method.name(), &endpoint, signed, &client];
    let parameters = settings.parameters.iter();
    parts.extend(parameters.flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    digest_of_parts(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
}

/// Each part is prefixed with its length, so that no two lists of parts collide.
fn digest_of_parts(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes = Digest::default();
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

fn write(statement: &Statement, until: UnixTime) -> String {
    // `false` in the place of the claims: the token is not active.
    let claims = match statement {
        Statement::Active(token) => Json::Object(token.claims().clone()),
        Statement::Inactive => Json::Bool(false),
    };
    let members = [
        ("v", Json::Integer(VERSION.into())),
        ("until", Json::Integer(until.0.into())),
        ("claims", claims),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Object>().to_text()
}

impl SharedAnswer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let members = Object::parse(bytes).ok()?;
        let integer = |name: &str| match members.get(name) {
            Some(Json::Integer(value)) => Some(value.get()),
            _ => None,
        };
        (integer("v")? == VERSION).then_some(())?;
        let until = UnixTime(integer("until")?.try_into().ok()?);
        let response = match members.get("claims")? {
            Json::Bool(false) => IntrospectionAnswer::Inactive,
            Json::Object(claims) => IntrospectionAnswer::Active(claims.clone()),
            _ => return None,
        };
        Some(Self { response, until })
    }
}

#[cfg(test)]
pub(in crate::introspection) mod tests;
