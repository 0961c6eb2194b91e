//! The design matrix: the intercept, centred numerics, treatment contrasts.

use ndarray::Array2;
use smallvec::SmallVec;

use crate::terms::{Active, Scope, Term, active, centers, column_names, width};

/// The columns behind a model's terms, each kind in formula order, all of one length.
#[derive(Default)]
pub(crate) struct Inputs<'a> {
    pub(crate) numerics: Vec<&'a [f64]>,
    pub(crate) factors: Vec<&'a [String]>,
}

impl Inputs<'_> {
    /// Hands row `index`, as positional inputs, to `use_row`.
    pub(crate) fn row<T>(&self, index: usize, use_row: impl FnOnce(&[f64], &[&str]) -> T) -> T {
        let numerics: SmallVec<[f64; 16]> =
            self.numerics.iter().map(|column| column[index]).collect();
        let factors: SmallVec<[&str; 8]> = self
            .factors
            .iter()
            .map(|column| column[index].as_str())
            .collect();
        use_row(&numerics, &factors)
    }
}

/// A design matrix and what its columns are.
pub(crate) struct DesignMatrix {
    /// Shape (rows, columns), the intercept's column first.
    pub(crate) matrix: Array2<f64>,
    /// The same rows, with only what is not zero in them.
    pub(crate) rows: Vec<Active>,
    /// The columns' names, as R writes them.
    pub(crate) names: Vec<String>,
    /// What was subtracted from each column.
    pub(crate) centers: Vec<f64>,
}

impl DesignMatrix {
    /// The terms' columns for `rows` rows of inputs. The terms' levels must be those of these rows, as
    /// [`resolve_terms`](crate::fit::resolve_terms) makes them: a row of another level would be all zeros.
    pub(crate) fn new(terms: &[Term], scope: Scope, inputs: &Inputs<'_>, rows: usize) -> Self {
        let rows: Vec<Active> = (0..rows)
            .map(|index| {
                inputs
                    .row(index, |numerics, factors| {
                        active(terms, scope, numerics, factors)
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
            names: column_names(terms, scope),
            centers: centers(terms, scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::{Table, fit::resolve_terms};

    #[test]
    fn columns_are_in_formula_order_with_the_first_level_in_byte_order_as_the_reference() {
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
