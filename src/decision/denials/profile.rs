//! Compiled profiles: the response to a refusal, by its reason.

use http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE};

use super::{
    built_in::{self, Bodies, StatusRule},
    challenge::{Challenge, Demands},
};
use crate::{
    decision::denials::settings::{
        BodyTemplate, DenialSettings, OwnAnswerSettings, OwnBodySettings, OwnProfileSettings,
        Placeholder,
    },
    policy::denial_profile::DenialProfile,
    reason::{ByClass, Class, Reason},
};

/// A profile, compiled.
#[derive(Debug)]
pub(super) struct Profile {
    realm: Option<String>,
    by_class: ByClass<Look>,
    exceptions: Vec<(Reason, Look)>,
}

/// How one refusal looks.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) status: StatusCode,
    pub(super) challenge: Challenge,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Body>,
}

/// What is written.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) content_type: HeaderValue,
    pub(super) template: BodyTemplate,
}

impl Profile {
    /// Compiles a profile of the settings.
    pub(super) fn compile(profile: DenialProfile, settings: &DenialSettings) -> Self {
        match profile {
            DenialProfile::BuiltIn(profile) => Self::of_row(built_in::row(profile), settings),
            DenialProfile::Own(own) => Self::of_own(settings.profiles.get(own), settings),
        }
    }

    fn of_row(row: &built_in::Row, settings: &DenialSettings) -> Self {
        let realm = settings.realm.as_deref().or(row.realm);
        let look = |(status, challenge): StatusRule, bodies: &Bodies| Look {
            status,
            challenge,
            headers: HeaderMap::new(),
            body: Body::of(bodies, settings.expose_reasons),
        };
        let exceptions = row.exceptions.iter().chain(built_in::MORE_EXACT);
        Self {
            realm: realm.map(str::to_owned),
            by_class: ByClass::from_fn(|class| look(*row.by_class.of(class), row.bodies.of(class))),
            exceptions: exceptions
                .map(|(reason, rule)| (*reason, look(*rule, row.bodies.of(reason.class()))))
                .collect(),
        }
    }

    fn of_own(own: &OwnProfileSettings, settings: &DenialSettings) -> Self {
        let base = Self::of_row(built_in::row(own.based_on), settings);
        let exceptions = base.exceptions.into_iter();
        Self {
            realm: base.realm,
            by_class: ByClass::from_fn(|class| {
                base.by_class.of(class).clone().changed(own.by_class.of(class))
            }),
            exceptions: exceptions
                .map(|(reason, look)| (reason, look.changed(own.by_class.of(reason.class()))))
                .collect(),
        }
    }

    /// How a refusal of that class, for that reason, looks.
    pub(super) fn look(&self, class: Class, reason: Reason) -> &Look {
        let exception = self.exceptions.iter().find(|(exception, _)| *exception == reason);
        exception.map_or_else(|| self.by_class.of(class), |(_, look)| look)
    }

    pub(super) fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }
}

impl Look {
    fn changed(self, own: &OwnAnswerSettings) -> Self {
        let status = own.status.unwrap_or(self.status);
        Self {
            status,
            challenge: self.challenge_with(status),
            headers: own.headers.clone(),
            body: match &own.body {
                None => self.body,
                Some(OwnBodySettings::Empty) => None,
                Some(OwnBodySettings::Text { template, content_type }) => {
                    Some(Body { template: template.clone(), content_type: content_type.clone() })
                }
            },
        }
    }

    /// Another status has another challenge: a 401 must have one (RFC 9110 §15.5.2), and what
    /// stands beside the others is made for the status that was there before.
    fn challenge_with(&self, status: StatusCode) -> Challenge {
        match (status == self.status, status) {
            (true, _) => self.challenge,
            (false, StatusCode::UNAUTHORIZED) => Challenge::Bare,
            (false, _) => Challenge::None,
        }
    }

    /// The value of `WWW-Authenticate`: the operator's own, or the profile's.
    pub(super) fn challenge(&self, demands: Demands<'_>) -> Option<HeaderValue> {
        let own = self.headers.get(WWW_AUTHENTICATE).cloned();
        own.or_else(|| self.challenge.header(demands))
    }
}

impl Body {
    fn of(bodies: &Bodies, expose_reasons: bool) -> Option<Self> {
        let text = if expose_reasons { bodies.exposing } else { bodies.discreet }?;
        Some(Self {
            content_type: HeaderValue::from_static(text.content_type),
            template: BodyTemplate::new(text.template, Placeholder::ALL),
        })
    }
}
