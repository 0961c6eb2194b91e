//! Counts the rows of a file that cannot be used.

use std::fmt;

/// How many rows are named by line.
const NAMED: usize = 3;

/// Rows that cannot be used: their number, and the first of each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unusable {
    /// Reason, number of rows, lines of the first ones; in the order of appearance.
    reasons: Vec<(String, u64, Vec<u64>)>,
    /// Rows with further reasons.
    others: u64,
}

/// Further reasons are counted together.
const REASONS: usize = 20;

impl Unusable {
    /// Counts a row.
    pub fn add(&mut self, line: u64, reason: impl Into<String>) {
        let reason = reason.into();
        let mut known = self.reasons.iter_mut();
        if let Some((_, count, lines)) = known.find(|(known, ..)| *known == reason) {
            *count += 1;
            if lines.len() < NAMED {
                lines.push(line);
            }
        } else if self.reasons.len() < REASONS {
            self.reasons.push((reason, 1, vec![line]));
        } else {
            self.others += 1;
        }
    }

    /// The number of rows.
    pub fn count(&self) -> u64 {
        self.others + self.reasons.iter().map(|(_, count, _)| count).sum::<u64>()
    }
}

/// One line for each reason: `2 rows, lines 7 and 9: price is missing`.
impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (reason, count, lines)) in self.reasons.iter().enumerate() {
            let break_before = if n == 0 { "" } else { "\n" };
            let rows = if *count == 1 { "row" } else { "rows" };
            let named: Vec<String> = lines.iter().map(u64::to_string).collect();
            let lines = match (&named[..], *count as usize > lines.len()) {
                ([only], false) => format!("line {only}"),
                (_, true) => format!("lines {}, …", named.join(", ")),
                (_, false) => format!("lines {}", named.join(", ")),
            };
            write!(f, "{break_before}{count} {rows}, {lines}: {reason}")?;
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, "\n{others} more rows with other reasons"),
        }
    }
}
