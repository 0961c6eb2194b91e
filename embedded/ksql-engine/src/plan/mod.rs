//! What a query does, step by step, as data: read, join, filter, group, project, write.

pub mod node;

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
    /// The one or two streams that it reads, the left one first.
    pub inputs: Vec<Arc<Source>>,
    /// How two inputs become one.
    pub join: Option<JoinPlan>,
    /// `WHERE`, on the row of all inputs.
    pub filter: Option<Node>,
    /// What happens to the rows that are left.
    pub stage: Stage,
    /// The projection, in its order.
    pub columns: Vec<OutColumn>,
    /// The window in the result's keys.
    pub window: Option<KeyWindow>,
    /// Whether the result is a table: a null is then a deletion.
    pub is_table: bool,
    /// After how many rows a transient query ends.
    pub limit: Option<u64>,
}

/// A stream-stream join.
#[derive(Debug)]
pub struct JoinPlan {
    pub kind: JoinKind,
    pub before_ms: i64,
    pub after_ms: i64,
    pub grace_ms: i64,
    /// Unmatched rows wait until nothing can match them any more. Without it they come at once.
    pub unmatched_wait: bool,
    pub key_type: SqlType,
    /// Each side's key, on that side's own row.
    pub keys: [JoinKey; 2],
    /// Number of slots of each side.
    pub widths: [usize; 2],
}

/// One side's key.
#[derive(Debug)]
pub struct JoinKey {
    pub node: Node,
    /// Whether it is not the record's key, so that the row moves to another partition.
    pub moves: bool,
}

/// What happens to a row that passed the filter.
#[derive(Debug)]
pub enum Stage {
    /// One row out, with the key it had (or the join's).
    Rows,
    /// One row out with another key.
    Rekeyed,
    /// Rows are grouped.
    Aggregate(AggregatePlan),
}

/// `GROUP BY`.
///
/// The row on which the projection and `HAVING` work: the group's columns, the window's start and
/// end, the aggregates' results.
pub struct AggregatePlan {
    pub group_by: Vec<Node>,
    pub group_columns: Vec<Column>,
    /// Whether the group is not the record's key, so that the row moves to another partition.
    pub moves: bool,
    pub calls: Vec<AggregateCall>,
    pub window: Option<WindowPlan>,
    /// Only the window's last state is written, when it is closed.
    pub is_final: bool,
    pub having: Option<Node>,
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
pub struct AggregateCall {
    pub argument: Node,
    pub factory: Factory,
}

/// A window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowPlan {
    pub size_ms: i64,
    pub advance_ms: i64,
    pub grace_ms: i64,
    pub retention_ms: i64,
    /// Without ksqlDB's record cache: how long before the newest window a closed one may start and
    /// still be found. What is older is lost.
    pub found_for_ms: Option<i64>,
}

/// One column of the result.
#[derive(Debug)]
pub struct OutColumn {
    pub name: String,
    pub ty: SqlType,
    pub node: Node,
    /// Its place in the key, if it is there and not in the value.
    pub key: Option<usize>,
}

impl QueryPlan {
    /// The topics that it reads.
    pub fn source_topics(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|source| source.topic.as_str())
    }

    /// The streams that it reads.
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

    /// Whether the result is a table: a row without a value is then a deletion.
    pub fn is_table(&self) -> bool {
        self.is_table
    }

    /// After how many rows it ends, if it does.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Loses closed windows as ksqlDB does when it runs without its record cache.
    pub fn without_record_cache(&mut self) {
        if let Stage::Aggregate(aggregate) = &mut self.stage
            && let Some(window) = &mut aggregate.window
        {
            window.found_for_ms = Some(window.retention_ms);
        }
    }

    /// Which columns of all inputs are read by any expression: `true` per slot. The others have to
    /// be readable, but nobody looks at them.
    pub fn used_slots(&self) -> Vec<bool> {
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
    pub fn schema(&self) -> Schema {
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
