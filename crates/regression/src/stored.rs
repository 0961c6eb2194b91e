//! The serialized form of a model.

use serde::{Deserialize, Serialize};

use crate::{
    formula::Formula,
    layout::Layout,
    linear_fit::LinearFit,
    model::{Fit, FittedModel, InvalidModel, formula_without, scopes},
    variables::{Variable, Variables},
};

/// A [`FittedModel`] as it is serialized.
///
/// A formula that is a list of columns is stored as its columns with their centres. All other formulas
/// are stored as text, and each fit has its centres.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stored {
    response: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    formula: Option<Formula>,
    terms: Vec<StoredVariable>,
    full: LinearFit,
    /// The fit without factors; `None` if it equals `full`, that is, if no factor has two levels.
    pooled: Option<LinearFit>,
    /// The fits without some, but not all factors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    partial: Vec<LinearFit>,
    observed: Vec<f64>,
    left_out: Vec<f64>,
}

/// A column that the formula needs.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum StoredVariable {
    Numeric {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        center: Option<f64>,
    },
    Factor {
        name: String,
        levels: Vec<String>,
    },
}

impl From<FittedModel> for Stored {
    fn from(model: FittedModel) -> Self {
        let is_list = is_list_of_columns(&model.formula);
        let full = model.full();
        let centers: Vec<f64> = full
            .layout
            .centered_columns()
            .map(|column| full.linear.centers[column])
            .collect();
        let mut centers = centers.into_iter().filter(|_| is_list);
        let stored_variable = |variable: &Variable| match variable.clone() {
            Variable::Numeric(name) => StoredVariable::Numeric {
                name,
                center: centers.next(),
            },
            Variable::Factor { name, levels } => StoredVariable::Factor { name, levels },
        };
        let terms = model.variables().iter().map(stored_variable).collect();
        let mut fits: Vec<LinearFit> = model.fits.into_iter().map(|fit| fit.linear).collect();
        if is_list {
            fits.iter_mut().for_each(|fit| fit.centers.clear());
        }
        let full = fits.remove(0);
        Self {
            response: model.formula.response().to_owned(),
            formula: (!is_list).then_some(model.formula),
            terms,
            full,
            pooled: fits.pop(),
            partial: fits,
            observed: model.observed,
            left_out: model.left_out,
        }
    }
}

/// Whether a formula is equal to one made by [`Formula::new`] from its columns.
fn is_list_of_columns(formula: &Formula) -> bool {
    Formula::new(formula.response(), formula.variables()).as_ref() == Ok(formula)
}

impl TryFrom<Stored> for FittedModel {
    type Error = InvalidModel;

    fn try_from(stored: Stored) -> Result<Self, InvalidModel> {
        let rows = stored.observed.len();
        let values = || stored.observed.iter().chain(&stored.left_out);
        if stored.left_out.len() != rows || !values().all(|value| value.is_finite()) {
            return Err(InvalidModel(
                "its row counts differ, or a value is not finite",
            ));
        }
        let names = stored.terms.iter().map(|variable| match variable {
            StoredVariable::Numeric { name, .. } | StoredVariable::Factor { name, .. } => name,
        });
        let is_list = stored.formula.is_none();
        let formula = match stored.formula {
            Some(formula) => formula,
            None => Formula::new(&stored.response, names)
                .map_err(|_| InvalidModel("its column names do not form a formula"))?,
        };
        let mut centers = Vec::new();
        let variables = stored.terms.into_iter().map(|variable| match variable {
            StoredVariable::Numeric { name, center } => {
                centers.extend(center);
                Variable::Numeric(name)
            }
            StoredVariable::Factor { name, levels } => Variable::Factor { name, levels },
        });
        let variables = Variables::new(&formula, variables.collect()).ok_or(InvalidModel(
            "its columns are not those of its formula, or a factor's levels are missing or out of order",
        ))?;

        let scopes = scopes(&formula, &variables);
        let linear_fits = [stored.full]
            .into_iter()
            .chain(stored.partial)
            .chain(stored.pooled);
        let mut fits = Vec::new();
        for (mut linear, scope) in linear_fits.zip(&scopes) {
            let layout = Layout::new(&formula_without(&formula, &variables, scope), &variables)
                .ok_or(InvalidModel("its columns are not those of its formula"))?;
            if is_list {
                linear.centers = vec![0.0; layout.width()];
                if centers.len() != variables.numerics().count() {
                    return Err(InvalidModel("a numeric column has no centre"));
                }
                for (column, center) in layout.centered_columns().zip(&centers) {
                    linear.centers[column] = *center;
                }
            }
            let group = layout
                .group
                .and_then(|group| variables.factors().nth(group));
            let groups = group.map(|(_, levels)| levels.len());
            if !linear.is_valid_for(layout.width(), rows, groups) {
                return Err(InvalidModel(if scope.is_empty() {
                    "its fit does not match its terms"
                } else {
                    "its pooled fit does not match its terms"
                }));
            }
            fits.push(Fit { layout, linear });
        }
        if fits.len() != scopes.len() {
            return Err(InvalidModel("its pooled fit is missing"));
        }
        Ok(Self {
            formula,
            variables,
            fits,
            observed: stored.observed,
            left_out: stored.left_out,
        })
    }
}
