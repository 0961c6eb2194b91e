//! The rule by which the pipeline's SQL triggers a retraining.

use std::time::Duration;

use ksql_parser::ast::{CompareOp, Expr, ExprKind, Query, Statement, StatementKind};
use ksql_parser::error::StatementError;
use ksql_parser::{Literal, parse_script};

use crate::definition::Topics;

/// The grace period of a window without `GRACE PERIOD`, as in ksqlDB.
const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 3600);

/// The column of the joined rows that counts rows of levels that the model has not seen.
const UNSEEN: &str = "Unseen";

/// The rule by which the SQL triggers a retraining.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriggerRule {
    /// A window triggers a retraining if its mean relative error is above this number.
    pub threshold: f64,
    /// Whether this and the number of records are the only conditions. Otherwise, a window above the threshold need
    /// not trigger.
    pub mean_alone: bool,
    /// A window with fewer records does not trigger because of their errors.
    pub at_least: u64,
    /// A window with this many rows of levels that the model has not seen triggers whatever their errors. `None`
    /// if the SQL does not count them.
    pub unseen: Option<u64>,
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
    /// joined to others with `AND` or `OR`.
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
    let having = query.having.as_ref()?;
    // The left side of the join is the prediction, which has the time of the measurement.
    let within = join.and_then(|join| join.joins.first()?.within);
    Some(TriggerRule {
        threshold: threshold(having)?,
        mean_alone: is_mean_alone(having),
        at_least: least(having, is_count).unwrap_or(1),
        unseen: least_unseen(having),
        window: Duration::from_millis(window.size.try_into().ok()?),
        grace: match window.grace {
            Some(grace) => Duration::from_millis(grace.try_into().ok()?),
            None => DEFAULT_GRACE,
        },
        within: within
            .and_then(|within| Some(Duration::from_millis(within.after.try_into().ok()?))),
    })
}

/// The number in `AVG(…) > number` or `number < AVG(…)`, also inside a conjunction or disjunction.
fn threshold(condition: &Expr) -> Option<f64> {
    match &condition.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            threshold(left).or_else(|| threshold(right))
        }
        ExprKind::Compare(CompareOp::Greater | CompareOp::GreaterOrEqual, left, right) => {
            is_average(left).then(|| number(right))?
        }
        ExprKind::Compare(CompareOp::Less | CompareOp::LessOrEqual, left, right) => {
            is_average(right).then(|| number(left))?
        }
        _ => None,
    }
}

/// Whether a window with enough records triggers if its mean error is above the threshold.
fn is_mean_alone(condition: &Expr) -> bool {
    match &condition.kind {
        ExprKind::And(left, right) => is_mean_alone(left) && is_mean_alone(right),
        ExprKind::Or(left, right) => is_mean_alone(left) || is_mean_alone(right),
        _ => threshold(condition).is_some() || least(condition, is_count).is_some(),
    }
}

/// The least number in `counted >= number` or `counted > number`, also turned round or inside a conjunction or
/// disjunction. `is_counted` tells what is counted.
fn least(condition: &Expr, is_counted: fn(&Expr) -> bool) -> Option<u64> {
    let (operator, counted, limit) = match &condition.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            return least(left, is_counted).or_else(|| least(right, is_counted));
        }
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
    let limit = is_counted(counted).then(|| number(limit))??;
    let least = match operator {
        CompareOp::Greater => limit.floor() + 1.0,
        _ => limit.ceil(),
    };
    // A negative number becomes zero.
    Some(least as u64)
}

/// The number in `SUM("Unseen") >= number`, if the condition is that alone or an `OR` of it and others. Inside a
/// conjunction, so many rows do not trigger alone.
fn least_unseen(condition: &Expr) -> Option<u64> {
    match &condition.kind {
        ExprKind::Or(left, right) => least_unseen(left).or_else(|| least_unseen(right)),
        ExprKind::And(..) => None,
        _ => least(condition, is_sum_of_unseen),
    }
}

fn is_count(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::CountAll)
}

/// `SUM("Unseen")`: the joined rows have 1 there if the model had not seen a level of the record.
fn is_sum_of_unseen(expr: &Expr) -> bool {
    let ExprKind::Call { name, args, .. } = &expr.kind else {
        return false;
    };
    let [
        Expr {
            kind: ExprKind::Column { name: column, .. },
            ..
        },
    ] = args.as_slice()
    else {
        return false;
    };
    name.name == "SUM" && column.name == UNSEEN
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
            unseen: None,
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
            unseen: None,
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
    fn rows_of_unseen_levels_are_part_of_the_condition() {
        let condition = r#"HAVING AVG("Error") > 0.15 AND COUNT(*) >= 5"#;
        assert!(
            SHIPPED.contains(condition),
            "the shipped condition has changed"
        );
        for (unseen, expected) in [
            (r#"SUM("Unseen") >= 3"#, Some(3)),
            (r#"2 < SUM("Unseen")"#, Some(3)),
            (r#"SUM("Other") >= 3"#, None),
        ] {
            let either = format!(r#"HAVING (AVG("Error") > 0.15 AND COUNT(*) >= 5) OR {unseen}"#);
            let rule = rule_of(&SHIPPED.replace(condition, &either)).expect(unseen);
            let found = (rule.threshold, rule.at_least, rule.unseen);
            assert_eq!(found, (0.15, 5, expected), "{unseen}");
        }
        let both = format!(r#"{condition} AND SUM("Unseen") >= 3"#);
        let rule = rule_of(&SHIPPED.replace(condition, &both)).expect("the SQL");
        let found = (rule.threshold, rule.at_least, rule.unseen, rule.mean_alone);
        assert_eq!(found, (0.15, 5, None, false));
    }

    #[test]
    fn sql_without_a_trigger_is_an_error() {
        let error = rule_of("SET 'auto.offset.reset'='earliest';");
        let text = error.expect_err("no trigger").to_string();
        assert!(text.contains("weight-retrain"), "{text}");
    }
}
