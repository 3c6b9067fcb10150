//! Names of claims with two meanings.

use crate::{
    identity::{self, ClaimPath, assertion},
    policy::settings::{AccessSettings, key as of_route},
    settings::{Settings, whole::key},
    signature::settings::{CallerBinding, SignerSource, key as of_signature},
    token::issuer::settings::{IssuerSettings, binding::key as of_binding, key as of_issuer},
};

impl Settings {
    /// A name with dots is a claim of that very name first, and the path of a nested one only where
    /// there is none: a client that can choose a claim's name decides which it is.
    pub(super) fn claim_path_warnings(&self) -> impl Iterator<Item = String> {
        self.claim_paths().into_iter().filter_map(|(key, claim)| {
            let pointer = claim.as_pointer()?;
            let name = claim.as_str();
            Some(format!(
                "{key}: {name:?} is a claim of that name, and only where there is none the nested \
                 one; {pointer:?} is the nested one alone"
            ))
        })
    }

    /// Every claim that decides something or is forwarded, with the setting that names it.
    fn claim_paths(&self) -> Vec<(String, &ClaimPath)> {
        let mut paths = Vec::new();
        for header in &self.claims {
            let key = [key::CLAIMS, header.header.as_str()].join(".");
            paths.extend(header.claims.iter().map(|claim| (key.clone(), claim)));
        }
        if let Some(assertion) = &self.identity.assertion {
            let mapping = assertion.mapping.iter();
            let section = [
                key::IDENTITY,
                identity::settings::key::ASSERTION,
                assertion::settings::key::MAPPING,
            ];
            let section = section.join(".");
            let key = |name: &str| format!("{section}.{name:?}");
            paths.extend(mapping.map(|(name, claim)| (key(name), claim)));
        }
        self.issuers.iter().for_each(|issuer| of_issuer(issuer, &mut paths));
        for (id, route) in self.routes.all().iter_with_ids() {
            if let AccessSettings::Token(requirement) = &route.access {
                let claims = requirement.claims.iter().map(|required| &required.claim);
                let key = format!("{}[{}].{}", of_route::ROUTES, id.position(), of_route::CLAIMS);
                paths.extend(claims.map(|claim| (key.clone(), claim)));
            }
        }
        for signature in &self.signatures {
            let key = |name: &str| [key::SIGNATURES, &signature.name, name].join(".");
            if let SignerSource::Claim(claim) = &signature.signer {
                paths.push((key(of_signature::SIGNER), claim));
            }
            if let CallerBinding::Claim(claim) = &signature.caller {
                paths.push((key(of_signature::CALLER), claim));
            }
        }
        paths
    }
}

fn of_issuer<'s>(issuer: &'s IssuerSettings, paths: &mut Vec<(String, &'s ClaimPath)>) {
    let key = |name: &str| [key::ISSUERS, &issuer.name, name].join(".");
    let values = issuer.require_values.iter().map(|required| &required.claim);
    paths.extend(issuer.require.iter().map(|claim| (key(of_issuer::REQUIRE), claim)));
    paths.extend(
        issuer.require_any.iter().flatten().map(|claim| (key(of_issuer::REQUIRE_ANY), claim)),
    );
    paths.extend(values.map(|claim| (key(of_issuer::REQUIRE_VALUES), claim)));
    paths.extend(issuer.formats.iter().map(|format| (key(of_issuer::FORMATS), &format.claim)));
    paths.extend(issuer.scopes.claims().iter().map(|claim| (key(of_issuer::SCOPE_CLAIMS), claim)));
    paths.extend(issuer.binding.origin.iter().map(|claim| (key(of_binding::ORIGIN_CLAIM), claim)));
    if let Some(binding) = &issuer.binding.cookie {
        let claims = [&binding.reference, &binding.type_claim];
        paths.extend(claims.map(|claim| (key(of_binding::COOKIE_BINDING), claim)));
    }
}
