//! The text of `pipeline.toml`.

use pipeline::ErrorKind;

use super::names::{RecordName, slug, unit};

/// What a definition says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The records.
    pub record: RecordName,
    /// The field of the key.
    pub key: String,
    /// The formula.
    pub formula: String,
    /// The column by which reports and training rows are grouped.
    pub group: Option<String>,
    /// How versions are compared.
    pub error: ErrorKind,
    /// The columns.
    pub columns: Vec<ColumnSettings>,
    /// The file of rows.
    pub feed: FeedSettings,
}

/// A column of a definition.
#[derive(Clone, Debug)]
pub struct ColumnSettings {
    /// Its name in the file.
    pub name: String,
    /// Its field in the records.
    pub field: String,
    /// Whether it is a category.
    pub category: bool,
    /// Whether only numbers above 0 are valid.
    pub positive: bool,
}

/// The file of rows.
#[derive(Clone, Debug, Default)]
pub struct FeedSettings {
    /// The file, relative to the folder.
    pub file: String,
    /// The column with the key.
    pub key: Option<String>,
    /// Rows that train the first model.
    pub skip: u64,
    /// The column with the time of the measurement.
    pub measured_at: Option<String>,
    /// The column with the time of the actual value.
    pub actual_at: Option<String>,
}

impl Settings {
    /// The text of the file.
    pub fn text(&self) -> String {
        let (one, many, topic) = (&self.record.one, &self.record.many, slug(&self.record.one));
        let plural = match *many == format!("{one}s") {
            true => String::new(),
            false => format!("plural = {}\n", quoted(many)),
        };
        let group = match &self.group {
            Some(group) => format!(
                "group = {}         # reports and training rows go by this column\n",
                quoted(group)
            ),
            None => String::new(),
        };
        let error = match self.error {
            ErrorKind::Relative => {
                "error = \"relative\"        # versions are compared by |predicted - actual| / |actual|"
            }
            ErrorKind::Absolute => {
                "error = \"absolute\"        # versions are compared by |predicted - actual|"
            }
        };
        let columns: String = self.columns.iter().map(column).collect();
        let (key, formula) = (quoted(&self.key), quoted(&self.formula));
        let (name, feed) = (quoted(one), self.feed.text());
        format!(
            r#"# What is predicted, from what, and where it arrives. The error of a prediction, the join and the trigger are in
# ksql/pipeline.sql, and what is stored and called is in connectors/. `catchweight check` compares the three;
# docs/pipelines.md explains every key.

[record]
name = {name}
{plural}key = {key}

[measured]                  # known first
topic = "{topic}-measured"

[actual]                    # known later
topic = "{topic}-actual"

[predicted]
topic = "{topic}-predicted"

[model]
formula = {formula}
{group}{error}
first-rows = "first-rows.csv"

[columns]                   # name in the formula, in the model API and in CSV files -> field of the records
{columns}
[rows]                      # where the SQL's joined rows arrive; must agree with the SQL and the connectors
topic = "{topic}-errors"
trigger = "{topic}-retrain"
database = "{topic}"
collection = "rows"

{feed}"#
        )
    }
}

impl FeedSettings {
    fn text(&self) -> String {
        let mut text = format!(
            "[feed]                      # the rows that `catchweight` and `catchweight feed` send\nfile = {}\n",
            quoted(&self.file)
        );
        match &self.key {
            Some(key) => text += &format!("key = {}\n", quoted(key)),
            None => text += "# Without `key`, the key of a row is its number in the file.\n",
        }
        text += &format!(
            "skip = {}                  # the first rows, which train the first model\n",
            self.skip
        );
        match &self.measured_at {
            Some(column) => text += &format!("measured-at = {}\n", quoted(column)),
            None => text += "interval = \"2s\"             # event time between two rows\n",
        }
        match &self.actual_at {
            Some(column) => text += &format!("actual-at = {}\n", quoted(column)),
            None => {
                text +=
                    "delay = \"10s\"               # event time from a row to its actual value\n"
            }
        }
        text
    }
}

fn column(column: &ColumnSettings) -> String {
    let mut text = format!(
        "{} = {{ field = {}",
        key(&column.name),
        quoted(&column.field)
    );
    if column.category {
        text += ", category = true";
    } else {
        if let Some(unit) = unit(&column.name) {
            text += &format!(", unit = {}", quoted(unit));
        }
        if column.positive {
            text += ", above = 0";
        }
    }
    text + " }\n"
}

fn key(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted += &format!("\\u{:04X}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}
