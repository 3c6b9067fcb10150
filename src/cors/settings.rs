//! `[cors]`: which web pages may read answers, and who responds to preflights.

use std::{collections::BTreeSet, time::Duration};

use http::{HeaderName, Method};

use super::{WebOrigin, WebOriginError};
use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{duration, header_name, keyword, stands_for_all, switch},
        writer::{Writer, Written},
    },
    policy::settings::method,
};

pub(crate) mod key {
    pub(crate) const ORIGINS: &str = "origins";
    pub(crate) const CREDENTIALS: &str = "credentials";
    pub(crate) const ALL_ROUTES: &str = "all_routes";
    pub(crate) const PREFLIGHTS: &str = "preflights";
    pub(crate) const METHODS: &str = "methods";
    pub(crate) const HEADERS: &str = "headers";
    pub(crate) const MAX_AGE: &str = "max_age";
    pub(crate) const EXPOSE: &str = "expose";
}

/// `[cors]`
#[derive(Debug, Clone)]
pub struct CorsSettings {
    /// Whose pages may read answers.
    pub origins: OriginSettings,
    /// Whether they may have been requested with cookies.
    pub credentials: bool,
    /// What holds for routes that do not say.
    pub all_routes: bool,
    /// Who responds to preflights.
    pub preflights: PreflightSettings,
}

/// The origins of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginSettings {
    /// Every one, without credentials.
    Any,
    /// These.
    Listed(Vec<WebOrigin>),
}

/// Who responds to preflights, and with that says what pages may do.
#[derive(Debug, Clone)]
pub enum PreflightSettings {
    /// The proxy.
    Answered(AnsweredSettings),
    /// The service, which receives them without a token.
    Passed,
}

/// What the proxy says of requests and answers.
#[derive(Debug, Clone)]
pub struct AnsweredSettings {
    /// The methods that pages may use.
    pub methods: Vec<Method>,
    /// The headers that pages may send.
    pub headers: Vec<HeaderName>,
    /// How long a browser may remember it.
    pub max_age: Duration,
    /// The headers of the service's answers that pages may read, besides the usual ones.
    pub expose: Vec<HeaderName>,
}

/// Who responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PreflightResponder {
    Proxy,
    Service,
}

const PREFLIGHTS: &[(&str, PreflightResponder)] =
    &[("answer", PreflightResponder::Proxy), ("pass", PreflightResponder::Service)];

/// Keys of what only the answer to a preflight says.
const ANSWERED_ONLY: &[&str] = &[key::METHODS, key::HEADERS, key::MAX_AGE, key::EXPOSE];

/// Every method that services commonly take.
const DEFAULT_METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// A token and a body of JSON.
const DEFAULT_HEADERS: [HeaderName; 2] = [http::header::AUTHORIZATION, http::header::CONTENT_TYPE];
/// Saves a page most preflights, and a changed list takes effect soon.
const DEFAULT_MAX_AGE: Duration = Duration::from_mins(10);
/// The longest that any browser heeds (Firefox).
const MAX_MAX_AGE: Duration = Duration::from_hours(24);
/// More pages than one service has; the list is searched for each request of a browser.
const MAX_ORIGINS: usize = 1000;

/// What a list of origins is expected to be.
const ORIGINS: &str = "a list such as [\"https://app.example.com\"], or \"any\"";

impl CorsSettings {
    /// `None` without the section: preflights are requests like any other.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let origins = read_origins(section);
        let credentials = section.or(key::CREDENTIALS, false, switch);
        if credentials && origins == Some(OriginSettings::Any) {
            section.mistake(
                key::CREDENTIALS,
                "found true with origins = \"any\"; expected the origins that may read what a \
                 user's cookies give access to"
                    .to_owned(),
            );
        }
        Some(Self {
            credentials,
            all_routes: section.or(key::ALL_ROUTES, false, switch),
            preflights: PreflightSettings::read(section),
            origins: origins?,
        })
    }

    pub(crate) fn write(&self) -> Written {
        let writer = match &self.origins {
            OriginSettings::Any => Writer::default().text(key::ORIGINS, ANY),
            OriginSettings::Listed(list) => {
                Writer::default().list(key::ORIGINS, list.iter().map(WebOrigin::as_str))
            }
        };
        let writer = writer
            .switch(key::CREDENTIALS, self.credentials)
            .switch(key::ALL_ROUTES, self.all_routes);
        self.preflights.write(writer).table()
    }
}

const ANY: &str = "any";

fn read_origins(section: &mut Section<'_>) -> Option<OriginSettings> {
    match section.peek(key::ORIGINS).map(Node::as_text) {
        None => {
            section.required(key::ORIGINS, ORIGINS, |node| Err::<(), _>(node.mismatch(ORIGINS)));
            None
        }
        Some(Some(ANY)) => section.optional(key::ORIGINS, |_| Ok(OriginSettings::Any)),
        Some(_) => {
            let list = section.list(key::ORIGINS, ORIGINS, origin)?;
            if list.len() > MAX_ORIGINS {
                section.mistake(key::ORIGINS, format!("expected at most {MAX_ORIGINS} origins"));
            }
            refuse_duplicates(section, key::ORIGINS, list.iter().map(WebOrigin::as_str));
            Some(OriginSettings::Listed(list))
        }
    }
}

/// Never a pattern, and never `null`: a page of any site can make its browser send that.
fn origin(node: &Node) -> Parsed<WebOrigin> {
    const EXPECTED: &str = "an origin such as \"https://app.example.com\"";
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    if stands_for_all(text) {
        return Err(node.mismatch("origins one by one, or \"any\" without a list for all of them"));
    }
    WebOrigin::parse(text)
        .map_err(|error: WebOriginError| format!("{} ({error})", node.mismatch(EXPECTED)))
}

impl PreflightSettings {
    fn read(section: &mut Section<'_>) -> Self {
        match section.or(key::PREFLIGHTS, PreflightResponder::Proxy, keyword(PREFLIGHTS)) {
            PreflightResponder::Proxy => Self::Answered(AnsweredSettings::read(section)),
            PreflightResponder::Service => {
                for name in ANSWERED_ONLY {
                    if section.node(name).is_some() {
                        section.mistake(
                            name,
                            "has no effect with preflights = \"pass\", since the service says \
                             it; expected it to be absent"
                                .to_owned(),
                        );
                    }
                }
                Self::Passed
            }
        }
    }

    fn write(&self, writer: Writer) -> Writer {
        match self {
            Self::Answered(answered) => answered.write(writer.keyword(
                key::PREFLIGHTS,
                PREFLIGHTS,
                &PreflightResponder::Proxy,
            )),
            Self::Passed => {
                writer.keyword(key::PREFLIGHTS, PREFLIGHTS, &PreflightResponder::Service)
            }
        }
    }
}

impl AnsweredSettings {
    fn read(section: &mut Section<'_>) -> Self {
        let headers = "a list of header names";
        let methods = section.list(key::METHODS, "a list such as [\"GET\"]", method);
        let allowed = section.list(key::HEADERS, headers, one_header);
        let expose = section.list(key::EXPOSE, headers, one_header);
        let settings = Self {
            methods: methods.unwrap_or_else(|| DEFAULT_METHODS.to_vec()),
            headers: allowed.unwrap_or_else(|| DEFAULT_HEADERS.to_vec()),
            max_age: section.or(
                key::MAX_AGE,
                DEFAULT_MAX_AGE,
                duration(Duration::ZERO..=MAX_MAX_AGE),
            ),
            expose: expose.unwrap_or_default(),
        };
        refuse_duplicates(section, key::METHODS, settings.methods.iter().map(Method::as_str));
        refuse_duplicates(section, key::HEADERS, settings.headers.iter().map(HeaderName::as_str));
        refuse_duplicates(section, key::EXPOSE, settings.expose.iter().map(HeaderName::as_str));
        settings
    }

    fn write(&self, writer: Writer) -> Writer {
        writer
            .list(key::METHODS, &self.methods)
            .list(key::HEADERS, &self.headers)
            .duration(key::MAX_AGE, self.max_age)
            .list(key::EXPOSE, &self.expose)
    }
}

/// `*` would be a name, and browsers read it as all but `Authorization`.
fn one_header(node: &Node) -> Parsed<HeaderName> {
    match header_name(node)? {
        all if all.as_str() == "*" => Err(node.mismatch("headers by their names")),
        name => Ok(name),
    }
}

fn refuse_duplicates<'t>(section: &Section<'_>, name: &str, texts: impl Iterator<Item = &'t str>) {
    let mut seen = BTreeSet::new();
    if let Some(twice) = texts.into_iter().find(|text| !seen.insert(*text)) {
        section.mistake(name, format!("lists {twice} twice"));
    }
}
