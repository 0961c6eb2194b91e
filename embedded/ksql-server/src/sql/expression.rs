//! Expressions in ksqlDB's own form: every operation in parentheses.

use crate::sql::query::Sources;
use crate::sql::{name, text, type_name};
use ksql_engine::numbers::double_text;
use ksql_parser::Literal;
use ksql_parser::ast::{ArithmeticOp, CompareOp, Expr, ExprKind};

/// The expression, with the source of each column.
pub(super) fn expression(expr: &Expr, sources: &Sources) -> String {
    let write = |inner: &Expr| expression(inner, sources);
    let binary = |left: &Expr, symbol: &str, right: &Expr| {
        format!("({} {symbol} {})", write(left), write(right))
    };
    let list = |items: &[Expr]| items.iter().map(write).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Literal(literal) => self::literal(literal),
        ExprKind::Column {
            source,
            name: column,
        } => {
            let owner = match source {
                Some(source) => Some(source.name.as_str()),
                None => sources.owner(&column.name),
            };
            match owner {
                Some(owner) => format!("{}.{}", name(owner), name(&column.name)),
                None => name(&column.name),
            }
        }
        // Only the analysis creates these.
        ExprKind::Slot(slot) => format!("#{slot}"),
        ExprKind::Negate(inner) => {
            let inner = write(inner);
            // Two minus signs would start a comment.
            let gap = if inner.starts_with('-') { " " } else { "" };
            format!("-{gap}{inner}")
        }
        ExprKind::Binary(op, left, right) => binary(left, arithmetic(*op), right),
        ExprKind::Compare(op, left, right) => binary(left, comparison(*op), right),
        ExprKind::And(left, right) => binary(left, "AND", right),
        ExprKind::Or(left, right) => binary(left, "OR", right),
        ExprKind::Not(inner) => match &inner.kind {
            ExprKind::IsNull(tested) => format!("({} IS NOT NULL)", write(tested)),
            _ => format!("(NOT {})", write(inner)),
        },
        ExprKind::IsNull(inner) => format!("({} IS NULL)", write(inner)),
        ExprKind::Between(inner, low, high) => {
            format!(
                "({} BETWEEN {} AND {})",
                write(inner),
                write(low),
                write(high)
            )
        }
        ExprKind::In(inner, items) => format!("({} IN ({}))", write(inner), list(items)),
        ExprKind::Like {
            text: tested,
            pattern,
            escape,
        } => {
            let escape = escape.map_or_else(String::new, |c| format!(" ESCAPE '{c}'"));
            format!("({} LIKE {}{escape})", write(tested), write(pattern))
        }
        ExprKind::Case {
            branches,
            otherwise,
        } => {
            let mut parts = vec!["CASE".to_owned()];
            for (condition, result) in branches {
                parts.push(format!("WHEN {} THEN {}", write(condition), write(result)));
            }
            if let Some(otherwise) = otherwise {
                parts.push(format!("ELSE {}", write(otherwise)));
            }
            parts.push("END".to_owned());
            format!("({})", parts.join(" "))
        }
        ExprKind::Cast(inner, ty) => format!("CAST({} AS {})", write(inner), type_name(ty)),
        ExprKind::Call {
            name: function,
            args,
        } => format!("{}({})", name(&function.name), list(args)),
        ExprKind::CountAll => "COUNT(*)".to_owned(),
        ExprKind::Field(inner, field) => format!("{}->{}", write(inner), name(&field.name)),
        ExprKind::Subscript(inner, index) => format!("{}[{}]", write(inner), write(index)),
        ExprKind::Array(items) => format!("ARRAY[{}]", list(items)),
        ExprKind::Map(entries) => {
            let entry = |(key, value): &(Expr, Expr)| format!("{}:={}", write(key), write(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("MAP({})", entries.join(", "))
        }
        ExprKind::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(field, value)| format!("{}:={}", name(&field.name), write(value)))
                .collect();
            format!("STRUCT({})", fields.join(", "))
        }
    }
}

/// A constant.
pub(super) fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Integer(value) => value.to_string(),
        Literal::Decimal(digits) => digits.clone(),
        Literal::Double(value) => double_text(*value),
        Literal::Text(value) => text(value),
    }
}

fn arithmetic(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Subtract => "-",
        ArithmeticOp::Multiply => "*",
        ArithmeticOp::Divide => "/",
        ArithmeticOp::Modulo => "%",
    }
}

fn comparison(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "=",
        CompareOp::NotEqual => "<>",
        CompareOp::Less => "<",
        CompareOp::LessOrEqual => "<=",
        CompareOp::Greater => ">",
        CompareOp::GreaterOrEqual => ">=",
    }
}
