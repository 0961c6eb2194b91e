//! Variants of a pipeline's SQL: other windows, thresholds and counts.

mod axis;
mod clause;

use ksql_parser::ast::{CompareOp, Expr, ExprKind, Query, StatementKind, Window, WindowKind};
use ksql_parser::lexer::{Token, TokenKind, tokens};
use ksql_parser::{Literal, parse_script};

pub use axis::{Axis, AxisError};
use axis::{Setting, Value};
use clause::Clause;

/// A variant of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// `size=20s advance=2s`
    pub(crate) name: String,
    /// The whole script.
    pub(crate) text: String,
}

/// Why a script has no variants.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GridError {
    #[error("{0}")]
    Syntax(String),
    #[error(
        "no statement writes the topic `{0}`; add a CREATE TABLE … AS SELECT with KAFKA_TOPIC='{0}'"
    )]
    NoTrigger(String),
    #[error(
        "the statement that writes the topic `{0}` has no WINDOW TUMBLING or HOPPING; add one, such as WINDOW TUMBLING (SIZE 1 MINUTE)"
    )]
    NoWindow(String),
    #[error(
        "--grid {setting}: the statement that writes the topic `{topic}` has no condition {form}; add one, or leave out --grid {setting}"
    )]
    NoCondition {
        topic: String,
        setting: &'static str,
        form: &'static str,
    },
    #[error("--grid names {0} twice; write all values after one `=`")]
    Twice(&'static str),
    #[error(
        "--grid: in each combination the advance is longer than the window; choose a shorter advance"
    )]
    Empty,
}

/// The window of the statement that writes the triggers.
pub(crate) fn window(text: &str, topic: &str) -> Result<Window, GridError> {
    let query = trigger_query(text, topic)?;
    let window = query
        .window
        .filter(|window| window.kind != WindowKind::Session);
    window.ok_or_else(|| GridError::NoWindow(topic.to_owned()))
}

/// All combinations of the grid's values. Those whose advance is longer than the window are left out.
pub(crate) fn variants(text: &str, topic: &str, grid: &[Axis]) -> Result<Vec<Variant>, GridError> {
    for (name, setting) in Setting::ALL {
        if grid.iter().filter(|axis| axis.setting == setting).count() > 1 {
            return Err(GridError::Twice(name));
        }
    }
    let window = window(text, topic)?;
    let script = Script::read(text, topic, window)?;
    let mut points: Vec<Vec<(Setting, &str, &Value)>> = vec![Vec::new()];
    for axis in grid {
        points = points
            .iter()
            .flat_map(|point| {
                axis.values.iter().map(move |(text, value)| {
                    let mut point = point.clone();
                    point.push((axis.setting, text.as_str(), value));
                    point
                })
            })
            .collect();
    }
    let mut variants = Vec::new();
    for point in points {
        if let Some(variant) = script.variant(&point)? {
            variants.push(variant);
        }
    }
    if variants.is_empty() {
        return Err(GridError::Empty);
    }
    Ok(variants)
}

/// The window and the condition of the statement that writes the triggers, on one line each, to be pasted.
pub(crate) fn lines(text: &str, topic: &str) -> Vec<String> {
    let Ok(window) = window(text, topic) else {
        return Vec::new();
    };
    let tokens = tokens(text).unwrap_or_default();
    let after = |token: &&Token| token.start >= window.at;
    let is = |token: &Token, word: &str| matches!(&token.kind, TokenKind::Word(text) if text.eq_ignore_ascii_case(word));
    let after_window = tokens.iter().filter(after);
    let closing = after_window
        .clone()
        .find(|token| token.kind == TokenKind::Symbol(")"));
    let having = after_window.clone().find(|token| is(token, "HAVING"));
    let end = after_window
        .clone()
        .find(|token| is(token, "EMIT") || token.kind == TokenKind::Symbol(";"));
    let spans = [
        closing.map(|closing| window.at..closing.end),
        having
            .zip(end)
            .filter(|(having, end)| having.start < end.start)
            .map(|(having, end)| having.start..end.start),
    ];
    let texts = spans
        .into_iter()
        .flatten()
        .filter_map(|span| text.get(span));
    texts
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn trigger_query(text: &str, topic: &str) -> Result<Query, GridError> {
    let statements = parse_script(text).map_err(|error| GridError::Syntax(error.to_string()))?;
    let writes = |statement: ksql_parser::ast::Statement| match statement.kind {
        StatementKind::CreateAs {
            properties, query, ..
        } => {
            let mut topics = properties
                .iter()
                .filter(|property| property.name.name == "KAFKA_TOPIC");
            let is_trigger =
                topics.any(|property| property.value == Literal::Text(topic.to_owned()));
            is_trigger.then_some(*query)
        }
        _ => None,
    };
    statements
        .into_iter()
        .find_map(writes)
        .ok_or_else(|| GridError::NoTrigger(topic.to_owned()))
}

/// A script, and where in it the settings are.
struct Script<'t> {
    text: &'t str,
    topic: &'t str,
    window: Window,
    /// Byte offsets of the clause.
    window_span: (usize, usize),
    threshold: Option<(usize, usize)>,
    count: Option<(usize, usize)>,
}

impl<'t> Script<'t> {
    fn read(text: &'t str, topic: &'t str, window: Window) -> Result<Self, GridError> {
        let query = trigger_query(text, topic)?;
        let tokens = tokens(text).unwrap_or_default();
        let end_of = |start: usize| {
            let token = tokens.iter().find(|token| token.start == start);
            token.map(|token| (start, token.end))
        };
        // A window clause has no other parentheses than its own.
        let mut closing = tokens
            .iter()
            .filter(|token| token.start >= window.at && token.kind == TokenKind::Symbol(")"));
        let end = closing.next().map_or(window.at, |closing| closing.end);
        let number = |is: fn(&Expr) -> bool| {
            let number = query.having.as_ref().and_then(|having| limit(having, is));
            number.and_then(|number| end_of(number.at))
        };
        Ok(Self {
            text,
            topic,
            window,
            window_span: (window.at, end),
            threshold: number(is_average),
            count: number(|expr| expr.kind == ExprKind::CountAll),
        })
    }

    /// `None` if the advance is longer than the window.
    fn variant(&self, point: &[(Setting, &str, &Value)]) -> Result<Option<Variant>, GridError> {
        let mut window = self.window;
        let mut edits = Vec::new();
        let advances = point
            .iter()
            .any(|(setting, ..)| *setting == Setting::Advance);
        for (setting, _, value) in point {
            match (setting, value) {
                (Setting::Size, Value::Time(size)) => {
                    if window.kind == WindowKind::Tumbling && !advances {
                        window.advance = *size;
                    }
                    window.size = *size;
                }
                (Setting::Advance, Value::Time(advance)) => window.advance = *advance,
                (Setting::Grace, Value::Time(grace)) => window.grace = Some(*grace),
                (Setting::Threshold, Value::Number(number)) => {
                    let form = "HAVING AVG(…) > number";
                    edits.push((
                        self.place(self.threshold, "threshold", form)?,
                        number.clone(),
                    ));
                }
                (Setting::Count, Value::Number(number)) => {
                    let form = "HAVING COUNT(*) >= number";
                    edits.push((self.place(self.count, "count", form)?, number.clone()));
                }
                _ => {}
            }
        }
        if window.advance > window.size {
            return Ok(None);
        }
        if window != self.window {
            edits.push((self.window_span, Clause(window).to_string()));
        }
        // From the end, so that the places of the others stay.
        edits.sort_by_key(|((start, _), _)| std::cmp::Reverse(*start));
        let mut text = self.text.to_owned();
        for ((start, end), new) in edits {
            text.replace_range(start..end, &new);
        }
        let name = point
            .iter()
            .map(|(setting, value, _)| {
                let name = Setting::ALL.iter().find(|(_, known)| known == setting);
                format!("{}={value}", name.map_or("", |(name, _)| name))
            })
            .collect::<Vec<_>>();
        Ok(Some(Variant {
            name: name.join(" "),
            text,
        }))
    }

    fn place(
        &self,
        place: Option<(usize, usize)>,
        setting: &'static str,
        form: &'static str,
    ) -> Result<(usize, usize), GridError> {
        place.ok_or_else(|| GridError::NoCondition {
            topic: self.topic.to_owned(),
            setting,
            form,
        })
    }
}

/// The number that an expression must exceed, also inside a conjunction or disjunction.
fn limit(condition: &Expr, is: fn(&Expr) -> bool) -> Option<&Expr> {
    let number = |expr: &Expr| matches!(expr.kind, ExprKind::Literal(_));
    match &condition.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            limit(left, is).or_else(|| limit(right, is))
        }
        ExprKind::Compare(CompareOp::Greater | CompareOp::GreaterOrEqual, left, right) => {
            (is(left) && number(right)).then_some(right)
        }
        ExprKind::Compare(CompareOp::Less | CompareOp::LessOrEqual, left, right) => {
            (is(right) && number(left)).then_some(left)
        }
        _ => None,
    }
}

fn is_average(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call { name, .. } if name.name == "AVG")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../../ksql/pipeline.sql");
    const TOPIC: &str = "weight-retrain";

    fn axes(texts: &[&str]) -> Vec<Axis> {
        let axes = texts.iter().map(|text| text.parse().unwrap());
        axes.collect()
    }

    fn refusal(text: &str, texts: &[&str]) -> String {
        variants(text, TOPIC, &axes(texts)).unwrap_err().to_string()
    }

    #[test]
    fn each_combination_is_a_script_with_its_window() {
        let grid = axes(&["size=20s,60s", "advance=30s,2s", "threshold=0.1"]);
        let variants = variants(SHIPPED, TOPIC, &grid).unwrap();
        let names: Vec<_> = variants.iter().map(|one| one.name.as_str()).collect();
        // A window of 20 s cannot advance by 30 s.
        assert_eq!(
            names,
            [
                "size=20s advance=2s threshold=0.1",
                "size=60s advance=30s threshold=0.1",
                "size=60s advance=2s threshold=0.1"
            ]
        );
        assert_eq!(
            lines(&variants[0].text, TOPIC),
            [
                "WINDOW HOPPING (SIZE 20 SECONDS, ADVANCE BY 2 SECONDS, RETENTION 1 DAY, GRACE PERIOD 10 SECONDS)",
                "HAVING AVG(\"Error\") > 0.1 AND COUNT(*) >= 5"
            ]
        );
        let window = window(&variants[0].text, TOPIC).unwrap();
        assert_eq!((window.size, window.advance), (20_000, 2_000));
    }

    #[test]
    fn the_size_of_a_tumbling_window_is_its_advance() {
        let grid = axes(&["size=90s", "count=8", "grace=0s"]);
        let variants = variants(SHIPPED, TOPIC, &grid).unwrap();
        assert_eq!(
            lines(&variants[0].text, TOPIC),
            [
                "WINDOW TUMBLING (SIZE 90 SECONDS, RETENTION 1 DAY, GRACE PERIOD 0 SECONDS)",
                "HAVING AVG(\"Error\") > 0.15 AND COUNT(*) >= 8"
            ]
        );
    }

    #[test]
    fn only_the_window_and_the_condition_change() {
        let grid = axes(&["size=60s", "threshold=0.15"]);
        let same = variants(SHIPPED, TOPIC, &grid).unwrap();
        assert_eq!(same[0].text, SHIPPED);
    }

    #[test]
    fn a_script_that_a_grid_cannot_change_is_refused() {
        let error = refusal(SHIPPED, &["size=1s", "advance=2s"]);
        assert!(
            error.contains("advance is longer than the window"),
            "{error}"
        );
        let error = refusal(SHIPPED, &["size=1s", "size=2s"]);
        assert!(error.contains("names size twice"), "{error}");
        let error = refusal("SELECT FROM;", &["size=1s"]);
        assert!(error.contains("line 1"), "{error}");
        let error = refusal("SET 'auto.offset.reset'='earliest';", &["size=1s"]);
        assert!(error.contains("no statement writes the topic `weight-retrain`"));
        let no_window = SHIPPED
            .lines()
            .filter(|line| !line.starts_with("WINDOW"))
            .collect::<Vec<_>>()
            .join("\n");
        let error = refusal(&no_window, &["size=1s"]);
        assert!(error.contains("has no WINDOW"), "{error}");
        let no_average = SHIPPED.replace("AVG(\"Error\") > 0.15 AND ", "");
        let error = refusal(&no_average, &["threshold=1"]);
        assert!(error.contains("HAVING AVG(…) > number"), "{error}");
    }
}
