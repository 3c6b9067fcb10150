//! What a route's requests may take.

use std::sync::Arc;

use crate::{
    bounded::{Place, Places},
    policy::settings::{BodyHandling, ExchangeLimits},
};

/// The rules of one route, for all workers.
#[derive(Debug)]
pub(super) struct RouteRules {
    pub(super) limits: ExchangeLimits,
    /// Whether anything is to be done about a body that needs no signature.
    pub(super) restricts_bodies: bool,
    /// `None`: any number of requests at once.
    in_progress: Option<Arc<Places>>,
}

/// The route has as many requests in progress as it may have.
#[derive(Debug)]
pub(super) struct RouteIsBusy;

impl RouteRules {
    pub(super) fn compile(limits: &ExchangeLimits) -> Self {
        let buffers = limits.body == BodyHandling::Buffer;
        Self {
            restricts_bodies: buffers || limits.max_body.most().is_some(),
            in_progress: limits.concurrency.most().map(|most| Places::new(most, 0)),
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
