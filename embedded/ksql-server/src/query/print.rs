//! `PRINT 'topic'`: streams the records of a topic as text.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::{FutureExt, stream};
use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, BAD_REQUEST, SERVER_ERROR};
use crate::query::acquire_slot;
use crate::query::print_format::Formats;
use crate::state::Shared;
use ksql_engine::execute::Record;
use ksql_engine::kafka::{Event, Reader};

/// The maximum number of records in a batch. The formats are detected per batch.
const BATCH: usize = 500;
/// The maximum number of bytes in a batch.
const BATCH_BYTES: usize = 1 << 20;
/// How often to send an empty line for a silent topic, to detect a disconnected client.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// A `PRINT` statement.
#[derive(Debug)]
pub(super) struct Print {
    pub(super) topic: String,
    pub(super) from_beginning: bool,
    /// Show every nth record.
    pub(super) interval: u64,
    /// The number of records to show.
    pub(super) limit: Option<u64>,
}

/// Starts printing into the response body.
pub(super) async fn answer(state: Shared, request: Print) -> Result<Response, ApiError> {
    let topics = state.topics.list().await;
    let topics = topics.map_err(|error| ApiError::request(SERVER_ERROR, error.to_string()))?;
    let Some(topic) = topics.iter().find(|topic| topic.name == request.topic) else {
        let message = format!(
            "Could not find topic '{}', or the KSQL user does not have permissions to list the topic. \
             Topic names are case-sensitive.",
            request.topic
        );
        return Err(ApiError::request(BAD_REQUEST, message));
    };
    let permit = acquire_slot(&state)?;
    let partitions = topic.partitions();
    let reader = Reader::new(
        &state.kafka,
        "ksql-print",
        &request.topic,
        partitions,
        request.from_beginning,
    );
    let reader = reader.map_err(|error| ApiError::request(SERVER_ERROR, error.to_string()))?;
    let printer = Printer {
        reader,
        unfinished: (0..partitions).collect(),
        keys: (Formats::of_keys(), String::new()),
        values: (Formats::of_values(), String::new()),
        interval: request.interval,
        left: request.limit,
        seen: 0,
        ended: false,
        failed: None,
        stop: state.shutdown.child_token(),
        _permit: permit,
    };
    let body = stream::unfold(printer, |mut printer| async move {
        let bytes = printer.next().await?;
        Some((Ok::<_, Infallible>(bytes), printer))
    });
    Ok((
        [(CONTENT_TYPE, "application/json")],
        Body::from_stream(body),
    )
        .into_response())
}

/// An open `PRINT`.
struct Printer {
    reader: Reader,
    /// The partitions whose end was not reached yet.
    unfinished: BTreeSet<u32>,
    /// The formats of keys, and the last announcement.
    keys: (Formats, String),
    values: (Formats, String),
    interval: u64,
    left: Option<u64>,
    /// The number of records read so far.
    seen: u64,
    ended: bool,
    /// Why printing ends after this batch.
    failed: Option<String>,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Printer {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended || self.left == Some(0) {
            return None;
        }
        let stop = self.stop.clone();
        if let Some(message) = self.failed.take() {
            return Some(self.failure(&message));
        }
        let batch = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            batch = self.batch() => batch,
        };
        match batch {
            Ok(batch) if batch.is_empty() => Some(Bytes::from_static(b"\n")),
            Ok(batch) => Some(self.print(&batch).into()),
            Err(message) => Some(self.failure(&message)),
        }
    }

    /// The last line. Also logs the reason, because the response status has already been sent.
    fn failure(&mut self, message: &str) -> Bytes {
        self.ended = true;
        tracing::warn!(reason = message, "a PRINT failed");
        format!("PRINT failed: {message}\n").into()
    }

    /// The next batch; empty after [`KEEP_ALIVE`] without a record.
    async fn batch(&mut self) -> Result<Vec<Record>, String> {
        let silence = Instant::now() + KEEP_ALIVE;
        let mut batch: Vec<Record> = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            // Wait for the records that existed at the start; after them, take only queued ones.
            let event = if batch.is_empty() || !self.unfinished.is_empty() {
                match tokio::time::timeout_at(silence, self.reader.next()).await {
                    Ok(event) => event,
                    Err(_) => break,
                }
            } else {
                match self.reader.next().now_or_never() {
                    Some(event) => event,
                    None => break,
                }
            };
            let event = match event {
                Ok(event) => event,
                Err(error) if batch.is_empty() => return Err(error.to_string()),
                // Show the records before the error first.
                Err(error) => {
                    self.failed = Some(error.to_string());
                    break;
                }
            };
            match event {
                Event::AtEnd(partition) => {
                    self.unfinished.remove(&partition);
                }
                Event::Record(record) => {
                    let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
                    bytes += size(&record.key) + size(&record.value);
                    batch.push(record);
                }
            }
        }
        Ok(batch)
    }

    fn print(&mut self, batch: &[Record]) -> String {
        for record in batch {
            self.keys.0.narrow(record.key.as_deref());
            self.values.0.narrow(record.value.as_deref());
        }
        let mut text = String::new();
        announce("Key format: ", &mut self.keys, &mut text);
        announce("Value format: ", &mut self.values, &mut text);
        for record in batch {
            let shown = self.seen.is_multiple_of(self.interval);
            self.seen += 1;
            if !shown {
                continue;
            }
            text.push_str(&line(record, &self.keys.0, &self.values.0));
            if let Some(left) = &mut self.left {
                *left -= 1;
                if *left == 0 {
                    break;
                }
            }
        }
        text
    }
}

/// Announces the formats if they changed.
fn announce(what: &str, (formats, last): &mut (Formats, String), text: &mut String) {
    let names = formats.names();
    if names != *last {
        text.push_str(what);
        text.push_str(&names);
        text.push('\n');
        *last = names;
    }
}

fn line(record: &Record, keys: &Formats, values: &Formats) -> String {
    format!(
        "rowtime: {}, key: {}, value: {}, partition: {}\n",
        row_time(record.timestamp),
        keys.show(record.key.as_deref()),
        values.show(record.value.as_deref()),
        record.partition
    )
}

fn row_time(millis: i64) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(time) if millis >= 0 => time.strftime("%Y/%m/%d %H:%M:%S.%3f Z").to_string(),
        _ => "N/A".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_time_has_milliseconds_and_is_in_utc() {
        assert_eq!(row_time(1_795_412_705_000), "2026/11/23 05:45:05.000 Z");
        assert_eq!(row_time(-1), "N/A");
    }
}
