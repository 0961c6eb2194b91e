//! One rule over one series of records: predict, join, trigger, train.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::Context;
use feed::Outgoing;
use model_server::answer::{Answer, AnswerNames};
use model_server::training::{
    RefineAt, Refiner, TrainFailure, TrainRequest, TrainingRule, train_once,
};
use model_store::features::Features;
use model_store::{ModelRegistry, TrainingOutcome, Trigger, Version};
use pipeline::{Definition, ErrorKind, EventTime, Inputs};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::hindsight::Sample;
use crate::sql::{Sql, SqlRecord};
use crate::store::MemoryStore;

/// What leads to a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The records of the topic of triggers.
    Triggers,
    /// Nothing.
    Never,
    /// This many joined rows.
    Every(u64),
}

/// A measured record.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredRecord {
    pub(crate) at: EventTime,
    /// How many versions had gone live when it was predicted.
    pub(crate) activations: u32,
    /// The error of its prediction, if its row was joined.
    pub(crate) error: Option<f64>,
}

/// A trigger and what it led to.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) outcome: TrainingOutcome,
    /// The numbers of the window's first and last record, from 0, by arrival.
    pub(crate) records: Option<(usize, usize)>,
    /// How many records were measured before it.
    pub(crate) measured: usize,
}

/// A version that went live.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    pub(crate) version: String,
    /// Event time of the record that led to it.
    pub(crate) at: EventTime,
    /// The `_id` of the oldest and of the newest training row.
    pub(crate) rows: Option<(String, String)>,
    pub(crate) loo_error: Option<f64>,
    /// What triggered it; `None` for a refinement, and for the baseline that retrains without a trigger.
    pub(crate) trigger: Option<Trigger>,
}

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// Joined rows with an error.
    pub(crate) joined: u64,
    /// The sum of their errors.
    pub(crate) error_sum: f64,
    pub(crate) triggers: u64,
    /// Trainings and calls for one.
    pub(crate) alarms: Vec<Alarm>,
    /// How the refinements ended.
    pub(crate) refinements: Vec<TrainingOutcome>,
    pub(crate) activations: Vec<Activation>,
    /// All measured records, if the replay keeps them.
    pub(crate) measured: Vec<MeasuredRecord>,
    /// Records without a prediction, and records or expressions that the SQL could not evaluate.
    pub(crate) problems: u64,
}

/// What all replays share.
pub(crate) struct Shared {
    pub(crate) definition: &'static Definition,
    pub(crate) first: Version,
    pub(crate) rule: TrainingRule,
    pub(crate) refine_at: RefineAt,
    pub(crate) names: AnswerNames,
    pub(crate) runtime: Runtime,
    actual_field: String,
    predicted_field: String,
    key_start: String,
    key_end: String,
}

impl Shared {
    pub(crate) fn new(
        definition: &'static Definition,
        first: Version,
        rule: TrainingRule,
        refine_at: RefineAt,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Ok(Self {
            definition,
            first,
            rule,
            refine_at,
            names: AnswerNames::of(definition),
            runtime: runtime.context("cannot start a runtime for the trainings")?,
            actual_field: definition.actual_field(),
            predicted_field: definition.predicted_field(),
            key_start: format!("{}_Start", definition.key),
            key_end: format!("{}_End", definition.key),
        })
    }

    /// The error of a joined row; `None` if it has no numbers, or the error is not defined.
    fn error(&self, row: &Value) -> Option<f64> {
        let predicted = row.get(&self.predicted_field)?.as_f64()?;
        let actual = row.get(&self.actual_field)?.as_f64()?;
        let error = match self.definition.error {
            ErrorKind::Relative => (predicted - actual).abs() / actual.abs(),
            ErrorKind::Absolute => (predicted - actual).abs(),
        };
        error.is_finite().then_some(error)
    }
}

/// A rule, its model and its rows.
pub(crate) struct Replay<'s> {
    shared: &'s Shared,
    policy: Policy,
    sql: Box<dyn Sql>,
    models: ModelRegistry,
    store: Arc<MemoryStore>,
    /// Whether records are known by their numbers, which are their keys, from 1.
    numbered: bool,
    since_training: u64,
    refiner: Refiner,
    /// Some of the rows, if they are kept for a fit on all of them.
    pub(crate) sample: Option<Sample>,
    pub(crate) course: Course,
}

impl<'s> Replay<'s> {
    /// With the first version live.
    pub(crate) fn new(
        shared: &'s Shared,
        policy: Policy,
        sql: Box<dyn Sql>,
        numbered: bool,
    ) -> anyhow::Result<Self> {
        let store = Arc::new(MemoryStore::new(shared.definition));
        let models = ModelRegistry::new(Arc::clone(&store) as _);
        shared.runtime.block_on(models.submit(&shared.first))?;
        // The baselines do not depend on triggers.
        let refine_at = match policy {
            Policy::Triggers => shared.refine_at.clone(),
            Policy::Never | Policy::Every(_) => RefineAt::default(),
        };
        Ok(Self {
            shared,
            policy,
            sql,
            models,
            store,
            numbered,
            since_training: 0,
            refiner: Refiner::new(refine_at),
            sample: None,
            course: Course::default(),
        })
    }

    /// Predicts a measured record, and passes it with its prediction to the SQL.
    pub(crate) fn measured(&mut self, record: &Outgoing, inputs: &Inputs) -> anyhow::Result<()> {
        if self.numbered {
            self.course.measured.push(MeasuredRecord {
                at: record.at,
                activations: u32::try_from(self.course.activations.len()).unwrap_or(u32::MAX),
                error: None,
            });
        }
        let features = Features {
            numbers: inputs.numbers.to_vec(),
            categories: inputs
                .categories
                .iter()
                .map(|level| Cow::Borrowed(&**level))
                .collect(),
        };
        let live = self.models.live().get().context("no model is live")?;
        let Ok(answer) = Answer::of(&self.shared.names, &live, &features) else {
            self.course.problems += 1;
            return Ok(());
        };
        // The record byte for byte, with the prediction as its last field, as the predictor writes it.
        let mut value = Vec::with_capacity(record.value.len() + 256);
        let before = record.value.strip_suffix(b"}");
        value.extend_from_slice(before.context("a measured record is not an object")?);
        value.extend_from_slice(b",\"Prediction\":");
        serde_json::to_writer(&mut value, &answer)?;
        value.push(b'}');
        self.process(&self.shared.definition.topics.predicted, record, value)
    }

    /// Passes an actual value to the SQL.
    pub(crate) fn actual(&mut self, record: &Outgoing) -> anyhow::Result<()> {
        self.process(record.topic, record, record.value.clone())
    }

    fn process(&mut self, topic: &str, record: &Outgoing, value: Vec<u8>) -> anyhow::Result<()> {
        let processed = self
            .sql
            .process(topic, &record.key, value, record.at.as_millis())
            .map_err(|reason| anyhow::anyhow!("a query failed: {reason}"))?;
        self.course.problems += processed.problems as u64;
        let topics = &self.shared.definition.topics;
        for SqlRecord { topic, value } in processed.records {
            let Some(value) = value else { continue };
            if *topic == *topics.rows {
                self.joined(record.at, &value)?;
            } else if *topic == *topics.trigger {
                self.triggered(record.at, &value)?;
            }
        }
        Ok(())
    }

    fn joined(&mut self, at: EventTime, bytes: &[u8]) -> anyhow::Result<()> {
        let row: Value = serde_json::from_slice(bytes).context("the SQL wrote no JSON")?;
        self.store.add_row(&row, bytes);
        if let Some(sample) = &mut self.sample {
            sample.add(self.shared.definition, &row);
        }
        if let Some(error) = self.shared.error(&row) {
            self.course.joined += 1;
            self.course.error_sum += error;
            let number = number_of(row.get(&self.shared.definition.key));
            let measured = number.and_then(|number| self.course.measured.get_mut(number));
            if let Some(measured) = measured {
                measured.error = Some(error);
            }
        } else {
            self.course.problems += 1;
        }
        self.refine(at)?;
        self.since_training += 1;
        if self.policy == Policy::Every(self.since_training) {
            self.since_training = 0;
            let outcome = self.train(at, &TrainRequest::default())?;
            self.add_alarm(outcome, None);
        }
        Ok(())
    }

    fn triggered(&mut self, at: EventTime, bytes: &[u8]) -> anyhow::Result<()> {
        if self.policy != Policy::Triggers {
            return Ok(());
        }
        self.course.triggers += 1;
        let trigger: Value = serde_json::from_slice(bytes).context("the SQL wrote no JSON")?;
        let records = number_of(trigger.get(&self.shared.key_start))
            .zip(number_of(trigger.get(&self.shared.key_end)));
        let request = TrainRequest {
            trigger: Trigger::from_body(self.shared.definition, bytes),
            ..TrainRequest::default()
        };
        let outcome = self.train(at, &request)?;
        self.add_alarm(outcome, records);
        Ok(())
    }

    fn add_alarm(&mut self, outcome: TrainingOutcome, records: Option<(usize, usize)>) {
        self.course.alarms.push(Alarm {
            outcome,
            records,
            measured: self.course.measured.len(),
        });
    }

    /// Trains again, if enough rows have come since a trigger's version went live.
    fn refine(&mut self, at: EventTime) -> anyhow::Result<()> {
        let due = self.refiner.due(&self.models);
        let Some(refinement) = self.shared.runtime.block_on(due)? else {
            return Ok(());
        };
        let request = TrainRequest {
            refinement: Some(refinement),
            ..TrainRequest::default()
        };
        let outcome = self.train(at, &request)?;
        self.refiner.done(refinement);
        self.course.refinements.push(outcome);
        Ok(())
    }

    fn train(&mut self, at: EventTime, request: &TrainRequest) -> anyhow::Result<TrainingOutcome> {
        let trained = train_once(&self.models, &self.shared.rule, request);
        let report = match self.shared.runtime.block_on(trained) {
            Ok(report) => report,
            Err(TrainFailure::Train(_)) => return Ok(TrainingOutcome::NotTrainable),
            Err(failure) => return Err(failure.into()),
        };
        if report.outcome == TrainingOutcome::Activated {
            self.course.activations.push(Activation {
                version: report.model_version.unwrap_or_default(),
                at,
                rows: report.first_row.zip(report.last_row),
                loo_error: report.loo_error,
                trigger: request.trigger.clone(),
            });
        }
        Ok(report.outcome)
    }
}

/// The number of a record, from 0, if its key is its number.
fn number_of(key: Option<&Value>) -> Option<usize> {
    let key = match key? {
        Value::String(key) => key.parse().ok(),
        Value::Number(key) => key.as_u64().and_then(|key| usize::try_from(key).ok()),
        _ => None,
    };
    key.and_then(|key: usize| key.checked_sub(1))
}
