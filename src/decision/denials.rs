//! How refusals look: every [`Denial`] becomes a response here and nowhere else.

mod built_in;
mod challenge;
mod maintenance;
mod profile;
pub mod settings;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use self::{
    challenge::Demands,
    maintenance::MaintenanceAnswer,
    profile::{Look, Profile},
};
use super::{Refusal, RefusalForm, grpc, refusal::empty};
use crate::{
    clock::Clock,
    decision::denials::settings::{BodyTemplate, DenialSettings, MaintenanceSettings, Placeholder},
    gate::{Denial, Route},
    identity::RequestId,
    policy::{
        RequiredAuthentication, Requirement, Routes,
        denial_profile::DenialProfile,
        ids::{PerRoute, PerUpstream},
    },
    reason::{Class, Reason},
};

/// The profiles of refusals, general and of each route.
#[derive(Debug)]
pub struct Denials {
    /// Where no route is known.
    general: Arc<Profile>,
    by_route: PerRoute<Arc<Profile>>,
    /// Of routes whose upstream is switched off.
    maintenance: PerRoute<Option<Arc<MaintenanceAnswer>>>,
    expose_reasons: bool,
    clock: Arc<dyn Clock>,
}

/// After how many seconds a client may try again when keys were unavailable: about as long as
/// the first steps of the refresher's backoff take.
const RETRY_AFTER_SECONDS: &str = "5";

impl Denials {
    /// Compiles the profiles. `maintenance` says which upstreams are switched off.
    pub fn new(
        settings: &DenialSettings,
        routes: &Routes,
        maintenance: &PerUpstream<Option<&MaintenanceSettings>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut profiles: Vec<(DenialProfile, Arc<Profile>)> = Vec::new();
        let mut compiled = |wanted: DenialProfile| {
            if let Some((_, known)) = profiles.iter().find(|(profile, _)| *profile == wanted) {
                return Arc::clone(known);
            }
            let profile = Arc::new(Profile::compile(wanted, settings));
            profiles.push((wanted, Arc::clone(&profile)));
            profile
        };
        let general = settings.profile;
        let maintenance =
            maintenance.map(|settings| settings.map(|it| Arc::new(MaintenanceAnswer::compile(it))));
        Self {
            maintenance: routes.all().map(|route| {
                route.destination.upstream().and_then(|upstream| maintenance.get(upstream).clone())
            }),
            general: compiled(general),
            by_route: routes.all().map(|route| compiled(route.denials.unwrap_or(general))),
            expose_reasons: settings.expose_reasons,
            clock,
        }
    }

    /// The answer to a refused request of that id.
    pub(super) fn refuse(&self, denial: &Denial, form: RefusalForm, id: &RequestId) -> Refusal {
        let reason = denial.reason();
        let profile = self.profile(denial);
        let look = profile.look(denial.class(), reason);
        let maintenance = self.maintenance(denial);
        let mut response = match form {
            RefusalForm::Http => self.plain(look, denial, id, maintenance),
            RefusalForm::Grpc => {
                let code = self.expose_reasons.then(|| HeaderValue::from_static(reason.code()));
                let message = maintenance.map(|answer| answer.grpc_message.clone()).or(code);
                grpc::answer(grpc::status(denial.class(), reason), message)
            }
        };
        let headers = response.headers_mut();
        headers.extend(look.headers.clone());
        if let Some(challenge) = look.challenge(demands(denial, profile)) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(allow) = denial.allow() {
            headers.insert(ALLOW, allow.clone());
        }
        if let Some(limits) = denial.limits() {
            limits.apply(headers);
        }
        if reason == Reason::FramingNotAllowed {
            // Where that request ends, and the next begins, is ambiguous.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if denial.class() == Class::CannotDecide || look.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        if let Some(maintenance) = maintenance {
            maintenance.set_retry_after(headers);
        }
        Refusal::new(response)
    }

    fn profile(&self, denial: &Denial) -> &Profile {
        denial.route().map_or(&self.general, |route| self.by_route.get(route.id()))
    }

    fn maintenance(&self, denial: &Denial) -> Option<&MaintenanceAnswer> {
        let is_meant = denial.reason() == Reason::UpstreamMaintenance;
        let route = denial.route().filter(|_| is_meant)?;
        self.maintenance.get(route.id()).as_deref()
    }

    fn plain(
        &self,
        look: &Look,
        denial: &Denial,
        id: &RequestId,
        maintenance: Option<&MaintenanceAnswer>,
    ) -> Response<Bytes> {
        let mut response = empty(look.status);
        if let Some(maintenance) = maintenance {
            *response.body_mut() = maintenance.body(response.headers_mut());
            return response;
        }
        if let Some(body) = &look.body {
            response.headers_mut().insert(CONTENT_TYPE, body.content_type.clone());
            let text = self.written(&body.template, look.status, denial, id);
            *response.body_mut() = Bytes::from(text);
        }
        response
    }

    fn written(
        &self,
        template: &BodyTemplate,
        status: StatusCode,
        denial: &Denial,
        id: &RequestId,
    ) -> String {
        let reason = denial.reason();
        template.fill(|place| match place {
            Placeholder::Reason => Cow::Borrowed(reason.code()),
            Placeholder::Subject => {
                denial.subject().map_or(Cow::Borrowed(""), |subject| subject.for_answer().into())
            }
            Placeholder::Text => Cow::Borrowed(reason.text()),
            Placeholder::Status => Cow::Owned(status.as_str().to_owned()),
            Placeholder::Title => Cow::Borrowed(status.canonical_reason().unwrap_or("Refused")),
            Placeholder::DenialId => Cow::Owned(id.to_string()),
            Placeholder::Timestamp => Cow::Owned(self.clock.now().to_rfc3339()),
        })
    }
}

/// What the route asks of a client.
fn demands<'d>(denial: &'d Denial, profile: &'d Profile) -> Demands<'d> {
    let requirement = denial.route().and_then(Route::requirement);
    let authentication = requirement.and_then(Requirement::authentication);
    Demands {
        realm: profile.realm(),
        scope: requirement.map_or("", Requirement::scope),
        authentication: authentication.map(RequiredAuthentication::challenge),
        metadata_url: denial.route().and_then(Route::metadata_url),
    }
}

#[cfg(test)]
mod tests;
