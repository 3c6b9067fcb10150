//! Sends one token request and reads the response.

use std::sync::Arc;

use http::{HeaderValue, Uri};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    fetch::{FetchError, Fetcher, shown},
    oauth_client::{Form, OauthClient, form_request, settings::ClientProof},
};

use super::{
    FileSecret, GrantError,
    grant_answer::{GrantAnswer, GrantRules},
    settings::{
        ActorSettings, ExchangeSettings, GrantSettings, TokenType, UpstreamCredentialSettings,
        UpstreamCredentialSource,
    },
};

/// The token endpoint of one credential.
#[derive(Debug)]
pub(super) struct GrantEndpoint {
    url: Uri,
    settings: GrantSettings,
    exchange: Option<ExchangeForm>,
    rules: GrantRules,
    client: OauthClient,
    fetcher: Arc<Fetcher>,
    clock: Arc<dyn Clock>,
}

/// What an exchange says besides the caller's token.
#[derive(Debug)]
struct ExchangeForm {
    subject_type: TokenType,
    requested_type: TokenType,
    actor_type: Option<TokenType>,
    /// Gets the proxy's own token, where it is the actor.
    actor: Option<OauthClient>,
}

/// What differs from one request to the other.
#[derive(Debug, Default)]
pub(super) struct GrantSubject {
    /// The caller's token.
    pub(super) token: Option<SecretText>,
    /// The actor's, where it is in a file.
    pub(super) actor: Option<Arc<FileSecret>>,
}

/// A token, which is wiped when it goes and never shown.
pub(super) struct SecretText(pub(super) Zeroizing<String>);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretText({} bytes)", self.0.len())
    }
}

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const CLIENT_CREDENTIALS: &str = "client_credentials";

impl GrantEndpoint {
    pub(super) fn new(
        credential: &UpstreamCredentialSettings,
        settings: &GrantSettings,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let fetcher = Arc::new(Fetcher::new(settings.client.fetch_rules()));
        let exchange = match &credential.source {
            UpstreamCredentialSource::Exchange(exchange) => {
                Some(ExchangeForm::new(exchange, settings, clock, &fetcher))
            }
            _ => None,
        };
        Self {
            url: settings.url.clone(),
            rules: GrantRules {
                header: credential.header.clone(),
                max_token_bytes: settings.max_token_bytes,
                issued_type: exchange.as_ref().map(|exchange| exchange.requested_type),
            },
            exchange,
            client: OauthClient::new(&settings.client.proof, clock, &fetcher),
            fetcher,
            settings: settings.clone(),
            clock: Arc::clone(clock),
        }
    }

    /// Sends the request, retrying once where that may help, within the deadline.
    pub(super) async fn request(&self, subject: &GrantSubject) -> Result<GrantAnswer, GrantError> {
        let limit = self.settings.client.timeout;
        let exchange = timeout(limit, async {
            match self.send(subject).await {
                Err(error) if error.is_passing() => self.send(subject).await,
                outcome => outcome,
            }
        });
        exchange.await.unwrap_or_else(|_| {
            let place = shown(&self.url);
            Err(FetchError::Timeout { place, limit }.into())
        })
    }

    async fn send(&self, subject: &GrantSubject) -> Result<GrantAnswer, GrantError> {
        let place = shown(&self.url);
        let mut form = Form::default();
        match &self.exchange {
            None => form.add("grant_type", CLIENT_CREDENTIALS),
            Some(exchange) => exchange.fill(&mut form, subject, &self.url).await?,
        }
        self.add_targets(&mut form);
        let proof = self.client.authorization(&self.url, &mut form).await?;
        let request = form_request(&self.url, &form, proof, &place)?;
        // Before it is sent: an answer takes its time, and the lifetime in it does not.
        let asked = self.clock.now();
        let reply = self.fetcher.send(request).await?;
        self.rules.read(&reply, &place, asked)
    }

    fn add_targets(&self, form: &mut Form) {
        for audience in &self.settings.audience {
            form.add("audience", audience);
        }
        for resource in &self.settings.resource {
            form.add("resource", resource);
        }
        if !self.settings.scopes.is_empty() {
            form.add("scope", &self.settings.scopes.join(" "));
        }
    }
}

impl ExchangeForm {
    fn new(
        exchange: &ExchangeSettings,
        grant: &GrantSettings,
        clock: &Arc<dyn Clock>,
        fetcher: &Arc<Fetcher>,
    ) -> Self {
        let is_client = exchange.actor == Some(ActorSettings::Client);
        let proof = is_client.then(|| ClientProof::Bearer {
            token_url: grant.url.clone(),
            scope: None,
            client: Box::new(grant.client.proof.clone()),
        });
        Self {
            subject_type: exchange.subject_type,
            requested_type: exchange.requested_type,
            actor_type: exchange.actor.as_ref().map(ActorSettings::token_type),
            actor: proof.map(|proof| OauthClient::new(&proof, clock, fetcher)),
        }
    }

    async fn fill(
        &self,
        form: &mut Form,
        subject: &GrantSubject,
        url: &Uri,
    ) -> Result<(), GrantError> {
        form.add("grant_type", TOKEN_EXCHANGE);
        if let Some(token) = &subject.token {
            form.add("subject_token", &token.0);
        }
        form.add("subject_token_type", self.subject_type.uri());
        form.add("requested_token_type", self.requested_type.uri());
        if let Some(actor_type) = self.actor_type {
            let of_client = match &self.actor {
                Some(client) => client.authorization(url, form).await?,
                None => None,
            };
            let of_client = of_client.as_ref().and_then(bearer_token);
            let of_file = subject.actor.as_ref().map(|secret| secret.as_str());
            let token = of_client.or(of_file).ok_or(GrantError::Actor)?;
            form.add("actor_token", token);
            form.add("actor_token_type", actor_type.uri());
        }
        Ok(())
    }
}

/// What is behind `Bearer`.
fn bearer_token(authorization: &HeaderValue) -> Option<&str> {
    authorization.to_str().ok()?.strip_prefix("Bearer ")
}
