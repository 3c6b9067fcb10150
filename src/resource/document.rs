//! The metadata of one resource (RFC 9728 §2). Only what is true is said: members that this proxy
//! could not keep, such as those about proofs of possession, are left out.

use http::header::AUTHORIZATION;

use crate::{
    json::{Json, Object},
    policy::{
        Routes,
        ids::{IssuerId, PerIssuer, PerResource, PerSignature, ResourceId},
        settings::{AccessSettings, RequirementSettings, RouteSettings},
    },
    signature::settings::SignatureSettings,
    token::{
        credential::settings::{CredentialSettings, CredentialSource},
        issuer::settings::IssuerSettings,
    },
};

use super::settings::ResourceSettings;

/// The parts of a configuration that say what is true of its resources.
#[derive(Debug, Clone, Copy)]
pub struct DocumentParts<'s> {
    /// The resources.
    pub resources: &'s PerResource<ResourceSettings>,
    /// The routes, which name them.
    pub routes: &'s Routes,
    /// The token issuers.
    pub issuers: &'s PerIssuer<IssuerSettings>,
    /// How bodies are signed.
    pub signatures: &'s PerSignature<SignatureSettings>,
    /// Where in a request the token travels.
    pub credential: &'s CredentialSettings,
}

impl<'s> DocumentParts<'s> {
    /// The routes of a resource, and what they require.
    pub(crate) fn routes_of(
        self,
        resource: ResourceId,
    ) -> impl Iterator<Item = (&'s RouteSettings, &'s RequirementSettings)> {
        self.routes.all().iter().filter_map(move |route| match &route.access {
            AccessSettings::Token(requirement) if requirement.resource == Some(resource) => {
                Some((route, requirement))
            }
            _ => None,
        })
    }

    /// Where its tokens are issued. An issuer whose name is no URL has no metadata that a client
    /// could find, so that it is not listed.
    pub(crate) fn authorization_servers(self, resource: ResourceId) -> Vec<&'s str> {
        if let Some(said) = &self.resources.get(resource).authorization_servers {
            return said.iter().map(String::as_str).collect();
        }
        let accepted = self.routes_of(resource).flat_map(|(_, requirement)| &requirement.issuers);
        let name = |id: &IssuerId| self.issuers.get(*id).issuer.as_str();
        once(accepted.map(name).filter(|name| is_discoverable(name)))
    }

    /// The metadata of a resource.
    pub(super) fn document(self, id: ResourceId) -> Object {
        let resource = self.resources.get(id);
        let mut document = Object::default();
        document.insert("resource", resource.id.as_str());
        document.insert("authorization_servers", list(self.authorization_servers(id)));
        let scopes = self.scopes(id);
        if !scopes.is_empty() {
            document.insert("scopes_supported", list(scopes));
        }
        document.insert("bearer_methods_supported", list(bearer_methods(self.credential)));
        let algorithms = self.answer_algorithms(id);
        if !algorithms.is_empty() {
            document.insert("resource_signing_alg_values_supported", list(algorithms));
        }
        for (member, text) in [
            ("resource_name", &resource.title),
            ("resource_documentation", &resource.documentation),
            ("resource_policy_uri", &resource.policy),
            ("resource_tos_uri", &resource.terms),
        ] {
            if let Some(text) = text {
                document.insert(member, text.as_str());
            }
        }
        document
    }

    fn scopes(self, resource: ResourceId) -> Vec<&'s str> {
        if let Some(said) = &self.resources.get(resource).scopes {
            return said.iter().map(String::as_str).collect();
        }
        let required = self.routes_of(resource).flat_map(|(_, requirement)| {
            requirement.all_scopes.iter().chain(&requirement.any_scopes)
        });
        once(required.map(String::as_str))
    }

    /// What the answers of its routes are signed with.
    fn answer_algorithms(self, resource: ResourceId) -> Vec<&'s str> {
        let signatures = self.routes_of(resource).filter_map(|(route, _)| route.signature);
        let signing = signatures.filter_map(|id| self.signatures.get(id).respond.as_ref());
        once(signing.map(|respond| respond.key.key.algorithm().name()))
    }
}

/// RFC 9728 §2 names those of RFC 6750 §2. An empty list says that there is none of them.
fn bearer_methods(credential: &CredentialSettings) -> Vec<&'static str> {
    once(credential.sources.iter().filter_map(bearer_method))
}

fn bearer_method(source: &CredentialSource) -> Option<&'static str> {
    match source {
        CredentialSource::Header { name, scheme: Some(scheme) }
            if *name == AUTHORIZATION && scheme.eq_ignore_ascii_case("Bearer") =>
        {
            Some("header")
        }
        // The one name that clients know for it (RFC 6750 §2.3).
        CredentialSource::Query(name) if name == "access_token" => Some("query"),
        _ => None,
    }
}

/// Whether a client can look for the metadata of that issuer: a URL, and no template of one.
fn is_discoverable(issuer: &str) -> bool {
    !issuer.contains(['{', '?']) && crate::config::urls::check_fetchable(issuer, false).is_ok()
}

fn once<'s>(names: impl Iterator<Item = &'s str>) -> Vec<&'s str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

fn list(names: Vec<&str>) -> Json {
    Json::Array(names.into_iter().map(Json::from).collect())
}
