//! Functions of texts. Positions and lengths count UTF-16 units, as in Java.

use std::ops::RangeInclusive;

use crate::functions::{ArgType, EvalError, ScalarCall};
use crate::text::{Text, lower, upper};
use crate::types::SqlType;
use crate::value::Value;

/// As many texts as `count` says.
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

fn of_text(args: &[Value], function: impl Fn(&Text) -> Value) -> Result<Value, EvalError> {
    Ok(match args.first() {
        Some(Value::Text(text)) => function(text),
        _ => Value::Null,
    })
}

pub(crate) fn ucase(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| Value::Text(text.map(upper)))
}

pub(crate) fn lcase(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| Value::Text(text.map(lower)))
}

pub(crate) fn len(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| {
        Value::Integer(i32::try_from(text.length()).unwrap_or(i32::MAX))
    })
}

/// Control characters and the space, as Java's `String.trim`.
pub(crate) fn trim(args: &[Value]) -> Result<Value, EvalError> {
    of_text(args, |text| match text {
        Text::Whole(text) => Value::text(text.trim_matches(|c| c <= ' ')),
        Text::Cut(units) => {
            let kept = |unit: &u16| *unit > u16::from(b' ');
            let start = units.iter().position(kept).unwrap_or(0);
            let end = units.iter().rposition(kept).map_or(0, |last| last + 1);
            Value::Text(Text::from_units(units.get(start..end).unwrap_or(&[])))
        }
    })
}

/// Nulls are left out.
pub(crate) fn concat(args: &[Value]) -> Result<Value, EvalError> {
    let mut texts = args.iter().filter_map(|arg| match arg {
        Value::Text(text) => Some(text),
        _ => None,
    });
    if let Some(whole) = texts.clone().map(Text::whole).collect::<Option<String>>() {
        return Ok(Value::text(whole));
    }
    let first = texts.next().cloned().unwrap_or_else(|| Text::from(""));
    Ok(Value::Text(
        texts.fold(first, |joined, text| joined.joined(text)),
    ))
}

/// From 1, or from the end if negative.
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
    let units = text.units();
    let all = units.len() as i64;
    let position = i64::from(position);
    let start = if position < 0 {
        (all + position).max(0)
    } else {
        (position - 1).clamp(0, all)
    };
    let end = match length {
        Some(length) => (start + i64::from(length)).min(all).max(start),
        None => all,
    };
    let piece = units.get(start as usize..end as usize).unwrap_or(&[]);
    Ok(Value::Text(Text::from_units(piece)))
}
