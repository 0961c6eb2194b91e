//! Functions on VARCHAR. Positions and lengths count UTF-16 units, as in Java.

use std::ops::RangeInclusive;

use crate::functions::{ArgType, EvalError, ScalarCall};
use crate::numbers::trimmed;
use crate::types::SqlType;
use crate::value::Value;

/// Resolves a function of VARCHARs whose number is in `count`.
pub(crate) fn texts(
    args: &[ArgType],
    count: RangeInclusive<usize>,
    result: SqlType,
    call: ScalarCall,
) -> Option<(SqlType, ScalarCall)> {
    let text = |arg: &ArgType| matches!(arg, None | Some(SqlType::Varchar));
    (count.contains(&args.len()) && args.iter().all(text)).then_some((result, call))
}

pub(crate) fn resolve_substring(args: &[ArgType]) -> Option<(SqlType, ScalarCall)> {
    match args {
        [Some(SqlType::Varchar), rest @ ..] if matches!(rest.len(), 1 | 2) => rest
            .iter()
            .all(|arg| *arg == Some(SqlType::Integer))
            .then_some((SqlType::Varchar, substring as ScalarCall)),
        _ => None,
    }
}

fn of_text(args: &[Value], function: impl Fn(&str) -> Value) -> Result<Value, EvalError> {
    Ok(match args.first() {
        Some(Value::Text(text)) => function(text),
        _ => Value::Null,
    })
}

pub(crate) fn ucase(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| Value::text(text.to_uppercase()))
}

pub(crate) fn lcase(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| Value::text(text.to_lowercase()))
}

pub(crate) fn len(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| {
        let length = text.encode_utf16().count();
        Value::Integer(i32::try_from(length).unwrap_or(i32::MAX))
    })
}

pub(crate) fn trim(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| Value::text(trimmed(text)))
}

/// Skips nulls.
pub(crate) fn concat(args: &[Value]) -> Result<Value, EvalError> {
    let texts = args.iter().filter_map(|arg| match arg {
        Value::Text(text) => Some(&**text),
        _ => None,
    });
    Ok(Value::text(texts.collect::<String>()))
}

/// Positions start at 1; negative ones count from the end. As in Java, the end wraps around beyond the
/// largest INTEGER: the result is empty then. Half of a surrogate pair becomes U+FFFD.
fn substring(args: &[Value]) -> Result<Value, EvalError> {
    let (text, position, length) = match args {
        [Value::Text(text), Value::Integer(position)] => (text, *position, None),
        [
            Value::Text(text),
            Value::Integer(position),
            Value::Integer(length),
        ] => (text, *position, Some(*length)),
        _ => return Ok(Value::Null),
    };
    let units: Vec<u16> = text.encode_utf16().collect();
    let all = units.len() as i64;
    let position = i64::from(position);
    let start = if position < 0 {
        (all + position).max(0)
    } else {
        (position - 1).clamp(0, all)
    };
    let end = match length {
        Some(length) => i64::from((start as i32).wrapping_add(length)).clamp(start, all),
        None => all,
    };
    let piece = units.get(start as usize..end as usize).unwrap_or_default();
    Ok(Value::text(String::from_utf16_lossy(piece)))
}
