//! Whom tokens must be for, where resources make that a matter of the route.
//!
//! A token is verified once, and cached, for all routes. So the verifier accepts every audience
//! that some route of the issuer accepts, and each route looks on every request whether the token
//! is for it. Without resources the verifier's check is the only one.

use std::borrow::Cow;

use super::GateParts;
use crate::{
    policy::{
        ids::{IssuerId, PerIssuer},
        settings::{AccessSettings, RequirementSettings},
    },
    reason::Cause,
    resource::settings::ResourceSettings,
    token::{VerifiedToken, issuer::settings::IssuerSettings},
};

/// Accepted `aud` values; `None`: any.
type AudienceList = Option<Vec<String>>;

/// What one route accepts, by issuer. An issuer that is not here needs no further check.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RouteAudiences(Vec<AudiencesOfIssuer>);

#[derive(Debug, PartialEq, Eq)]
struct AudiencesOfIssuer {
    issuer: IssuerId,
    verified: AudienceList,
    introspected: AudienceList,
}

impl RouteAudiences {
    /// `None`: the verifier's check suffices.
    pub(super) fn compile(
        requirement: &RequirementSettings,
        parts: &GateParts<'_>,
    ) -> Option<Self> {
        let resource = requirement.resource.map(|id| parts.resources.get(id));
        let of_issuer = |id: &IssuerId| match resource {
            Some(resource) => AudiencesOfIssuer {
                issuer: *id,
                verified: resource.audiences.clone(),
                introspected: resource.audiences.clone(),
            },
            None => AudiencesOfIssuer::own(*id, parts.issuers.get(*id)),
        };
        let issuers = requirement.issuers.iter();
        let shared = issuers.filter(|id| resources_of(**id, parts).next().is_some());
        let all: Vec<_> = shared.map(of_issuer).collect();
        (!all.is_empty()).then_some(Self(all))
    }

    /// Whether the token is for this route.
    pub(super) fn check(&self, token: &VerifiedToken) -> Result<(), Cause> {
        let Some(accepted) = self.0.iter().find(|of| of.issuer == token.issuer()) else {
            return Ok(());
        };
        let introspected = token.is_introspected_only();
        let accepted = if introspected { &accepted.introspected } else { &accepted.verified };
        match accepted {
            Some(audiences) => token.check_audience(audiences),
            None => Ok(()),
        }
    }
}

impl AudiencesOfIssuer {
    fn own(issuer: IssuerId, settings: &IssuerSettings) -> Self {
        let introspection = settings.introspection.as_ref();
        Self {
            issuer,
            verified: settings.audiences.clone(),
            introspected: introspection.and_then(|introspection| introspection.audiences.clone()),
        }
    }
}

/// The issuers with every audience that one of their routes accepts.
pub(super) fn widened<'p>(parts: &GateParts<'p>) -> Cow<'p, PerIssuer<IssuerSettings>> {
    if parts.resources.is_empty() {
        return Cow::Borrowed(parts.issuers);
    }
    Cow::Owned(parts.issuers.map_with_ids(|id, issuer| {
        let mut issuer = issuer.clone();
        for resource in resources_of(id, parts) {
            widen(&mut issuer.audiences, &resource.audiences);
            if let Some(introspection) = &mut issuer.introspection {
                widen(&mut introspection.audiences, &resource.audiences);
            }
        }
        issuer
    }))
}

/// The resources of the routes that accept that issuer's tokens.
fn resources_of<'p>(
    issuer: IssuerId,
    parts: &GateParts<'p>,
) -> impl Iterator<Item = &'p ResourceSettings> {
    let resources = parts.resources;
    parts.routes.all().iter().filter_map(move |route| match &route.access {
        AccessSettings::Token(requirement) if requirement.issuers.contains(&issuer) => {
            requirement.resource.map(|resource| resources.get(resource))
        }
        _ => None,
    })
}

fn widen(accepted: &mut AudienceList, further: &AudienceList) {
    match (accepted.as_mut(), further) {
        (Some(accepted), Some(further)) => {
            for audience in further {
                if !accepted.contains(audience) {
                    accepted.push(audience.clone());
                }
            }
        }
        _ => *accepted = None,
    }
}
