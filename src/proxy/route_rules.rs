//! What a route's requests may take.

use std::{collections::HashMap, sync::Arc};

use crate::{
    bounded::{Place, SharedPlaces},
    policy::{
        ids::PerRoute,
        settings::{BodyHandling, ExchangeLimits},
    },
    proxy::parts::RouteLimitParts,
};

/// The rules of one route, for all workers.
#[derive(Debug)]
pub(super) struct RouteRules {
    label: Arc<str>,
    pub(super) limits: ExchangeLimits,
    /// Whether anything is to be done about a body that needs no signature.
    pub(super) restricts_bodies: bool,
    /// `None`: any number of requests at once.
    in_progress: Option<Arc<SharedPlaces>>,
}

/// The route has as many requests in progress as it may have.
#[derive(Debug)]
pub(super) struct RouteIsBusy;

impl RouteRules {
    /// The rules of all routes. Requests that are in progress under `earlier` ones count, where the
    /// route of that label still bounds how many there are.
    pub(super) fn table(
        routes: &PerRoute<RouteLimitParts>,
        earlier: Option<&PerRoute<Self>>,
    ) -> PerRoute<Self> {
        let earlier = earlier.map(places_by_label).unwrap_or_default();
        let now = labels(routes.iter().map(|route| &*route.label));
        routes.map(|route| {
            let is_unique = now.get(&*route.label) == Some(&1);
            let places = earlier.get(&*route.label).filter(|_| is_unique);
            Self::compile(route, places.copied())
        })
    }

    fn compile(route: &RouteLimitParts, earlier: Option<&Arc<SharedPlaces>>) -> Self {
        let limits = &route.limits;
        let buffers = limits.body == BodyHandling::Buffer;
        let in_progress = limits.concurrency.most().map(|most| match earlier {
            Some(places) => {
                places.resize(most, 0);
                Arc::clone(places)
            }
            None => SharedPlaces::new(most, 0),
        });
        Self {
            label: route.label.clone(),
            restricts_bodies: buffers || limits.max_body.most().is_some(),
            in_progress,
            limits: limits.clone(),
        }
    }

    /// A place for one more request, where they are counted.
    pub(super) fn enter(&self) -> Result<Option<Place>, RouteIsBusy> {
        match &self.in_progress {
            None => Ok(None),
            Some(places) => places.take().map(Some).ok_or(RouteIsBusy),
        }
    }
}

/// The places of routes whose label is their own.
fn places_by_label(routes: &PerRoute<RouteRules>) -> HashMap<&str, &Arc<SharedPlaces>> {
    let counts = labels(routes.iter().map(|route| &*route.label));
    let unique = routes.iter().filter(|route| counts.get(&*route.label) == Some(&1));
    unique.filter_map(|route| Some((&*route.label, route.in_progress.as_ref()?))).collect()
}

/// How many routes have each label.
fn labels<'r>(labels: impl Iterator<Item = &'r str>) -> HashMap<&'r str, usize> {
    let mut counts = HashMap::new();
    labels.for_each(|label| *counts.entry(label).or_default() += 1);
    counts
}
