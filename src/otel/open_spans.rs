//! The spans of a request that has not ended.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
};

use tokio::time::Instant;

use super::{RequestSpans, Span, SpanId, SpanKind, SpanValue, TraceId};

/// What is collected of one sampled request.
#[derive(Debug)]
pub struct OpenSpans {
    trace_id: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    began: Instant,
    /// The same in nanoseconds since 1970.
    began_at: u64,
    /// What further ids are made from.
    seed: Cell<u64>,
    ended: RefCell<Vec<Span>>,
}

/// The most children of a request: more would be retries or lookups of one request without end.
const MAX_CHILDREN: usize = 32;

/// The odd number next to 2^64 divided by the golden ratio: multiples of it are spread evenly
/// (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl OpenSpans {
    /// Those of a request that began then, in nanoseconds since 1970. `parent`: the trace and the
    /// span that its sender names. `random` makes the ids.
    pub fn begin(
        parent: Option<(TraceId, SpanId)>,
        random: u128,
        began: Instant,
        began_at: u64,
    ) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "its low half")]
        let seed = Cell::new(random as u64);
        let trace_id = parent.map_or_else(|| random.to_be_bytes(), |(trace, _)| trace);
        let parent = parent.map(|(_, span)| span);
        let ended = RefCell::default();
        let mut spans = Self { trace_id, id: [0; 8], parent, began, began_at, seed, ended };
        spans.id = spans.next_id();
        spans
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// An id for a further span. Never zero, which is none (W3C Trace Context §3.2.2.4).
    pub fn next_id(&self) -> SpanId {
        loop {
            let seed = self.seed.get().wrapping_add(STEP);
            self.seed.set(seed);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let id = mixed ^ (mixed >> 31);
            if id != 0 {
                return id.to_be_bytes();
            }
        }
    }

    /// A step of the decision has ended.
    pub fn step(&self, name: &'static str, kind: SpanKind, began: Instant) {
        let id = self.next_id();
        self.child(id, name.into(), kind, (began, Instant::now()), Vec::new(), false);
    }

    /// A child has ended. Beyond 32 they are left out.
    pub fn child(
        &self,
        id: SpanId,
        name: Cow<'static, str>,
        kind: SpanKind,
        (began, ended): (Instant, Instant),
        attributes: Vec<(&'static str, SpanValue)>,
        is_error: bool,
    ) {
        let mut spans = self.ended.borrow_mut();
        if spans.len() < MAX_CHILDREN {
            spans.push(Span {
                id,
                parent: Some(self.id),
                name,
                kind,
                began: self.at(began),
                ended: self.at(ended),
                attributes,
                is_error,
            });
        }
    }

    /// The request has ended.
    pub fn end(
        &self,
        name: Cow<'static, str>,
        attributes: Vec<(&'static str, SpanValue)>,
        is_error: bool,
    ) -> RequestSpans {
        let mut spans = self.ended.take();
        spans.push(Span {
            id: self.id,
            parent: self.parent,
            name,
            kind: SpanKind::Server,
            began: self.began_at,
            ended: self.at(Instant::now()),
            attributes,
            is_error,
        });
        RequestSpans { trace_id: self.trace_id, spans }
    }

    /// In nanoseconds since 1970, by the clock that does not jump.
    fn at(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.began).as_nanos();
        self.began_at.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;

    const PARENT: (TraceId, SpanId) = ([7; 16], [9; 8]);

    #[tokio::test(start_paused = true)]
    async fn children_lie_within_the_request_that_is_their_parent() {
        let began = Instant::now();
        let open = OpenSpans::begin(Some(PARENT), 1, began, 1_000_000_000);
        tokio::time::advance(Duration::from_millis(5)).await;
        let child = Instant::now();
        tokio::time::advance(Duration::from_millis(5)).await;
        let times = (child, Instant::now());
        open.child(open.next_id(), "GET".into(), SpanKind::Client, times, Vec::new(), true);
        tokio::time::advance(Duration::from_millis(5)).await;
        let RequestSpans { trace_id, spans } = open.end("GET /".into(), Vec::new(), false);
        let [child, request] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!((trace_id, request.parent), (PARENT.0, Some(PARENT.1)));
        assert_eq!(child.parent, Some(request.id));
        assert_eq!((child.began, child.ended), (1_005_000_000, 1_010_000_000));
        assert_eq!((request.began, request.ended), (1_000_000_000, 1_015_000_000));
        assert!(child.is_error && !request.is_error);
    }

    #[tokio::test]
    async fn a_request_has_ids_of_its_own_and_not_more_children_than_it_may() {
        let open = OpenSpans::begin(None, 0, Instant::now(), 0);
        for _ in 0..2 * MAX_CHILDREN {
            open.step("verify", SpanKind::Internal, Instant::now());
        }
        let RequestSpans { spans, .. } = open.end("GET".into(), Vec::new(), false);
        assert_eq!(spans.len(), MAX_CHILDREN + 1);
        let ids: HashSet<_> = spans.iter().map(|span| span.id).collect();
        assert_eq!(ids.len(), spans.len());
        assert!(!ids.contains(&[0; 8]));
        assert_eq!(spans[MAX_CHILDREN].parent, None);
    }
}
