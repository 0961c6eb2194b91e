//! The rule by which the pipeline's SQL triggers a retraining.

use std::time::Duration;

use ksql_parser::ast::{CompareOp, Expr, ExprKind, Query, Statement, StatementKind};
use ksql_parser::error::StatementError;
use ksql_parser::{Literal, parse_script};

use crate::definition::Topics;

/// The grace period of a window without `GRACE PERIOD`, as in ksqlDB.
const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 3600);

/// The rule by which the SQL triggers a retraining.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriggerRule {
    /// A window triggers a retraining if its mean relative error is above this number.
    pub threshold: f64,
    /// Whether this and the number of records are the only conditions. Otherwise, a window above the threshold need
    /// not trigger.
    pub mean_alone: bool,
    /// A window with fewer records does not trigger.
    pub at_least: u64,
    /// Size of the window.
    pub window: Duration,
    /// How long after its end a window still accepts rows.
    pub grace: Duration,
    /// The longest time between measurement and weighing for which the SQL joins a record. `None` if
    /// the SQL does not join two streams.
    pub within: Option<Duration>,
}

/// Why no rule can be read from the SQL.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The SQL cannot be parsed.
    #[error(transparent)]
    Syntax(#[from] StatementError),
    /// No statement writes the topic of the triggers.
    #[error(
        "no statement writes the topic `{0}`; add a CREATE TABLE … AS SELECT with KAFKA_TOPIC='{0}'"
    )]
    NoTrigger(String),
    /// The statement that writes the triggers has no window or no threshold.
    #[error(
        "the statement that writes the topic `{0}` needs a WINDOW and a condition \
         HAVING AVG(…) > number"
    )]
    NoThreshold(String),
}

/// The weighing arrives too late for the SQL's join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a weighing {delay:?} after the measurement is not joined: the statement that writes the joined rows \
     joins WITHIN {within:?}; choose a shorter delay or a longer WITHIN"
)]
pub struct TooLateToJoin {
    /// Time between measurement and weighing.
    pub delay: Duration,
    /// The longest time that the SQL joins.
    pub within: Duration,
}

impl TriggerRule {
    /// Reads the rule from the statement that writes the topic of the triggers.
    ///
    /// # Errors
    /// See [`RuleError`]. The condition is `HAVING AVG(…) > number` or `number < AVG(…)`, alone or
    /// joined to others with `AND`.
    pub fn from_sql(text: &str, topics: &Topics) -> Result<Self, RuleError> {
        let statements = parse_script(text)?;
        let query = query_that_writes(&topics.trigger, &statements)
            .ok_or_else(|| RuleError::NoTrigger(topics.trigger.clone()))?;
        let join = query_that_writes(&topics.rows, &statements);
        rule(query, join).ok_or_else(|| RuleError::NoThreshold(topics.trigger.clone()))
    }

    /// Checks that the SQL joins a record that is weighed `delay` after its measurement.
    ///
    /// # Errors
    /// If `delay` is longer than the SQL's `WITHIN`.
    pub fn check_delay(&self, delay: Duration) -> Result<(), TooLateToJoin> {
        match self.within {
            Some(within) if delay > within => Err(TooLateToJoin { delay, within }),
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
        mean_alone: is_mean_alone(query.having.as_ref()?),
        at_least: at_least(query.having.as_ref()?).unwrap_or(1),
        window: Duration::from_millis(window.size.try_into().ok()?),
        grace: match window.grace {
            Some(grace) => Duration::from_millis(grace.try_into().ok()?),
            None => DEFAULT_GRACE,
        },
        within: within
            .and_then(|within| Some(Duration::from_millis(within.after.try_into().ok()?))),
    })
}

/// The number in `AVG(…) > number` or `number < AVG(…)`, also inside a conjunction.
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

/// Whether each part of a conjunction is about the mean error or the number of records.
fn is_mean_alone(condition: &Expr) -> bool {
    match &condition.kind {
        ExprKind::And(left, right) => is_mean_alone(left) && is_mean_alone(right),
        _ => threshold(condition).is_some() || at_least(condition).is_some(),
    }
}

/// The least number of records in `COUNT(*) >= number` or `COUNT(*) > number`, also turned round or inside a
/// conjunction.
fn at_least(condition: &Expr) -> Option<u64> {
    let (operator, count, limit) = match &condition.kind {
        ExprKind::And(left, right) => return at_least(left).or_else(|| at_least(right)),
        ExprKind::Compare(
            operator @ (CompareOp::Greater | CompareOp::GreaterOrEqual),
            left,
            right,
        ) => (operator, left, right),
        ExprKind::Compare(CompareOp::Less, left, right) => (&CompareOp::Greater, right, left),
        ExprKind::Compare(CompareOp::LessOrEqual, left, right) => {
            (&CompareOp::GreaterOrEqual, right, left)
        }
        _ => return None,
    };
    let limit = matches!(count.kind, ExprKind::CountAll).then(|| number(limit))??;
    let least = match operator {
        CompareOp::Greater => limit.floor() + 1.0,
        _ => limit.ceil(),
    };
    // A negative number becomes zero.
    Some(least as u64)
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

    const SHIPPED: &str = include_str!("../../../ksql/pipeline.sql");

    fn rule_of(text: &str) -> Result<TriggerRule, RuleError> {
        TriggerRule::from_sql(text, &crate::Definition::shipped().topics)
    }

    #[test]
    fn threshold_and_window_are_those_of_the_sql() {
        let rule = rule_of(SHIPPED).expect("the shipped SQL");
        let expected = TriggerRule {
            threshold: 0.15,
            mean_alone: true,
            at_least: 5,
            window: Duration::from_secs(60),
            grace: Duration::from_secs(10),
            within: Some(Duration::from_secs(60)),
        };
        assert_eq!(rule, expected);

        let edited = SHIPPED
            .replace("SIZE 1 MINUTE", "SIZE 30 SECONDS")
            .replace("WITHIN 1 MINUTE", "WITHIN 90 SECONDS")
            .replace("> 0.15", "> 0.2");
        let rule = rule_of(&edited).expect("an edited SQL");
        let expected = TriggerRule {
            threshold: 0.2,
            mean_alone: true,
            at_least: 5,
            window: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            within: Some(Duration::from_secs(90)),
        };
        assert_eq!(rule, expected);
    }

    #[test]
    fn other_conditions_are_noticed() {
        let fast = include_str!("../../../ksql/alternatives/fast.sql");
        let rule = rule_of(fast).expect("the SQL");
        assert!(!rule.mean_alone && rule.threshold == 0.1 && rule.at_least == 6);
    }

    #[test]
    fn a_weighing_after_the_join_window_is_an_error() {
        let rule = rule_of(SHIPPED).expect("the shipped SQL");
        assert!(rule.check_delay(Duration::from_secs(60)).is_ok());
        let error = rule.check_delay(Duration::from_secs(61)).expect_err("late");
        let text = error.to_string();
        assert!(text.contains("61s") && text.contains("60s"), "{text}");
    }

    #[test]
    fn the_threshold_may_be_on_either_side() {
        let turned = SHIPPED.replace(r#"AVG("Error") > 0.15"#, r#"0.25 < AVG("Error")"#);
        let rule = rule_of(&turned).expect("the turned SQL");
        assert_eq!(rule.threshold, 0.25);
    }

    #[test]
    fn the_least_number_of_records_may_be_written_in_four_ways() {
        for (condition, expected) in [
            ("COUNT(*) >= 7", 7),
            ("COUNT(*) > 7", 8),
            ("7 <= COUNT(*)", 7),
            ("7 < COUNT(*)", 8),
            (r#"MAX("Error") > 7"#, 1),
        ] {
            let edited = SHIPPED.replace("COUNT(*) >= 5", condition);
            assert!(
                edited.contains(condition),
                "the shipped condition has changed"
            );
            assert_eq!(
                rule_of(&edited).expect(condition).at_least,
                expected,
                "{condition}"
            );
        }
    }

    #[test]
    fn sql_without_a_trigger_is_an_error() {
        let error = rule_of("SET 'auto.offset.reset'='earliest';");
        let text = error.expect_err("no trigger").to_string();
        assert!(text.contains("weight-retrain"), "{text}");
    }
}
