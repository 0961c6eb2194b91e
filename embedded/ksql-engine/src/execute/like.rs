//! `LIKE`: `%` matches any text, `_` one character; neither matches a line break, because ksqlDB turns
//! the pattern into a regular expression.

use crate::functions::EvalError;

enum Piece {
    One,
    Any,
    Exactly(char),
}

/// Whether the whole text matches the pattern.
///
/// # Errors
/// The pattern ends with the escape character.
pub(crate) fn matches(text: &str, pattern: &str, escape: Option<char>) -> Result<bool, EvalError> {
    let pieces = pieces(pattern, escape)?;
    // reached[i]: the pieces so far can match the first i characters.
    let chars: Vec<char> = text.chars().collect();
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

fn pieces(pattern: &str, escape: Option<char>) -> Result<Vec<Piece>, EvalError> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            c if Some(c) == escape => {
                Piece::Exactly(chars.next().ok_or(EvalError::DanglingEscape)?)
            }
            '%' => Piece::Any,
            '_' => Piece::One,
            c => Piece::Exactly(c),
        });
    }
    Ok(pieces)
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_must_not_end_with_the_escape_character() {
        let matches = |text: &str, pattern: &str| matches(text, pattern, Some('!'));
        assert_eq!(matches("a%", "a!%"), Ok(true));
        assert_eq!(matches("a!", "a!!"), Ok(true));
        for text in ["a!", "b"] {
            let matched = matches(text, "a!");
            assert_eq!(matched, Err(EvalError::DanglingEscape), "{text}");
        }
    }
}
