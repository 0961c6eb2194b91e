//! `WINDOW` and `WITHIN` clauses, in milliseconds.

use crate::ast::{Window, WindowKind, Within};
use crate::lexer::{Literal, TokenKind};
use crate::stream::{
    Parsed, Tokens, advance, eat_symbol, eat_word, eat_words, expect_symbol, expect_word, fail,
    peek,
};

const UNITS: [(&str, i64); 5] = [
    ("MILLISECOND", 1),
    ("SECOND", 1_000),
    ("MINUTE", 60_000),
    ("HOUR", 3_600_000),
    ("DAY", 86_400_000),
];

/// The milliseconds of a time unit, by its singular in upper case.
pub fn unit_ms(singular: &str) -> Option<i64> {
    UNITS
        .iter()
        .find(|(name, _)| *name == singular)
        .map(|(_, millis)| *millis)
}

/// `10 SECONDS`
pub(crate) fn duration(input: &mut Tokens<'_>) -> Parsed<i64> {
    let negative = eat_symbol(input, "-");
    let number = match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Literal(Literal::Integer(number))) => *number,
        _ => return Err(fail(input, "expected a whole number of time units")),
    };
    advance(input)?;
    let unit = match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Word(word)) => {
            let word = word.to_uppercase();
            unit_ms(word.strip_suffix('S').unwrap_or(&word))
        }
        _ => None,
    };
    let Some(unit) = unit else {
        return Err(fail(
            input,
            "expected DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS",
        ));
    };
    let millis = number
        .checked_mul(unit)
        .ok_or_else(|| fail(input, "expected a shorter duration"))?;
    advance(input)?;
    Ok(if negative { -millis } else { millis })
}

/// `TUMBLING (…)`, `HOPPING (…)` or `SESSION (…)`, after `WINDOW`.
pub(crate) fn window(input: &mut Tokens<'_>, start: usize) -> Parsed<Window> {
    let kind = if eat_word(input, "TUMBLING") {
        WindowKind::Tumbling
    } else if eat_word(input, "HOPPING") {
        WindowKind::Hopping
    } else if eat_word(input, "SESSION") {
        WindowKind::Session
    } else {
        return Err(fail(input, "expected TUMBLING or HOPPING"));
    };
    expect_symbol(input, "(")?;
    if kind != WindowKind::Session {
        expect_word(input, "SIZE")?;
    }
    let size = duration(input)?;
    let advance = if kind == WindowKind::Hopping {
        expect_symbol(input, ",")?;
        expect_word(input, "ADVANCE")?;
        expect_word(input, "BY")?;
        duration(input)?
    } else {
        size
    };
    let (mut retention, mut grace) = (None, None);
    while eat_symbol(input, ",") {
        if retention.is_none() && grace.is_none() && eat_word(input, "RETENTION") {
            retention = Some(duration(input)?);
        } else if grace.is_none() && eat_words(input, &["GRACE", "PERIOD"]) {
            grace = Some(duration(input)?);
        } else {
            return Err(fail(input, "expected RETENTION, then GRACE PERIOD"));
        }
    }
    expect_symbol(input, ")")?;
    Ok(Window {
        at: start,
        kind,
        size,
        advance,
        retention,
        grace,
    })
}

/// After `WITHIN`: `1 MINUTE` or `(5 SECONDS, 20 SECONDS)`, then optionally `GRACE PERIOD …`.
pub(crate) fn within(input: &mut Tokens<'_>) -> Parsed<Within> {
    let (before, after) = if eat_symbol(input, "(") {
        let before = duration(input)?;
        expect_symbol(input, ",")?;
        let after = duration(input)?;
        expect_symbol(input, ")")?;
        (before, after)
    } else {
        let both = duration(input)?;
        (both, both)
    };
    let grace = if eat_words(input, &["GRACE", "PERIOD"]) {
        Some(duration(input)?)
    } else {
        None
    };
    Ok(Within {
        before,
        after,
        grace,
    })
}
