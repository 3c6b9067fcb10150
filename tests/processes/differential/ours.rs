//! Countersign's own verdict: of the verifier that the proxy asks, with keys from a file.

use std::{cell::RefCell, fs, sync::Arc};

use countersign::{
    clock::{Clock, ManualClock, UnixTime},
    config::ConfigErrors,
    identity::ClaimHeaders,
    json::Json,
    providers::Providers,
    settings::Settings,
    telemetry::MetricRegistry,
    token::{Credential, Presented, RouteIssuers, TokenCache, TokenVerifier},
};
use http::HeaderMap;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    case::{Case, Keys, Terms},
    draft::ISSUER,
    judges::{Verdict, claims},
};
use crate::support::{DEADLINE, NOW, issuer::Issuer, setup::Setup, upstream::Upstream};

pub(crate) struct Countersign {
    runtime: Runtime,
    folder: TempDir,
    upstream: Upstream,
    clock: Arc<dyn Clock>,
}

impl Countersign {
    pub(crate) fn new() -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        Self {
            runtime: runtime.worker_threads(1).enable_all().build().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            upstream: Upstream::start(),
            clock: Arc::new(ManualClock::at(UnixTime(NOW))),
        }
    }

    pub(crate) fn judge(&self, terms: &Terms, cases: &[&Case]) -> Vec<Verdict> {
        let settings = match self.settings(terms) {
            Ok(settings) => settings,
            // A key file that no proxy would start with.
            Err(errors) => return vec![Verdict::Refused(errors.to_string()); cases.len()],
        };
        let metrics = MetricRegistry::default();
        let (providers, tasks) =
            Providers::new(&settings.provider_parts(), &self.clock, &metrics).unwrap();
        let verifier = TokenVerifier::new(
            &settings.issuers,
            &providers,
            ClaimHeaders::compile(&settings.claims, settings.forwarding.max_header_bytes),
            settings.credential.max_bytes,
            Arc::clone(&self.clock),
            &metrics,
        );
        let cache = RefCell::new(TokenCache::new(&settings.cache));
        self.runtime.block_on(async {
            let _tasks = tasks.spawn();
            tokio::time::timeout(DEADLINE, providers.first_read()).await.unwrap();
            let mut verdicts = Vec::new();
            for case in cases {
                let cold = verdict(&verifier, &cache, case).await;
                let warm = verdict(&verifier, &cache, case).await;
                assert_eq!(cold, warm, "INV-6, {}: cold and warm differ", case.name);
                verdicts.push(cold);
            }
            verdicts
        })
    }

    fn settings(&self, terms: &Terms) -> Result<Settings, ConfigErrors> {
        let file = self.folder.path().join("keys");
        let (kind, mut bytes) = match &terms.keys {
            Keys::Set(document) => ("jwks_file", document.clone()),
            Keys::Secret(secret) => ("secret_file", secret.clone()),
        };
        // One line break at the end of a secret is not taken for a part of it.
        if kind == "secret_file" && bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        fs::write(&file, bytes).unwrap();
        let algorithms: Vec<_> = terms.algorithms.iter().map(|alg| alg.name()).collect();
        let types = terms.typ.map(|typ| format!("token_types = [\"{typ}\"]"));
        let rules = format!(
            "algorithms = {algorithms:?}\nclock_skew = \"{}s\"\n{}",
            terms.skew,
            types.unwrap_or_default()
        );
        let keys = format!("{kind} = \"{}\"", file.display());
        let setup = Setup::new().issuer_from("corp", &Issuer::new(ISSUER, &[]), &rules, &keys);
        setup.load(&self.upstream)
    }
}

async fn verdict(verifier: &TokenVerifier, cache: &RefCell<TokenCache>, case: &Case) -> Verdict {
    let credential = match Credential::new(case.token.as_bytes()) {
        Ok(credential) => credential,
        Err(reason) => return Verdict::Refused(format!("{reason:?}")),
    };
    let presented = Presented { credential, headers: &HeaderMap::new() };
    match verifier.verify(presented, RouteIssuers::default(), cache).await {
        Ok(token) => {
            let text = Json::Object(token.claims().clone()).to_text();
            Verdict::Admitted(claims(&text))
        }
        Err(rejection) => Verdict::Refused(format!("{:?}", rejection.cause.reason())),
    }
}
