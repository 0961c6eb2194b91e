//! The pipeline's SQL, shipped or the user's, and what it says of joins and triggers.

use std::path::PathBuf;
use std::time::Duration;

use ksql_engine::parse::ast::{CompareOp, Expr, ExprKind, Query, Statement, StatementKind};
use ksql_engine::parse::{Literal, parse_script};
use messages::topics;
use service_runtime::UsageError;

const PIPELINE: &str = include_str!("../../../ksql/pipeline.sql");

/// Which SQL defines the pipeline.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct SqlArgs {
    /// The pipeline's SQL [default: the shipped ksql/pipeline.sql]
    #[arg(long, value_name = "FILE.sql")]
    pub sql: Option<PathBuf>,
}

impl SqlArgs {
    /// The SQL.
    ///
    /// # Errors
    /// Where the user's file cannot be read.
    pub fn read(&self) -> Result<PipelineSql, UsageError> {
        let Some(path) = &self.sql else {
            return Ok(PipelineSql::shipped(PIPELINE));
        };
        let origin = format!("--sql {}", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(PipelineSql { origin, text }),
            Err(error) => Err(UsageError(format!("{origin}: {error}"))),
        }
    }
}

/// The pipeline's SQL, and where it is from.
#[derive(Clone, Debug)]
pub struct PipelineSql {
    origin: String,
    text: String,
}

impl PipelineSql {
    fn shipped(text: &str) -> Self {
        Self {
            origin: "the shipped ksql/pipeline.sql".to_owned(),
            text: text.to_owned(),
        }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// That it cannot be used, with the file that it is from.
    pub fn refused(&self, reason: impl std::fmt::Display) -> UsageError {
        UsageError(format!("{}: {reason}", self.origin))
    }
}

/// When the SQL triggers a retraining.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriggerRule {
    /// The mean relative error that a window must pass.
    pub threshold: f64,
    /// The window's size.
    pub window: Duration,
    /// How long after its measurement a fish must be weighed to be joined; none where the SQL joins
    /// in another way than stream to stream.
    pub within: Option<Duration>,
}

impl TriggerRule {
    /// Reads the rule out of the statement that writes the topic `weight-retrain`.
    ///
    /// # Errors
    /// Where the script cannot be parsed, or has no such statement with a window and a
    /// `HAVING AVG(…) > number` (or `number < AVG(…)`).
    pub fn of(sql: &PipelineSql) -> Result<Self, UsageError> {
        let statements = parse_script(sql.text()).map_err(|error| sql.refused(error))?;
        let query = query_that_writes(topics::WEIGHT_RETRAIN, &statements).ok_or_else(|| {
            sql.refused(format!("no statement writes {}", topics::WEIGHT_RETRAIN))
        })?;
        let join = query_that_writes(topics::WEIGHT_DIFF, &statements);
        rule(query, join).ok_or_else(|| {
            sql.refused(format!(
                "the statement that writes {} has no window with HAVING AVG(…) > number",
                topics::WEIGHT_RETRAIN
            ))
        })
    }
}

impl TriggerRule {
    /// Whether a fish is joined that is weighed so long after its measurement.
    ///
    /// # Errors
    /// A [`UsageError`] where it comes too late for the SQL's join: it would be missed at the end.
    pub fn joins_after(&self, weigh_delay: Duration) -> Result<(), UsageError> {
        match self.within {
            Some(within) if weigh_delay > within => Err(UsageError(format!(
                "--weigh-delay {weigh_delay:?}: the SQL joins fish that are weighed within {within:?} \
                 (WITHIN in the statement that writes {}); choose a shorter delay, or edit the SQL",
                topics::WEIGHT_DIFF
            ))),
            _ => Ok(()),
        }
    }
}

fn query_that_writes<'a>(topic: &str, statements: &'a [Statement]) -> Option<&'a Query> {
    statements
        .iter()
        .find_map(|statement| match &statement.kind {
            StatementKind::CreateAs {
                properties, query, ..
            } if properties.iter().any(|property| {
                property.name.name == "KAFKA_TOPIC"
                    && property.value == Literal::Text(topic.to_owned())
            }) =>
            {
                Some(&**query)
            }
            _ => None,
        })
}

fn rule(query: &Query, join: Option<&Query>) -> Option<TriggerRule> {
    let window = query.window?;
    let threshold = threshold(query.having.as_ref()?)?;
    // The left side of the join is the prediction, which has the time of the measurement.
    let within = join.and_then(|join| join.joins.first()?.within);
    Some(TriggerRule {
        threshold,
        window: Duration::from_millis(window.size.try_into().ok()?),
        within: within
            .and_then(|within| Some(Duration::from_millis(within.after.try_into().ok()?))),
    })
}

/// The number in `AVG(…) > number` or `number < AVG(…)`, wherever it is among conditions that must all hold.
fn threshold(condition: &Expr) -> Option<f64> {
    match &condition.kind {
        ExprKind::And(left, right) => threshold(left).or_else(|| threshold(right)),
        ExprKind::Compare(CompareOp::Greater | CompareOp::GreaterOrEqual, left, right) => {
            is_average(left).then(|| number(right))?
        }
        ExprKind::Compare(CompareOp::Less | CompareOp::LessOrEqual, left, right) => {
            is_average(right).then(|| number(left))?
        }
        _ => None,
    }
}

fn is_average(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call { name, .. } if name.name == "AVG")
}

fn number(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Literal(Literal::Decimal(text)) => text.parse().ok(),
        ExprKind::Literal(Literal::Double(value)) => Some(*value),
        ExprKind::Literal(Literal::Integer(value)) => Some(*value as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule_of(text: &str) -> Result<TriggerRule, UsageError> {
        TriggerRule::of(&PipelineSql::shipped(text))
    }

    #[test]
    fn the_reports_threshold_and_window_are_the_ones_in_the_sql() {
        let rule = rule_of(PIPELINE).expect("the shipped SQL");
        assert_eq!(
            rule,
            TriggerRule {
                threshold: 0.15,
                window: Duration::from_secs(60),
                within: Some(Duration::from_secs(60)),
            }
        );
        let edited = PIPELINE
            .replace("SIZE 1 MINUTE", "SIZE 30 SECONDS")
            .replace("WITHIN 1 MINUTE", "WITHIN 90 SECONDS")
            .replace("> 0.15", "> 0.2");
        let rule = rule_of(&edited).expect("an edited SQL");
        assert_eq!(
            rule,
            TriggerRule {
                threshold: 0.2,
                window: Duration::from_secs(30),
                within: Some(Duration::from_secs(90)),
            }
        );
    }

    #[test]
    fn fish_that_would_be_weighed_too_late_to_be_joined_are_refused() {
        let rule = rule_of(PIPELINE).expect("the shipped SQL");
        assert!(rule.joins_after(Duration::from_secs(60)).is_ok());
        let error = rule.joins_after(Duration::from_secs(61));
        let told = error.expect_err("too late").to_string();
        assert!(
            told.contains("--weigh-delay 61s") && told.contains("60s"),
            "{told}"
        );
    }

    #[test]
    fn the_threshold_may_stand_on_either_side() {
        let turned = PIPELINE.replace(r#"AVG("Error") > 0.15"#, r#"0.25 < AVG("Error")"#);
        let rule = rule_of(&turned).expect("the turned SQL");
        assert_eq!(rule.threshold, 0.25);
    }

    #[test]
    fn sql_without_a_trigger_is_refused() {
        let error = rule_of("SET 'auto.offset.reset'='earliest';").expect_err("no trigger");
        assert!(
            error.to_string().contains(topics::WEIGHT_RETRAIN),
            "{error:#}"
        );
    }
}
