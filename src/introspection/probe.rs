//! One question out of turn, to see whether the endpoint answers and knows us.

use std::sync::Arc;

use tokio::time::timeout;

use crate::{
    clock::{Clock, SystemClock},
    fetch::FetchError,
    jose::base64url,
    keys::{KeyStore, LiveKeySet},
    telemetry::Metrics,
    token::issuer::settings::IssuerSettings,
};

use super::{IntrospectionError, answer::IntrospectionAnswer, endpoint::Endpoint};

/// Asks an issuer about a token that nobody has issued. That it is *not active* proves the way,
/// the endpoint and our credentials. `None` if the issuer is not to be asked at all.
///
/// # Errors
/// What the proxy would run into; [`IntrospectionError::Malformed`] if the issuer calls such a
/// token active.
pub async fn probe(issuer: &IssuerSettings) -> Option<Result<(), IntrospectionError>> {
    let settings = issuer.introspection.as_ref()?;
    Some(match keys_of(issuer, settings.signed).await {
        Ok(keys) => {
            let endpoint = Endpoint::new(issuer, settings, keys, Arc::new(SystemClock));
            endpoint.ask(&invented_token()).await.and_then(|said| match said {
                IntrospectionAnswer::Inactive => Ok(()),
                IntrospectionAnswer::Active(_) => Err(IntrospectionError::Malformed {
                    place: "introspection".to_owned(),
                    cause: "a token that nobody has issued is called active".to_owned(),
                }),
            })
        }
        Err(error) => Err(error),
    })
}

/// The issuer's keys; fetched only where its answers are signed.
async fn keys_of(
    issuer: &IssuerSettings,
    signed: bool,
) -> Result<Arc<LiveKeySet>, IntrospectionError> {
    let internal = |cause: &dyn ToString| {
        IntrospectionError::Fetch(FetchError::Internal { cause: cause.to_string() })
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new().map_err(|error| internal(&error))?;
    let store = KeyStore::new(std::slice::from_ref(issuer), Arc::clone(&clock), &metrics);
    let keys = Arc::clone(store.issuer(0).ok_or_else(|| internal(&"no issuer"))?);
    if signed {
        let refreshers = store.start();
        // Past the deadline there are no keys, and that is what will be said.
        let _ = timeout(issuer.keys.timeout.saturating_mul(3), keys.usable()).await;
        refreshers.iter().for_each(tokio::task::JoinHandle::abort);
    }
    Ok(keys)
}

fn invented_token() -> String {
    let mut random = [0; 24];
    // Without randomness it is still a token that nobody issues.
    let _ = aws_lc_rs::rand::fill(&mut random);
    base64url::encode(&random)
}
