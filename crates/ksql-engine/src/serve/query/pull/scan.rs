//! The rows of a stream that are there now.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::catalog::Source;
use crate::execute::{Outcome, Record, Task};
use crate::kafka::RuntimeError;
use crate::kafka::consume::{Event, Reader};
use crate::plan::QueryPlan;
use crate::serve::error::{ApiError, SERVER_ERROR};
use crate::serve::open_queries::OpenGuard;
use crate::serve::query::room;
use crate::serve::query::rows::{Encoding, End, RowWriter};
use crate::serve::state::Shared;

const CHUNK: usize = 32 * 1024;

/// Reads the stream's topic from its beginning to where it ends now.
pub(super) fn answer(
    state: &Shared,
    plan: Arc<QueryPlan>,
    partitions: u32,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let permit = room(state)?;
    let failed = |error: RuntimeError| ApiError::request(SERVER_ERROR, error.to_string());
    let source: &Arc<Source> = plan
        .sources()
        .next()
        .ok_or_else(|| ApiError::request(SERVER_ERROR, "a query without a source"))?;
    let id = state.open.next_id(&source.name);
    let reader = Reader::new(&state.kafka, &id, &source.topic, partitions, true).map_err(failed)?;
    let stop = state.shutdown.child_token();
    let scan = Scan {
        task: Task::new(Arc::clone(&plan), source.key_format, partitions),
        writer: RowWriter::new(encoding, &plan),
        encoding,
        left: plan.limit(),
        first: Some(encoding.header(&id, &plan.result_columns())),
        unfinished: (0..partitions).collect(),
        ended: false,
        reader,
        _open: state.open.add(id, stop.clone()),
        stop,
        _permit: permit,
    };
    let body = stream::unfold(scan, |mut scan| async move {
        let bytes = scan.next().await?;
        Some((Ok::<_, Infallible>(bytes), scan))
    });
    let headers = [(CONTENT_TYPE, encoding.content_type())];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// One reading of a topic.
struct Scan {
    reader: Reader,
    task: Task,
    writer: RowWriter,
    encoding: Encoding,
    left: Option<u64>,
    first: Option<Bytes>,
    /// The partitions whose end was not reached yet.
    unfinished: BTreeSet<u32>,
    ended: bool,
    stop: CancellationToken,
    _open: OpenGuard,
    _permit: OwnedSemaphorePermit,
}

impl Scan {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.ended {
            return None;
        }
        let mut bytes = Vec::new();
        match self.gather(&mut bytes).await {
            Ok(None) => {}
            Ok(Some(end)) => {
                self.ended = true;
                bytes.extend_from_slice(&self.encoding.footer(end));
            }
            Err(message) => {
                self.ended = true;
                let error = ApiError::request(SERVER_ERROR, message);
                bytes.extend_from_slice(&self.encoding.failure(&error.body()));
            }
        }
        Some(bytes.into())
    }

    async fn gather(&mut self, bytes: &mut Vec<u8>) -> Result<Option<End>, String> {
        let stop = self.stop.clone();
        while bytes.len() < CHUNK {
            if self.left == Some(0) {
                return Ok(Some(End::Limit));
            }
            if self.unfinished.is_empty() {
                return Ok(Some(End::Completed));
            }
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Some(End::Closed)),
                event = self.reader.next() => event,
            };
            match event.map_err(|error| error.to_string())? {
                Event::AtEnd(partition) => {
                    self.unfinished.remove(&partition);
                }
                // What came after the end was seen is not there "now".
                Event::Record(record) if !self.unfinished.contains(&record.partition) => {}
                Event::Record(record) => self.take(&record, bytes)?,
            }
        }
        Ok(None)
    }

    fn take(&mut self, record: &Record, bytes: &mut Vec<u8>) -> Result<(), String> {
        let mut outcome = Outcome::default();
        self.task
            .process(0, record, &mut outcome)
            .map_err(|error| error.to_string())?;
        for change in &outcome.changes {
            if self.left == Some(0) {
                break;
            }
            if self.writer.write(change, bytes)
                && let Some(left) = &mut self.left
            {
                *left -= 1;
            }
        }
        Ok(())
    }
}
