//! Expressions, by precedence: OR, AND, NOT, comparison, `+ -`, `* / %`, sign, member access.

use crate::ast::{ArithmeticOp, CompareOp, Expr, ExprKind, Ident};
use crate::lexer::{Literal, TokenKind};
use crate::statement::type_name;
use crate::stream::{
    Parsed, Tokens, advance, at, comma_list, eat_symbol, eat_word, expect_symbol, expect_word,
    fail, identifier, is_symbol, is_word, is_word_at, not_supported, peek, peek_at, text,
};

/// The deepest nesting of parentheses, calls and signs. ksqlDB is limited only by its stack.
const MAX_DEPTH: u16 = 40;
/// The greatest height of an expression tree. A long chain of operators also makes a high tree.
const MAX_HEIGHT: u16 = 128;

const NO_LAMBDAS: &str = "lambda functions are not supported";

/// Any expression.
pub(crate) fn expression(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    if depth > MAX_DEPTH {
        return Err(not_supported(
            input,
            format!("the expression is nested more than {MAX_DEPTH} deep"),
        ));
    }
    let mut left = conjunction(input, depth)?;
    while is_word(input, "OR") {
        advance(input)?;
        let right = conjunction(input, depth)?;
        left = binary(input, left, right, ExprKind::Or)?;
    }
    Ok(left)
}

fn conjunction(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let mut left = negation(input, depth)?;
    while is_word(input, "AND") {
        advance(input)?;
        let right = negation(input, depth)?;
        left = binary(input, left, right, ExprKind::And)?;
    }
    Ok(left)
}

fn negation(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let start = at(input);
    let mut count = 0_u16;
    while eat_word(input, "NOT") {
        count += 1;
        if count >= MAX_HEIGHT {
            return Err(not_supported(input, "too many NOTs"));
        }
    }
    let mut inner = predicate(input, depth)?;
    for _ in 0..count {
        inner = unary(input, start, inner, ExprKind::Not)?;
    }
    Ok(inner)
}

fn predicate(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let value = value(input, depth)?;
    if let Some(operator) = comparison(input) {
        advance(input)?;
        let right = self::value(input, depth)?;
        return binary(input, value, right, |left, right| {
            ExprKind::Compare(operator, left, right)
        });
    }
    let start = value.at;
    if eat_word(input, "IS") {
        let not = eat_word(input, "NOT");
        if is_word(input, "DISTINCT") {
            return Err(not_supported(input, "IS DISTINCT FROM is not supported"));
        }
        expect_word(input, "NULL")?;
        let test = unary(input, start, value, ExprKind::IsNull)?;
        return negated(input, not, test);
    }
    let not = is_word(input, "NOT")
        && ["BETWEEN", "IN", "LIKE"]
            .iter()
            .any(|word| is_word_at(input, 1, word));
    if not {
        advance(input)?;
    }
    let test = if eat_word(input, "BETWEEN") {
        let low = self::value(input, depth)?;
        expect_word(input, "AND")?;
        let high = self::value(input, depth)?;
        let height = value.height.max(low.height).max(high.height);
        let kind = ExprKind::Between(Box::new(value), Box::new(low), Box::new(high));
        node(input, start, height, kind)?
    } else if eat_word(input, "IN") {
        expect_symbol(input, "(")?;
        let list = comma_list(input, |input| expression(input, depth + 1))?;
        expect_symbol(input, ")")?;
        let height = list
            .iter()
            .map(|item| item.height)
            .max()
            .unwrap_or(0)
            .max(value.height);
        node(input, start, height, ExprKind::In(Box::new(value), list))?
    } else if eat_word(input, "LIKE") {
        let pattern = self::value(input, depth)?;
        let escape = if eat_word(input, "ESCAPE") {
            let text = text(input)?;
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(escape), None) => Some(escape),
                _ => return Err(fail(input, "expected one character after ESCAPE")),
            }
        } else {
            None
        };
        let height = value.height.max(pattern.height);
        let kind = ExprKind::Like {
            text: Box::new(value),
            pattern: Box::new(pattern),
            escape,
        };
        node(input, start, height, kind)?
    } else {
        return Ok(value);
    };
    negated(input, not, test)
}

fn negated(input: &Tokens<'_>, not: bool, test: Expr) -> Parsed<Expr> {
    if not {
        let start = test.at;
        unary(input, start, test, ExprKind::Not)
    } else {
        Ok(test)
    }
}

fn comparison(input: &Tokens<'_>) -> Option<CompareOp> {
    match &peek(input)?.kind {
        TokenKind::Symbol("=") => Some(CompareOp::Equal),
        TokenKind::Symbol("<>" | "!=") => Some(CompareOp::NotEqual),
        TokenKind::Symbol("<") => Some(CompareOp::Less),
        TokenKind::Symbol("<=") => Some(CompareOp::LessOrEqual),
        TokenKind::Symbol(">") => Some(CompareOp::Greater),
        TokenKind::Symbol(">=") => Some(CompareOp::GreaterOrEqual),
        _ => None,
    }
}

/// A value: arithmetic over members, without comparisons.
pub(crate) fn value(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let mut left = product(input, depth)?;
    loop {
        let operator = if is_symbol(input, "+") {
            ArithmeticOp::Add
        } else if is_symbol(input, "-") {
            ArithmeticOp::Subtract
        } else if is_symbol(input, "||") {
            return Err(not_supported(input, "|| is not supported: use + or CONCAT"));
        } else {
            return Ok(left);
        };
        advance(input)?;
        let right = product(input, depth)?;
        left = binary(input, left, right, |left, right| {
            ExprKind::Binary(operator, left, right)
        })?;
    }
}

fn product(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let mut left = sign(input, depth)?;
    loop {
        let operator = if is_symbol(input, "*") {
            ArithmeticOp::Multiply
        } else if is_symbol(input, "/") {
            ArithmeticOp::Divide
        } else if is_symbol(input, "%") {
            ArithmeticOp::Modulo
        } else {
            return Ok(left);
        };
        advance(input)?;
        let right = sign(input, depth)?;
        left = binary(input, left, right, |left, right| {
            ExprKind::Binary(operator, left, right)
        })?;
    }
}

/// A sign directly before a number is part of the constant.
fn sign(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let start = at(input);
    if is_symbol(input, "-") {
        if depth > MAX_DEPTH {
            return Err(not_supported(input, "too many signs"));
        }
        advance(input)?;
        let negative = match peek(input).map(|token| &token.kind) {
            Some(TokenKind::Literal(Literal::Integer(number))) => {
                Some(Literal::Integer(number.wrapping_neg()))
            }
            Some(TokenKind::Literal(Literal::Decimal(text))) => {
                Some(Literal::Decimal(format!("-{text}")))
            }
            Some(TokenKind::Literal(Literal::Double(number))) => Some(Literal::Double(-number)),
            _ => None,
        };
        if let Some(literal) = negative {
            advance(input)?;
            return node(input, start, 0, ExprKind::Literal(literal));
        }
        let inner = sign(input, depth + 1)?;
        return unary(input, start, inner, ExprKind::Negate);
    }
    if is_symbol(input, "+") {
        if depth > MAX_DEPTH {
            return Err(not_supported(input, "too many signs"));
        }
        advance(input)?;
        return sign(input, depth + 1);
    }
    member(input, depth)
}

fn member(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let mut base = primary(input, depth)?;
    loop {
        let start = base.at;
        if is_symbol(input, "->") {
            if matches!(
                peek_at(input, 1).map(|token| &token.kind),
                Some(TokenKind::Symbol("*"))
            ) {
                return Err(not_supported(
                    input,
                    "struct->* is not supported: name its fields",
                ));
            }
            advance(input)?;
            let field = identifier(input)?;
            base = unary(input, start, base, |base| ExprKind::Field(base, field))?;
        } else if eat_symbol(input, "[") {
            let index = expression(input, depth + 1)?;
            expect_symbol(input, "]")?;
            base = binary(input, base, index, ExprKind::Subscript)?;
        } else {
            return Ok(base);
        }
    }
}

fn primary(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let start = at(input);
    if let Some(TokenKind::Literal(literal)) = peek(input).map(|token| &token.kind) {
        advance(input)?;
        return node(input, start, 0, ExprKind::Literal(literal.clone()));
    }
    for (word, literal) in [
        ("NULL", Literal::Null),
        ("TRUE", Literal::Boolean(true)),
        ("FALSE", Literal::Boolean(false)),
    ] {
        if eat_word(input, word) {
            return node(input, start, 0, ExprKind::Literal(literal));
        }
    }
    if is_lambda(input) {
        return Err(not_supported(input, NO_LAMBDAS));
    }
    if eat_symbol(input, "(") {
        let inner = expression(input, depth + 1)?;
        expect_symbol(input, ")")?;
        return Ok(inner);
    }
    if is_word(input, "CASE") {
        return case(input, depth);
    }
    if eat_word(input, "CAST") {
        expect_symbol(input, "(")?;
        let inner = expression(input, depth + 1)?;
        expect_word(input, "AS")?;
        let ty = type_name(input, 0)?;
        expect_symbol(input, ")")?;
        return unary(input, start, inner, |inner| ExprKind::Cast(inner, ty));
    }
    if let Some(kind) = constructor(input, depth)? {
        return node(input, start, height_of(&kind), kind);
    }
    let name = identifier(input).map_err(|_| fail(input, "expected an expression"))?;
    if is_symbol(input, "(") {
        return call(input, name, depth);
    }
    if eat_symbol(input, ".") {
        let column = identifier(input)?;
        let kind = ExprKind::Column {
            source: Some(name),
            name: column,
        };
        return node(input, start, 0, kind);
    }
    node(input, start, 0, ExprKind::Column { source: None, name })
}

/// Whether `(a, b) =>` is next.
fn is_lambda(input: &Tokens<'_>) -> bool {
    let kind = |skip: usize| peek_at(input, skip).map(|token| &token.kind);
    let mut skip = 0;
    while matches!(kind(skip), Some(TokenKind::Symbol("(" | ",")))
        && matches!(
            kind(skip + 1),
            Some(TokenKind::Word(_) | TokenKind::Quoted(_))
        )
    {
        skip += 2;
    }
    skip > 0
        && matches!(kind(skip), Some(TokenKind::Symbol(")")))
        && matches!(kind(skip + 1), Some(TokenKind::Symbol("=>")))
}

fn case(input: &mut Tokens<'_>, depth: u16) -> Parsed<Expr> {
    let start = at(input);
    expect_word(input, "CASE")?;
    if !is_word(input, "WHEN") {
        return Err(not_supported(
            input,
            "CASE x WHEN … is refused by ksqlDB too: write CASE WHEN x = … THEN …",
        ));
    }
    let mut branches = Vec::new();
    let mut height = 0;
    while eat_word(input, "WHEN") {
        let condition = expression(input, depth + 1)?;
        expect_word(input, "THEN")?;
        let result = expression(input, depth + 1)?;
        height = height.max(condition.height).max(result.height);
        branches.push((condition, result));
    }
    let otherwise = if eat_word(input, "ELSE") {
        let result = expression(input, depth + 1)?;
        height = height.max(result.height);
        Some(Box::new(result))
    } else {
        None
    };
    expect_word(input, "END")?;
    node(
        input,
        start,
        height,
        ExprKind::Case {
            branches,
            otherwise,
        },
    )
}

/// `ARRAY[…]`, `MAP(…)`, `STRUCT(…)`. Elsewhere, these words are ordinary names.
fn constructor(input: &mut Tokens<'_>, depth: u16) -> Parsed<Option<ExprKind>> {
    let next_is = |input: &Tokens<'_>, symbol: &str| matches!(peek_at(input, 1).map(|token| &token.kind), Some(TokenKind::Symbol(found)) if *found == symbol);
    if is_word(input, "ARRAY") && next_is(input, "[") {
        advance(input)?;
        advance(input)?;
        let items = if is_symbol(input, "]") {
            Vec::new()
        } else {
            comma_list(input, |input| expression(input, depth + 1))?
        };
        expect_symbol(input, "]")?;
        return Ok(Some(ExprKind::Array(items)));
    }
    if is_word(input, "MAP") && next_is(input, "(") {
        advance(input)?;
        advance(input)?;
        let entries = comma_list(input, |input| {
            let key = expression(input, depth + 1)?;
            expect_symbol(input, ":=")?;
            Ok((key, expression(input, depth + 1)?))
        })?;
        expect_symbol(input, ")")?;
        return Ok(Some(ExprKind::Map(entries)));
    }
    if is_word(input, "STRUCT") && next_is(input, "(") {
        advance(input)?;
        advance(input)?;
        let fields = comma_list(input, |input| {
            let name = identifier(input)?;
            expect_symbol(input, ":=")?;
            Ok((name, expression(input, depth + 1)?))
        })?;
        expect_symbol(input, ")")?;
        return Ok(Some(ExprKind::Struct(fields)));
    }
    Ok(None)
}

fn call(input: &mut Tokens<'_>, name: Ident, depth: u16) -> Parsed<Expr> {
    let start = name.at;
    let name = Ident {
        name: name.name.to_uppercase(),
        at: name.at,
    };
    expect_symbol(input, "(")?;
    if eat_symbol(input, "*") {
        expect_symbol(input, ")")?;
        if name.name != "COUNT" {
            return Err(fail(input, "expected an argument: only COUNT takes *"));
        }
        return node(input, start, 0, ExprKind::CountAll);
    }
    let args = if is_symbol(input, ")") {
        Vec::new()
    } else {
        comma_list(input, |input| {
            let units = [
                "DAYS",
                "HOURS",
                "MINUTES",
                "SECONDS",
                "MILLISECONDS",
                "YEARS",
                "MONTHS",
            ];
            if units.iter().any(|unit| is_word(input, unit)) {
                return Err(not_supported(
                    input,
                    "functions of dates and times are not supported",
                ));
            }
            let arg = expression(input, depth + 1)?;
            if is_symbol(input, "=>") {
                return Err(not_supported(input, NO_LAMBDAS));
            }
            Ok(arg)
        })?
    };
    expect_symbol(input, ")")?;
    let height = args.iter().map(|arg| arg.height).max().unwrap_or(0);
    node(input, start, height, ExprKind::Call { name, args })
}

fn height_of(kind: &ExprKind) -> u16 {
    let heights: Vec<u16> = match kind {
        ExprKind::Array(items) => items.iter().map(|item| item.height).collect(),
        ExprKind::Map(entries) => entries
            .iter()
            .map(|(key, value)| key.height.max(value.height))
            .collect(),
        ExprKind::Struct(fields) => fields.iter().map(|(_, value)| value.height).collect(),
        _ => Vec::new(),
    };
    heights.into_iter().max().unwrap_or(0)
}

fn unary(
    input: &Tokens<'_>,
    start: usize,
    inner: Expr,
    make: impl FnOnce(Box<Expr>) -> ExprKind,
) -> Parsed<Expr> {
    let height = inner.height;
    node(input, start, height, make(Box::new(inner)))
}

fn binary(
    input: &Tokens<'_>,
    left: Expr,
    right: Expr,
    make: impl FnOnce(Box<Expr>, Box<Expr>) -> ExprKind,
) -> Parsed<Expr> {
    let height = left.height.max(right.height);
    let start = left.at;
    node(input, start, height, make(Box::new(left), Box::new(right)))
}

/// A node whose highest child has this height.
fn node(input: &Tokens<'_>, at: usize, height: u16, kind: ExprKind) -> Parsed<Expr> {
    if height >= MAX_HEIGHT {
        return Err(not_supported(
            input,
            format!("the expression is a chain of more than {MAX_HEIGHT} operators"),
        ));
    }
    Ok(Expr {
        kind,
        at,
        height: height + 1,
    })
}
