//! What each room takes of the settings.

use std::sync::Arc;

use http::HeaderName;

use super::Settings;
use crate::{
    admin::ShownConfiguration,
    decision::EngineParts,
    gate::GateParts,
    identity::HeaderUses,
    policy::{
        credential::CredentialSource,
        settings::{BodyHandling, ExchangeLimits, RouteSettings},
        upstream_credential::CredentialChoice,
    },
    providers::ProviderParts,
    proxy::{ProxyParts, RouteLimitParts},
    resource::DocumentParts,
    signature::settings::SignatureSettings,
    token::issuer::settings::IssuerSettings,
};

impl Settings {
    /// The providers' part.
    pub fn provider_parts(&self) -> ProviderParts<'_> {
        ProviderParts {
            issuer_keys: self.issuers.map(IssuerSettings::key_source),
            introspected: self.issuers.map(IssuerSettings::introspected),
            signers: self.signatures.map(SignatureSettings::signer_keys),
            upstream_credentials: &self.upstream_credentials,
            revocation: &self.revocation,
            shared: self.shared.as_ref(),
            readiness: self.readiness_rules(),
        }
    }

    /// The gate's part.
    pub fn gate_parts(&self) -> GateParts<'_> {
        GateParts {
            issuers: &self.issuers,
            signatures: &self.signatures,
            resources: &self.resources,
            limits: &self.limits,
            routes: &self.routes,
            base_paths: self.upstreams.map(|upstream| upstream.path.clone()),
            fixed_headers: &self.headers,
            hosts: &self.server.hosts,
            listeners: self.listeners.map(|listener| &*listener.hosts),
            credential: &self.credential,
            upstream_credentials: self.routes.all().map(|route| self.credential_choice(route)),
            claims: &self.claims,
            assertion: self.identity.assertion.as_ref(),
            client_certificate: self.identity.client_certificate.as_ref(),
            cors: self.cors.as_ref(),
            maintenance: self.upstreams.map(|upstream| upstream.maintenance.is_some()),
            headers: self.header_uses(),
        }
    }

    /// What the upstream receives as credential from a route: the route decides, then the
    /// upstream, then `[credential]`. Where there is no upstream, none is sent.
    pub(super) fn credential_choice(&self, route: &RouteSettings) -> CredentialChoice {
        let Some(upstream) = route.destination.upstream() else {
            return CredentialChoice::None;
        };
        let usual = if self.credential.forward {
            CredentialChoice::Forward
        } else {
            CredentialChoice::None
        };
        let of_upstream = self.upstreams.get(upstream).credential;
        route.upstream_credential.or(of_upstream).unwrap_or(usual)
    }

    /// The engine's part, besides its gate.
    pub fn engine_parts(&self) -> EngineParts<'_> {
        EngineParts {
            held: &self.server.limits.held,
            holds_bodies: self.holds_bodies(),
            body_timeout: self.server.limits.body_timeout,
            cache: &self.cache,
            denials: &self.denials,
            maintenance: self.upstreams.map(|upstream| upstream.maintenance.as_ref()),
            routes: &self.routes,
            documents: self.document_parts(),
            log: &self.log,
            kept_denials: self.control.as_ref().map_or(0, |control| control.denials),
            listeners: self.listeners.map(|listener| listener.name.clone()),
            request_id: &self.request_id,
            #[cfg(feature = "otel")]
            otel: self.otel.as_ref(),
        }
    }

    /// What is true of the resources.
    pub(super) fn document_parts(&self) -> DocumentParts<'_> {
        DocumentParts {
            resources: &self.resources,
            routes: &self.routes,
            issuers: &self.issuers,
            signatures: &self.signatures,
            credential: &self.credential,
        }
    }

    /// The proxy's part, besides its engine.
    pub fn proxy_parts(&self) -> ProxyParts<'_> {
        ProxyParts {
            limits: &self.server.limits,
            upstreams: &self.upstreams,
            resolver: self.resolver.as_ref(),
            routes: self.routes.all().map(|route| RouteLimitParts {
                label: route.label().into(),
                limits: self.limits_of(route),
            }),
            trusted_files: self.trusted_files(),
            loop_header: self.forwarding.loop_header,
        }
    }

    /// Whether a route holds the bodies of its requests before they are forwarded.
    pub(super) fn holds_bodies(&self) -> bool {
        let holds = |route: &RouteSettings| {
            route.signature.is_some() || self.limits_of(route).body == BodyHandling::Buffer
        };
        self.routes.all().iter().any(holds)
    }

    /// What holds for requests of a route.
    pub(super) fn limits_of(&self, route: &RouteSettings) -> ExchangeLimits {
        let upstream = route.destination.upstream().map(|upstream| self.upstreams.get(upstream));
        let below = upstream.map(|upstream| upstream.limits.clone()).unwrap_or_default();
        route.exchange.over(&below)
    }

    /// What the operator's pages show of them.
    pub fn shown(&self) -> ShownConfiguration {
        let assertion = self.identity.assertion.as_ref();
        ShownConfiguration {
            toml: self.to_annotated_toml(),
            jwks: assertion.map(|assertion| Arc::clone(&assertion.jwks)),
        }
    }

    /// Every place that may carry a credential, on any route.
    pub(super) fn credential_sources(&self) -> impl Iterator<Item = &CredentialSource> {
        let routes = self.routes.all().iter();
        let of_routes = routes.filter_map(|route| route.credential.sources.as_ref()).flatten();
        self.credential.sources.iter().chain(of_routes)
    }

    /// What headers of requests are used for.
    pub fn header_uses(&self) -> HeaderUses<'_> {
        let claims = self.claims.iter().map(|claim| &claim.header);
        let assertion = self.identity.assertion.iter().map(|assertion| &assertion.header);
        let certificate = self.identity.client_certificate.iter();
        let certificate = certificate.flat_map(|it| it.headers().map(|(_, header)| header));
        let signatures = self.signatures.iter().flat_map(|signature| &signature.forward);
        let signatures = signatures.map(|forward| &forward.header);
        let is_source = |header: &&HeaderName| {
            self.credential_sources().any(|source| source.header() == Some(header))
        };
        // Where callers' tokens come, they are removed anyway.
        let credentials = self.upstream_credentials.iter().map(|it| &it.header);
        let credentials = credentials.filter(|header| !header.is_authorization());
        let credentials = credentials.map(|header| &header.name).filter(|it| !is_source(it));
        HeaderUses {
            managed: claims
                .chain(assertion)
                .chain(certificate)
                .chain(signatures)
                .chain(credentials)
                .collect(),
            credential: self.credential_sources().filter_map(CredentialSource::header).collect(),
            request_id: &self.request_id.header,
            forwarding: &self.forwarding,
        }
    }
}
