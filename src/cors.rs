//! Cross-origin resource sharing (the Fetch standard, §3.2): which web pages may read answers.
//!
//! It restricts no client but browsers, and no request: a token is checked as ever. An origin is
//! one of the configured ones byte for byte, and what is sent back is the configured one, so that
//! nothing of a request is reflected.

mod preflight;
pub mod settings;

use std::collections::BTreeSet;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
    },
};

use self::settings::{AnsweredSettings, CorsSettings, OriginSettings, PreflightSettings};

pub use crate::policy::{WebOrigin, WebOriginError};
pub use preflight::Preflight;

/// `[cors]`, compiled: every value that is sent is made once.
#[derive(Debug)]
pub struct Cors {
    /// `None`: every origin, without credentials.
    origins: Option<BTreeSet<HeaderValue>>,
    credentials: bool,
    /// `None`: the service responds to preflights, and to whom its other answers are readable.
    answered: Option<PreflightAnswer>,
    /// The headers of our own answers that pages may read.
    exposed_of_own: HeaderValue,
}

/// What preflights are answered with, and what pages may read of the service's answers.
#[derive(Debug)]
struct PreflightAnswer {
    methods: HeaderValue,
    headers: HeaderValue,
    max_age: HeaderValue,
    exposed: Option<HeaderValue>,
}

/// Who made an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFrom {
    /// The proxy: a refusal, or the answer to a preflight.
    Proxy,
    /// The service behind it.
    Service,
}

/// What every such header begins with, those of drafts and of the Private Network Access proposal
/// included.
const CORS_HEADERS: &str = "access-control-";
/// Pages may read any answer that is not sent with credentials (Fetch, CORS check).
static EVERY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
/// What an answer to a preflight depends on besides the origin.
const PREFLIGHT_VARY: HeaderValue = HeaderValue::from_static("Access-Control-Request-Method");
/// What pages need of a refusal: why the token does not do, and when to try again.
const OF_REFUSALS: [HeaderName; 2] = [WWW_AUTHENTICATE, RETRY_AFTER];

impl Cors {
    /// Compiles the settings.
    pub fn compile(settings: &CorsSettings) -> Self {
        let answered = match &settings.preflights {
            PreflightSettings::Answered(answered) => Some(answered),
            PreflightSettings::Passed => None,
        };
        let exposed = answered.map_or(&[][..], |answered| &answered.expose);
        let refusals = OF_REFUSALS.iter().filter(|name| !exposed.contains(name));
        Self {
            origins: match &settings.origins {
                OriginSettings::Any => None,
                OriginSettings::Listed(list) => {
                    Some(list.iter().map(|origin| origin.value().clone()).collect())
                }
            },
            credentials: settings.credentials,
            answered: answered.map(PreflightAnswer::new),
            exposed_of_own: list_of(exposed.iter().chain(refusals).map(HeaderName::as_str)),
        }
    }

    /// Whether preflights are answered here, not by the service.
    pub fn answers_preflights(&self) -> bool {
        self.answered.is_some()
    }

    /// What `Access-Control-Allow-Origin` says to the sender of a request; `None`: it is not one
    /// of the configured origins, or names several.
    pub fn allowed_origin(&self, headers: &HeaderMap) -> Option<&HeaderValue> {
        let Some(origins) = &self.origins else {
            return Some(&EVERY_ORIGIN);
        };
        origins.get(only(headers, &ORIGIN)?)
    }

    /// Adds what answers a preflight. Who may read that is added to every answer by
    /// [`Self::share`].
    pub fn answer_preflight(&self, headers: &mut HeaderMap) {
        let Some(answer) = &self.answered else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, answer.methods.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, answer.headers.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, answer.max_age.clone());
        headers.insert(VARY, PREFLIGHT_VARY);
    }

    /// Lets the allowed origin read an answer. What the service itself says about that is replaced
    /// where preflights are answered here, and stays where they are passed to it: there is one set
    /// of these headers.
    pub fn share(&self, headers: &mut HeaderMap, from: AnswerFrom, origin: Option<&HeaderValue>) {
        let exposed = match (from, &self.answered) {
            (AnswerFrom::Service, None) => return,
            (AnswerFrom::Service, Some(answer)) => {
                remove_cors_headers(headers);
                answer.exposed.as_ref()
            }
            // A document of ours that is for every page says so itself.
            (AnswerFrom::Proxy, _) if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) => return,
            (AnswerFrom::Proxy, _) => Some(&self.exposed_of_own),
        };
        vary_by_origin(headers);
        let Some(origin) = origin else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(exposed) = exposed {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }
}

impl PreflightAnswer {
    fn new(settings: &AnsweredSettings) -> Self {
        let exposed = settings.expose.iter().map(HeaderName::as_str);
        Self {
            methods: list_of(settings.methods.iter().map(http::Method::as_str)),
            headers: list_of(settings.headers.iter().map(HeaderName::as_str)),
            max_age: HeaderValue::from(settings.max_age.as_secs()),
            exposed: (!settings.expose.is_empty()).then(|| list_of(exposed)),
        }
    }
}

/// A list of methods or of header names, which are tokens.
fn list_of<'n>(names: impl Iterator<Item = &'n str>) -> HeaderValue {
    let list = names.collect::<Vec<_>>().join(", ");
    HeaderValue::from_str(&list).unwrap_or(HeaderValue::from_static(""))
}

/// The one value of a header; `None` if it is missing or there are several.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn remove_cors_headers(headers: &mut HeaderMap) {
    let of_service = headers.keys().filter(|name| name.as_str().starts_with(CORS_HEADERS));
    for name in of_service.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// Keeps a cache from giving the answer for one origin to another, also where the request had none.
fn vary_by_origin(headers: &mut HeaderMap) {
    let values = headers.get_all(VARY).iter().map(HeaderValue::as_bytes);
    let mut named = values.flat_map(|value| value.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    if !named.any(|name| name == b"*" || name.eq_ignore_ascii_case(ORIGIN.as_str().as_bytes())) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests;
