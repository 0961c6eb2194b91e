//! `LIKE`: `%` stands for any text, `_` for one character; neither for the end of a line, because
//! ksqlDB makes a regular expression of the pattern.

use crate::functions::EvalError;
use crate::text::Text;

enum Piece {
    One,
    Any,
    Exactly(u32),
}

/// Whether the whole text is of the pattern. Without an escape character every wildcard is one.
///
/// # Errors
/// Where the pattern ends with the escape character.
pub(crate) fn matches(
    text: &Text,
    pattern: &Text,
    escape: Option<char>,
) -> Result<bool, EvalError> {
    let pieces = pieces(pattern, escape)?;
    // reached[i]: the pieces so far can stand for the first i characters.
    let chars = text.code_points();
    let mut reached = vec![false; chars.len() + 1];
    reached[0] = true;
    for piece in pieces {
        match piece {
            Piece::Any => {
                for (index, c) in chars.iter().enumerate() {
                    if reached[index] && !ends_line(*c) {
                        reached[index + 1] = true;
                    }
                }
            }
            Piece::One | Piece::Exactly(_) => {
                for (index, c) in chars.iter().enumerate().rev() {
                    let fits = match piece {
                        Piece::Exactly(wanted) => *c == wanted,
                        _ => !ends_line(*c),
                    };
                    reached[index + 1] = reached[index] && fits;
                }
                reached[0] = false;
            }
        }
    }
    Ok(reached.last().copied().unwrap_or(false))
}

fn pieces(pattern: &Text, escape: Option<char>) -> Result<Vec<Piece>, EvalError> {
    let mut pieces = Vec::new();
    let mut code_points = pattern.code_points().into_iter();
    while let Some(code_point) = code_points.next() {
        pieces.push(match char::from_u32(code_point) {
            c if c.is_some() && c == escape => {
                Piece::Exactly(code_points.next().ok_or(EvalError::NothingEscaped)?)
            }
            Some('%') => Piece::Any,
            Some('_') => Piece::One,
            _ => Piece::Exactly(code_point),
        });
    }
    Ok(pieces)
}

fn ends_line(code_point: u32) -> bool {
    matches!(code_point, 0xA | 0xD | 0x85 | 0x2028 | 0x2029)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_character_needs_something_to_escape() {
        let matches =
            |text: &str, pattern: &str| matches(&Text::from(text), &Text::from(pattern), Some('!'));
        assert_eq!(matches("a%", "a!%"), Ok(true));
        assert_eq!(matches("a!", "a!!"), Ok(true));
        for text in ["a!", "b"] {
            let matched = matches(text, "a!");
            assert_eq!(matched, Err(EvalError::NothingEscaped), "{text}");
        }
    }
}
