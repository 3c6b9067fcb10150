//! What is sent at once.

use tokio::sync::mpsc::{Receiver, error::TryRecvError};

use crate::otel::RequestSpans;

/// What a queue has.
#[derive(Debug)]
pub(super) enum NextBatch {
    /// Some.
    Spans(Vec<RequestSpans>),
    /// Nothing right now.
    Empty,
    /// Nothing, and there will be no more.
    Closed,
}

/// The most requests in one message, as OpenTelemetry's batch processor has it for spans: some
/// 500 KiB, below the 4 MiB that receivers take.
const MAX_REQUESTS: usize = 512;

/// What waits, as much of it as one message may have.
pub(super) fn next(waiting: &mut Receiver<Box<RequestSpans>>) -> NextBatch {
    let mut batch = Vec::new();
    while batch.len() < MAX_REQUESTS {
        match waiting.try_recv() {
            Ok(request) => batch.push(*request),
            Err(TryRecvError::Disconnected) if batch.is_empty() => return NextBatch::Closed,
            Err(_) => break,
        }
    }
    if batch.is_empty() { NextBatch::Empty } else { NextBatch::Spans(batch) }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_closed_queue_is_emptied_in_batches_that_are_not_too_large() {
        let (queue, mut waiting) = channel(2 * MAX_REQUESTS);
        assert!(matches!(next(&mut waiting), NextBatch::Empty));
        for _ in 0..=MAX_REQUESTS {
            let spans = RequestSpans { trace_id: [1; 16], spans: Vec::new() };
            queue.try_send(Box::new(spans)).unwrap();
        }
        drop(queue);
        for expected in [MAX_REQUESTS, 1] {
            let NextBatch::Spans(batch) = next(&mut waiting) else { panic!("nothing") };
            assert_eq!(batch.len(), expected);
        }
        assert!(matches!(next(&mut waiting), NextBatch::Closed));
    }
}
