//! The design matrix: the intercept, centred numerics, contrasts, interactions.

use ndarray::{Array2, ShapeBuilder};

use super::{FitError, data::Data};
use crate::layout::{Layout, SparseRow};

/// Up to this many columns, the matrix is stored by rows.
const MAX_NARROW: usize = 32;

/// A design matrix with the names and centres of its columns.
pub(super) struct DesignMatrix {
    pub(super) layout: Layout,
    /// Shape (rows, columns), the intercept's column first.
    pub(super) matrix: Array2<f64>,
    /// The same rows without their zeros.
    pub(super) rows: Vec<SparseRow>,
    /// The columns' names, as R writes them.
    pub(super) names: Vec<String>,
    /// What was subtracted from each column.
    pub(super) centers: Vec<f64>,
}

impl DesignMatrix {
    pub(super) fn new(layout: Layout, data: &Data) -> Result<Self, FitError> {
        let names = layout.names(&data.variables, str::to_owned);
        let centers = centers(&layout, data, &names)?;
        let rows: Vec<SparseRow> = data
            .rows
            .iter()
            .map(|row| layout.row(row, &centers))
            .collect();
        // The decomposition works on columns, so a wide matrix is faster if its columns are contiguous. The
        // order affects the last digits, and a small model's digits should not change.
        let shape = (rows.len(), layout.width());
        let mut matrix = if layout.width() > MAX_NARROW {
            Array2::zeros(shape.f())
        } else {
            Array2::zeros(shape)
        };
        for (mut target, row) in matrix.rows_mut().into_iter().zip(&rows) {
            for &(column, value) in row {
                target[column] = value;
            }
        }
        Ok(Self {
            layout,
            matrix,
            rows,
            names,
            centers,
        })
    }
}

/// The means of the centred columns, and 0 for the others.
fn centers(layout: &Layout, data: &Data, names: &[String]) -> Result<Vec<f64>, FitError> {
    let mut sums = vec![0.0; layout.width()];
    let zeros = sums.clone();
    for row in &data.rows {
        for (column, value) in layout.row(row, &zeros) {
            sums[column] += value;
        }
    }
    let mut centers = zeros;
    for column in layout.centered_columns() {
        let center = sums[column] / data.rows.len() as f64;
        if !center.is_finite() {
            return Err(FitError::Overflow {
                column: names[column].clone(),
            });
        }
        centers[column] = center;
    }
    Ok(centers)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::{Formula, Table};

    fn design(formula: &str, table: &Table) -> DesignMatrix {
        let formula: Formula = formula.parse().unwrap();
        let data = Data::read(&formula, table).unwrap();
        let layout = Layout::new(&formula, &data.variables).unwrap();
        DesignMatrix::new(layout, &data).unwrap()
    }

    #[test]
    fn columns_follow_the_formula_with_the_first_level_as_reference() {
        let table = Table::new()
            .with_text("wood", ["pine", "Oak", "ash"])
            .unwrap()
            .with_numeric("width", [1.0, 2.0, 6.0])
            .unwrap();
        let full = design("load ~ wood + width", &table);
        assert_eq!(full.names, ["(Intercept)", "woodash", "woodpine", "width"]);
        assert_eq!(full.centers, [0.0, 0.0, 0.0, 3.0]);
        assert_eq!(
            full.matrix,
            array![
                [1.0, 0.0, 1.0, -2.0],
                [1.0, 0.0, 0.0, -1.0],
                [1.0, 1.0, 0.0, 3.0]
            ]
        );
        let pooled = design("load ~ width", &table);
        assert_eq!(pooled.names, ["(Intercept)", "width"]);
        assert_eq!(pooled.matrix, array![[1.0, -2.0], [1.0, -1.0], [1.0, 3.0]]);
    }

    /// The expected names are R's `colnames(model.matrix(formula))`.
    #[test]
    fn factors_are_coded_as_by_r() {
        let table = Table::new()
            .with_text("a", ["p", "q", "p", "q", "p", "q"])
            .unwrap()
            .with_text("b", ["r", "r", "s", "s", "t", "t"])
            .unwrap()
            .with_numeric("x", [1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
            .unwrap();
        for (formula, names) in [
            ("y ~ 0 + a + b", "ap aq bs bt"),
            ("y ~ x + b - 1", "x br bs bt"),
            ("y ~ 0 + a * b", "ap aq bs bt aq:bs aq:bt"),
            ("y ~ 0 + a:b", "ap:br aq:br ap:bs aq:bs ap:bt aq:bt"),
            ("y ~ a + a:b", "(Intercept) aq ap:bs aq:bs ap:bt aq:bt"),
            ("y ~ b + a:b", "(Intercept) bs bt br:aq bs:aq bt:aq"),
            ("y ~ a:x", "(Intercept) ap:x aq:x"),
            ("y ~ x + a:x", "(Intercept) x x:aq"),
            ("y ~ 0 + log(x):a", "log(x):ap log(x):aq"),
            ("y ~ a * x", "(Intercept) aq x aq:x"),
        ] {
            assert_eq!(design(formula, &table).names.join(" "), names, "{formula}");
        }
    }
}
