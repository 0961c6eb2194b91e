//! Named columns of equal length: rows to train on or to make predictions for.

/// A column of numbers or strings.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// One number per row.
    Numeric(Vec<f64>),
    /// One string per row; each distinct string is a level.
    Text(Vec<String>),
}

/// Named columns of equal length. A table without columns has no rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Column)>,
    rows: usize,
}

/// Why a column cannot be added to a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The table already has a column with this name.
    #[error("the table already has a column `{0}`")]
    DuplicateColumn(String),
    /// The column's length differs from the length of the columns before it.
    #[error("column `{column}` has {rows} rows, expected {expected} as in the columns before it")]
    Length {
        /// The column's name.
        column: String,
        /// The column's length.
        rows: usize,
        /// The length of the columns before it.
        expected: usize,
    },
}

impl Table {
    /// A table without columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of numbers.
    ///
    /// # Errors
    /// The name is taken, or the length differs from the other columns' length.
    pub fn with_numeric(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = f64>,
    ) -> Result<Self, TableError> {
        self.with_column(name.into(), Column::Numeric(values.into_iter().collect()))
    }

    /// Adds a column of strings.
    ///
    /// # Errors
    /// The name is taken, or the length differs from the other columns' length.
    pub fn with_text<T: Into<String>>(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = T>,
    ) -> Result<Self, TableError> {
        self.with_column(
            name.into(),
            Column::Text(values.into_iter().map(Into::into).collect()),
        )
    }

    fn with_column(mut self, name: String, column: Column) -> Result<Self, TableError> {
        let rows = column.len();
        if self.column(&name).is_some() {
            return Err(TableError::DuplicateColumn(name));
        }
        if !self.columns.is_empty() && rows != self.rows {
            return Err(TableError::Length {
                column: name,
                rows,
                expected: self.rows,
            });
        }
        self.rows = rows;
        self.columns.push((name, column));
        Ok(self)
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns with their names, in the order they were added.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns
            .iter()
            .map(|(name, column)| (name.as_str(), column))
    }

    /// The column with this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|(column, _)| column == name)
            .map(|(_, column)| column)
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_equal_lengths_and_distinct_names() {
        let table = Table::new().with_numeric("a", [1.0, 2.0]).unwrap();
        assert_eq!(table.rows(), 2);
        assert_eq!(
            table.clone().with_text("b", ["x"]),
            Err(TableError::Length {
                column: "b".into(),
                rows: 1,
                expected: 2
            })
        );
        assert_eq!(
            table.with_text("a", ["x", "y"]),
            Err(TableError::DuplicateColumn("a".into()))
        );
        let empty = Table::new().with_numeric("a", []).unwrap();
        assert!(matches!(
            empty.with_numeric("b", [1.0]),
            Err(TableError::Length { expected: 0, .. })
        ));
    }
}
