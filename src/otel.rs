//! OpenTelemetry: spans of sampled requests, and metrics by choice, over OTLP.
//!
//! A worker keeps the spans of a sampled request until it ends, and puts them into a bounded queue.
//! The control thread exports them: whatever the receiver does, no request waits for it. Only a
//! build with the feature `otel` samples and exports; others refuse `[otel]`.

pub mod environment;
#[cfg(feature = "otel")]
mod export;
mod metrics;
#[cfg(feature = "otel")]
mod open_spans;
#[cfg(feature = "otel")]
mod sampler;
pub mod settings;
#[cfg(feature = "otel")]
mod span;
mod step_span;
#[cfg(feature = "otel")]
mod tracer;

pub(crate) use metrics::Metrics;
pub use step_span::{StepKind, StepSpan};
#[cfg(feature = "otel")]
pub use {
    export::Exporter,
    open_spans::OpenSpans,
    sampler::Sampler,
    span::{RequestSpans, Span, SpanId, SpanKind, SpanValue, TraceId},
    step_span::within,
    tracer::Tracer,
};
