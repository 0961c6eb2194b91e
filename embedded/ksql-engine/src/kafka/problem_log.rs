//! Logs problems with single records: one line for each skipped record, but only one line in total for
//! failed expressions, because every row may have one.

use crate::execute::{Problem, Step};

/// Logs the problems of one query, and a summary when it is dropped.
#[derive(Debug)]
pub struct ProblemLog {
    query: String,
    skipped: u64,
    failed: u64,
}

impl ProblemLog {
    /// A log for the query with this id.
    pub fn of(query: &str) -> Self {
        Self {
            query: query.to_owned(),
            skipped: 0,
            failed: 0,
        }
    }

    /// Logs a problem.
    pub fn note(&mut self, problem: &Problem) {
        let query = &self.query;
        if problem.step == Step::Read {
            self.skipped += 1;
            tracing::warn!(
                query,
                topic = %problem.topic,
                partition = problem.partition,
                offset = problem.offset,
                reason = problem.reason,
                "a record was skipped"
            );
        } else {
            self.failed += 1;
            tracing::debug!(query, ?problem, "an expression failed");
        }
    }
}

impl Drop for ProblemLog {
    fn drop(&mut self) {
        let (query, skipped, failed) = (&self.query, self.skipped, self.failed);
        if skipped + failed > 0 {
            tracing::warn!(
                query,
                skipped,
                failed,
                "the query ended with skipped records or failed expressions"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_expression_that_fails_in_each_row_is_logged_once() {
        let lines = Lines::default();
        let (writer, problem) = (lines.clone(), |step| Problem {
            topic: Arc::from("s"),
            partition: 0,
            offset: 7,
            step,
            reason: "why".to_owned(),
        });
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut log = ProblemLog::of("transient_S_1");
            for _ in 0..1_000 {
                log.note(&problem(Step::Filter));
            }
            log.note(&problem(Step::Read));
        });
        let text = lines.0.lock().expect("no panic").clone();
        let text = String::from_utf8(text).expect("a text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains("offset=7"), "{text}");
        assert!(lines[1].contains("skipped=1 failed=1000"), "{text}");
    }
}
