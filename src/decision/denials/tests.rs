//! Profiles as tables: status, challenge and body of a refusal, without a connection.

mod built_in;
mod own;

use std::collections::{HashMap, HashSet};

use http::{
    HeaderMap, Method, Version,
    header::{CACHE_CONTROL, HOST},
};

use super::{built_in as rows, *};
use crate::{
    clock::{ManualClock, UnixTime},
    gate::Gate,
    policy::{CanonicalRequest, denial_profile::BuiltInProfile},
    providers::Providers,
    settings::{Sources, load},
    telemetry::MetricRegistry,
};

const BUILT_IN: [BuiltInProfile; 6] = [
    BuiltInProfile::Rfc6750,
    BuiltInProfile::Problem,
    BuiltInProfile::Ubirch,
    BuiltInProfile::GenAuth,
    BuiltInProfile::Ocen,
    BuiltInProfile::Empty,
];

/// 2018-12-06T11:39:57Z
const NOW: UnixTime = UnixTime(1_544_096_397);

fn request(path: &str) -> CanonicalRequest {
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("h"))]);
    let target = path.parse().unwrap();
    CanonicalRequest::new(&Method::GET, &target, Version::HTTP_11, &headers).unwrap()
}

/// Of every request here.
const ID: RequestId = RequestId::Made(0x0123_4567_89ab_cdef_u128.to_be_bytes());

/// Answers of one configuration.
struct Scene {
    denials: Denials,
    gate: Gate,
}

impl Scene {
    /// One route, with these lines about denials.
    fn new(denials: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        let text = format!(
            "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n[issuers.corp]\n\
             issuer = \"https://idp.test\"\naudiences = \"any\"\n{denials}\n[[routes]]\n\
             path = \"/**\"\nscopes = [\"a\", \"b\"]\n[[routes]]\npath = \"/quiet\"\n\
             denials = \"empty\""
        );
        std::fs::write(&file, text).unwrap();
        let settings = load(&Sources { file: Some(file), ..Sources::default() });
        let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
        let metrics = MetricRegistry::default();
        let (providers, _) = Providers::new(&settings.provider_parts(), &clock, &metrics).unwrap();
        let maintenance = settings.engine_parts().maintenance;
        let gate = Gate::new(&settings.gate_parts(), &providers, Arc::clone(&clock), &metrics);
        Self {
            denials: Denials::new(&settings.denials, &settings.routes, &maintenance, clock),
            gate,
        }
    }

    fn profile(name: &str, expose_reasons: bool) -> Self {
        Self::new(&format!("[denials]\nprofile = \"{name}\"\nexpose_reasons = {expose_reasons}"))
    }

    fn refuse(&self, denial: &Denial) -> Response<Bytes> {
        self.denials.refuse(denial, RefusalForm::Http, &ID).into_response()
    }

    /// A refusal on the route of that path, as one line: status, challenge, body.
    fn line_on(&self, path: &str, reason: Reason) -> String {
        let denial = Denial::new(reason).on(self.gate.route(&request(path)).unwrap());
        let response = self.refuse(&denial);
        let challenge = field(response.headers(), "www-authenticate");
        let body = text(response.body());
        let body = body.replace(&ID.to_string(), "ID");
        format!("{} [{challenge}] {}", response.status().as_u16(), body.trim_end())
    }

    fn line(&self, reason: Reason) -> String {
        self.line_on("/", reason)
    }
}

fn field(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn text(body: &Bytes) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

#[track_caller]
fn assert_lines(scene: &Scene, lines: &[(Reason, &str)]) {
    for (reason, expected) in lines {
        assert_eq!(scene.line(*reason), *expected, "{reason}");
    }
}

/// The rules that no profile may break, whatever it imitates.
#[test]
fn every_built_in_profile_refuses_with_an_error_and_never_blames_a_client_for_an_outage() {
    for profile in BUILT_IN {
        for expose_reasons in [false, true] {
            let scene = Scene::profile(profile.name(), expose_reasons);
            for reason in Reason::ALL {
                let case = format!("{profile:?}: {reason}");
                let response = scene.refuse(&Denial::new(*reason));
                let (status, headers) = (response.status(), response.headers());
                let undecided = reason.class() == Class::CannotDecide;
                let failed = reason.class() == Class::UpstreamFailed;
                let is_ours = undecided || failed || *reason == Reason::LoopDetected;
                assert_eq!(status.is_server_error(), is_ours, "{case}");
                assert_eq!(status.is_client_error(), !is_ours, "{case}");
                let retries = undecided || status == StatusCode::SERVICE_UNAVAILABLE;
                assert_eq!(headers.contains_key(RETRY_AFTER), retries, "{case}");
                assert_eq!(headers[CACHE_CONTROL], "no-store", "{case}");
                let challenged = headers.contains_key(WWW_AUTHENTICATE);
                assert!(challenged || status != StatusCode::UNAUTHORIZED, "{case}");
            }
        }
    }
}

#[test]
fn o4_every_body_of_a_built_in_profile_is_json_whatever_the_reason() {
    for profile in BUILT_IN {
        for expose_reasons in [false, true] {
            let scene = Scene::profile(profile.name(), expose_reasons);
            for reason in Reason::ALL {
                let body = text(scene.refuse(&Denial::new(*reason)).body());
                if !body.is_empty() {
                    let json: HashMap<String, serde_json::Value> =
                        serde_json::from_str(&body).unwrap();
                    assert!(json.len() >= 2 && !body.contains("{{"), "{profile:?}: {body}");
                }
            }
        }
    }
}

#[test]
fn no_exception_of_a_row_hides_another() {
    for profile in BUILT_IN {
        let exceptions = rows::row(profile).exceptions.iter().chain(rows::MORE_EXACT);
        let reasons: Vec<_> = exceptions.map(|(reason, _)| reason).collect();
        let unique: HashSet<_> = reasons.iter().collect();
        assert_eq!(unique.len(), reasons.len(), "{profile:?}");
    }
}

#[test]
fn the_operators_realm_is_in_every_challenge() {
    let scene = Scene::new("[denials]\nrealm = \"loans\"\nprofile = \"ubirch\"");
    assert_eq!(scene.line(Reason::CredentialMissing), "401 [Bearer realm=\"loans\"] ");
    let scene = Scene::new("[denials]\nrealm = \"loans\"");
    let expected = "401 [Bearer realm=\"loans\", error=\"invalid_token\"] ";
    assert_eq!(scene.line(Reason::SignatureInvalid), expected);
}

#[test]
fn a_route_has_its_own_profile_and_the_rest_the_general_one() {
    let scene = Scene::profile("problem", false);
    assert_eq!(scene.line_on("/quiet", Reason::RouteUnknown), "403 [] ");
    assert_ne!(scene.line_on("/", Reason::RouteUnknown), "403 [] ");
    let unrouted = scene.refuse(&Denial::new(Reason::RouteUnknown));
    assert!(text(unrouted.body()).contains("Forbidden"));
}

#[test]
fn a_grpc_call_gets_its_grpc_answer_under_every_profile() {
    for profile in BUILT_IN {
        let scene = Scene::profile(profile.name(), true);
        for reason in Reason::ALL {
            let denial = Denial::new(*reason);
            let refusal = scene.denials.refuse(&denial, RefusalForm::Grpc, &ID);
            let response = refusal.into_response();
            assert_eq!(response.status(), 200, "{profile:?}: {reason}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
            assert_eq!(response.headers()["grpc-message"], reason.code());
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(text(response.body()), "");
        }
    }
}
