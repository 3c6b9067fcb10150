//! Bodies that need no signature and are bounded, or buffered before they are forwarded.

use std::error::Error;

use bytes::Bytes;
use http_body::Body;

use super::{
    Exchange, Refusal,
    held_body::{HeldBody, HoldRules, Unheld, too_large},
};
use crate::policy::settings::exchange_limits::key;

impl Exchange<'_> {
    /// Reads a body to its end, of at most that many bytes, or of as many as one that is signed may
    /// have. It takes room among the bodies that are held, and has to keep to their rate.
    ///
    /// # Errors
    /// The [`Refusal`], counted and logged.
    pub async fn buffer<B>(&self, body: B, most: Option<usize>) -> Result<HeldBody, Box<Refusal>>
    where
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
    {
        let holding = self.engine.engine.holding();
        let rules = HoldRules {
            max_bytes: most.unwrap_or(holding.settings.body_bytes) as u64,
            memory_bytes: holding.settings.body_memory,
            stall_after: holding.body_timeout,
            bytes_per_second: holding.settings.body_rate as u64,
            copies: 1,
            folder: holding.settings.buffer_folder.clone(),
        };
        let setting = if most.is_some() { key::MAX_BODY } else { "server.limits.body_bytes" };
        let held = HeldBody::read(body, &rules, holding.store, |_| ()).await;
        held.map_err(|error| match Unheld::of(&error, setting) {
            Unheld::Refused(cause) => self.refuse(cause),
            Unheld::Unfinished(fault) => self.abort(fault),
        })
    }

    /// Refuses a request whose body is larger than its route takes.
    pub fn refuse_large_body(&self, most: u64) -> Box<Refusal> {
        self.refuse(too_large(most, key::MAX_BODY))
    }
}
