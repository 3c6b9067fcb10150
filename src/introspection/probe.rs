//! One request outside the queue, to check that the endpoint responds and accepts our credentials.

use std::sync::Arc;

use tokio::time::timeout;

use crate::{
    clock::{Clock, SystemClock},
    introspection::settings::IntrospectedIssuer,
    jose::base64url,
    keys::{KeyStore, LiveKeySet, settings::IssuerKeySource},
    tasks::Tasks,
    telemetry::MetricRegistry,
};

use super::{IntrospectionError, answer::IntrospectionAnswer, endpoint::Endpoint};

/// Introspects an invented token. A *not active* response proves the route, the endpoint and our
/// credentials. `keys` is the issuer's key source.
///
/// # Errors
/// What the proxy would run into; [`IntrospectionError::Malformed`] if the issuer calls such a
/// token active.
pub async fn probe(
    issuer: &IntrospectedIssuer<'_>,
    keys: IssuerKeySource,
) -> Result<(), IntrospectionError> {
    let keys = live_keys(keys, issuer.settings.signed).await;
    let endpoint = Endpoint::new(issuer, keys, Arc::new(SystemClock));
    match endpoint.introspect(&invented_token()).await? {
        IntrospectionAnswer::Inactive => Ok(()),
        IntrospectionAnswer::Active(_) => Err(IntrospectionError::Malformed {
            place: "introspection".to_owned(),
            cause: "an invented token is called active".to_owned(),
        }),
    }
}

/// Introspects that token: whether the issuer calls it active.
///
/// # Errors
/// What the proxy would run into.
pub async fn probe_token(
    issuer: &IntrospectedIssuer<'_>,
    keys: IssuerKeySource,
    token: &str,
) -> Result<bool, IntrospectionError> {
    let keys = live_keys(keys, issuer.settings.signed).await;
    let endpoint = Endpoint::new(issuer, keys, Arc::new(SystemClock));
    let answer = endpoint.introspect(token).await?;
    Ok(matches!(answer, IntrospectionAnswer::Active(_)))
}

/// The issuer's keys; fetched only where its answers are signed.
async fn live_keys(source: IssuerKeySource, signed: bool) -> Arc<LiveKeySet> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (mut store, mut refreshers) = (KeyStore::default(), Tasks::default());
    let metrics = MetricRegistry::default();
    let keys = store.add_issuer(source.clone(), None, &mut refreshers, &clock, &metrics);
    if let (true, IssuerKeySource::Set(owner)) = (signed, source) {
        let deadline = owner.keys.timeout.saturating_mul(3);
        let _refreshers = refreshers.spawn();
        // Past the deadline there are no keys, and the verification reports that.
        let _ = timeout(deadline, keys.usable()).await;
    }
    keys
}

fn invented_token() -> String {
    let mut random = [0; 24];
    // Without randomness it is still an invented token.
    let _ = aws_lc_rs::rand::fill(&mut random);
    base64url::encode(&random)
}
