//! One running query.

use std::collections::HashSet;
use std::sync::Arc;

use crate::execute::aggregate::AggregateState;
use crate::execute::input::{Input, Row};
use crate::execute::join::{JoinState, Pair, Side};
use crate::execute::murmur2::partition_of;
use crate::execute::record::{Header, Record};
use crate::formats::{Format, Writer, kafka};
use crate::parse::ast::{JoinKind, SourceKind};
use crate::plan::node::{RowRef, SharedRow};
use crate::plan::{AggregatePlan, JoinPlan, QueryPlan, Stage};
use crate::schema::Column;
use crate::value::Value;

/// A change of a query's result.
#[derive(Clone, Debug)]
pub struct Change {
    /// The key's columns; none for a null key.
    pub key: Option<Vec<Value>>,
    /// Start of the window in the key.
    pub window_start: Option<i64>,
    /// The projection's columns in their order; none for a row without a value, which in a table is
    /// a deletion.
    pub columns: Option<Vec<Value>>,
    /// Event time in milliseconds since 1970.
    pub timestamp: i64,
    /// The headers of the record with which it came.
    pub headers: Arc<[Header]>,
}

/// A record that a query left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record's topic.
    pub topic: Arc<str>,
    /// The record's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// What is wrong with it.
    pub reason: String,
}

/// What one record gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes of the result, in their order.
    pub changes: Vec<Change>,
    /// What was left out.
    pub problems: Vec<Problem>,
}

/// The query cannot go on: a server would meet the same record again and again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query stops at {topic}, partition {partition}, offset {offset}: {reason}")]
pub struct QueryFailed {
    /// The record's topic.
    pub topic: Arc<str>,
    /// The record's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// What is wrong.
    pub reason: &'static str,
}

/// One running query with its state.
#[derive(Debug)]
pub struct Task {
    plan: Arc<QueryPlan>,
    inputs: Vec<Input>,
    /// Writes what rows are joined by: equal keys have equal bytes, which decide the partition.
    join_writer: Writer,
    /// Writes what rows are grouped by: the bytes decide partition and order.
    group_writer: Writer,
    key_count: usize,
    partitions: Vec<Partition>,
}

/// The state of one partition.
#[derive(Debug)]
struct Partition {
    join: Option<JoinState>,
    aggregate: Option<AggregateState>,
    /// Keys of a table whose last row passed the filter.
    passed: HashSet<Vec<u8>>,
}

impl Task {
    /// A query without state yet, over topics with this many partitions. Keys are written in
    /// `key_format`, the sink's.
    pub fn new(plan: Arc<QueryPlan>, key_format: Format, partitions: u32) -> Self {
        let join_columns: Vec<Column> = plan
            .join
            .iter()
            .map(|join| Column {
                name: String::new(),
                ty: join.key_type.clone(),
            })
            .collect();
        let group_columns = match &plan.stage {
            Stage::Aggregate(aggregate) => aggregate.group_columns.as_slice(),
            _ => &[],
        };
        let used = plan.used_slots();
        let boundary = plan.join.as_ref().map_or(0, |join| join.widths[0]);
        let bases = [0, boundary];
        let inputs = plan
            .inputs
            .iter()
            .zip(bases)
            .map(|(source, base)| Input::new(source, used.get(base..).unwrap_or(&[])))
            .collect();
        let partition = |_| Partition {
            join: plan.join.as_ref().map(JoinState::new),
            aggregate: match &plan.stage {
                Stage::Aggregate(aggregate) => Some(AggregateState::new(aggregate)),
                _ => None,
            },
            passed: HashSet::new(),
        };
        Self {
            inputs,
            join_writer: key_writer(key_format, &join_columns),
            group_writer: key_writer(key_format, group_columns),
            key_count: plan.schema().key.len(),
            partitions: (0..partitions.max(1)).map(partition).collect(),
            plan,
        }
    }

    /// The query's plan.
    pub fn plan(&self) -> &Arc<QueryPlan> {
        &self.plan
    }

    /// Takes a record of the query's input number `input`.
    ///
    /// # Errors
    /// [`QueryFailed`] where ksqlDB's query would die of the record.
    pub fn process(
        &mut self,
        input: usize,
        record: &Record,
        outcome: &mut Outcome,
    ) -> Result<(), QueryFailed> {
        let problem = |reason: String| Problem {
            topic: Arc::clone(&record.topic),
            partition: record.partition,
            offset: record.offset,
            reason,
        };
        if record.timestamp < 0 {
            outcome
                .problems
                .push(problem("its timestamp is negative".to_owned()));
            return Ok(());
        }
        let Some(reader) = self.inputs.get_mut(input) else {
            return Ok(());
        };
        let row = match reader.read(record) {
            Ok(row) => row,
            Err(error) => {
                outcome.problems.push(problem(error.to_string()));
                return Ok(());
            }
        };
        let plan = Arc::clone(&self.plan);
        match &plan.join {
            Some(join) => {
                self.join(&plan, join, input, record, row, outcome);
                Ok(())
            }
            None => self.single(&plan, record, row, outcome),
        }
    }

    fn single(
        &mut self,
        plan: &QueryPlan,
        record: &Record,
        row: Row,
        outcome: &mut Outcome,
    ) -> Result<(), QueryFailed> {
        if plan
            .inputs
            .iter()
            .any(|source| source.kind == SourceKind::Table)
        {
            self.table_row(plan, record, &row, outcome);
            return Ok(());
        }
        let values = RowRef::whole(&row.values);
        if let Some(filter) = &plan.filter
            && !(row.has_value && filter.holds(values))
        {
            return Ok(());
        }
        if row.has_value {
            self.emit(
                plan,
                record,
                values,
                &row,
                record.timestamp,
                record.partition,
                outcome,
            );
            return Ok(());
        }
        let key = match &plan.stage {
            Stage::Aggregate(aggregate)
                if aggregate.window.is_some() && !aggregate.moves && row.has_key =>
            {
                return Err(QueryFailed {
                    topic: Arc::clone(&record.topic),
                    partition: record.partition,
                    offset: record.offset,
                    reason: "a null value in a windowed GROUP BY over the record's key: ksqlDB's query dies of it too",
                });
            }
            Stage::Aggregate(_) => return Ok(()),
            Stage::Rows => row.has_key.then(|| self.keys_of(&row)),
            Stage::Rekeyed if self.key_count > 0 => Some(vec![Value::Null; self.key_count]),
            Stage::Rekeyed => None,
        };
        outcome.changes.push(Change {
            key,
            window_start: row.window_start,
            columns: None,
            timestamp: record.timestamp,
            headers: Arc::clone(&record.headers),
        });
        Ok(())
    }

    fn keys_of(&self, row: &Row) -> Vec<Value> {
        let keys = self.inputs.first().map_or(0, Input::keys);
        row.values.iter().take(keys).cloned().collect()
    }

    /// A row of a table for a listener: what no longer passes the filter is deleted.
    fn table_row(&mut self, plan: &QueryPlan, record: &Record, row: &Row, outcome: &mut Outcome) {
        let values = RowRef::whole(&row.values);
        let holds = row.has_value
            && plan
                .filter
                .as_ref()
                .is_none_or(|filter| filter.holds(values));
        let key = record.key.clone().unwrap_or_default();
        let partition = self
            .partitions
            .len()
            .saturating_sub(1)
            .min(record.partition as usize);
        if plan.filter.is_some()
            && let Some(state) = self.partitions.get_mut(partition)
        {
            let before = if holds {
                state.passed.insert(key);
                true
            } else {
                state.passed.remove(&key)
            };
            if !before {
                return;
            }
        }
        outcome.changes.push(Change {
            key: row.has_key.then(|| self.keys_of(row)),
            window_start: row.window_start,
            columns: holds.then(|| columns(plan, values)),
            timestamp: record.timestamp,
            headers: Arc::clone(&record.headers),
        });
    }

    fn join(
        &mut self,
        plan: &QueryPlan,
        join: &JoinPlan,
        input: usize,
        record: &Record,
        row: Row,
        outcome: &mut Outcome,
    ) {
        let side = if input == 0 { Side::Left } else { Side::Right };
        let own = &join.keys[usize::from(side == Side::Right)];
        let key = own.node.column(RowRef::whole(&row.values));
        let bytes = if key.is_null() {
            None
        } else {
            self.join_writer.write_shared(&key)
        };
        let partition = match &bytes {
            Some(bytes) if own.moves => partition_of(bytes, self.partitions.len() as u32),
            // A null key that would have to move stays nowhere.
            None if own.moves => return,
            _ => record.partition,
        };
        let mut pairs = Vec::new();
        {
            let state = self
                .partitions
                .get_mut(partition as usize)
                .and_then(|partition| partition.join.as_mut());
            let Some(state) = state else { return };
            state.advance(record.timestamp);
            let values: SharedRow = row.values.into();
            match bytes {
                _ if !row.has_value => return,
                Some(bytes) => {
                    state.process(join, side, bytes, record.timestamp, values, &mut pairs)
                }
                None if side == Side::Left && join.kind == JoinKind::Left => {
                    let pair = Pair {
                        left: values,
                        right: None,
                        timestamp: record.timestamp,
                    };
                    self.pair(plan, join, record, None, pair, partition, outcome);
                }
                None => {}
            }
        }
        for (bytes, pair) in pairs {
            self.pair(plan, join, record, Some(&bytes), pair, partition, outcome);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn pair(
        &mut self,
        plan: &QueryPlan,
        join: &JoinPlan,
        record: &Record,
        bytes: Option<&Arc<[u8]>>,
        pair: Pair,
        partition: u32,
        outcome: &mut Outcome,
    ) {
        // The left row always knows the key.
        let key = match bytes {
            Some(_) => join.keys[0].node.column(RowRef::whole(&pair.left)),
            None => Value::Null,
        };
        let nulls;
        let right: &[Value] = match &pair.right {
            Some(right) => right,
            None => {
                nulls = vec![Value::Null; join.widths[1]];
                &nulls
            }
        };
        let extra = [key];
        let values = RowRef {
            pieces: [&pair.left, right, &extra],
        };
        if plan
            .filter
            .as_ref()
            .is_some_and(|filter| !filter.holds(values))
        {
            return;
        }
        let row = Row {
            values: Vec::new(),
            has_value: true,
            has_key: bytes.is_some(),
            window_start: None,
        };
        self.emit(
            plan,
            record,
            values,
            &row,
            pair.timestamp,
            partition,
            outcome,
        );
    }

    /// A row that passed the filter.
    #[allow(clippy::too_many_arguments)]
    fn emit(
        &mut self,
        plan: &QueryPlan,
        record: &Record,
        values: RowRef<'_>,
        row: &Row,
        timestamp: i64,
        partition: u32,
        outcome: &mut Outcome,
    ) {
        if let Stage::Aggregate(aggregate) = &plan.stage {
            self.group(
                plan, aggregate, record, values, timestamp, partition, outcome,
            );
            return;
        }
        let columns = columns(plan, values);
        let keyed = row.has_key || matches!(plan.stage, Stage::Rekeyed);
        let mut key = vec![Value::Null; self.key_count];
        for (column, value) in plan.columns.iter().zip(&columns) {
            if let Some(place) = column.key.and_then(|place| key.get_mut(place)) {
                *place = value.clone();
            }
        }
        outcome.changes.push(Change {
            key: (keyed && self.key_count > 0).then_some(key),
            window_start: row.window_start,
            columns: Some(columns),
            timestamp,
            headers: Arc::clone(&record.headers),
        });
    }

    #[allow(clippy::too_many_arguments)]
    fn group(
        &mut self,
        plan: &QueryPlan,
        aggregate: &AggregatePlan,
        record: &Record,
        values: RowRef<'_>,
        timestamp: i64,
        partition: u32,
        outcome: &mut Outcome,
    ) {
        let group: Vec<Value> = aggregate
            .group_by
            .iter()
            .map(|node| node.column(values))
            .collect();
        if group.iter().any(Value::is_null) {
            return;
        }
        let Some(bytes) = self.group_writer.write(&group) else {
            return;
        };
        let partition = if aggregate.moves {
            partition_of(&bytes, self.partitions.len() as u32)
        } else {
            partition
        };
        let arguments: Vec<Value> = aggregate
            .calls
            .iter()
            .map(|call| call.argument.column(values))
            .collect();
        let state = self
            .partitions
            .get_mut(partition as usize)
            .and_then(|partition| partition.aggregate.as_mut());
        let Some(state) = state else { return };
        let mut updates = Vec::new();
        state.process(
            aggregate,
            &bytes,
            group,
            &arguments,
            timestamp,
            &mut updates,
        );
        for update in updates {
            outcome.changes.push(Change {
                key: Some(update.key),
                window_start: update.window_start,
                columns: update.row.map(|row| columns(plan, RowRef::whole(&row))),
                timestamp: update.timestamp,
                headers: Arc::clone(&record.headers),
            });
        }
    }
}

/// The key as the format writes it; as JSON where the format cannot.
fn key_writer(format: Format, columns: &[Column]) -> Writer {
    match (format, columns) {
        (Format::Kafka, [column]) if kafka::supports(&column.ty) => Writer::key(format, columns),
        _ => Writer::key(Format::Json, columns),
    }
}

fn columns(plan: &QueryPlan, values: RowRef<'_>) -> Vec<Value> {
    plan.columns
        .iter()
        .map(|column| column.node.column(values))
        .collect()
}
