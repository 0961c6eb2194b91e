//! What a query does, step by step, as data: read, join, filter, group, project, write.

pub(crate) mod node;

use std::sync::Arc;

use crate::catalog::{KeyWindow, Source};
use crate::functions::aggregate::Factory;
use crate::plan::node::Node;
use crate::schema::{Column, Schema};
use crate::types::SqlType;
use ksql_parser::ast::JoinKind;

/// A query that can be executed.
#[derive(Debug)]
pub struct QueryPlan {
    /// The one or two streams or the table that the query reads, the left one first.
    pub(crate) inputs: Vec<Arc<Source>>,
    /// The join, if there are two inputs.
    pub(crate) join: Option<JoinPlan>,
    /// `WHERE`, on the row of all inputs.
    pub(crate) filter: Option<Node>,
    /// What happens to the rows that pass the filter.
    pub(crate) stage: Stage,
    /// The projection.
    pub(crate) columns: Vec<OutColumn>,
    /// The window in the result's keys.
    pub(crate) window: Option<KeyWindow>,
    /// After how many rows a transient query ends.
    pub(crate) limit: Option<u64>,
}

/// A part of a row's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The key column with this index.
    Column(usize),
    /// The start of the window.
    WindowStart,
    /// The end of the window; contains the window's size in milliseconds.
    WindowEnd(i64),
}

/// A stream-stream join.
#[derive(Debug)]
pub(crate) struct JoinPlan {
    pub(crate) kind: JoinKind,
    pub(crate) before_ms: i64,
    pub(crate) after_ms: i64,
    pub(crate) grace_ms: i64,
    /// Unmatched rows are emitted when nothing can match them any more; otherwise at once.
    pub(crate) unmatched_wait: bool,
    pub(crate) key_type: SqlType,
    /// Each side's key, on that side's own row.
    pub(crate) keys: [JoinKey; 2],
    /// Number of slots of each side.
    pub(crate) widths: [usize; 2],
}

/// One side's key.
#[derive(Debug)]
pub(crate) struct JoinKey {
    pub(crate) node: Node,
    /// Whether it differs from the record's key, so that the row moves to another partition.
    pub(crate) moves: bool,
}

/// What happens to a row that passed the filter.
#[derive(Debug)]
pub(crate) enum Stage {
    /// One row out, with the same key, or the key of the join.
    Rows,
    /// One row out with another key.
    Rekeyed,
    /// Rows are grouped.
    Aggregate(AggregatePlan),
}

/// `GROUP BY`.
///
/// The projection and `HAVING` run on a row of the group's columns, the window's start and end, and
/// the aggregates' results.
pub(crate) struct AggregatePlan {
    pub(crate) group_by: Vec<Node>,
    pub(crate) group_columns: Vec<Column>,
    /// Whether the group differs from the record's key, so that the row moves to another partition.
    pub(crate) moves: bool,
    pub(crate) calls: Vec<AggregateCall>,
    pub(crate) window: Option<WindowPlan>,
    /// Only the last state of a window is written, when the window closes.
    pub(crate) is_final: bool,
    pub(crate) having: Option<Node>,
}

impl std::fmt::Debug for AggregatePlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AggregatePlan")
            .field("group_by", &self.group_by)
            .field("window", &self.window)
            .field("is_final", &self.is_final)
            .field("having", &self.having)
            .finish_non_exhaustive()
    }
}

/// One aggregate.
pub(crate) struct AggregateCall {
    pub(crate) argument: Node,
    pub(crate) factory: Factory,
}

/// A window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowPlan {
    pub(crate) size_ms: i64,
    pub(crate) advance_ms: i64,
    pub(crate) grace_ms: i64,
    pub(crate) retention_ms: i64,
    /// Without ksqlDB's record cache: a closing window that starts more than this before the newest
    /// window is lost.
    pub(crate) max_age_ms: Option<i64>,
}

/// One column of the result.
#[derive(Debug)]
pub(crate) struct OutColumn {
    pub(crate) name: String,
    pub(crate) ty: SqlType,
    pub(crate) node: Node,
    /// Its index in the key, if it is not in the value.
    pub(crate) key: Option<usize>,
}

impl QueryPlan {
    /// The topics that the query reads.
    pub fn source_topics(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|source| source.topic.as_str())
    }

    /// The streams or the table that the query reads.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.inputs.iter()
    }

    /// The projection's columns in their order, keys included.
    pub fn result_columns(&self) -> Vec<Column> {
        self.columns
            .iter()
            .map(|column| Column {
                name: column.name.clone(),
                ty: column.ty.clone(),
            })
            .collect()
    }

    /// The number of rows after which the query ends.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// For each result column, the part of the key that it contains. A deletion has only these parts.
    pub fn key_parts(&self) -> Vec<Option<KeyPart>> {
        let (keys, bounds, size_ms) = match (&self.stage, self.inputs.as_slice()) {
            (Stage::Aggregate(aggregate), _) => {
                let keys = aggregate.group_columns.len();
                (keys, keys, aggregate.window.map(|window| window.size_ms))
            }
            (_, [source]) => {
                let keys = source.schema.key.len();
                // The window's bounds follow the value and three pseudo columns.
                let bounds = keys + source.schema.value.len() + 3;
                (keys, bounds, source.window.map(|window| window.size_ms))
            }
            _ => (0, 0, None),
        };
        let part = |column: &OutColumn| match (&column.node, size_ms) {
            (Node::Slot(slot), _) if *slot < keys => Some(KeyPart::Column(*slot)),
            (Node::Slot(slot), Some(_)) if *slot == bounds => Some(KeyPart::WindowStart),
            (Node::Slot(slot), Some(size)) if *slot == bounds + 1 => Some(KeyPart::WindowEnd(size)),
            _ => None,
        };
        self.columns.iter().map(part).collect()
    }

    /// Drops closed windows as ksqlDB does without its record cache.
    pub(crate) fn without_record_cache(&mut self) {
        if let Stage::Aggregate(aggregate) = &mut self.stage
            && let Some(window) = &mut aggregate.window
        {
            window.max_age_ms = Some(window.retention_ms);
        }
    }

    /// For each slot, whether an expression reads it. Other columns are checked, but their values are
    /// not kept.
    pub(crate) fn used_slots(&self) -> Vec<bool> {
        let mut used = Vec::new();
        let mut mark = |slot: usize| {
            if used.len() <= slot {
                used.resize(slot + 1, false);
            }
            used[slot] = true;
        };
        if let Some(join) = &self.join {
            let [left, right] = &join.keys;
            left.node.slots(&mut mark);
            right.node.slots(&mut |slot| mark(slot + join.widths[0]));
        }
        if let Some(filter) = &self.filter {
            filter.slots(&mut mark);
        }
        match &self.stage {
            Stage::Aggregate(aggregate) => {
                let arguments = aggregate.calls.iter().map(|call| &call.argument);
                aggregate
                    .group_by
                    .iter()
                    .chain(arguments)
                    .for_each(|node| node.slots(&mut mark));
            }
            Stage::Rows | Stage::Rekeyed => {
                self.columns
                    .iter()
                    .for_each(|column| column.node.slots(&mut mark));
            }
        }
        used
    }

    /// Key and value of the result.
    pub(crate) fn schema(&self) -> Schema {
        let column = |column: &OutColumn| Column {
            name: column.name.clone(),
            ty: column.ty.clone(),
        };
        let mut keys: Vec<&OutColumn> = self.columns.iter().filter(|c| c.key.is_some()).collect();
        keys.sort_by_key(|column| column.key);
        Schema {
            key: keys.into_iter().map(column).collect(),
            value: self
                .columns
                .iter()
                .filter(|c| c.key.is_none())
                .map(column)
                .collect(),
        }
    }
}
