//! The definition of a pipeline, as read from `pipeline.toml`.

use std::collections::HashSet;
use std::sync::LazyLock;

use regression::Formula;
use serde::Deserialize;

use crate::column::{Column, ColumnText};
use crate::feed::{Feed, FeedTable};
use crate::topics::{dead_letters_of, is_dead_letters};

/// The definition that ships: the fish factory.
const SHIPPED: &str = include_str!("../../../pipeline.toml");

/// Fields of records that no column may use.
pub const RESERVED_FIELDS: [&str; 10] = [
    "Timestamp",
    "Prediction",
    "ModelTime",
    "ModelVersion",
    "Error",
    "_id",
    "Key",
    "RowId",
    "Lower95",
    "Upper95",
];

/// Fields of model versions, training reports and triggers, beside which the groups stand: no group may use
/// them.
pub const RESERVED_FOR_GROUPS: [&str; 23] = [
    "Formula",
    "TrainingStarted",
    "Trained",
    "Live",
    "Pinned",
    "Rows",
    "SkippedRows",
    "SkippedReasons",
    "LeftOut",
    "FirstRow",
    "LastRow",
    "LooError",
    "ChampionError",
    "Cause",
    "Model",
    "Decisions",
    "Summary",
    "PooledSummary",
    "Outcome",
    "LiveVersion",
    "Reason",
    "ErrorAvg",
    "TrainingRows",
];

/// Collections that hold the model versions and the decisions on them.
const RESERVED_COLLECTIONS: [&str; 2] = ["Models", "Decisions"];

/// A pipeline: its records, topics, columns and model.
///
/// A program reads one definition at its start and uses it until its end, so definitions are passed as
/// `&'static Definition` (see [`leak`](Self::leak)).
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// What a record stands for, in texts: `fish`, `delivery`.
    pub record: String,
    /// The plural of [`record`](Self::record).
    pub records: String,
    /// The field that identifies a record, and the key of the Kafka records.
    pub key: String,
    /// What happened to a record whose actual value is known, in texts: `weighed`, `delivered`.
    pub actual_step: String,
    /// The topics.
    pub topics: Topics,
    /// The model's formula.
    pub formula: Formula,
    /// How the errors of two versions are compared.
    pub error: ErrorKind,
    /// The CSV file with the first model's training rows, relative to the folder of the definition.
    pub first_rows: String,
    /// The store's database of the joined rows.
    pub database: String,
    /// The store's collection of the joined rows.
    pub collection: String,
    /// The CSV rows that are sent through the pipeline.
    pub feed: Option<Feed>,
    /// All columns in the order of the file.
    columns: Vec<Column>,
    /// Positions in `columns`.
    roles: Roles,
}

/// The topics of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// What is known first: the columns of a record.
    pub measured: String,
    /// What is known later: the actual value of the target.
    pub actual: String,
    /// The measured records with their predictions, written by the predictor.
    pub predicted: String,
    /// Predicted and actual values with their error, written by the SQL's join.
    pub rows: String,
    /// The triggers of retrainings, written by the SQL's window.
    pub trigger: String,
}

impl Topics {
    /// All topics, in the order in which a record passes them.
    pub fn all(&self) -> [&str; 5] {
        [
            &self.measured,
            &self.actual,
            &self.predicted,
            &self.rows,
            &self.trigger,
        ]
    }

    /// The topics that exist before any SQL runs: those that programs write, and the predictor's
    /// dead-letter topic.
    pub fn written_by_programs(&self) -> [String; 4] {
        [
            self.measured.clone(),
            self.actual.clone(),
            self.predicted.clone(),
            dead_letters_of(&self.measured),
        ]
    }
}

/// How the error of a prediction is measured when versions are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// `|predicted - actual| / |actual|`.
    #[default]
    Relative,
    /// `|predicted - actual|`, in the target's unit.
    Absolute,
}

#[derive(Clone, Debug, PartialEq)]
struct Roles {
    /// The numeric columns that the formula needs, in the formula's order.
    numbers: Vec<usize>,
    /// The categories that the formula needs, in the formula's order.
    categories: Vec<usize>,
    target: usize,
    group: Option<usize>,
}

/// A file is not the definition of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// It is not TOML, or a key is missing, unknown or has the wrong type.
    #[error("{0}")]
    Toml(String),
    /// A value is wrong.
    #[error("{key}: {reason}")]
    Value {
        /// The key, such as `model.formula`.
        key: String,
        /// What is wrong with it, and what is expected.
        reason: String,
    },
}

impl Definition {
    /// The fish factory.
    pub fn shipped() -> &'static Self {
        static SHIPPED_DEFINITION: LazyLock<&'static Definition> = LazyLock::new(|| {
            #[expect(clippy::panic, reason = "the file is part of the program and tested")]
            Definition::parse(SHIPPED).map_or_else(|error| panic!("{error}"), Definition::leak)
        });
        *SHIPPED_DEFINITION
    }

    /// Reads the text of a `pipeline.toml`.
    ///
    /// # Errors
    /// The text is not TOML, a key is missing or unknown, or a value is wrong. Syntax errors name line and
    /// column; others the key.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        let file: File = toml::from_str(text).map_err(|error| {
            // The library's text has several lines and ends in a line break.
            DefinitionError::Toml(error.to_string().trim_end().to_owned())
        })?;
        file.checked()
    }

    /// Gives the definition the lifetime of the process.
    pub fn leak(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    /// All columns, in the order of the file.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The numeric columns that the formula needs, in the formula's order.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = &Column> {
        self.roles.numbers.iter().map(|index| &self.columns[*index])
    }

    /// The categories that the formula needs, in the formula's order.
    pub fn categories(&self) -> impl ExactSizeIterator<Item = &Column> {
        let categories = &self.roles.categories;
        categories.iter().map(|index| &self.columns[*index])
    }

    /// The model's inputs: the numeric columns, then the categories, each in the formula's order.
    pub fn inputs(&self) -> impl Iterator<Item = &Column> {
        self.numbers().chain(self.categories())
    }

    /// The column that is predicted.
    pub fn target(&self) -> &Column {
        &self.columns[self.roles.target]
    }

    /// The category by which reports, pictures and training rows are grouped.
    pub fn group(&self) -> Option<&Column> {
        self.roles.group.map(|index| &self.columns[index])
    }

    /// The position of the group among [`categories`](Self::categories); `None` if there is no group, or if
    /// the formula does not use it.
    pub fn group_among_categories(&self) -> Option<usize> {
        let group = self.roles.group?;
        self.roles
            .categories
            .iter()
            .position(|index| *index == group)
    }

    /// The field of the joined rows that holds the actual value: `Actual` and the target's field.
    pub fn actual_field(&self) -> String {
        format!("Actual{}", self.target().field)
    }

    /// The field of the joined rows that holds the predicted value.
    pub fn predicted_field(&self) -> String {
        format!("Predicted{}", self.target().field)
    }

    /// The field of a trigger that counts the window's records: the record's name with a capital, `Fish`.
    pub fn count_field(&self) -> String {
        capitalized(&self.record)
    }

    /// `1 fish`, `2 fish`; `1 delivery`, `2 deliveries`.
    pub fn counted(&self, count: u64) -> String {
        let name = if count == 1 {
            &self.record
        } else {
            &self.records
        };
        format!("{count} {name}")
    }
}

/// A text with its first letter in upper case.
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    record: RecordTable,
    measured: TopicTable,
    actual: ActualTable,
    predicted: TopicTable,
    model: ModelTable,
    columns: toml::Table,
    rows: RowsTable,
    feed: Option<FeedTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordTable {
    name: String,
    plural: Option<String>,
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicTable {
    topic: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActualTable {
    topic: String,
    step: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ModelTable {
    formula: String,
    group: Option<String>,
    #[serde(default)]
    error: ErrorKind,
    first_rows: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsTable {
    topic: String,
    trigger: String,
    database: String,
    collection: String,
}

impl File {
    fn checked(self) -> Result<Definition, DefinitionError> {
        let columns = columns(self.columns, &self.record.key)?;
        let formula: Formula = self
            .model
            .formula
            .parse()
            .map_err(|error| wrong("model.formula", format!("{error}")))?;
        let roles = roles(&formula, self.model.group.as_deref(), &columns)?;
        let actual_step = self.actual.step.unwrap_or_else(|| "observed".to_owned());
        let topics = Topics {
            measured: self.measured.topic,
            actual: self.actual.topic,
            predicted: self.predicted.topic,
            rows: self.rows.topic,
            trigger: self.rows.trigger,
        };
        check_topics(&topics)?;
        for (key, value) in [
            ("record.name", &self.record.name),
            ("record.key", &self.record.key),
            ("actual.step", &actual_step),
            ("model.first-rows", &self.model.first_rows),
            ("rows.database", &self.rows.database),
            ("rows.collection", &self.rows.collection),
        ] {
            if value.trim().is_empty() || value.chars().any(char::is_control) {
                let reason = "expected a text that is not empty and has no control characters";
                return Err(wrong(key, format!("`{}`: {reason}", value.escape_debug())));
            }
        }
        let collection = &self.rows.collection;
        if let Some(name) = RESERVED_COLLECTIONS
            .iter()
            .find(|name| name.eq_ignore_ascii_case(collection))
        {
            let reason =
                format!("`{name}` is the collection of the model server; use another name");
            return Err(wrong("rows.collection", reason));
        }
        let feed = self.feed.map(FeedTable::checked).transpose();
        let feed = feed.map_err(|(key, reason)| wrong(key, reason))?;
        let plural = self.record.plural;
        Ok(Definition {
            records: plural.unwrap_or_else(|| format!("{}s", self.record.name)),
            record: self.record.name,
            key: self.record.key,
            actual_step,
            topics,
            formula,
            error: self.model.error,
            first_rows: self.model.first_rows,
            database: self.rows.database,
            collection: self.rows.collection,
            feed,
            columns,
            roles,
        })
    }
}

fn columns(table: toml::Table, key: &str) -> Result<Vec<Column>, DefinitionError> {
    let mut fields = HashSet::new();
    let mut columns = Vec::new();
    for (name, value) in table {
        let place = format!("columns.{name}");
        let text: ColumnText = value
            .try_into()
            .map_err(|error: toml::de::Error| wrong(&place, error.message().to_owned()))?;
        let column = Column::new(name, text).map_err(|reason| wrong(&place, reason))?;
        if RESERVED_FIELDS.contains(&column.field.as_str()) {
            let field = &column.field;
            let reason = format!("the field `{field}` has a meaning of its own; use another field");
            return Err(wrong(&place, reason));
        }
        if column.field == key {
            let reason =
                format!("the field `{key}` is the key of the records, which cannot be a column");
            return Err(wrong(&place, reason));
        }
        if !fields.insert(column.field.clone()) {
            let field = &column.field;
            return Err(wrong(
                &place,
                format!("another column has the field `{field}` too"),
            ));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn roles(
    formula: &Formula,
    group: Option<&str>,
    columns: &[Column],
) -> Result<Roles, DefinitionError> {
    let find = |key: &str, name: &str| {
        let index = columns.iter().position(|column| column.name == name);
        index.ok_or_else(|| {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let known = names.join(", ");
            wrong(
                key,
                format!("`{name}` is not a column; [columns] has {known}"),
            )
        })
    };
    let target = find("model.formula", formula.response())?;
    if columns[target].is_category() {
        let reason = format!(
            "`{}` is a category, and only a number can be predicted",
            formula.response()
        );
        return Err(wrong("model.formula", reason));
    }
    let (mut numbers, mut categories) = (Vec::new(), Vec::new());
    for name in formula.variables() {
        let index = find("model.formula", name)?;
        if columns[index].is_category() {
            categories.push(index);
        } else {
            numbers.push(index);
        }
    }
    let group = group
        .map(|name| match find("model.group", name) {
            Ok(index) if !columns[index].is_category() => {
                let reason = format!("`{name}` is a number; only a category can be the group");
                Err(wrong("model.group", reason))
            }
            Ok(index) if RESERVED_FOR_GROUPS.contains(&columns[index].field.as_str()) => {
                let field = &columns[index].field;
                let reason = format!(
                    "the field `{field}` of `{name}` is also a field of model versions; use another field"
                );
                Err(wrong("model.group", reason))
            }
            found => found,
        })
        .transpose()?;
    Ok(Roles {
        numbers,
        categories,
        target,
        group,
    })
}

fn check_topics(topics: &Topics) -> Result<(), DefinitionError> {
    let keys = [
        "measured.topic",
        "actual.topic",
        "predicted.topic",
        "rows.topic",
        "rows.trigger",
    ];
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (key, topic) in keys.into_iter().zip(topics.all()) {
        let legal = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if topic.is_empty() || topic.len() > 240 || !topic.chars().all(legal) {
            let reason = format!(
                "`{}` is not the name of a topic: expected 1 to 240 of the characters a-z, A-Z, 0-9, `.`, `_` and `-`",
                topic.escape_debug()
            );
            return Err(wrong(key, reason));
        }
        if is_dead_letters(topic) {
            let reason =
                format!("`{topic}`: the suffix -dlq is for dead-letter topics; use another name");
            return Err(wrong(key, reason));
        }
        if let Some((other, _)) = seen.iter().find(|(_, seen)| *seen == topic) {
            return Err(wrong(
                key,
                format!("`{topic}` is also {other}; the topics must differ"),
            ));
        }
        seen.push((key, topic));
    }
    Ok(())
}

fn wrong(key: &str, reason: impl Into<String>) -> DefinitionError {
    DefinitionError::Value {
        key: key.to_owned(),
        reason: reason.into(),
    }
}
