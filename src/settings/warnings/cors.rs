//! Pages of other origins: what they may read that the operator may not expect, and routes that
//! their preflights do not reach.

use http::Method;

use crate::{
    config::urls::is_loopback,
    cors::{
        WebOrigin,
        settings::{CorsSettings, OriginSettings, PreflightSettings, key as of_cors},
    },
    policy::{
        RouteMatch,
        credential::CredentialSource,
        settings::{AccessSettings, RouteSettings, key as of_route},
    },
    settings::{Settings, whole::key},
};

use super::warning;

/// How many routes one warning names.
const SHOWN_ROUTES: usize = 3;

impl Settings {
    /// What `[cors]` opens or misses.
    pub(super) fn cors_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(cors) = &self.cors {
            warnings.extend(self.origins_warning(cors));
            warnings.extend(self.passed_preflights_warning(cors));
            warnings.extend(self.credential_headers_warning(cors));
        }
        warnings.extend(self.preflights_warning());
        warnings
    }

    fn origins_warning(&self, cors: &CorsSettings) -> Option<String> {
        let path = &[key::CORS, of_cors::ORIGINS];
        match &cors.origins {
            OriginSettings::Any => {
                let public = self.shared_routes(cors).filter(|route| is_public(route));
                let text = "any; every page that a user opens can read what public routes answer, \
                            from within the user's network";
                (public.count() > 0).then(|| warning(path, text))
            }
            OriginSettings::Listed(list) => {
                let plain = list.iter().map(WebOrigin::as_str).find(|text| is_plain_http(text))?;
                let text = format!(
                    "{plain} is plain http: anyone on the way can make a page of it, which reads \
                     answers"
                );
                Some(warning(path, &text))
            }
        }
    }

    /// A client that is no browser can send any `Origin`.
    fn passed_preflights_warning(&self, cors: &CorsSettings) -> Option<String> {
        if !matches!(cors.preflights, PreflightSettings::Passed) {
            return None;
        }
        let mut protected = self.shared_routes(cors).filter(|route| !is_public(route));
        let text = "pass; OPTIONS requests that look like preflights reach the service without a \
                    token";
        protected.next().map(|_| warning(&[key::CORS, of_cors::PREFLIGHTS], text))
    }

    fn shared_routes(&self, cors: &CorsSettings) -> impl Iterator<Item = &RouteSettings> {
        let all_routes = cors.all_routes;
        self.routes.all().iter().filter(move |route| route.cors.unwrap_or(all_routes))
    }

    /// A page can't send a header that the preflight does not allow.
    fn credential_headers_warning(&self, cors: &CorsSettings) -> Option<String> {
        let PreflightSettings::Answered(answered) = &cors.preflights else { return None };
        let mut carriers =
            self.credential.sources.iter().filter_map(CredentialSource::header).peekable();
        carriers.peek()?;
        if carriers.any(|header| answered.headers.contains(header)) {
            return None;
        }
        let text = "has none of the headers of credential.sources, so that no page can send a \
                    token in one";
        Some(warning(&[key::CORS, of_cors::HEADERS], text))
    }

    /// Protected routes that no preflight reaches, where browsers seem to be clients: there is
    /// `[cors]`, or a route for `OPTIONS`. A browser sends a token in a header only after a
    /// preflight, which itself has none.
    fn preflights_warning(&self) -> Option<String> {
        let routes = self.routes.all();
        let names_options = |route: &RouteSettings| route.methods.contains(&Method::OPTIONS);
        if self.cors.is_none() && !routes.iter().any(names_options) {
            return None;
        }
        let all_routes = self.cors.as_ref().is_some_and(|cors| cors.all_routes);
        let unreached: Vec<_> = routes
            .iter_with_ids()
            .filter(|(_, route)| route.cors.is_none() && !all_routes && !is_public(route))
            .filter(|(id, route)| !names_options(route) && !self.takes_preflights(*id))
            .map(|(id, route)| format!("routes[{}] ({})", id.position(), route.path.as_str()))
            .collect();
        let first = unreached.get(..SHOWN_ROUTES.min(unreached.len()))?.join(", ");
        let more = match unreached.len().saturating_sub(SHOWN_ROUTES) {
            0 if unreached.is_empty() => return None,
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "preflights of browsers to {first}{more} are refused, since they have no token; \
             cors = true answers them, cors = false says that no browser calls these routes"
        );
        Some(warning(&[of_route::ROUTES], &text))
    }

    /// Whether `OPTIONS` leads to a public route wherever that route is.
    fn takes_preflights(&self, route: crate::policy::ids::RouteId) -> bool {
        self.routes.beside(route, &Method::OPTIONS).all(|taken| match taken {
            RouteMatch::Found(taken) => is_public(self.routes.all().get(taken)),
            _ => false,
        })
    }
}

fn is_public(route: &RouteSettings) -> bool {
    matches!(route.access, AccessSettings::Public)
}

fn is_plain_http(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").map(|authority| match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    });
    host.is_some_and(|host| !is_loopback(host))
}
