//! Functions on numbers, with the semantics of `java.lang.Math`. A null argument gives null.

use crate::functions::{ArgType, EvalError, ScalarCall};
use crate::numbers::round;
use crate::types::SqlType;
use crate::value::Value;

/// Resolves a function of one number whose result has the same type.
pub(crate) fn same(args: &[ArgType], call: ScalarCall) -> Option<(SqlType, ScalarCall)> {
    match args {
        [Some(ty @ (SqlType::Integer | SqlType::BigInt | SqlType::Double))] => {
            Some((ty.clone(), call))
        }
        _ => None,
    }
}

/// Resolves a function of one number whose result is a DOUBLE.
pub(crate) fn real(args: &[ArgType], call: ScalarCall) -> Option<(SqlType, ScalarCall)> {
    same(args, call).map(|(_, call)| (SqlType::Double, call))
}

/// `ROUND(number)` is a BIGINT, `ROUND(DOUBLE, INTEGER)` a DOUBLE.
pub(crate) fn resolve_round(args: &[ArgType]) -> Option<(SqlType, ScalarCall)> {
    match args {
        [Some(SqlType::Double)] => Some((SqlType::BigInt, round_to_whole)),
        [Some(SqlType::Integer | SqlType::BigInt)] => Some((SqlType::BigInt, widen)),
        [Some(SqlType::Double), Some(SqlType::Integer)] => Some((SqlType::Double, round_to_places)),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(f64::from(*number)),
        Value::BigInt(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}

fn of_double(args: &[Value], function: impl Fn(f64) -> f64) -> Result<Value, EvalError> {
    Ok(args
        .first()
        .and_then(double)
        .map_or(Value::Null, |number| Value::Double(function(number))))
}

fn identity(args: &[Value]) -> Result<Value, EvalError> {
    Ok(args.first().cloned().unwrap_or(Value::Null))
}

fn widen(args: &[Value]) -> Result<Value, EvalError> {
    Ok(match args.first() {
        Some(Value::Integer(number)) => Value::BigInt(i64::from(*number)),
        Some(Value::BigInt(number)) => Value::BigInt(*number),
        _ => Value::Null,
    })
}

/// The absolute value of the smallest integer is negative, as in Java.
pub(crate) fn abs(args: &[Value]) -> Result<Value, EvalError> {
    Ok(match args.first() {
        Some(Value::Integer(number)) => Value::Integer(number.wrapping_abs()),
        Some(Value::BigInt(number)) => Value::BigInt(number.wrapping_abs()),
        Some(Value::Double(number)) => Value::Double(number.abs()),
        _ => Value::Null,
    })
}

pub(crate) fn floor(args: &[Value]) -> Result<Value, EvalError> {
    match args.first() {
        Some(Value::Double(_)) => of_double(args, f64::floor),
        _ => identity(args),
    }
}

pub(crate) fn ceil(args: &[Value]) -> Result<Value, EvalError> {
    match args.first() {
        Some(Value::Double(_)) => of_double(args, f64::ceil),
        _ => identity(args),
    }
}

pub(crate) fn sqrt(args: &[Value]) -> Result<Value, EvalError> {
    of_double(args, f64::sqrt)
}

pub(crate) fn ln(args: &[Value]) -> Result<Value, EvalError> {
    of_double(args, f64::ln)
}

pub(crate) fn exp(args: &[Value]) -> Result<Value, EvalError> {
    of_double(args, f64::exp)
}

pub(crate) fn sign(args: &[Value]) -> Result<Value, EvalError> {
    let sign = |number: f64| {
        if number > 0.0 {
            1
        } else if number < 0.0 {
            -1
        } else {
            0
        }
    };
    Ok(match args.first() {
        Some(Value::Integer(number)) => Value::Integer(number.signum()),
        Some(Value::BigInt(number)) => Value::Integer(number.signum() as i32),
        Some(Value::Double(number)) => Value::Integer(sign(*number)),
        _ => Value::Null,
    })
}

/// Rounds halves up. NaN becomes 0, a number out of range the nearest BIGINT.
fn round_to_whole(args: &[Value]) -> Result<Value, EvalError> {
    Ok(match args.first() {
        Some(Value::Double(number)) => {
            let below = number.floor();
            let up = number - below >= 0.5;
            Value::BigInt(if up { below + 1.0 } else { below } as i64)
        }
        _ => Value::Null,
    })
}

/// The most decimal places of ROUND. ksqlDB fails on a number of places near the limits of INTEGER.
const MAX_PLACES: u32 = 1_000_000;

/// Rounds the decimal text of the number. Fails for NaN and infinity, and beyond [`MAX_PLACES`].
fn round_to_places(args: &[Value]) -> Result<Value, EvalError> {
    match args {
        [Value::Double(_), Value::Integer(places)] if places.unsigned_abs() > MAX_PLACES => {
            Err(EvalError::Conversion)
        }
        [Value::Double(number), Value::Integer(places)] => {
            let rounded = round(*number, *places).ok_or(EvalError::NotFinite)?;
            Ok(Value::Double(rounded))
        }
        _ => Ok(Value::Null),
    }
}
