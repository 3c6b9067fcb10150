//! Targets that only some routes allow: what has more than one reading, and raw UTF-8.
//!
//! The path alone can't say which route's settings apply, since its readings may lead to different
//! routes. So the route under the first reading decides whether such a path may pass at all, and
//! every other reading has to lead to that route as well. A route that keeps much weakens no
//! other: a path that any upstream could take for one of another route is refused.

use http::{Method, Uri, Version};

use super::{PlaceId, RouteMatch, Routes};
use crate::policy::{
    NotCanonical, RequestTarget,
    ids::{ListenerId, RouteId},
    path::{
        canonical_path,
        readings::readings,
        traits::{PathTraits, has_empty_segments},
        without_empty_segments, without_raw_utf8,
    },
    settings::{EmptySegments, PathSettings, RawUtf8},
};

/// Where a request came in, and for which host.
#[derive(Clone, Copy)]
struct Arrival<'h> {
    listener: ListenerId,
    host: &'h str,
}

impl Routes {
    /// The target that is forwarded, by the settings of the route that it leads to.
    pub(in crate::policy) fn target(
        &self,
        listener: ListenerId,
        method: &Method,
        host: &str,
        received: &Uri,
        version: Version,
    ) -> Result<RequestTarget, NotCanonical> {
        let canonical = RequestTarget::canonical(method, received, version);
        let raw = RequestTarget::received(method, received, version)?;
        match canonical {
            Ok(canonical) if !has_empty_segments(raw.path()) => Ok(canonical),
            Err(refused) if !refused.is_by_setting() => Err(refused),
            _ => {
                let arrival = Arrival { listener, host };
                self.by_setting(arrival, method, raw.path(), raw.query(), canonical)
            }
        }
    }

    fn by_setting(
        &self,
        Arrival { listener, host }: Arrival<'_>,
        method: &Method,
        received_path: &str,
        received_query: Option<&str>,
        canonical: Result<RequestTarget, NotCanonical>,
    ) -> Result<RequestTarget, NotCanonical> {
        let path = without_raw_utf8(received_path);
        let query = received_query.map(without_raw_utf8);
        let traits = PathTraits::of(&path)?;
        let merged = without_empty_segments(&path);
        let place = self.place(host, merged.as_bytes());
        let Some(place) = place else {
            return canonical;
        };
        let has_raw_utf8 = raw_utf8_refused(received_path, received_query);
        let settings = self.allowing(place, listener, method, |settings| {
            match (has_raw_utf8, settings.raw_utf8) {
                (Some(refused), RawUtf8::Refuse) => Err(refused),
                _ => traits.check(settings),
            }
        })?;
        if !traits.has_kept(settings) {
            return RequestTarget::of_parts(&canonical_path(&path)?, query.as_deref());
        }
        let kept = match settings.empty_segments {
            EmptySegments::Keep => path,
            EmptySegments::Merge | EmptySegments::Refuse => merged,
        };
        self.check_readings(host, &kept, place)?;
        RequestTarget::of_parts(&kept, query.as_deref())
    }

    /// Refuses a path of which some reading leads elsewhere.
    fn check_readings(&self, host: &str, path: &str, place: PlaceId) -> Result<(), NotCanonical> {
        let leads_there = |reading: Vec<u8>| self.place(host, &reading) == Some(place);
        if readings(path)?.into_iter().all(leads_there) {
            Ok(())
        } else {
            Err(NotCanonical::Ambiguous)
        }
    }

    /// The settings of the route that takes the method, if they allow it. Where none takes it,
    /// those of a route that allows it: the request is answered with 405, or it is a preflight for
    /// that route.
    fn allowing(
        &self,
        place: PlaceId,
        listener: ListenerId,
        method: &Method,
        check: impl Fn(PathSettings) -> Result<(), NotCanonical>,
    ) -> Result<PathSettings, NotCanonical> {
        let place = self.places.get(place);
        let checked = |route: RouteId| {
            let settings = self.all.get(route).paths;
            check(settings).map(|()| settings)
        };
        if let RouteMatch::Found(route) = place.choose(listener, method) {
            return checked(route);
        }
        let others = place.routes.iter().filter(|route| route.listeners.contains(listener));
        let others = others.map(|route| checked(route.id));
        others.reduce(Result::or).unwrap_or(Err(NotCanonical::Ambiguous))
    }
}

/// How raw UTF-8 is refused, if there is some.
fn raw_utf8_refused(path: &str, query: Option<&str>) -> Option<NotCanonical> {
    match (path.is_ascii(), query.is_none_or(str::is_ascii)) {
        (true, true) => None,
        (_, false) => Some(NotCanonical::QueryCharacter),
        (false, _) => Some(NotCanonical::PathCharacter),
    }
}

#[cfg(test)]
mod tests;
