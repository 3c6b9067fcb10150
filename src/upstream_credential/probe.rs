//! One token request outside the queue, to check that the endpoint responds and accepts our
//! credentials.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock};

use super::{
    GrantError,
    grant_answer::GrantAnswer,
    grant_endpoint::{GrantEndpoint, GrantSubject},
    settings::{UpstreamCredentialSettings, UpstreamCredentialSource},
};

/// Requests a token by client credentials; `None` for credentials of other kinds. A caller's token
/// would be needed for an exchange.
///
/// # Errors
/// What the proxy would run into.
pub async fn probe(settings: &UpstreamCredentialSettings) -> Option<Result<(), GrantError>> {
    let UpstreamCredentialSource::ClientCredentials(grant) = &settings.source else {
        return None;
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let endpoint = GrantEndpoint::new(settings, grant, &clock);
    let answer = endpoint.request(&GrantSubject::default()).await;
    Some(answer.map(|answer| match answer {
        // A refusal is one of an exchange only.
        GrantAnswer::Granted(_) | GrantAnswer::Denied(_) => (),
    }))
}
