//! Runs the checks of a request with the same gate as the proxy.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, Uri, Version, header::HOST};
use tokio::time::timeout;

use super::{header::HeaderArg, hint, report::CheckReport, signature::Signed};
use crate::{
    cli::CommandError,
    clock::Clock,
    gate::{Gate, Route},
    json::Object,
    policy::{
        CanonicalRequest, NotCanonical, RequestRules,
        ids::ListenerId,
        ids::{IssuerId, SignatureId},
    },
    providers::{ProviderTasks, Providers},
    reason::{Cause, Reason},
    settings::Settings,
    signature::settings::SignerKeys,
    tasks::{RunningTasks, Tasks},
    telemetry::MetricRegistry,
    token::{Credential, Observer, Presented, Rejection, RouteIssuers, VerifiedToken},
};

/// A compiled configuration, without any socket.
pub(super) struct Explainer {
    settings: Settings,
    gate: Gate,
    pub(super) providers: Providers,
    clock: Arc<dyn Clock>,
}

/// A request that a client would send.
pub(super) struct Sent {
    method: Method,
    target: Uri,
    headers: HeaderMap,
}

/// Fetches that a first answer may take: two metadata documents and the JWKS.
const FETCHES: u32 = 3;

impl Explainer {
    /// Compiles the settings. Snapshots and the replicas' shared state are not used: they belong to
    /// the running proxy, and `explain` checks against the sources. The tasks are spawned by the
    /// checks that need them.
    pub(super) fn new(
        mut settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, ProviderTasks), CommandError> {
        for keys in settings.issuers.iter_mut().filter_map(|issuer| issuer.keys.as_mut()) {
            keys.snapshot = None;
        }
        for signature in &mut settings.signatures {
            match &mut signature.keys {
                SignerKeys::Set(keys) => keys.snapshot = None,
                SignerKeys::Registry(registry) => registry.snapshot = None,
                SignerKeys::Issuer(_) => {}
            }
        }
        settings.shared = None;
        let metrics = MetricRegistry::default();
        let providers = Providers::new(&settings.provider_parts(), &clock, &metrics);
        let (providers, tasks) =
            providers.map_err(|error| CommandError::Runtime(error.to_string()))?;
        let gate = Gate::new(&settings.gate_parts(), &providers, Arc::clone(&clock), &metrics);
        Ok((Self { settings, gate, providers, clock }, tasks))
    }

    /// The listener of that name; without one, the first.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn listener(&self, name: Option<&str>) -> Result<ListenerId, CommandError> {
        let Some(name) = name else { return Ok(ListenerId::FIRST) };
        let named = self.settings.listeners.find(|listener| listener.name == name);
        named.ok_or_else(|| CommandError::Usage(format!("--listener {name:?}: not a listener")))
    }

    /// Whether the token is valid, in a request with nothing else.
    pub(super) async fn token(
        &self,
        token: &[u8],
        tasks: &mut ProviderTasks,
        report: &mut CheckReport,
    ) -> Result<(), Cause> {
        let issuers = self.only_issuers();
        let credential = well_formed(token, report)?;
        let presented = Presented { credential, headers: &HeaderMap::new() };
        self.verify(presented, issuers, tasks, report).await.map(drop)
    }

    /// Whether a request with the token would pass: all checks of the proxy, in its order.
    pub(super) async fn request(
        &self,
        listener: ListenerId,
        sent: &Sent,
        token: &[u8],
        signed: Option<&Signed>,
        tasks: &mut ProviderTasks,
        report: &mut CheckReport,
    ) -> Result<(), Cause> {
        let canonical =
            sent.canonical(self.gate.request_rules(listener)).and_then(|mut request| {
                self.gate.take_parameters(&mut request)?;
                Ok(request)
            });
        let request = &canonical.map_err(|cause| {
            let cause = cause.cause();
            report.failed("request", &cause, None);
            cause
        })?;
        report.passed("request", || {
            format!("{} {}{}", request.method(), request.authority(), request.target().as_str())
        });
        let route = self.gate.route(request).map_err(|denial| {
            report.failed("route", denial.cause(), None);
            denial.cause().clone()
        })?;
        if let Some(redirect) = route.redirect() {
            let location = redirect.location(request).map_err(|refused| {
                report.failed("route", &refused.cause(), None);
                refused.cause()
            })?;
            let to = location.to_str().unwrap_or_default();
            report.passed("route", || format!("{}, which redirects to {to}", route.label()));
            return Ok(());
        }
        let unchecked = match (route.addresses(), route.client_certificate()) {
            (None, None) => "",
            (Some(_), None) => " (its addresses are not checked here)",
            (None, Some(_)) => " (its client certificates are not checked here)",
            (Some(_), Some(_)) => " (its addresses and client certificates are not checked here)",
        };
        let Some(requirement) = route.requirement() else {
            let public = "public: no token is looked at";
            report.passed("route", || format!("{}, {public}{unchecked}", route.label()));
            self.limits(route, report);
            return self.signed(route, signed, request, None, tasks, report).await;
        };
        report.passed("route", || format!("{}{unchecked}", route.label()));

        let credential = well_formed(token, report)?;
        let presented = Presented { credential, headers: &sent.headers };
        let token = self.verify(presented, route.issuers(), tasks, report).await?;
        if let Err(cause) = self.gate.check(route, requirement, &token) {
            report.failed("requirement", &cause, None);
            return Err(cause);
        }
        report.passed("requirement", || "issuer, scopes and claims suffice".to_owned());
        self.limits(route, report);
        self.signed(route, signed, request, Some(token.claims()), tasks, report).await
    }

    /// The limits of the route. This request does not count: the running proxy has the buckets.
    fn limits(&self, route: &Route, report: &mut CheckReport) {
        for limit in &self.settings.routes.all().get(route.id()).limits {
            let limit = self.settings.limits.get(*limit);
            report.passed("limit", || format!("not counted here: {limit}"));
        }
    }

    /// What the route requires of the body.
    async fn signed(
        &self,
        route: &Route,
        signed: Option<&Signed>,
        request: &CanonicalRequest,
        claims: Option<&Object>,
        tasks: &mut ProviderTasks,
        report: &mut CheckReport,
    ) -> Result<(), Cause> {
        let Some(rules) = route.signature() else {
            return Ok(());
        };
        let _tasks = self.fetch_signers(rules, std::mem::take(tasks)).await;
        self.signature(rules, signed, request, claims, report).await
    }

    /// How long the first keys of signers may take.
    pub(super) fn fetch_deadline(&self, signature: SignatureId) -> Duration {
        match &self.settings.signatures.get(signature).keys {
            SignerKeys::Set(keys) => keys.timeout.saturating_mul(FETCHES),
            SignerKeys::Issuer(_) | SignerKeys::Registry(_) => Duration::ZERO,
        }
    }

    /// Without a route, the issuer of a token that names none is known only if no other could be.
    fn only_issuers(&self) -> RouteIssuers {
        let issuers = || self.settings.issuers.iter_with_ids();
        let only =
            |ids: &mut dyn Iterator<Item = IssuerId>| ids.next().filter(|_| ids.next().is_none());
        let introspecting = issuers().filter(|(_, issuer)| issuer.introspection.is_some());
        let unnamed = only(&mut issuers().map(|(id, _)| id));
        RouteIssuers {
            introspection: only(&mut introspecting.map(|(id, _)| id)),
            unnamed: unnamed.filter(|id| self.settings.issuers.get(*id).waivers.without_issuer),
        }
    }

    async fn verify(
        &self,
        presented: Presented<'_>,
        issuers: RouteIssuers,
        tasks: &mut ProviderTasks,
        report: &mut CheckReport,
    ) -> Result<VerifiedToken, Cause> {
        let token = presented.credential.as_bytes();
        let _lookups = std::mem::take(&mut tasks.introspection).spawn();
        let _watcher = self.read_list(&mut tasks.revocation).await;
        let _refreshers = self.fetch_keys_for(token, issuers, &mut tasks.keys).await;
        let verifier = self.gate.verifier();
        let verified = verifier.explain(token, issuers, report).await;
        let verified = verified.map_err(|rejection| {
            let checks = verifier.checks(token, issuers);
            report.failed_among(checks, &rejection.cause, self.hint(&rejection));
            rejection.cause
        })?;
        let allowed = verifier.check_request(&verified, presented, report);
        allowed.map_err(|rejection| {
            report.failed_under_way(&rejection.cause, self.hint(&rejection));
            rejection.cause
        })?;
        Ok(verified)
    }

    fn hint(&self, Rejection { cause, issuer }: &Rejection) -> Option<String> {
        let facts = hint::Facts {
            issuer: issuer.map(|issuer| self.settings.issuers.get(issuer)),
            keys: issuer.map(|issuer| &**self.providers.issuer_keys(issuer)),
            revocations: &self.providers.revocations,
            now: self.clock.now(),
        };
        facts.hint(cause.reason())
    }

    /// Fetches keys as the proxy does, if the token's checks get that far, and waits for the first
    /// response. While the result lives, an unknown `kid` triggers a refresh.
    async fn fetch_keys_for(
        &self,
        token: &[u8],
        issuers: RouteIssuers,
        refreshers: &mut Tasks,
    ) -> Option<RunningTasks> {
        let first = self.gate.verifier().explain(token, issuers, &mut ()).await;
        let unavailable =
            first.err().filter(|refused| refused.cause.reason() == Reason::KeysUnavailable);
        let issuer = unavailable?.issuer?;
        let settings = self.settings.issuers.get(issuer).keys.as_ref()?;
        let deadline = settings.timeout.saturating_mul(FETCHES);
        let keys = self.providers.issuer_keys(issuer);
        let refreshers = std::mem::take(refreshers).spawn();
        // Past the deadline there are no keys, and the check reports that.
        let _ = timeout(deadline, keys.first_read()).await;
        Some(refreshers)
    }

    /// Reads the revocation list, if there is one, as the proxy does.
    async fn read_list(&self, watcher: &mut Tasks) -> Option<RunningTasks> {
        let deadline = self.settings.revocation.list.as_ref()?.timeout;
        let revocations = &self.providers.revocations;
        let watcher = std::mem::take(watcher).spawn();
        // Past the deadline there is no list, and the check reports that.
        let _ = timeout(deadline, revocations.readiness().first_read().ready()).await;
        Some(watcher)
    }
}

impl Sent {
    pub(super) fn new(
        method: &Method,
        path: &str,
        host: &str,
        headers: &[HeaderArg],
    ) -> Result<Self, CommandError> {
        let target = path
            .parse()
            .map_err(|error| CommandError::Usage(format!("--path {path:?}: {error}")))?;
        let host = HeaderValue::from_str(host)
            .map_err(|_| CommandError::Usage(format!("--host {host:?}: not a host")))?;
        let mut sent = HeaderMap::from_iter([(HOST, host)]);
        for header in headers {
            sent.append(header.name.clone(), header.value.clone());
        }
        Ok(Self { method: method.clone(), target, headers: sent })
    }

    fn canonical(&self, rules: &RequestRules) -> Result<CanonicalRequest, NotCanonical> {
        rules.canonical(&self.method, &self.target, Version::HTTP_11, &self.headers)
    }
}

fn well_formed<'t>(token: &'t [u8], report: &mut CheckReport) -> Result<Credential<'t>, Cause> {
    let credential = Credential::new(token)
        .and_then(|credential| credential.check_form().map(|()| credential))
        .map_err(Cause::from)
        .inspect_err(|cause| {
            let hint = "(Expected is the token alone, without \"Bearer\".)".to_owned();
            report.failed("credential", cause, Some(hint));
        })?;
    report.passed("credential", || "of the characters that a token has".to_owned());
    Ok(credential)
}
