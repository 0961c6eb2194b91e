//! SQL types.

use std::fmt;
use std::sync::Arc;

/// The type of a column or an expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// `BOOLEAN`
    Boolean,
    /// `INTEGER`: 32 bits
    Integer,
    /// `BIGINT`: 64 bits
    BigInt,
    /// `DECIMAL(precision, scale)`
    Decimal {
        /// Number of digits.
        precision: u32,
        /// Number of fractional digits.
        scale: u32,
    },
    /// `DOUBLE`: IEEE 754 with 64 bits
    Double,
    /// `VARCHAR`; ksqlDB prints it as `STRING`
    Varchar,
    /// `ARRAY<element>`
    Array(Box<SqlType>),
    /// `MAP<VARCHAR, value>`
    Map(Box<SqlType>),
    /// `STRUCT<name type, …>`
    Struct(Arc<[Field]>),
}

/// A field of a `STRUCT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name in JSON.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
}

impl SqlType {
    /// Whether it is a number.
    pub fn is_numeric(&self) -> bool {
        matches!(
            self,
            SqlType::Integer | SqlType::BigInt | SqlType::Decimal { .. } | SqlType::Double
        )
    }

    /// Whether it is or contains a MAP.
    pub fn has_map(&self) -> bool {
        match self {
            SqlType::Map(_) => true,
            SqlType::Array(inner) => inner.has_map(),
            SqlType::Struct(fields) => fields.iter().any(|field| field.ty.has_map()),
            _ => false,
        }
    }

    /// Whether it is or contains a DECIMAL.
    pub fn has_decimal(&self) -> bool {
        match self {
            SqlType::Decimal { .. } => true,
            SqlType::Array(inner) | SqlType::Map(inner) => inner.has_decimal(),
            SqlType::Struct(fields) => fields.iter().any(|field| field.ty.has_decimal()),
            _ => false,
        }
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SqlType::Boolean => f.write_str("BOOLEAN"),
            SqlType::Integer => f.write_str("INTEGER"),
            SqlType::BigInt => f.write_str("BIGINT"),
            SqlType::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            SqlType::Double => f.write_str("DOUBLE"),
            SqlType::Varchar => f.write_str("STRING"),
            SqlType::Array(element) => write!(f, "ARRAY<{element}>"),
            SqlType::Map(value) => write!(f, "MAP<STRING, {value}>"),
            SqlType::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "`{}` {}", field.name, field.ty)?;
                }
                f.write_str(">")
            }
        }
    }
}
