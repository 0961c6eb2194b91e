//! A column: a name in the formula, a field in the records, and which values are valid.

use serde::Deserialize;

/// The longest level of a category, in characters.
pub const MAX_LEVEL_CHARS: usize = 64;

/// A column of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in the formula, in the model API and in CSV files.
    pub name: String,
    /// Its field in records and stored rows.
    pub field: String,
    /// The unit of a number.
    pub unit: Option<String>,
    /// A typical number, for documents and example calls.
    pub example: Option<f64>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Category,
    Number(Vec<Limit>),
}

/// A bound of a number and what to say about a number that is outside.
#[derive(Clone, Debug, PartialEq)]
struct Limit {
    kind: LimitKind,
    bound: f64,
    fault: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LimitKind {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// A column as written in `pipeline.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ColumnText {
    field: String,
    unit: Option<String>,
    #[serde(default)]
    category: bool,
    above: Option<f64>,
    at_least: Option<f64>,
    below: Option<f64>,
    at_most: Option<f64>,
    example: Option<f64>,
}

impl Column {
    pub(crate) fn new(name: String, text: ColumnText) -> Result<Self, String> {
        for (what, value) in [("name", &name), ("field", &text.field)] {
            if value.trim().is_empty() || value.contains('`') || value.chars().any(char::is_control)
            {
                return Err(format!(
                    "the {what} `{}` is empty or contains a backtick or a control character",
                    value.escape_debug()
                ));
            }
        }
        let bounds = [
            (LimitKind::Above, text.above),
            (LimitKind::AtLeast, text.at_least),
            (LimitKind::Below, text.below),
            (LimitKind::AtMost, text.at_most),
        ];
        let limits: Vec<Limit> = bounds
            .into_iter()
            .filter_map(|(kind, bound)| Some(Limit::new(kind, bound?)))
            .collect();
        if limits.iter().any(|limit| !limit.bound.is_finite()) {
            return Err("a limit must be a finite number".to_owned());
        }
        let kind = match text.category {
            true if !limits.is_empty() || text.unit.is_some() || text.example.is_some() => {
                return Err("a category has neither a unit nor limits nor an example".to_owned());
            }
            true => Kind::Category,
            false => Kind::Number(limits),
        };
        let column = Self {
            name,
            field: text.field,
            unit: text.unit,
            example: text.example,
            kind,
        };
        match text
            .example
            .and_then(|example| column.number_fault(example))
        {
            Some(fault) => Err(format!("the example {fault}")),
            None => Ok(column),
        }
    }

    /// Whether its values are levels of a category instead of numbers.
    pub fn is_category(&self) -> bool {
        self.kind == Kind::Category
    }

    /// What is wrong with a number of this column, if anything.
    pub fn number_fault(&self, value: f64) -> Option<&str> {
        if !value.is_finite() {
            return Some("is not a finite number");
        }
        let Kind::Number(limits) = &self.kind else {
            return Some("is a number, expected a text");
        };
        let broken = limits.iter().find(|limit| !limit.allows(value));
        broken.map(|limit| limit.fault.as_str())
    }

    /// The exclusive lower bound of a number.
    pub fn above(&self) -> Option<f64> {
        self.bound(LimitKind::Above)
    }

    /// The inclusive lower bound of a number.
    pub fn at_least(&self) -> Option<f64> {
        self.bound(LimitKind::AtLeast)
    }

    /// The exclusive upper bound of a number.
    pub fn below(&self) -> Option<f64> {
        self.bound(LimitKind::Below)
    }

    /// The inclusive upper bound of a number.
    pub fn at_most(&self) -> Option<f64> {
        self.bound(LimitKind::AtMost)
    }

    fn bound(&self, kind: LimitKind) -> Option<f64> {
        match &self.kind {
            Kind::Category => None,
            Kind::Number(limits) => {
                let limit = limits.iter().find(|limit| limit.kind == kind);
                limit.map(|limit| limit.bound)
            }
        }
    }
}

impl Limit {
    fn new(kind: LimitKind, bound: f64) -> Self {
        let relation = match kind {
            LimitKind::Above => "greater than",
            LimitKind::AtLeast => "at least",
            LimitKind::Below => "less than",
            LimitKind::AtMost => "at most",
        };
        let fault = format!("must be {relation} {bound}");
        Self { kind, bound, fault }
    }

    fn allows(&self, value: f64) -> bool {
        match self.kind {
            LimitKind::Above => value > self.bound,
            LimitKind::AtLeast => value >= self.bound,
            LimitKind::Below => value < self.bound,
            LimitKind::AtMost => value <= self.bound,
        }
    }
}

/// What is wrong with a level of a category, if anything.
pub fn level_fault(level: &str) -> Option<&'static str> {
    // A string has at most as many characters as bytes, so most strings need no counting.
    if level.is_empty() {
        Some("is empty")
    } else if level.len() > MAX_LEVEL_CHARS && level.chars().count() > MAX_LEVEL_CHARS {
        Some("is longer than 64 characters")
    } else {
        None
    }
}
