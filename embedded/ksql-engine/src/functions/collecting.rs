//! Aggregates that keep values: lists, sets, the first and the last values.

use std::collections::VecDeque;

use crate::functions::aggregate::Accumulator;
use crate::value::Value;

/// All values in order of arrival, nulls included; each one once if distinct.
#[derive(Debug)]
pub(crate) struct Collect {
    distinct: bool,
    values: Vec<Value>,
}

impl Collect {
    pub(crate) fn new(distinct: bool) -> Self {
        Self {
            distinct,
            values: Vec::new(),
        }
    }
}

impl Accumulator for Collect {
    fn add(&mut self, value: &Value) {
        if !self.distinct || !self.values.contains(value) {
            self.values.push(value.clone());
        }
    }

    fn result(&self) -> Value {
        Value::Array(self.values.as_slice().into())
    }
}

/// Which values to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Earliest,
    Latest,
}

/// The first or last value, or the first or last few, in the order of processing.
#[derive(Debug)]
pub(crate) struct ByOffset {
    which: Which,
    count: Option<usize>,
    ignore_nulls: bool,
    kept: VecDeque<Value>,
}

impl ByOffset {
    pub(crate) fn new(which: Which, count: Option<usize>, ignore_nulls: bool) -> Self {
        Self {
            which,
            count,
            ignore_nulls,
            kept: VecDeque::new(),
        }
    }
}

impl Accumulator for ByOffset {
    fn add(&mut self, value: &Value) {
        if self.ignore_nulls && value.is_null() {
            return;
        }
        let full = self.kept.len() >= self.count.unwrap_or(1);
        match (self.which, full) {
            (Which::Earliest, true) => return,
            (Which::Latest, true) => drop(self.kept.pop_front()),
            (_, false) => {}
        }
        self.kept.push_back(value.clone());
    }

    fn result(&self) -> Value {
        match self.count {
            None => self.kept.front().cloned().unwrap_or(Value::Null),
            Some(_) => Value::Array(self.kept.iter().cloned().collect()),
        }
    }
}
