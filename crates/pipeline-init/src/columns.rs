//! Which columns are used, and why the others are not.

use crate::survey::{BadCell, ColumnSurvey, Survey};
use crate::table::rounded;

/// A category has at most this many levels, unless the user names it.
const MAX_LEVELS: usize = 10;
/// Each level of a category has at least this many rows, unless the user names it.
const MIN_ROWS: u64 = 5;
/// A column is left out if more than one in this number of its cells is missing.
const MISSING: u64 = 10;
/// The fewest rows after which a number that counts up by one is taken for a row number.
const COUNTED: u64 = 20;

/// A column and what it is used for.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The name.
    pub name: String,
    /// What the column is.
    pub role: Role,
    /// What its values are, in words: `0.2 to 5.01`, `5 levels: Fair, Good, …`.
    pub content: String,
}

/// What a column is used for.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// The key of the records.
    Key,
    /// It is predicted.
    Target,
    /// A number in the records.
    Number,
    /// A category in the records.
    Category,
    /// A category with many levels or few rows of a level: `(1 | column)` in the formula.
    Grouped,
    /// A time of the records.
    Time,
    /// It is not used.
    LeftOut(String),
}

impl Role {
    /// Whether it is a column of the records.
    pub fn is_column(&self) -> bool {
        matches!(
            self,
            Self::Target | Self::Number | Self::Category | Self::Grouped
        )
    }
}

/// What the user wants.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// The column with the key.
    pub key: Option<String>,
    /// The column that is predicted.
    pub target: String,
    /// Columns with times.
    pub times: Vec<String>,
    /// Columns that must be used: those of the formula and the group.
    pub needed: Vec<String>,
    /// If the user gives the formula, its column in `(1 | column)`.
    pub grouped: Option<Option<String>>,
}

/// Chooses a role for each column.
///
/// # Errors
/// A column that the user needs cannot be used.
pub fn choose(survey: &Survey, wishes: &Wishes) -> Result<Vec<Choice>, String> {
    let known = |name: &String| survey.columns.iter().any(|column| column.name == *name);
    let wanted = wishes
        .key
        .iter()
        .chain([&wishes.target])
        .chain(&wishes.times)
        .chain(&wishes.needed);
    if let Some(unknown) = wanted.into_iter().find(|name| !known(name)) {
        let names: Vec<&str> = survey
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        return Err(format!(
            "the file has no column `{unknown}`; it has {}",
            names.join(", ")
        ));
    }
    if wishes.key.as_ref() == Some(&wishes.target) || wishes.times.contains(&wishes.target) {
        let target = &wishes.target;
        return Err(format!(
            "`{target}` is the target and cannot be the key or a time too"
        ));
    }
    let choose = |column: &ColumnSurvey| {
        let role = role(column, wishes)?;
        let reason = category_fault(column).filter(|_| role == Role::Grouped);
        Ok(Choice {
            name: column.name.clone(),
            role,
            content: match reason {
                Some(reason) => format!("{}; {}", content(column), reason.text),
                None => content(column),
            },
        })
    };
    survey.columns.iter().map(choose).collect()
}

fn role(column: &ColumnSurvey, wishes: &Wishes) -> Result<Role, String> {
    let name = &column.name;
    if wishes.times.contains(name) {
        return Ok(Role::Time);
    }
    if wishes.key.as_ref() == Some(name) {
        return Ok(Role::Key);
    }
    let is_target = wishes.target == *name;
    let is_needed = is_target || wishes.needed.contains(name);
    let left_out = |reason: String| match is_needed {
        true => Err(format!("`{name}` cannot be used: {reason}")),
        false => Ok(Role::LeftOut(reason)),
    };
    if name.contains('`') || name.chars().any(char::is_control) {
        return left_out("its name has a backtick or a line break; rename it".to_owned());
    }
    let values = column.values();
    if values == 0 {
        return left_out("empty".to_owned());
    }
    if column.is_numeric() {
        if let Some(BadCell { line, text }) = &column.first_separated {
            let example = "write only digits and a decimal point, such as 1234.5";
            return Err(format!(
                "line {line}: `{name}` is `{text}`, which has a thousands separator or an unexpected decimal mark; {example}"
            ));
        }
        return match number_fault(column) {
            Some(reason) => match (is_needed, reason.is_certain) {
                (true, false) if is_target => Ok(Role::Target),
                (true, false) => Ok(Role::Number),
                _ => left_out(reason.text),
            },
            None if is_target => Ok(Role::Target),
            None => Ok(Role::Number),
        };
    }
    if is_target {
        let text = column
            .first_text
            .as_ref()
            .map(|cell| format!(" such as `{}` in line {}", cell.text, cell.line));
        return left_out(format!(
            "only numbers can be predicted, and it has texts{}",
            text.unwrap_or_default()
        ));
    }
    if column.times * 10 >= values * 9 {
        return left_out("a time; name it with --measured-at or --actual-at to use it".to_owned());
    }
    if let Some(grouped) = &wishes.grouped
        && is_needed
    {
        return match category_fault(column).filter(|reason| reason.is_certain) {
            Some(reason) => left_out(reason.text),
            None if grouped.as_ref() == Some(name) => Ok(Role::Grouped),
            None => Ok(Role::Category),
        };
    }
    match category_fault(column) {
        Some(reason) if reason.can_be_grouped => Ok(Role::Grouped),
        Some(reason) if is_needed && !reason.is_certain => Ok(Role::Category),
        Some(reason) => left_out(reason.text),
        None => Ok(Role::Category),
    }
}

/// Why a column is left out.
struct Reason {
    text: String,
    /// The column cannot be used even if the user wants it.
    is_certain: bool,
    /// The levels can have random intercepts.
    can_be_grouped: bool,
}

fn certain(text: impl Into<String>) -> Option<Reason> {
    Some(Reason {
        text: text.into(),
        is_certain: true,
        can_be_grouped: false,
    })
}

fn unless_needed(text: impl Into<String>) -> Option<Reason> {
    Some(Reason {
        text: text.into(),
        is_certain: false,
        can_be_grouped: false,
    })
}

/// Many levels, or few rows of a level.
fn grouped(column: &ColumnSurvey, text: String) -> Option<Reason> {
    missing(column).or(Some(Reason {
        text,
        is_certain: false,
        can_be_grouped: true,
    }))
}

fn missing(column: &ColumnSurvey) -> Option<Reason> {
    let cells = column.values() + column.missing;
    let many = column.missing * MISSING > cells;
    many.then(|| format!("{} of {cells} cells are missing", column.missing))
        .and_then(unless_needed)
}

fn number_fault(column: &ColumnSurvey) -> Option<Reason> {
    let (low, high) = column.range?;
    if low == high {
        return certain(format!("constant: always {low}"));
    }
    if column.counts_rows && column.numbers >= COUNTED {
        return unless_needed("numbers the rows");
    }
    if column.whole && is_id(&column.name) {
        return unless_needed("an id, by its name");
    }
    // Ten or thirteen digits, from 2001 to 2033.
    if column.whole && (1e9..2e9).contains(&low) && (1e9..2e9).contains(&high)
        || column.whole && low >= 1e12 && high < 2e12
    {
        return unless_needed(
            "a time since 1970; name it with --measured-at or --actual-at to use it",
        );
    }
    missing(column)
}

fn category_fault(column: &ColumnSurvey) -> Option<Reason> {
    if let Some(fault) = column.level_fault {
        return unless_needed(format!("text: a cell {fault}"));
    }
    let Some(levels) = &column.levels else {
        return unless_needed(format!(
            "text: more than {} different values",
            crate::survey::MAX_LEVELS
        ));
    };
    let rare = levels.values().filter(|rows| **rows < MIN_ROWS).count();
    match levels.len() {
        1 => certain(format!(
            "constant: always `{}`",
            shown(levels.keys().next().map_or("", String::as_str))
        )),
        levels if levels as u64 * 2 > column.values() => {
            unless_needed("text: most rows have their own value")
        }
        levels if levels > MAX_LEVELS => grouped(column, format!("more than {MAX_LEVELS} levels")),
        _ if rare > 0 => {
            let some = if rare == 1 {
                "a level has".to_owned()
            } else {
                format!("{rare} levels have")
            };
            grouped(column, format!("{some} fewer than {MIN_ROWS} rows"))
        }
        _ => missing(column),
    }
}

/// Whether a name ends in `id` as a word: `id`, `user_id`, `userId`, `PULocationID`.
fn is_id(name: &str) -> bool {
    let Some(rest) = name.get(..name.len().saturating_sub(2)) else {
        return false;
    };
    let end = &name[rest.len()..];
    if !end.eq_ignore_ascii_case("id") {
        return false;
    }
    match rest.chars().next_back() {
        None => true,
        Some(last) => !last.is_alphanumeric() || (!last.is_uppercase() && end.starts_with('I')),
    }
}

fn content(column: &ColumnSurvey) -> String {
    let missing = match column.missing {
        0 => String::new(),
        missing => format!(", {missing} missing"),
    };
    let content = match (&column.levels, column.range) {
        _ if column.values() == 0 => return String::new(),
        (_, Some((low, high))) if column.is_numeric() => {
            format!("{} to {}", rounded(low), rounded(high))
        }
        (Some(levels), _) => {
            let mut names: Vec<String> = levels.keys().take(3).map(|level| shown(level)).collect();
            if levels.len() > 3 {
                names.push("…".to_owned());
            }
            format!("{} levels: {}", levels.len(), names.join(", "))
        }
        (None, _) => "text".to_owned(),
    };
    content + &missing
}

/// A text on one line, shortened.
pub fn shown(text: &str) -> String {
    let short: String = text.chars().take(20).collect();
    let end = if short.len() < text.len() { "…" } else { "" };
    format!("{}{end}", short.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn ids_are_recognised_by_a_word_at_the_end_of_the_name() {
        for id in [
            "id",
            "ID",
            "Id",
            "user_id",
            "user id",
            "userId",
            "PULocationID",
            "order-id",
        ] {
            assert!(is_id(id), "{id}");
        }
        for other in ["humid", "paid", "acid", "GRID", "i", "", "ü", "idea"] {
            assert!(!is_id(other), "{other}");
        }
    }
}
