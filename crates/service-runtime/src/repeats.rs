//! Libraries that log the same again and again while what they wait for is away: each such line once in
//! a while.

use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// How long a line that was written is not written again.
const PAUSE: Duration = Duration::from_secs(30);
/// Lines that are remembered at most.
const MOST: usize = 200;

/// The target of what comes from the `log` crate; its own is a field.
const FROM_LOG: &str = "log";
/// The field that has it.
const TARGET: &str = "log.target";

/// A layer that lets a warning or error of some targets pass once in [`PAUSE`]. Two lines that differ in digits
/// only, say in how long something took, are the same.
#[derive(Debug)]
pub(crate) struct Repeats {
    targets: &'static [&'static str],
    written: Mutex<HashMap<String, Instant>>,
}

impl Repeats {
    /// For targets that begin with one of these.
    pub(crate) fn of(targets: &'static [&'static str]) -> Self {
        Self {
            targets,
            written: Mutex::default(),
        }
    }

    fn is_limited(&self, target: &str) -> bool {
        self.targets.iter().any(|one| target.starts_with(one))
    }

    /// Whether a line is written at a time.
    fn passes(&self, line: String, now: Instant) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.get(&line).is_some_and(|at| now < *at + PAUSE) {
            return false;
        }
        if written.len() >= MOST {
            written.retain(|_, at| now < *at + PAUSE);
        }
        if written.len() < MOST {
            written.insert(line, now);
        }
        true
    }
}

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let target = event.metadata().target();
        let is_problem = *event.metadata().level() <= Level::WARN;
        if !is_problem || (target != FROM_LOG && !self.is_limited(target)) {
            return true;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let target = line.target.as_deref().unwrap_or(target);
        !self.is_limited(target) || self.passes(line.text, Instant::now())
    }
}

/// An event's fields without their digits.
#[derive(Default)]
struct Line {
    text: String,
    /// Of what comes from the `log` crate.
    target: Option<String>,
}

impl Line {
    fn add(&mut self, name: &str, value: &str) {
        let letters = value.chars().filter(|c| !c.is_ascii_digit());
        self.text.extend(name.chars().chain(['=']).chain(letters));
        self.text.push(' ');
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == TARGET {
            self.target = Some(value.to_owned());
        }
        self.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        if write!(text, "{value:?}").is_ok() {
            self.add(field.name(), &text);
        }
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
    fn a_library_that_repeats_itself_is_written_once_and_others_always() {
        let written = Written::default();
        let writer = written.clone();
        let lines = fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let subscriber = registry().with(Repeats::of(&["lib"])).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            for took in 1..5 {
                tracing::error!(target: "library", "no answer after {took} ms");
                tracing::error!(target: "library", reason = "refused", "no answer after {took} ms");
                tracing::error!(target: "ours", "no answer after {took} ms");
                tracing::info!(target: "library", "asked {took} times");
            }
        });
        let bytes = written.0.lock().expect("lines").clone();
        let text = String::from_utf8(bytes).expect("text");
        let count = |what: &str| text.matches(what).count();
        assert_eq!(count("library: no answer after 1 ms"), 2, "{text}");
        assert_eq!(count("refused"), 1, "{text}");
        assert_eq!(count("library: no answer"), 2, "{text}");
        assert_eq!(count("library: asked"), 4, "{text}");
        assert_eq!(count("ours: no answer"), 4, "{text}");
    }

    #[test]
    fn after_a_while_a_line_is_written_again_and_what_is_remembered_is_bounded() {
        let repeats = Repeats::of(&[]);
        let start = Instant::now();
        assert!(repeats.passes("a".into(), start));
        assert!(!repeats.passes("a".into(), start + PAUSE / 2));
        assert!(repeats.passes("a".into(), start + PAUSE));
        for more in 0..2 * MOST {
            assert!(repeats.passes(format!("{more:?}"), start + PAUSE));
        }
        let written = repeats.written.lock().expect("lines");
        assert_eq!(written.len(), MOST);
    }
}
