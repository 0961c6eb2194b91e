//! Aligned columns.

use unicode_width::UnicodeWidthStr;

const BETWEEN: &str = " | ";

/// The widths of columns, in character cells of a terminal.
#[derive(Clone, Debug)]
pub(super) struct Columns(Vec<usize>);

impl Columns {
    pub(super) fn new(widths: Vec<usize>) -> Self {
        Self(widths)
    }

    /// Makes room for these cells.
    pub(super) fn fit<T: AsRef<str>>(&mut self, cells: &[T]) {
        for (width, cell) in self.0.iter_mut().zip(cells) {
            *width = cell.as_ref().width().max(*width);
        }
    }

    /// The cells on one line, without blanks at its end.
    pub(super) fn line<T: AsRef<str>>(&self, cells: &[T]) -> String {
        let mut line = String::new();
        for (at, cell) in cells.iter().map(AsRef::as_ref).enumerate() {
            if at > 0 {
                line.push_str(BETWEEN);
            }
            line.push_str(cell);
            let width = self.0.get(at).copied().unwrap_or_default();
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }

    /// The line between heading and rows.
    pub(super) fn rule(&self) -> String {
        let dashes: Vec<_> = self.0.iter().map(|width| "-".repeat(*width)).collect();
        dashes.join("-+-")
    }
}

/// A heading and rows, aligned, each line with its line break.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut columns = Columns::new(vec![0; heading.len()]);
    columns.fit(heading);
    for row in rows {
        columns.fit(row);
    }
    // A rule as long as the longest query's text would only fill the screen.
    let mut ruled = columns.clone();
    if let (Some(width), Some(name)) = (ruled.0.last_mut(), heading.last()) {
        *width = (*width).min(name.width().max(40));
    }
    let mut lines = vec![columns.line(heading), ruled.rule()];
    lines.extend(rows.iter().map(|row| columns.line(row)));
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_and_accents_stay_aligned() {
        let rows = [["鮭", "1"], ["Plötze", "2"], ["e\u{301}", "3"]];
        let rows = rows.map(|row| row.map(String::from).to_vec());
        assert_eq!(
            table(&["Species", "N"], &rows),
            "Species | N\n--------+--\n鮭      | 1\nPlötze  | 2\ne\u{301}       | 3\n"
        );
    }
}
