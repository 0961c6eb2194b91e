//! The content of a cell: a missing value, a number, or a text.

use crate::format::Format;

/// Texts that stand for a missing value, in lower case.
const MISSING: [&str; 6] = ["", "na", "nan", "null", "-", "n/a"];

/// Characters that separate groups of digits somewhere in the world.
const SEPARATORS: [char; 7] = [',', '.', ' ', '\u{a0}', '\u{202f}', '\'', '’'];

/// Whether a cell has no value: it is empty, `NA`, `NaN`, `null`, `N/A` or `-`.
pub fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|text| cell.eq_ignore_ascii_case(text))
}

/// Why a cell is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberFault {
    /// Digits with a thousands separator, or with the other decimal mark.
    #[error(
        "has a thousands separator or an unexpected decimal mark; write only digits and one decimal mark, such as {example}"
    )]
    Separator {
        /// A number in the file's notation.
        example: &'static str,
    },
    /// Anything else.
    #[error("is not a number")]
    NotANumber,
}

impl Format {
    /// The number in a cell.
    ///
    /// # Errors
    /// The cell is not a finite number in the notation of the file.
    pub fn number(self, cell: &str) -> Result<f64, NumberFault> {
        let plain = |text: &str| {
            let digits = |letter: char| letter.is_ascii_digit() || "+-.eE".contains(letter);
            let number = text.chars().all(digits).then(|| text.parse::<f64>().ok());
            number.flatten().filter(|number| number.is_finite())
        };
        let number = if self.decimal_comma {
            (!cell.contains('.'))
                .then(|| plain(&cell.replacen(',', ".", 1)))
                .flatten()
        } else {
            plain(cell)
        };
        number.ok_or_else(|| {
            if has_separators(cell) {
                NumberFault::Separator {
                    example: if self.decimal_comma {
                        "1234,5"
                    } else {
                        "1234.5"
                    },
                }
            } else {
                NumberFault::NotANumber
            }
        })
    }
}

/// Whether a text consists of digits, a sign, and single separators between digits: `1,234.5`, `1'000`.
/// More than two groups that are joined by points are no number but a date or a version, unless all but
/// the first have three digits.
fn has_separators(cell: &str) -> bool {
    let unsigned = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    let groups: Vec<&str> = unsigned.split(SEPARATORS).collect();
    let digits =
        |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    if groups.len() < 2 || !groups.iter().all(digits) || groups[0].len() > 3 && groups.len() > 2 {
        return false;
    }
    // All groups but the first and the decimals have three digits.
    let inner = groups.get(1..groups.len() - 1).unwrap_or_default();
    inner.iter().all(|group| group.len() == 3)
}

/// Whether a cell is a number with this decimal mark and has no other separator.
pub(crate) fn has_decimal_mark(cell: &str, mark: char) -> bool {
    let unsigned = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    unsigned.split_once(mark).is_some_and(|(whole, decimals)| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole) && digits(decimals) && !decimals.is_empty()
    })
}

/// Whether a cell looks like `1,234` or `12,345,678`.
pub(crate) fn has_thousands_commas(cell: &str) -> bool {
    let unsigned = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    let mut groups = unsigned.split(',');
    let first = groups.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (1..=3).contains(&first.len())
        && digits(first)
        && !first.starts_with('0')
        && unsigned.contains(',')
        && groups.all(|group| group.len() == 3 && digits(group))
}
