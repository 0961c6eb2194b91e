//! The scalar functions.

use crate::functions::{ArgType, EvalError, ScalarCall, numeric, text};
use crate::types::SqlType;
use crate::value::Value;

/// A scalar function.
pub(crate) struct ScalarFunction {
    /// Its name in upper case.
    pub(crate) name: &'static str,
    /// How to call it, for messages.
    pub(crate) usage: &'static str,
    /// The result type and the implementation for arguments of these types.
    pub(crate) resolve: fn(&[ArgType]) -> Option<(SqlType, ScalarCall)>,
}

impl std::fmt::Debug for ScalarFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.usage)
    }
}

/// All scalar functions.
pub(crate) static FUNCTIONS: &[ScalarFunction] = &[
    ScalarFunction {
        name: "ABS",
        usage: "ABS(number)",
        resolve: |args| numeric::same(args, numeric::abs),
    },
    ScalarFunction {
        name: "AS_VALUE",
        usage: "AS_VALUE(key column)",
        resolve: |args| match args {
            [Some(ty)] => Some((ty.clone(), first)),
            _ => None,
        },
    },
    ScalarFunction {
        name: "CEIL",
        usage: "CEIL(number)",
        resolve: |args| numeric::same(args, numeric::ceil),
    },
    ScalarFunction {
        name: "COALESCE",
        usage: "COALESCE(value, value…)",
        resolve: |args| Some((common(args)?, coalesce)),
    },
    ScalarFunction {
        name: "CONCAT",
        usage: "CONCAT(VARCHAR, VARCHAR…)",
        resolve: |args| text::texts(args, 1..=usize::MAX, SqlType::Varchar, text::concat),
    },
    ScalarFunction {
        name: "EXP",
        usage: "EXP(number)",
        resolve: |args| numeric::real(args, numeric::exp),
    },
    ScalarFunction {
        name: "FLOOR",
        usage: "FLOOR(number)",
        resolve: |args| numeric::same(args, numeric::floor),
    },
    ScalarFunction {
        name: "IFNULL",
        usage: "IFNULL(value, value)",
        resolve: |args| (args.len() == 2).then_some((common(args)?, coalesce as ScalarCall)),
    },
    ScalarFunction {
        name: "LCASE",
        usage: "LCASE(VARCHAR)",
        resolve: |args| text::texts(args, 1..=1, SqlType::Varchar, text::lcase),
    },
    ScalarFunction {
        name: "LEN",
        usage: "LEN(VARCHAR)",
        resolve: |args| text::texts(args, 1..=1, SqlType::Integer, text::len),
    },
    ScalarFunction {
        name: "LN",
        usage: "LN(number)",
        resolve: |args| numeric::real(args, numeric::ln),
    },
    ScalarFunction {
        name: "NULLIF",
        usage: "NULLIF(value, value)",
        resolve: |args| (args.len() == 2).then_some((common(args)?, nullif as ScalarCall)),
    },
    ScalarFunction {
        name: "ROUND",
        usage: "ROUND(number) or ROUND(number, INTEGER)",
        resolve: numeric::resolve_round,
    },
    ScalarFunction {
        name: "SIGN",
        usage: "SIGN(number)",
        resolve: |args| {
            numeric::same(args, numeric::sign).map(|(_, call)| (SqlType::Integer, call))
        },
    },
    ScalarFunction {
        name: "SQRT",
        usage: "SQRT(number)",
        resolve: |args| numeric::real(args, numeric::sqrt),
    },
    ScalarFunction {
        name: "SUBSTRING",
        usage: "SUBSTRING(VARCHAR, INTEGER[, INTEGER])",
        resolve: text::resolve_substring,
    },
    ScalarFunction {
        name: "TRIM",
        usage: "TRIM(VARCHAR)",
        resolve: |args| text::texts(args, 1..=1, SqlType::Varchar, text::trim),
    },
    ScalarFunction {
        name: "UCASE",
        usage: "UCASE(VARCHAR)",
        resolve: |args| text::texts(args, 1..=1, SqlType::Varchar, text::ucase),
    },
];

/// The function with this name.
pub(crate) fn find(name: &str) -> Option<&'static ScalarFunction> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The common type of all arguments except bare NULLs.
fn common(args: &[ArgType]) -> Option<SqlType> {
    let mut types = args.iter().flatten();
    let first = types.next()?;
    types.all(|ty| ty == first).then(|| first.clone())
}

fn first(args: &[Value]) -> Result<Value, EvalError> {
    Ok(args.first().cloned().unwrap_or(Value::Null))
}

fn coalesce(args: &[Value]) -> Result<Value, EvalError> {
    Ok(args
        .iter()
        .find(|value| !value.is_null())
        .cloned()
        .unwrap_or(Value::Null))
}

fn nullif(args: &[Value]) -> Result<Value, EvalError> {
    match args {
        [a, b] if a != b => Ok(a.clone()),
        _ => Ok(Value::Null),
    }
}
