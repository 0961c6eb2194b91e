//! Limits log messages that a library repeats while something is down.

use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Minimum time between two equal messages.
const INTERVAL: Duration = Duration::from_secs(30);
/// Maximum number of remembered messages.
const CAPACITY: usize = 200;

/// Target of events that come from the `log` crate; the original target is in the field [`LOG_TARGET`].
const LOG: &str = "log";
const LOG_TARGET: &str = "log.target";

/// A layer that drops repeated warnings and errors of some targets: equal messages pass once per
/// [`INTERVAL`]. Messages that differ only in digits, such as durations, are equal.
#[derive(Debug)]
pub(crate) struct RepeatFilter {
    targets: &'static [&'static str],
    written: Mutex<HashMap<String, Instant>>,
}

impl RepeatFilter {
    /// A filter for targets with one of these prefixes.
    pub(crate) fn new(targets: &'static [&'static str]) -> Self {
        Self {
            targets,
            written: Mutex::default(),
        }
    }

    fn is_limited(&self, target: &str) -> bool {
        self.targets.iter().any(|prefix| target.starts_with(prefix))
    }

    /// Whether to write a message now.
    fn passes(&self, message: String, now: Instant) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.get(&message).is_some_and(|at| now < *at + INTERVAL) {
            return false;
        }
        if written.len() >= CAPACITY {
            written.retain(|_, at| now < *at + INTERVAL);
        }
        if written.len() < CAPACITY {
            written.insert(message, now);
        }
        true
    }
}

impl<S: Subscriber> Layer<S> for RepeatFilter {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let target = event.metadata().target();
        let is_problem = *event.metadata().level() <= Level::WARN;
        if !is_problem || (target != LOG && !self.is_limited(target)) {
            return true;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let target = message.target.as_deref().unwrap_or(target);
        !self.is_limited(target) || self.passes(message.text, Instant::now())
    }
}

/// An event's fields without their digits, and its original target if it comes from the `log` crate.
#[derive(Default)]
struct Message {
    text: String,
    target: Option<String>,
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == LOG_TARGET {
            self.target = Some(value.to_owned());
        }
        self.record_debug(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let mut text = String::new();
        let _ = write!(text, "{}={value:?} ", field.name());
        self.text
            .extend(text.chars().filter(|c| !c.is_ascii_digit()));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{fmt, registry};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("lines").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_repeated_problem_of_a_limited_target_is_written_once() {
        let written = Written::default();
        let writer = written.clone();
        let lines = fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let subscriber = registry().with(RepeatFilter::new(&["lib"])).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            for took in 1..5 {
                tracing::error!(target: "library", "no answer after {took} ms");
                tracing::error!(target: "library", reason = "refused", "no answer after {took} ms");
                tracing::error!(target: "ours", "no answer after {took} ms");
                tracing::info!(target: "library", "retried {took} times");
            }
        });
        let bytes = written.0.lock().expect("lines").clone();
        let text = String::from_utf8(bytes).expect("text");
        let count = |what: &str| text.matches(what).count();
        assert_eq!(count("library: no answer after 1 ms"), 2, "{text}");
        assert_eq!(count("refused"), 1, "{text}");
        assert_eq!(count("library: no answer"), 2, "{text}");
        assert_eq!(count("library: retried"), 4, "{text}");
        assert_eq!(count("ours: no answer"), 4, "{text}");
    }

    #[test]
    fn messages_pass_again_after_the_interval_and_memory_is_bounded() {
        let filter = RepeatFilter::new(&[]);
        let start = Instant::now();
        assert!(filter.passes("a".into(), start));
        assert!(!filter.passes("a".into(), start + INTERVAL / 2));
        assert!(filter.passes("a".into(), start + INTERVAL));
        for more in 0..2 * CAPACITY {
            assert!(filter.passes(format!("{more:?}"), start + INTERVAL));
        }
        let written = filter.written.lock().expect("lines");
        assert_eq!(written.len(), CAPACITY);
    }
}
