//! Sends one introspection request and reads the response.

use std::sync::Arc;

use http::{
    HeaderValue, Request, Uri,
    header::{ACCEPT, AUTHORIZATION},
};
use http_body_util::Full;
use tokio::time::timeout;

use crate::{
    clock::Clock,
    fetch::{FetchError, Fetcher, Metadata, shown},
    introspection::settings::{
        IntrospectedIssuer, IntrospectionEndpoint, IntrospectionMethod, IntrospectionSettings,
    },
    keys::LiveKeySet,
    oauth_client::{Form, JSON, OauthClient, form_request},
};

use super::{
    IntrospectionError,
    answer::{self, IntrospectionAnswer},
    signed_answer::{self, SignedResponseRules},
};

/// The endpoint of one issuer.
#[derive(Debug)]
pub(super) struct Endpoint {
    address: EndpointAddress,
    method: IntrospectionMethod,
    client: OauthClient,
    parameters: Vec<(String, String)>,
    signed: Option<SignedResponseRules>,
    fetcher: Fetcher,
    settings: IntrospectionSettings,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum EndpointAddress {
    Configured(Uri),
    Discovered(Metadata),
}

impl Endpoint {
    pub(super) fn new(
        issuer: &IntrospectedIssuer<'_>,
        keys: Arc<LiveKeySet>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let settings = issuer.settings;
        let address = match &settings.endpoint {
            IntrospectionEndpoint::Url(url) => EndpointAddress::Configured(url.clone()),
            IntrospectionEndpoint::Discovery { urls, allow_http } => EndpointAddress::Discovered(
                Metadata::new(urls, Some(issuer.issuer), "introspection_endpoint", *allow_http),
            ),
        };
        Self {
            address,
            method: settings.method,
            client: OauthClient::new(&settings.client.proof, &clock),
            parameters: settings.parameters.clone(),
            signed: SignedResponseRules::expected(issuer, keys),
            fetcher: Fetcher::new(settings.client.fetch_rules()),
            settings: settings.clone(),
            clock,
        }
    }

    /// Sends the request, retrying once where that may help, within the deadline.
    pub(super) async fn introspect(
        &self,
        token: &str,
    ) -> Result<IntrospectionAnswer, IntrospectionError> {
        let limit = self.settings.client.timeout;
        let exchange = timeout(limit, async {
            let discarded = self.client.tokens_discarded();
            match self.send_once(token).await {
                Err(error) if self.may_pass(&error, discarded) => self.send_once(token).await,
                outcome => outcome,
            }
        });
        exchange.await.unwrap_or_else(|_| {
            let place = "introspection".to_owned();
            Err(FetchError::Timeout { place, limit }.into())
        })
    }

    /// A token of our own may have been withdrawn: the next one decides whether we are refused.
    fn may_pass(&self, error: &IntrospectionError, discarded: u64) -> bool {
        let own_token_refused = matches!(error, IntrospectionError::Refused { .. })
            && self.client.tokens_discarded() != discarded;
        own_token_refused || error.is_passing()
    }

    async fn send_once(&self, token: &str) -> Result<IntrospectionAnswer, IntrospectionError> {
        let url = match &self.address {
            EndpointAddress::Configured(url) => url.clone(),
            EndpointAddress::Discovered(metadata) => metadata.endpoint(&self.fetcher).await?,
        };
        let outcome = self.send_to(&url, token).await;
        if let (Err(error), EndpointAddress::Discovered(metadata)) = (&outcome, &self.address)
            && error.may_have_moved()
        {
            metadata.forget();
        }
        outcome
    }

    async fn send_to(
        &self,
        url: &Uri,
        token: &str,
    ) -> Result<IntrospectionAnswer, IntrospectionError> {
        let place = shown(url);
        match self.method {
            IntrospectionMethod::Introspect => self.post_token(url, token, &place).await,
            IntrospectionMethod::ValidateAccessToken => {
                self.validate(url, "access_token", token, &place).await
            }
            IntrospectionMethod::ValidateIdToken => {
                self.validate(url, "id_token", token, &place).await
            }
        }
    }

    async fn post_token(
        &self,
        url: &Uri,
        token: &str,
        place: &str,
    ) -> Result<IntrospectionAnswer, IntrospectionError> {
        let mut form = Form::default();
        form.add("token", token);
        for (name, value) in &self.parameters {
            form.add(name, value);
        }
        let proof = self.proof(url, &mut form).await?;
        let mut request = form_request(url, &form, proof.clone(), place)?;
        let accept = if self.signed.is_some() { signed_answer::MEDIA_TYPE } else { JSON };
        request.headers_mut().insert(ACCEPT, accept);
        let reply = self.fetcher.send(request).await?;
        let response = match &self.signed {
            Some(signed) => signed.read(&reply, place, self.clock.now()).await,
            None => answer::of_introspection(&reply, place),
        };
        self.discard_if_refused(&response, proof).await;
        response
    }

    async fn validate(
        &self,
        url: &Uri,
        parameter: &str,
        token: &str,
        place: &str,
    ) -> Result<IntrospectionAnswer, IntrospectionError> {
        let mut query = Form::default();
        query.add(parameter, token);
        for (name, value) in &self.parameters {
            query.add(name, value);
        }
        let proof = self.proof(url, &mut query).await?;
        let joint = if url.query().is_some() { '&' } else { '?' };
        let target = format!("{url}{joint}{}", query.as_str());
        let mut request = Request::get(target)
            .body(Full::default())
            .map_err(|_| answer::malformed(place, "the token makes no acceptable URL"))?;
        request.headers_mut().insert(ACCEPT, JSON);
        if let Some(proof) = proof.clone() {
            request.headers_mut().insert(AUTHORIZATION, proof);
        }
        let reply = self.fetcher.send(request).await?;
        let response = answer::of_validation(&reply, place);
        self.discard_if_refused(&response, proof).await;
        response
    }

    async fn proof(
        &self,
        url: &Uri,
        form: &mut Form,
    ) -> Result<Option<HeaderValue>, IntrospectionError> {
        Ok(self.client.authorization(url, form, &self.fetcher).await?)
    }

    async fn discard_if_refused(
        &self,
        response: &Result<IntrospectionAnswer, IntrospectionError>,
        proof: Option<HeaderValue>,
    ) {
        if let (Err(IntrospectionError::Refused { .. }), Some(proof)) = (response, proof) {
            self.client.discard(&proof).await;
        }
    }
}
