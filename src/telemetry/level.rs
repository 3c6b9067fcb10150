//! Which lines are written: `log.level`, which a reload may change.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use tracing::{
    Metadata, Subscriber,
    callsite::rebuild_interest_cache,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter,
    filter::ParseError,
    layer::{Context, Layer},
};

/// The HTTP/2 library quotes paths that are none, at `debug`, and a path may have a token in its
/// query (threats T-25).
const NEVER_QUOTED: &str = "h2::server=info";

/// The level of the process's log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogLevel(Arc<LevelState>);

#[derive(Debug)]
struct LevelState {
    filter: ArcSwap<EnvFilter>,
    /// Whether it may depend on spans. If it does not, spans need no filter: a filter of this kind
    /// would take a lock each time that one is made, entered, left and closed, and a request has
    /// one.
    has_spans: AtomicBool,
}

/// What filters the lines of a subscriber.
#[derive(Debug)]
pub(super) struct LevelLayer(Arc<LevelState>);

impl LogLevel {
    /// The level of that filter, which `log.level` has.
    ///
    /// # Errors
    /// It is no filter.
    pub fn new(level: &str) -> Result<Self, ParseError> {
        let filter = ArcSwap::from_pointee(parse(level)?);
        let has_spans = AtomicBool::new(names_spans(level));
        Ok(Self(Arc::new(LevelState { filter, has_spans })))
    }

    /// Another level, from now on.
    ///
    /// # Errors
    /// It is no filter.
    pub fn set(&self, level: &str) -> Result<(), ParseError> {
        let filter = parse(level)?;
        self.0.filter.store(Arc::new(filter));
        self.0.has_spans.store(names_spans(level), Ordering::Relaxed);
        // Every place that logs remembers whether its lines are wanted.
        rebuild_interest_cache();
        Ok(())
    }

    pub(super) fn layer(&self) -> LevelLayer {
        LevelLayer(Arc::clone(&self.0))
    }
}

fn parse(level: &str) -> Result<EnvFilter, ParseError> {
    Ok(EnvFilter::try_new(level)?.add_directive(NEVER_QUOTED.parse()?))
}

/// `[span{field=value}]=level`
fn names_spans(level: &str) -> bool {
    level.contains('[')
}

impl LevelLayer {
    fn with_spans<S: Subscriber>(&self, tell: impl FnOnce(&dyn Layer<S>))
    where
        EnvFilter: Layer<S>,
    {
        if self.0.has_spans.load(Ordering::Relaxed) {
            tell(&**self.0.filter.load());
        }
    }
}

impl<S: Subscriber> Layer<S> for LevelLayer
where
    EnvFilter: Layer<S>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        <EnvFilter as Layer<S>>::register_callsite(&self.0.filter.load(), metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        <EnvFilter as Layer<S>>::enabled(&self.0.filter.load(), metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        <EnvFilter as Layer<S>>::max_level_hint(&self.0.filter.load())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.with_spans(|filter| filter.on_new_span(attributes, id, context));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.with_spans(|filter| filter.on_record(id, values, context));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.with_spans(|filter| filter.on_enter(id, context));
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.with_spans(|filter| filter.on_exit(id, context));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.with_spans(|filter| filter.on_close(id, context));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use parking_lot::Mutex;
    use tracing_subscriber::{fmt, layer::SubscriberExt, registry};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(number: u32) {
        tracing::debug!(number, "a line");
    }

    #[test]
    fn a_level_that_is_changed_counts_from_the_next_line_on() {
        let written = Written::default();
        let level = LogLevel::new("info").unwrap();
        let writer = written.clone();
        let lines = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let subscriber = registry().with(level.layer()).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            line(1);
            level.set("debug").unwrap();
            line(2);
            level.set("warn").unwrap();
            line(3);
            assert!(level.set("countersign=loud").is_err());
            line(4);
            level.set("off,[wanted]=debug").unwrap();
            line(5);
            tracing::info_span!("wanted").in_scope(|| line(6));
            level.set("debug").unwrap();
            line(7);
        });
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        let found: Vec<_> = (1..=7).filter(|n| text.contains(&format!("number={n}"))).collect();
        assert_eq!(found, [2, 6, 7], "{text}");
    }
}
