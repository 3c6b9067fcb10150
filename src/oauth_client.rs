//! Authenticates the proxy as a client: to introspection endpoints and registries of keys.

mod error;
mod form;
mod own_token;
mod own_token_request;
mod proof;
pub mod settings;

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::Full;

use self::own_token::OwnToken;
use crate::{clock::Clock, fetch::Fetcher, oauth_client::settings::ClientProof};

pub use self::error::ClientError;
pub(crate) use self::form::{Form, encode};

/// One client of one server, and the token of its own where it needs one.
#[derive(Debug)]
pub(crate) struct OauthClient {
    proof: ClientProof,
    own_token: Option<OwnToken>,
    clock: Arc<dyn Clock>,
}

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

impl OauthClient {
    /// `fetcher` is for the token endpoint of a token of its own.
    pub(crate) fn new(proof: &ClientProof, clock: &Arc<dyn Clock>, fetcher: &Arc<Fetcher>) -> Self {
        Self {
            proof: proof.clone(),
            own_token: OwnToken::of(proof, clock, fetcher),
            clock: Arc::clone(clock),
        }
    }

    /// What belongs into `Authorization` of a request to the endpoint; what belongs into its form
    /// is added there.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub(crate) async fn authorization(
        &self,
        endpoint: &Uri,
        form: &mut Form,
    ) -> Result<Option<HeaderValue>, ClientError> {
        match &self.own_token {
            Some(own_token) => own_token.authorization().await.map(Some),
            None => proof::prove(&self.proof, form, &endpoint.to_string(), &*self.clock).await,
        }
    }

    /// How many of its own tokens were discarded so far: if the number changed during a refused
    /// request, a retry is worth it.
    pub(crate) fn tokens_discarded(&self) -> u64 {
        self.own_token.as_ref().map_or(0, OwnToken::discarded)
    }

    /// The server rejected this credential: the next request uses another one.
    pub(crate) fn discard(&self, refused: &HeaderValue) {
        if let Some(own_token) = &self.own_token {
            own_token.discard(refused);
        }
    }
}

/// A `POST` of a form.
///
/// # Errors
/// The URL can't be requested.
pub(crate) fn form_request(
    url: &Uri,
    form: &Form,
    authorization: Option<HeaderValue>,
    place: &str,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(CONTENT_TYPE, FORM)
        .header(ACCEPT, JSON)
        .body(Full::new(Bytes::copy_from_slice(form.as_str().as_bytes())))
        .map_err(|_| error::malformed(place, "no request can be made for the URL"))?;
    if let Some(authorization) = authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    Ok(request)
}
