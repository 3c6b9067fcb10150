//! How events become lines, where the library's own formats do not do it.

use std::fmt::{self, Debug};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::{
    clock::LineTime,
    telemetry::line::{ACCESS_TARGET, push_pair},
};

/// Writes the lines of requests as they are, since they are whole already, and all others by
/// another format.
#[derive(Debug)]
pub(super) struct WholeLines<F>(pub(super) F);

/// `key=value`
#[derive(Debug)]
pub(super) struct Logfmt;

/// Takes the message of an event.
#[derive(Default)]
struct Message(String);

/// Collects the fields of an event as pairs.
struct Pairs {
    message: String,
    others: String,
}

impl<S, N, F> FormatEvent<S, N> for WholeLines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() != ACCESS_TARGET {
            return self.0.format_event(context, writer, event);
        }
        let mut line = Message::default();
        event.record(&mut line);
        writeln!(writer, "{}", line.0)
    }
}

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = String::new();
        push_pair(&mut line, "time", &LineTime::now().to_rfc3339());
        push_pair(&mut line, "level", &metadata.level().as_str().to_ascii_lowercase());
        push_pair(&mut line, "target", metadata.target());
        let mut pairs = Pairs { message: String::new(), others: String::new() };
        event.record(&mut pairs);
        push_pair(&mut line, "msg", &pairs.message);
        let space = if pairs.others.is_empty() { "" } else { " " };
        writeln!(writer, "{line}{space}{}", pairs.others)
    }
}

/// The name that the library gives the text of an event.
const MESSAGE: &str = "message";

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == MESSAGE {
            self.0 = format!("{value:?}");
        }
    }
}

impl Visit for Pairs {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        self.add(field, &text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }
}

impl Pairs {
    fn add(&mut self, field: &Field, text: &str) {
        match field.name() {
            MESSAGE => text.clone_into(&mut self.message),
            name => push_pair(&mut self.others, name, text),
        }
    }
}
