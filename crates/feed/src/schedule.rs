//! The records of a file in the order of event time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use csv::Position;
use csv_rows::Unusable;
use pipeline::{Definition, EventTime, Feed, FeedTimes};

use crate::clock;
use crate::deliveries::{Kind, Outgoing};
use crate::rows::{FeedRow, FeedRows, Keys, RowsError};

/// The usable rows of a file, in the order in which they are measured.
///
/// If the file has times, the rows are sorted by them, and only their positions are kept in memory.
#[derive(Debug)]
pub struct Schedule {
    rows: FeedRows,
    /// The rows that are not sent because they cannot be used.
    unusable: Unusable,
    times: FeedTimes,
    order: Order,
    /// How many rows are sent.
    count: u64,
    /// Event time from the first measurement to the last actual value.
    span: Duration,
    /// The longest time from a measurement to its actual value.
    longest_delay: Duration,
}

#[derive(Clone, Debug)]
enum Order {
    /// As in the file, after the first rows.
    File { skip: u64 },
    /// By time.
    Time(Arc<[Place]>),
}

/// Where a row is.
#[derive(Clone, Debug)]
struct Place {
    measured_at: EventTime,
    position: Position,
    number: u64,
}

impl Schedule {
    /// Reads the file once, to check and to count its rows.
    ///
    /// # Errors
    /// The file cannot be read, or a key occurs twice.
    pub fn read(mut rows: FeedRows, feed: Option<&Feed>) -> Result<Self, RowsError> {
        let times = feed.map(|feed| feed.times.clone()).unwrap_or_default();
        let skip = feed.map_or(0, |feed| feed.skip);
        let mut keys = Keys::default();
        let mut places = Vec::new();
        let mut usable: u64 = 0;
        let mut last_actual = None;
        let mut longest_delay = times.delay;
        while let Some(row) = rows.next_usable()? {
            usable += 1;
            if let Some(first) = keys.add(&row.key, row.line) {
                return Err(RowsError::DuplicateKey {
                    file: rows.file().to_owned(),
                    column: feed.and_then(|feed| feed.key.clone()).unwrap_or_default(),
                    key: row.key,
                    first,
                    line: row.line,
                });
            }
            if let Some(measured_at) = row.measured_at {
                let actual_at = row.actual_at.unwrap_or(measured_at.after(times.delay));
                last_actual = last_actual.max(Some(actual_at));
                longest_delay = longest_delay.max(clock::since(actual_at, measured_at));
                places.push(Place {
                    measured_at,
                    position: row.position().clone(),
                    number: row.number,
                });
            }
        }
        let count = usable.saturating_sub(skip);
        let (order, span) = if times.measured_at.is_some() {
            places.sort_by_key(|place| place.measured_at);
            places.drain(
                ..places
                    .len()
                    .min(usize::try_from(skip).unwrap_or(usize::MAX)),
            );
            let first = places.first().map(|place| place.measured_at);
            let span = last_actual
                .zip(first)
                .map(|(last, first)| clock::since(last, first));
            (Order::Time(places.into()), span.unwrap_or_default())
        } else {
            let rows = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
            let span = times
                .interval
                .saturating_mul(rows)
                .saturating_add(times.delay);
            (Order::File { skip }, span)
        };
        Ok(Self {
            unusable: rows.unusable().clone(),
            rows,
            times,
            order,
            count,
            span,
            longest_delay,
        })
    }

    /// The same rows and times with another reader of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn reopened(&self) -> Result<Self, RowsError> {
        Ok(Self {
            rows: self.rows.reopened()?,
            unusable: self.unusable.clone(),
            times: self.times.clone(),
            order: self.order.clone(),
            ..*self
        })
    }

    /// How many rows are sent.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Event time from the first measurement to the last actual value.
    pub fn span(&self) -> Duration {
        self.span
    }

    /// The longest time from a measurement to its actual value.
    pub fn longest_delay(&self) -> Duration {
        self.longest_delay
    }

    /// The rows that are not sent because they cannot be used.
    pub fn unusable(&self) -> &Unusable {
        &self.unusable
    }

    /// When the first row is measured, if the file says it.
    pub fn file_start(&self) -> Option<EventTime> {
        match &self.order {
            Order::File { .. } => None,
            Order::Time(places) => places.first().map(|place| place.measured_at),
        }
    }

    /// When the rows are measured, in this order, if the file says it.
    pub fn measured_at(&self) -> impl Iterator<Item = EventTime> + '_ {
        let places: &[Place] = match &self.order {
            Order::File { .. } => &[],
            Order::Time(places) => places,
        };
        places.iter().map(|place| place.measured_at)
    }

    /// Event time between two rows, if the file has no times.
    pub fn interval(&self) -> Duration {
        self.times.interval
    }

    /// The rows in the order in which they are measured.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn in_order(
        &mut self,
    ) -> Result<impl Iterator<Item = Result<FeedRow, RowsError>> + '_, RowsError> {
        self.start_again()?;
        let mut sent = 0;
        Ok(std::iter::from_fn(move || {
            let row = self.row(sent).transpose();
            sent += 1;
            row
        }))
    }

    /// Continues with the first row that is sent.
    fn start_again(&mut self) -> Result<(), RowsError> {
        self.rows.rewind()?;
        if let Order::File { skip } = self.order {
            for _ in 0..skip {
                self.rows.next_usable()?;
            }
        }
        Ok(())
    }

    /// The records in the order of event time. The first row is measured at `start`, unless the file has
    /// times. A measured record comes before an actual value at the same time.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn records(mut self, start: EventTime) -> Result<Records, RowsError> {
        self.start_again()?;
        Ok(Records {
            definition: self.rows.definition(),
            schedule: self,
            start,
            sent: 0,
            next: None,
            pending: BinaryHeap::new(),
        })
    }

    /// The row number `n` of the order.
    fn row(&mut self, n: u64) -> Result<Option<FeedRow>, RowsError> {
        if let Order::Time(places) = &self.order {
            let index = usize::try_from(n).unwrap_or(usize::MAX);
            let Some(place) = places.get(index) else {
                return Ok(None);
            };
            self.rows.seek(&place.position, place.number)?;
        }
        Ok(self.rows.next_usable()?)
    }
}

/// The records of a schedule.
#[derive(Debug)]
pub struct Records {
    definition: &'static Definition,
    schedule: Schedule,
    start: EventTime,
    /// How many rows were read.
    sent: u64,
    next: Option<(EventTime, FeedRow)>,
    /// Actual values of measured rows, the next one first.
    pending: BinaryHeap<Reverse<Pending>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    at: EventTime,
    number: u64,
    key: String,
    value: Vec<u8>,
}

impl Records {
    /// The next row to be measured, and when.
    fn fill(&mut self) -> Result<(), RowsError> {
        if self.next.is_none()
            && let Some(row) = self.schedule.row(self.sent)?
        {
            let at = row.measured_at.unwrap_or_else(|| {
                let millis = self
                    .schedule
                    .times
                    .interval
                    .as_millis()
                    .saturating_mul(self.sent.into());
                let after = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
                self.start.after(after)
            });
            self.sent += 1;
            self.next = Some((at, row));
        }
        Ok(())
    }

    fn outgoing(&self, kind: Kind, key: String, value: Vec<u8>, at: EventTime) -> Outgoing {
        let topics = &self.definition.topics;
        Outgoing {
            kind,
            topic: match kind {
                Kind::Measured => &topics.measured,
                Kind::Actual => &topics.actual,
            },
            key,
            value,
            at,
        }
    }
}

impl Iterator for Records {
    type Item = anyhow::Result<Outgoing>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            return Some(Err(error.into()));
        }
        let due = self.pending.peek().map(|Reverse(pending)| pending.at);
        match self
            .next
            .take_if(|(at, _)| due.is_none_or(|due| *at <= due))
        {
            Some((at, row)) => {
                let actual_at = row.actual_at.unwrap_or(at.after(self.schedule.times.delay));
                self.pending.push(Reverse(Pending {
                    at: actual_at,
                    number: row.number,
                    key: row.key.clone(),
                    value: row.actual(self.definition, actual_at),
                }));
                let value = row.measured(self.definition, at);
                Some(Ok(self.outgoing(Kind::Measured, row.key, value, at)))
            }
            None => {
                let Reverse(pending) = self.pending.pop()?;
                Some(Ok(self.outgoing(
                    Kind::Actual,
                    pending.key,
                    pending.value,
                    pending.at,
                )))
            }
        }
    }
}
