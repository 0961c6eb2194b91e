//! The aggregate functions.

use std::collections::VecDeque;

use crate::functions::ArgType;
use crate::types::SqlType;
use crate::value::{Value, compare_doubles};

/// The state of an aggregate in one group.
pub(crate) trait Accumulator: Send + std::fmt::Debug {
    /// Adds the value of a row.
    fn add(&mut self, value: &Value);
    /// The result so far.
    fn result(&self) -> Value;
}

/// Creates the state of a new group.
pub(crate) type Factory = Box<dyn Fn() -> Box<dyn Accumulator> + Send + Sync>;

/// Result type and factory, if the aggregate supports the arguments.
type Resolved = Option<(SqlType, Factory)>;

/// An aggregate function.
pub(crate) struct AggregateFunction {
    /// Its name in upper case.
    pub(crate) name: &'static str,
    /// How to call it, for messages.
    pub(crate) usage: &'static str,
    /// The result type and state for an argument of this type, followed by these constants.
    pub(crate) resolve: fn(&ArgType, &[Value]) -> Resolved,
}

impl std::fmt::Debug for AggregateFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.usage)
    }
}

/// All aggregate functions.
pub(crate) static AGGREGATES: &[AggregateFunction] = &[
    AggregateFunction {
        name: "AVG",
        usage: "AVG(number)",
        resolve: |arg, constants| {
            let zero = zero(arg.as_ref()?)?;
            constants.is_empty().then(|| {
                let factory: Factory = Box::new(move || {
                    Box::new(Average {
                        sum: zero.clone(),
                        count: 0,
                    })
                });
                (SqlType::Double, factory)
            })
        },
    },
    AggregateFunction {
        name: "COLLECT_LIST",
        usage: "COLLECT_LIST(value)",
        resolve: |arg, constants| collect(arg, constants, false),
    },
    AggregateFunction {
        name: "COLLECT_SET",
        usage: "COLLECT_SET(value)",
        resolve: |arg, constants| collect(arg, constants, true),
    },
    AggregateFunction {
        name: "COUNT",
        usage: "COUNT(*) or COUNT(value)",
        resolve: |_, constants| {
            constants.is_empty().then(|| {
                let factory: Factory = Box::new(|| Box::new(Count(0)));
                (SqlType::BigInt, factory)
            })
        },
    },
    AggregateFunction {
        name: "EARLIEST_BY_OFFSET",
        usage: "EARLIEST_BY_OFFSET(value[, INTEGER][, BOOLEAN])",
        resolve: |arg, constants| by_offset(arg, constants, Which::Earliest),
    },
    AggregateFunction {
        name: "LATEST_BY_OFFSET",
        usage: "LATEST_BY_OFFSET(value[, INTEGER][, BOOLEAN])",
        resolve: |arg, constants| by_offset(arg, constants, Which::Latest),
    },
    AggregateFunction {
        name: "MAX",
        usage: "MAX(number or VARCHAR)",
        resolve: |arg, constants| extreme(arg, constants, std::cmp::Ordering::Greater),
    },
    AggregateFunction {
        name: "MIN",
        usage: "MIN(number or VARCHAR)",
        resolve: |arg, constants| extreme(arg, constants, std::cmp::Ordering::Less),
    },
    AggregateFunction {
        name: "SUM",
        usage: "SUM(number)",
        resolve: |arg, constants| {
            let ty = arg.clone()?;
            let zero = zero(&ty)?;
            constants.is_empty().then(|| {
                let factory: Factory = Box::new(move || Box::new(Sum(zero.clone())));
                (ty, factory)
            })
        },
    },
];

/// The aggregate with this name.
pub(crate) fn find(name: &str) -> Option<&'static AggregateFunction> {
    AGGREGATES.iter().find(|function| function.name == name)
}

fn zero(ty: &SqlType) -> Option<Value> {
    match ty {
        SqlType::Integer => Some(Value::Integer(0)),
        SqlType::BigInt => Some(Value::BigInt(0)),
        SqlType::Double => Some(Value::Double(0.0)),
        _ => None,
    }
}

fn collect(arg: &ArgType, constants: &[Value], distinct: bool) -> Resolved {
    let ty = arg.clone()?;
    let simple = matches!(
        ty,
        SqlType::Boolean | SqlType::Integer | SqlType::BigInt | SqlType::Double | SqlType::Varchar
    );
    (simple && constants.is_empty()).then(|| {
        let factory: Factory = Box::new(move || Box::new(Collect::new(distinct)));
        (SqlType::Array(Box::new(ty)), factory)
    })
}

/// `(n)`, `(ignore nulls)` or `(n, ignore nulls)` after the argument.
fn by_offset(arg: &ArgType, constants: &[Value], which: Which) -> Resolved {
    let ty = arg.clone()?;
    let (count, ignore_nulls) = match constants {
        [] => (None, true),
        [Value::Boolean(ignore)] => (None, *ignore),
        [Value::Integer(count)] => (Some(*count), true),
        [Value::Integer(count), Value::Boolean(ignore)] => (Some(*count), *ignore),
        _ => return None,
    };
    let count = match count {
        None => None,
        Some(count) if count > 0 => Some(usize::try_from(count).ok()?),
        Some(_) => return None,
    };
    let result = match count {
        None => ty,
        Some(_) => SqlType::Array(Box::new(ty)),
    };
    let factory: Factory = Box::new(move || Box::new(ByOffset::new(which, count, ignore_nulls)));
    Some((result, factory))
}

fn extreme(arg: &ArgType, constants: &[Value], wanted: std::cmp::Ordering) -> Resolved {
    let ty = arg.clone()?;
    let ordered = matches!(
        ty,
        SqlType::Integer | SqlType::BigInt | SqlType::Double | SqlType::Varchar
    );
    (ordered && constants.is_empty()).then(|| {
        let factory: Factory = Box::new(move || {
            Box::new(Extreme {
                wanted,
                best: Value::Null,
            })
        });
        (ty, factory)
    })
}

/// Counts values that are not null.
#[derive(Debug)]
struct Count(i64);

impl Accumulator for Count {
    fn add(&mut self, value: &Value) {
        if !value.is_null() {
            self.0 += 1;
        }
    }

    fn result(&self) -> Value {
        Value::BigInt(self.0)
    }
}

/// Integers wrap around, as in Java.
fn plus(sum: &mut Value, value: &Value) -> bool {
    match (sum, value) {
        (Value::Integer(sum), Value::Integer(value)) => *sum = sum.wrapping_add(*value),
        (Value::BigInt(sum), Value::BigInt(value)) => *sum = sum.wrapping_add(*value),
        (Value::Double(sum), Value::Double(value)) => *sum += value,
        _ => return false,
    }
    true
}

#[derive(Debug)]
struct Sum(Value);

impl Accumulator for Sum {
    fn add(&mut self, value: &Value) {
        plus(&mut self.0, value);
    }

    fn result(&self) -> Value {
        self.0.clone()
    }
}

/// The sum has the argument's type and wraps like it. Without values, the average is 0.0.
#[derive(Debug)]
struct Average {
    sum: Value,
    count: i64,
}

impl Accumulator for Average {
    fn add(&mut self, value: &Value) {
        if plus(&mut self.sum, value) {
            self.count += 1;
        }
    }

    fn result(&self) -> Value {
        let sum = match self.sum {
            Value::Integer(sum) => f64::from(sum),
            Value::BigInt(sum) => sum as f64,
            Value::Double(sum) => sum,
            _ => 0.0,
        };
        Value::Double(if self.count == 0 {
            0.0
        } else {
            sum / self.count as f64
        })
    }
}

#[derive(Debug)]
struct Extreme {
    wanted: std::cmp::Ordering,
    best: Value,
}

impl Accumulator for Extreme {
    fn add(&mut self, value: &Value) {
        let order = match (value, &self.best) {
            (Value::Null, _) => return,
            (_, Value::Null) => self.wanted,
            (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Value::BigInt(a), Value::BigInt(b)) => a.cmp(b),
            (Value::Double(a), Value::Double(b)) => compare_doubles(*a, *b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            _ => return,
        };
        if order == self.wanted {
            self.best = value.clone();
        }
    }

    fn result(&self) -> Value {
        self.best.clone()
    }
}

/// All values in order of arrival, nulls included; each one once if distinct.
#[derive(Debug)]
struct Collect {
    distinct: bool,
    values: Vec<Value>,
}

impl Collect {
    fn new(distinct: bool) -> Self {
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
enum Which {
    Earliest,
    Latest,
}

/// The first or last values, in the order of processing.
#[derive(Debug)]
struct ByOffset {
    which: Which,
    count: Option<usize>,
    ignore_nulls: bool,
    kept: VecDeque<Value>,
}

impl ByOffset {
    fn new(which: Which, count: Option<usize>, ignore_nulls: bool) -> Self {
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
