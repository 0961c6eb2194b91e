//! The design matrix: the intercept, centred numerics, treatment contrasts.

use ndarray::Array2;

use crate::terms::{Inputs, Scope, SparseRow, Term, centers, column_names, sparse_row, width};

/// A design matrix with the names and centres of its columns.
pub(super) struct DesignMatrix {
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
    /// The terms' columns for `rows` rows of inputs. The terms must be resolved from the same rows
    /// ([`resolve_terms`](super::resolve_terms)): a row with another level would be all zeros.
    pub(super) fn new(terms: &[Term], scope: Scope, inputs: &Inputs<'_>, rows: usize) -> Self {
        let rows: Vec<SparseRow> = (0..rows)
            .map(|index| {
                inputs
                    .row(index, |numerics, factors| {
                        sparse_row(terms, scope, numerics, factors)
                    })
                    .unwrap_or_default()
            })
            .collect();
        let mut matrix = Array2::zeros((rows.len(), width(terms, scope)));
        for (mut target, row) in matrix.rows_mut().into_iter().zip(&rows) {
            for &(column, value) in row {
                target[column] = value;
            }
        }
        Self {
            matrix,
            rows,
            names: column_names(terms, scope, str::to_owned),
            centers: centers(terms, scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::{super::resolve_terms, *};
    use crate::Table;

    #[test]
    fn columns_follow_the_formula_with_the_first_level_as_reference() {
        let table = Table::new()
            .with_text("wood", ["pine", "Oak", "ash"])
            .unwrap()
            .with_numeric("width", [1.0, 2.0, 6.0])
            .unwrap();
        let (terms, inputs) =
            resolve_terms(&"load ~ wood + width".parse().unwrap(), &table).unwrap();
        let full = DesignMatrix::new(&terms, Scope::Full, &inputs, 3);
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
        let pooled = DesignMatrix::new(&terms, Scope::Pooled, &inputs, 3);
        assert_eq!(pooled.names, ["(Intercept)", "width"]);
        assert_eq!(pooled.matrix, array![[1.0, -2.0], [1.0, -1.0], [1.0, 3.0]]);
    }
}
