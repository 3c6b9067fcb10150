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
    fetch::{DiscoveredEndpoint, FetchError, Fetcher, Metadata, shown},
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
    fetcher: Arc<Fetcher>,
    settings: IntrospectionSettings,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum EndpointAddress {
    Configured(Uri),
    Discovered(DiscoveredEndpoint),
}

impl Endpoint {
    pub(super) fn new(
        issuer: &IntrospectedIssuer<'_>,
        keys: Arc<LiveKeySet>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let settings = issuer.settings;
        let fetcher = Arc::new(Fetcher::new(settings.client.fetch_rules()));
        Self {
            address: EndpointAddress::of(issuer, &fetcher),
            method: settings.method,
            client: OauthClient::new(&settings.client.proof, &clock, &fetcher),
            parameters: settings.parameters.clone(),
            signed: SignedResponseRules::expected(issuer, keys),
            fetcher,
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
            Err(FetchError::Timeout { place: self.address.awaited(), limit }.into())
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
            EndpointAddress::Discovered(endpoint) => endpoint.url().await?,
        };
        let outcome = self.send_to(&url, token).await;
        if let (Err(error), EndpointAddress::Discovered(endpoint)) = (&outcome, &self.address)
            && error.may_have_moved()
        {
            endpoint.doubt(&url);
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
        self.discard_if_refused(&response, proof);
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
        self.discard_if_refused(&response, proof);
        response
    }

    async fn proof(
        &self,
        url: &Uri,
        form: &mut Form,
    ) -> Result<Option<HeaderValue>, IntrospectionError> {
        Ok(self.client.authorization(url, form).await?)
    }

    fn discard_if_refused(
        &self,
        response: &Result<IntrospectionAnswer, IntrospectionError>,
        proof: Option<HeaderValue>,
    ) {
        if let (Err(IntrospectionError::Refused { .. }), Some(proof)) = (response, proof) {
            self.client.discard(&proof);
        }
    }
}

impl EndpointAddress {
    fn of(issuer: &IntrospectedIssuer<'_>, fetcher: &Arc<Fetcher>) -> Self {
        match &issuer.settings.endpoint {
            IntrospectionEndpoint::Url(url) => Self::Configured(url.clone()),
            IntrospectionEndpoint::Discovery { urls, allow_http } => {
                let (iss, member) = (Some(issuer.issuer), "introspection_endpoint");
                let metadata = Metadata::new(urls, iss, member, *allow_http, Arc::clone(fetcher));
                Self::Discovered(DiscoveredEndpoint::new(metadata))
            }
        }
    }

    /// What a request waits for, in an error.
    fn awaited(&self) -> String {
        match self {
            Self::Discovered(endpoint) if !endpoint.is_known() => "the issuer's metadata",
            Self::Discovered(_) | Self::Configured(_) => "introspection",
        }
        .to_owned()
    }
}
