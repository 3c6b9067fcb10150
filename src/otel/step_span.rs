//! Spans of the steps of a decision. Rooms that look something up do not know which request it is
//! for: the spans of the request that is being decided on are at hand for the thread.

#[cfg(feature = "otel")]
use std::{cell::RefCell, future::poll_fn, pin::Pin, rc::Rc};

#[cfg(feature = "otel")]
use tokio::time::Instant;

#[cfg(feature = "otel")]
use super::{OpenSpans, SpanKind};

#[cfg(feature = "otel")]
thread_local! {
    /// Those of the request that is being decided on right now, if it is sampled.
    static CURRENT: RefCell<Option<Rc<OpenSpans>>> = const { RefCell::new(None) };
}

/// A step of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The gate's decision about the head of the request: its token, and what the route requires.
    Verification,
    /// The signature over the request's body.
    Signature,
    /// Whether a token is active: the wait for its issuer.
    Introspection,
    /// A signer and its keys: the wait for a registry.
    Registry,
    /// A token for the service: the wait for its token endpoint.
    Exchange,
}

/// A step that goes on; dropped, it has ended. Without the feature `otel`, nothing.
#[derive(Debug)]
#[must_use = "dropped, the step has ended"]
pub struct StepSpan(#[cfg(feature = "otel")] Option<OpenStep>);

/// It has no reference to the spans: futures that have it may be of a runtime with several threads.
#[cfg(feature = "otel")]
#[derive(Debug)]
struct OpenStep {
    kind: StepKind,
    began: Instant,
}

#[cfg(feature = "otel")]
impl StepKind {
    fn name(self) -> &'static str {
        match self {
            Self::Verification => "verify request",
            Self::Signature => "verify signature",
            Self::Introspection => "introspect token",
            Self::Registry => "look up signer",
            Self::Exchange => "obtain upstream token",
        }
    }
}

impl StepSpan {
    /// A step begins, of the request that is being decided on. Where that is not sampled, it costs
    /// a look.
    #[cfg(feature = "otel")]
    pub fn begin(kind: StepKind) -> Self {
        let is_sampled = CURRENT.with_borrow(Option::is_some);
        Self(is_sampled.then(|| OpenStep { kind, began: Instant::now() }))
    }

    /// No span.
    #[cfg(not(feature = "otel"))]
    pub fn begin(_: StepKind) -> Self {
        Self()
    }
}

#[cfg(feature = "otel")]
impl Drop for StepSpan {
    fn drop(&mut self) {
        let Some(OpenStep { kind, began }) = self.0.take() else { return };
        // There are none where the request is dropped, whose client has gone away.
        if let Some(spans) = CURRENT.with_borrow(Clone::clone) {
            spans.step(kind.name(), SpanKind::Internal, began);
        }
    }
}

/// The future, whose steps are those of the request of these spans.
#[cfg(feature = "otel")]
pub async fn within<T>(
    spans: &Rc<OpenSpans>,
    mut future: Pin<Box<dyn Future<Output = T> + '_>>,
) -> T {
    poll_fn(|cx| {
        let _entered = CurrentRequest(CURRENT.replace(Some(Rc::clone(spans))));
        future.as_mut().poll(cx)
    })
    .await
}

/// A request is being decided on. When this is dropped, by a panic as well, it is another one's
/// turn.
#[cfg(feature = "otel")]
struct CurrentRequest(Option<Rc<OpenSpans>>);

#[cfg(feature = "otel")]
impl Drop for CurrentRequest {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

#[cfg(all(test, feature = "otel"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_belongs_to_the_request_that_is_being_decided_on() {
        let open = || Rc::new(OpenSpans::begin(None, 1, Instant::now(), 0));
        let (one, other) = (open(), open());
        let decide = || {
            Box::pin(async {
                let _verifying = StepSpan::begin(StepKind::Verification);
                tokio::task::yield_now().await;
                drop(StepSpan::begin(StepKind::Introspection));
                tokio::task::yield_now().await;
            })
        };
        let third = async {
            tokio::task::yield_now().await;
            drop(StepSpan::begin(StepKind::Registry));
        };
        tokio::join!(within(&one, decide()), within(&other, decide()), third);
        for spans in [one, other] {
            let ended = spans.end("GET".into(), Vec::new(), false).spans;
            let names: Vec<_> = ended.iter().map(|span| &*span.name).collect();
            assert_eq!(names, ["introspect token", "verify request", "GET"]);
        }
    }
}
