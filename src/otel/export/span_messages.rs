//! Spans as OTLP has them.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span as SpanMessage, Status, span::SpanKind as KindMessage,
        status::StatusCode,
    },
};

use crate::otel::{RequestSpans, Span, SpanKind, SpanValue, settings::OtelSettings};

/// What is true of everything that this process exports.
pub(super) fn resource(settings: &OtelSettings) -> Resource {
    let own = [
        ("service.name", settings.service_name.as_str()),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let own = own.into_iter().filter(|(name, _)| !settings.resource.contains_key(*name));
    let given = settings.resource.iter().map(|(name, value)| (&**name, &**value));
    let attributes = own.chain(given).map(|(name, value)| text(name, value));
    Resource { attributes: attributes.collect(), ..Resource::default() }
}

/// Who measures.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

/// The message with the spans of some requests.
pub(super) fn request(
    requests: Vec<RequestSpans>,
    resource: &Resource,
) -> ExportTraceServiceRequest {
    let spans = requests.into_iter().flat_map(|RequestSpans { trace_id, spans }| {
        spans.into_iter().map(move |span| message(&trace_id, span))
    });
    let scope_spans =
        ScopeSpans { scope: Some(scope()), spans: spans.collect(), ..ScopeSpans::default() };
    let of_process = ResourceSpans {
        resource: Some(resource.clone()),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![of_process] }
}

fn message(trace_id: &[u8], span: Span) -> SpanMessage {
    let kind = match span.kind {
        SpanKind::Server => KindMessage::Server,
        SpanKind::Client => KindMessage::Client,
        SpanKind::Internal => KindMessage::Internal,
    };
    let error = Status { code: StatusCode::Error.into(), ..Status::default() };
    SpanMessage {
        trace_id: trace_id.to_vec(),
        span_id: span.id.to_vec(),
        parent_span_id: span.parent.map(|id| id.to_vec()).unwrap_or_default(),
        // Sampled: the flag of the trace's context.
        flags: 1,
        name: span.name.into_owned(),
        kind: kind.into(),
        start_time_unix_nano: span.began,
        end_time_unix_nano: span.ended,
        attributes: span
            .attributes
            .into_iter()
            .map(|(name, value)| attribute(name, value))
            .collect(),
        status: span.is_error.then_some(error),
        ..SpanMessage::default()
    }
}

/// An attribute whose value is a text.
pub(super) fn text(name: &str, value: &str) -> KeyValue {
    key_value(name, Value::StringValue(value.to_owned()))
}

fn attribute(name: &str, value: SpanValue) -> KeyValue {
    key_value(
        name,
        match value {
            SpanValue::Text(text) => Value::StringValue(text.into_owned()),
            SpanValue::Number(number) => Value::IntValue(number),
        },
    )
}

fn key_value(name: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: name.to_owned(), value, ..KeyValue::default() }
}
