//! `SELECT … FROM …`.

use crate::ast::{Emit, Expr, Ident, Join, JoinKind, Query, Relation, SelectItem};
use crate::expression::{expression, value};
use crate::lexer::TokenKind;
use crate::stream::{
    Parsed, Tokens, advance, at, comma_list, eat_symbol, eat_word, eat_words, expect_symbol,
    expect_word, fail, identifier, is_identifier, is_symbol, is_word, is_word_at, peek_at, whole,
};
use crate::window::{window, within};

/// A whole query, without the semicolon.
pub(crate) fn query(input: &mut Tokens<'_>) -> Parsed<Query> {
    let start = at(input);
    expect_word(input, "SELECT")?;
    let items = comma_list(input, select_item)?;
    if !is_word(input, "FROM") {
        return Err(fail(input, "expected `,` or FROM"));
    }
    expect_word(input, "FROM")?;
    let from = relation(input)?;
    let mut joins = Vec::new();
    while let Some(kind) = join_kind(input) {
        joins.push(join(input, kind)?);
    }
    let window_at = at(input);
    let window = if eat_word(input, "WINDOW") {
        Some(window(input, window_at)?)
    } else {
        None
    };
    let filter = condition(input, "WHERE")?;
    let group_by = if eat_words(input, &["GROUP", "BY"]) {
        expressions(input)?
    } else {
        Vec::new()
    };
    let partition_by = if eat_words(input, &["PARTITION", "BY"]) {
        expressions(input)?
    } else {
        Vec::new()
    };
    let having = condition(input, "HAVING")?;
    let emit_at = at(input);
    let emit = if eat_words(input, &["EMIT", "CHANGES"]) {
        Some((Emit::Changes, emit_at))
    } else if eat_words(input, &["EMIT", "FINAL"]) {
        Some((Emit::Final, emit_at))
    } else if is_word(input, "EMIT") {
        advance(input)?;
        return Err(fail(input, "expected CHANGES or FINAL"));
    } else {
        None
    };
    let limit_at = at(input);
    let limit = if eat_word(input, "LIMIT") {
        Some((whole(input)?, limit_at))
    } else {
        None
    };
    Ok(Query {
        at: start,
        items,
        from,
        joins,
        window,
        filter,
        group_by,
        partition_by,
        having,
        emit,
        limit,
    })
}

fn condition(input: &mut Tokens<'_>, word: &str) -> Parsed<Option<Expr>> {
    if eat_word(input, word) {
        expression(input, 0).map(Some)
    } else {
        Ok(None)
    }
}

/// `a, b` or `(a, b)`
fn expressions(input: &mut Tokens<'_>) -> Parsed<Vec<Expr>> {
    if is_symbol(input, "(") && is_tuple(input) {
        expect_symbol(input, "(")?;
        let items = comma_list(input, |input| expression(input, 0))?;
        expect_symbol(input, ")")?;
        return Ok(items);
    }
    comma_list(input, |input| value(input, 0))
}

/// Whether the next parenthesis contains a comma at its own level.
fn is_tuple(input: &Tokens<'_>) -> bool {
    let mut depth = 0_usize;
    for skip in 0.. {
        match peek_at(input, skip).map(|token| &token.kind) {
            None => return false,
            Some(TokenKind::Symbol("(" | "[")) => depth += 1,
            Some(TokenKind::Symbol(")" | "]")) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return false;
                }
            }
            Some(TokenKind::Symbol(",")) if depth == 1 => return true,
            Some(_) => {}
        }
    }
    false
}

fn select_item(input: &mut Tokens<'_>) -> Parsed<SelectItem> {
    let start = at(input);
    if eat_symbol(input, "*") {
        return Ok(SelectItem::All {
            source: None,
            at: start,
        });
    }
    let star = |skip| {
        matches!(
            peek_at(input, skip).map(|token| &token.kind),
            Some(TokenKind::Symbol("*"))
        )
    };
    let dot = matches!(
        peek_at(input, 1).map(|token| &token.kind),
        Some(TokenKind::Symbol("."))
    );
    if is_identifier(input) && dot && star(2) {
        let source = identifier(input)?;
        expect_symbol(input, ".")?;
        expect_symbol(input, "*")?;
        return Ok(SelectItem::All {
            source: Some(source),
            at: start,
        });
    }
    let expr = expression(input, 0)?;
    let alias = if eat_word(input, "AS") || is_alias(input) {
        Some(identifier(input)?)
    } else {
        None
    };
    Ok(SelectItem::Expr { expr, alias })
}

/// A name directly after an expression or a source is its alias, unless it starts the next clause.
fn is_alias(input: &Tokens<'_>) -> bool {
    is_identifier(input)
        && !(is_word(input, "EMIT")
            && (is_word_at(input, 1, "CHANGES") || is_word_at(input, 1, "FINAL")))
        && !(is_word(input, "PARTITION") && is_word_at(input, 1, "BY"))
        && !(is_word(input, "EMIT")
            && matches!(
                peek_at(input, 1).map(|token| &token.kind),
                Some(TokenKind::Word(_))
            ))
}

fn relation(input: &mut Tokens<'_>) -> Parsed<Relation> {
    let name = identifier(input)?;
    let alias: Ident = if eat_word(input, "AS") || is_alias(input) {
        identifier(input)?
    } else {
        name.clone()
    };
    Ok(Relation { name, alias })
}

fn join_kind(input: &mut Tokens<'_>) -> Option<JoinKind> {
    let forms: [(&[&str], JoinKind); 8] = [
        (&["JOIN"], JoinKind::Inner),
        (&["INNER", "JOIN"], JoinKind::Inner),
        (&["LEFT", "JOIN"], JoinKind::Left),
        (&["LEFT", "OUTER", "JOIN"], JoinKind::Left),
        (&["RIGHT", "JOIN"], JoinKind::Right),
        (&["RIGHT", "OUTER", "JOIN"], JoinKind::Right),
        (&["FULL", "JOIN"], JoinKind::Outer),
        (&["FULL", "OUTER", "JOIN"], JoinKind::Outer),
    ];
    forms
        .into_iter()
        .find(|(words, _)| eat_words(input, words))
        .map(|(_, kind)| kind)
}

fn join(input: &mut Tokens<'_>, kind: JoinKind) -> Parsed<Join> {
    let start = at(input);
    let relation = relation(input)?;
    let within = if eat_word(input, "WITHIN") {
        Some(within(input)?)
    } else {
        None
    };
    expect_word(input, "ON")?;
    let on = expression(input, 0)?;
    Ok(Join {
        kind,
        at: start,
        relation,
        within,
        on,
    })
}
