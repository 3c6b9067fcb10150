//! Spans as OTLP has them.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{span::SpanKind as KindMessage, status::StatusCode},
};
use prost::Message as _;

use super::protobuf::MessageWriter;
use crate::otel::{RequestSpans, Span, SpanKind, SpanValue, settings::OtelSettings};

/// The fields' numbers (opentelemetry-proto 1: `trace_service.proto`, `trace.proto` and
/// `common.proto`).
mod field {
    pub(super) const RESOURCE_SPANS: u32 = 1;

    pub(super) const RESOURCE: u32 = 1;
    pub(super) const SCOPE_SPANS: u32 = 2;

    pub(super) const SCOPE: u32 = 1;
    pub(super) const SPANS: u32 = 2;

    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START: u32 = 7;
    pub(super) const END: u32 = 8;
    pub(super) const ATTRIBUTES: u32 = 9;
    pub(super) const STATUS: u32 = 15;
    pub(super) const FLAGS: u32 = 16;

    pub(super) const CODE: u32 = 3;

    pub(super) const KEY: u32 = 1;
    pub(super) const VALUE: u32 = 2;

    pub(super) const STRING_VALUE: u32 = 1;
    pub(super) const INT_VALUE: u32 = 3;
}

/// The flag of the trace's context (W3C Trace Context §3.2.2.5.1).
const SAMPLED: u32 = 1;

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

/// The message with the spans of some requests, an `ExportTraceServiceRequest`.
pub(super) fn request(requests: &[RequestSpans], resource: &Resource) -> Vec<u8> {
    let mut message = MessageWriter::default();
    message.message(field::RESOURCE_SPANS, |of_process| {
        of_process.bytes(field::RESOURCE, &resource.encode_to_vec());
        of_process.message(field::SCOPE_SPANS, |of_scope| {
            of_scope.bytes(field::SCOPE, &scope().encode_to_vec());
            for RequestSpans { trace_id, spans } in requests {
                for span in spans {
                    of_scope.message(field::SPANS, |message| write_span(trace_id, span, message));
                }
            }
        });
    });
    message.into_bytes()
}

fn write_span(trace_id: &[u8], span: &Span, message: &mut MessageWriter) {
    let kind = match span.kind {
        SpanKind::Server => KindMessage::Server,
        SpanKind::Client => KindMessage::Client,
        SpanKind::Internal => KindMessage::Internal,
    };
    message.bytes(field::TRACE_ID, trace_id);
    message.bytes(field::SPAN_ID, &span.id);
    if let Some(parent) = &span.parent {
        message.bytes(field::PARENT_SPAN_ID, parent);
    }
    message.four_bytes(field::FLAGS, SAMPLED);
    message.bytes(field::NAME, span.name.as_bytes());
    message.number(field::KIND, kind as u64);
    message.eight_bytes(field::START, span.began);
    message.eight_bytes(field::END, span.ended);
    for (name, value) in &span.attributes {
        message.message(field::ATTRIBUTES, |attribute| write_attribute(name, value, attribute));
    }
    if span.is_error {
        message.message(field::STATUS, |status| {
            status.number(field::CODE, StatusCode::Error as u64);
        });
    }
}

fn write_attribute(name: &str, value: &SpanValue, attribute: &mut MessageWriter) {
    attribute.bytes(field::KEY, name.as_bytes());
    attribute.message(field::VALUE, |any| match value {
        SpanValue::Text(text) => any.bytes(field::STRING_VALUE, text.as_bytes()),
        SpanValue::Number(number) => any.number(field::INT_VALUE, number.cast_unsigned()),
    });
}

/// An attribute whose value is a text.
pub(super) fn text(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use opentelemetry_proto::tonic::{
        collector::trace::v1::ExportTraceServiceRequest,
        trace::v1::{Span as SpanMessage, Status},
    };

    use super::*;

    fn parsed(requests: &[RequestSpans]) -> (Option<Resource>, Vec<SpanMessage>) {
        let settings = OtelSettings::of_receiver(Uri::from_static("http://127.0.0.1"), false);
        let bytes = request(requests, &resource(&settings));
        let message = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        let [of_process] = <[_; 1]>::try_from(message.resource_spans).unwrap();
        let [of_scope] = <[_; 1]>::try_from(of_process.scope_spans).unwrap();
        assert_eq!(of_scope.scope, Some(scope()));
        (of_process.resource, of_scope.spans)
    }

    fn span(attributes: Vec<(&'static str, SpanValue)>) -> Span {
        Span {
            id: [2; 8],
            parent: None,
            name: "GET /".into(),
            kind: SpanKind::Server,
            began: 1_700_000_000_000_000_000,
            ended: u64::MAX,
            attributes,
            is_error: false,
        }
    }

    fn number(name: &str, number: i64) -> KeyValue {
        let value = AnyValue { value: Some(Value::IntValue(number)) };
        KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
    }

    #[test]
    fn a_span_is_read_back_by_opentelemetrys_own_types() {
        let attributes = vec![
            ("some.text", "ä".into()),
            ("empty", "".into()),
            ("zero", SpanValue::number(0)),
            ("least", SpanValue::Number(i64::MIN)),
        ];
        let child = Span {
            parent: Some([3; 8]),
            kind: SpanKind::Client,
            is_error: true,
            ..span(attributes)
        };
        let inner = Span { kind: SpanKind::Internal, ..span(Vec::new()) };
        let one = RequestSpans { trace_id: [1; 16], spans: vec![child, inner] };
        let other = RequestSpans { trace_id: [9; 16], spans: vec![span(Vec::new())] };
        let (resource, spans) = parsed(&[one, other]);
        assert!(resource.unwrap().attributes.contains(&text("service.name", "countersign")));

        let bare = |trace: u8, kind: KindMessage| SpanMessage {
            trace_id: vec![trace; 16],
            span_id: vec![2; 8],
            name: "GET /".to_owned(),
            kind: kind.into(),
            start_time_unix_nano: 1_700_000_000_000_000_000,
            end_time_unix_nano: u64::MAX,
            flags: 1,
            ..SpanMessage::default()
        };
        let attributes = vec![
            text("some.text", "ä"),
            text("empty", ""),
            number("zero", 0),
            number("least", i64::MIN),
        ];
        let failed = SpanMessage {
            parent_span_id: vec![3; 8],
            attributes,
            status: Some(Status { code: StatusCode::Error.into(), ..Status::default() }),
            ..bare(1, KindMessage::Client)
        };
        let expected = [failed, bare(1, KindMessage::Internal), bare(9, KindMessage::Server)];
        assert_eq!(spans, expected);
    }

    /// Lengths of one, two and three bytes, at each level.
    #[test]
    fn texts_of_any_length_are_read_back() {
        for length in [0, 1, 100, 126, 127, 128, 129, 200, 16_383, 16_384, 70_000] {
            let long = "x".repeat(length);
            let sent = RequestSpans {
                trace_id: [1; 16],
                spans: vec![span(vec![("a", long.clone().into())]); 2],
            };
            let (_, spans) = parsed(&[sent]);
            assert_eq!(spans.len(), 2, "{length}");
            for span in spans {
                assert_eq!(span.attributes, [text("a", &long)], "{length}");
            }
        }
    }
}
