//! The columns in the header of a query's response.

/// A column of a query's rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Without quotes.
    pub(crate) name: String,
    /// Ends with ` KEY` if the column is part of the key; may be empty.
    pub(crate) sql_type: String,
}

/// Reads `` `Key_Id` STRING KEY, `District` ARRAY<STRING>, … ``.
pub(super) fn columns(schema: &str) -> Vec<Column> {
    let mut columns = Vec::new();
    let (mut start, mut depth, mut quoted) = (0, 0_usize, false);
    for (at, c) in schema.char_indices() {
        match c {
            '`' => quoted = !quoted,
            _ if quoted => {}
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                columns.extend(schema.get(start..at).and_then(column));
                start = at + 1;
            }
            _ => {}
        }
    }
    columns.extend(schema.get(start..).and_then(column));
    columns
}

fn column(text: &str) -> Option<Column> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let name_end = match text.strip_prefix('`') {
        // A backquote in a name is doubled.
        Some(rest) => rest.replace("``", "  ").find('`').map(|end| end + 2),
        None => text.find(char::is_whitespace),
    };
    let (name, sql_type) = text.split_at_checked(name_end.unwrap_or(text.len()))?;
    let name = match name
        .strip_prefix('`')
        .and_then(|name| name.strip_suffix('`'))
    {
        Some(name) => name.replace("``", "`"),
        None => name.to_owned(),
    };
    let sql_type = sql_type.trim().to_owned();
    Some(Column { name, sql_type })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_types_and_names_do_not_split_columns() {
        let read =
            columns("`a, ``b``` STRING KEY, `c` STRUCT<`d` DOUBLE, `e` DECIMAL(4, 2)>, N BIGINT");
        let expected = [
            ("a, `b`", "STRING KEY"),
            ("c", "STRUCT<`d` DOUBLE, `e` DECIMAL(4, 2)>"),
            ("N", "BIGINT"),
        ];
        let read: Vec<_> = read.iter().map(|c| (&*c.name, &*c.sql_type)).collect();
        assert_eq!(read, expected);
        assert_eq!(columns(""), []);
    }
}
