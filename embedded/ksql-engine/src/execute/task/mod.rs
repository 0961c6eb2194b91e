//! A running query.

mod group;
mod join;
mod table;

use std::collections::HashSet;
use std::sync::Arc;

use crate::execute::aggregate::{AggregateState, Update};
use crate::execute::change::{Change, Key, Outcome, QueryFailed, Step};
use crate::execute::faults::Faults;
use crate::execute::input::{Input, Row};
use crate::execute::join::{JoinState, Pair, Side};
use crate::execute::record::Record;
use crate::formats::{Format, Writer, kafka};
use crate::plan::node::RowRef;
use crate::plan::{OutColumn, QueryPlan, Stage};
use crate::schema::Column;
use crate::value::Value;
use ksql_parser::ast::SourceKind;

/// A running query with its state.
#[derive(Debug)]
pub struct Task {
    plan: Arc<QueryPlan>,
    inputs: Vec<Input>,
    /// Writes join keys: equal keys have equal bytes, which determine the partition.
    join_writer: Writer,
    /// Writes groups: the bytes determine partition and order.
    group_writer: Writer,
    key_count: usize,
    partitions: Vec<Partition>,
    scratch: Scratch,
}

/// The state of one partition.
#[derive(Debug)]
struct Partition {
    join: Option<JoinState>,
    aggregate: Option<AggregateState>,
    /// The keys of a table whose last row passed the filter.
    passed: HashSet<Vec<u8>>,
}

/// Buffers that are reused for each record.
#[derive(Debug, Default)]
struct Scratch {
    row: Vec<Value>,
    pairs: Vec<(Arc<[u8]>, Pair)>,
    group: Vec<u8>,
    arguments: Vec<Value>,
    updates: Vec<Update>,
}

/// A row that passed the filter.
struct Passed<'r> {
    plan: &'r QueryPlan,
    /// The input record.
    record: &'r Record,
    values: RowRef<'r>,
    has_key: bool,
    window_start: Option<i64>,
    timestamp: i64,
    partition: u32,
}

impl Task {
    /// A query without state, over topics with this many partitions. `key_format` is the sink's key
    /// format.
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
            scratch: Scratch::default(),
            plan,
        }
    }

    /// The plan of the query.
    pub fn plan(&self) -> &Arc<QueryPlan> {
        &self.plan
    }

    /// Processes a record of the input with this index.
    ///
    /// # Errors
    /// [`QueryFailed`] if the query cannot continue after the record.
    pub fn process(
        &mut self,
        input: usize,
        record: &Record,
        outcome: &mut Outcome,
    ) -> Result<(), QueryFailed> {
        let mut faults = Faults::new(record, &mut outcome.problems);
        if record.timestamp < 0 {
            faults.note(Step::Read, "the timestamp is negative");
            return Ok(());
        }
        let Some(reader) = self.inputs.get_mut(input) else {
            return Ok(());
        };
        let mut values = std::mem::take(&mut self.scratch.row);
        let processed = match reader.read(record, &mut values) {
            Err(error) => {
                faults.note(Step::Read, error);
                Ok(())
            }
            Ok(row) => {
                let plan = Arc::clone(&self.plan);
                match &plan.join {
                    Some(join) => {
                        let side = if input == 0 { Side::Left } else { Side::Right };
                        self.join(&plan, join, side, record, &row, &mut values, outcome);
                        Ok(())
                    }
                    None => self.single(&plan, record, &row, &values, outcome),
                }
            }
        };
        self.scratch.row = values;
        processed
    }

    fn single(
        &mut self,
        plan: &QueryPlan,
        record: &Record,
        row: &Row,
        values: &[Value],
        outcome: &mut Outcome,
    ) -> Result<(), QueryFailed> {
        if plan
            .inputs
            .iter()
            .any(|source| source.kind == SourceKind::Table)
        {
            self.table_row(plan, record, row, values, outcome);
            return Ok(());
        }
        let row_ref = RowRef::whole(values);
        let mut faults = Faults::new(record, &mut outcome.problems);
        if let Some(filter) = &plan.filter
            && !(row.has_value && faults.holds(filter, row_ref, Step::Filter))
        {
            return Ok(());
        }
        if row.has_value {
            let passed = Passed {
                plan,
                record,
                values: row_ref,
                has_key: row.has_key,
                window_start: row.window_start,
                timestamp: record.timestamp,
                partition: record.partition,
            };
            self.emit(&passed, outcome);
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
                    reason: "a null value in a windowed GROUP BY over the record's key (ksqlDB's query fails too)",
                });
            }
            Stage::Aggregate(_) => return Ok(()),
            Stage::Rows => row.has_key.then(|| self.keys_of(values)),
            Stage::Rekeyed => self.new_key(plan, |index, column| {
                // Without a value, only expressions over the old key can be evaluated.
                let mut is_known = true;
                let keys = self.inputs.first().map_or(0, Input::keys);
                column.node.slots(&mut |slot| is_known &= slot < keys);
                let step = || Step::Column {
                    name: column.name.clone(),
                    index,
                };
                match is_known {
                    true => faults.column(&column.node, row_ref, step),
                    false => Value::Null,
                }
            }),
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

    fn keys_of(&self, values: &[Value]) -> Key {
        let keys = self.inputs.first().map_or(0, Input::keys);
        values.iter().take(keys).cloned().collect()
    }

    /// The key from the key columns of the projection.
    fn new_key(
        &self,
        plan: &QueryPlan,
        mut value: impl FnMut(usize, &OutColumn) -> Value,
    ) -> Option<Key> {
        let mut key: Key = smallvec::smallvec![Value::Null; self.key_count];
        for (index, column) in plan.columns.iter().enumerate() {
            if let Some(place) = column.key.and_then(|place| key.get_mut(place)) {
                *place = value(index, column);
            }
        }
        (self.key_count > 0).then_some(key)
    }

    fn emit(&mut self, passed: &Passed<'_>, outcome: &mut Outcome) {
        let plan = passed.plan;
        if let Stage::Aggregate(aggregate) = &plan.stage {
            self.group(aggregate, passed, outcome);
            return;
        }
        let mut faults = Faults::new(passed.record, &mut outcome.problems);
        let columns = columns(plan, passed.values, &mut faults);
        let keyed = passed.has_key || matches!(plan.stage, Stage::Rekeyed);
        let value =
            |index: usize, _: &OutColumn| columns.get(index).cloned().unwrap_or(Value::Null);
        let key = if keyed {
            self.new_key(plan, value)
        } else {
            None
        };
        outcome.changes.push(Change {
            key,
            window_start: passed.window_start,
            columns: Some(columns),
            timestamp: passed.timestamp,
            headers: Arc::clone(&passed.record.headers),
        });
    }
}

/// A writer for keys in the format, or in JSON if the format does not support the columns.
fn key_writer(format: Format, columns: &[Column]) -> Writer {
    match (format, columns) {
        (Format::Kafka, [column]) if kafka::supports(&column.ty) => Writer::key(format, columns),
        _ => Writer::key(Format::Json, columns),
    }
}

fn columns(plan: &QueryPlan, values: RowRef<'_>, faults: &mut Faults<'_>) -> Vec<Value> {
    let columns = plan.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let name = || column.name.clone();
            faults.column(&column.node, values, || Step::Column {
                name: name(),
                index,
            })
        })
        .collect()
}
