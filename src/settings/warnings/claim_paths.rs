//! Names of claims with two meanings.

use crate::{
    identity::ClaimPath,
    policy::settings::AccessSettings,
    settings::Settings,
    signature::settings::{CallerBinding, SignerSource},
    token::issuer::settings::IssuerSettings,
};

impl Settings {
    /// A name with dots is a claim of that very name first, and the way to a nested one only where
    /// there is none: who can have a claim of any name written into a token decides which it is.
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
            let key = format!("claims.{}", header.header);
            paths.extend(header.claims.iter().map(|claim| (key.clone(), claim)));
        }
        if let Some(assertion) = &self.identity.assertion {
            let mapping = assertion.mapping.iter();
            let key = |name: &str| format!("identity.assertion.mapping.{name:?}");
            paths.extend(mapping.map(|(name, claim)| (key(name), claim)));
        }
        self.issuers.iter().for_each(|issuer| of_issuer(issuer, &mut paths));
        for (id, route) in self.routes.all().iter_with_ids() {
            if let AccessSettings::Token(requirement) = &route.access {
                let claims = requirement.claims.iter().map(|required| &required.claim);
                paths.extend(
                    claims.map(|claim| (format!("routes[{}].claims", id.position()), claim)),
                );
            }
        }
        for signature in &self.signatures {
            let key = |name: &str| format!("signatures.{}.{name}", signature.name);
            if let SignerSource::Claim(claim) = &signature.signer {
                paths.push((key("signer"), claim));
            }
            if let CallerBinding::Claim(claim) = &signature.caller {
                paths.push((key("caller"), claim));
            }
        }
        paths
    }
}

fn of_issuer<'s>(issuer: &'s IssuerSettings, paths: &mut Vec<(String, &'s ClaimPath)>) {
    let key = |name: &str| format!("issuers.{}.{name}", issuer.name);
    let values = issuer.require_values.iter().map(|required| &required.claim);
    paths.extend(issuer.require.iter().map(|claim| (key("require"), claim)));
    paths.extend(issuer.require_any.iter().flatten().map(|claim| (key("require_any"), claim)));
    paths.extend(values.map(|claim| (key("require_values"), claim)));
    paths.extend(issuer.formats.iter().map(|format| (key("formats"), &format.claim)));
    paths.extend(issuer.scopes.claims().iter().map(|claim| (key("scope_claims"), claim)));
    paths.extend(issuer.origin_claim.iter().map(|claim| (key("origin_claim"), claim)));
    if let Some(binding) = &issuer.cookie_binding {
        let claims = [&binding.reference, &binding.type_claim];
        paths.extend(claims.map(|claim| (key("cookie_binding"), claim)));
    }
}
