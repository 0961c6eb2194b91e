//! Values in rows.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::numbers::Decimal;

/// A value in a row: `Null`, or the variant of the column's type.
#[derive(Clone, Debug)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// `BOOLEAN`
    Boolean(bool),
    /// `INTEGER`
    Integer(i32),
    /// `BIGINT`
    BigInt(i64),
    /// `DECIMAL`
    Decimal(Arc<Decimal>),
    /// `DOUBLE`
    Double(f64),
    /// `VARCHAR`
    Text(Arc<str>),
    /// `ARRAY`
    Array(Arc<[Value]>),
    /// `MAP`, in insertion order
    Map(Arc<[(Arc<str>, Value)]>),
    /// `STRUCT`, in the order of the type's fields
    Struct(Arc<[Value]>),
}

impl Value {
    /// A VARCHAR.
    pub fn text(text: impl AsRef<str>) -> Self {
        Value::Text(Arc::from(text.as_ref()))
    }

    /// The value after it was written as JSON and read again: ksqlDB reads -0.0 as 0.0.
    pub(crate) fn through_json(self) -> Self {
        match self {
            Value::Double(0.0) => Value::Double(0.0),
            other => other,
        }
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// Equality as in Java's `equals`: NaN equals itself, 0.0 does not equal -0.0.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::BigInt(a), Value::BigInt(b)) => a == b,
            (Value::Decimal(a), Value::Decimal(b)) => a == b,
            (Value::Double(a), Value::Double(b)) => compare_doubles(*a, *b) == Ordering::Equal,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Array(a), Value::Array(b)) | (Value::Struct(a), Value::Struct(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len() && a.iter().all(|entry| b.contains(entry))
            }
            _ => false,
        }
    }
}

/// The order of Java's `Double.compareTo`: -0.0 before 0.0, NaN last.
pub(crate) fn compare_doubles(a: f64, b: f64) -> Ordering {
    match a.partial_cmp(&b) {
        Some(Ordering::Equal) => a.is_sign_positive().cmp(&b.is_sign_positive()),
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}
