//! Reports built from the records of a simulated pipeline.

use std::collections::HashSet;
use std::time::Duration;

use pipeline::{Definition, EventTime, TriggerRecord, topics};
use report::history::{Decision, Outcome, Version};
use report::{Ledger, ModelHistory, Report, SeenRecord, Selection, Sources};

/// The first fish is measured at second 20 of a minute.
const START: i64 = 1_623_245_960_000;
const THRESHOLD: f64 = 0.15;

pub(crate) fn time(second: i64) -> EventTime {
    EventTime::from_millis(START + second * 1000).expect("a time")
}

/// A run of one species.
#[derive(Clone, Debug)]
pub(crate) struct Stretch<'a> {
    pub(crate) species: &'a str,
    pub(crate) fish: usize,
    /// Kilograms.
    pub(crate) weight: f64,
}

impl<'a> Stretch<'a> {
    pub(crate) fn new(species: &'a str, fish: usize, weight: f64) -> Self {
        Self {
            species,
            fish,
            weight,
        }
    }
}

/// The default plan: 60 salmon, 60 walleye, 60 salmon.
pub(crate) fn plan() -> Vec<Stretch<'static>> {
    vec![
        Stretch::new("salmon", 60, 4.6),
        Stretch::new("walleye", 60, 2.3),
        Stretch::new("salmon", 60, 4.6),
    ]
}

/// Pseudo-random numbers between -1 and 1, always the same.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// Mistakes an unknown species for the first one that it knows.
struct Model {
    version: String,
    knows: Vec<String>,
}

struct Done {
    id: String,
    species: String,
    version: String,
    weighed: i64,
    error: f64,
}

/// Fish are predicted, weighed and compared. A one-minute window of one version whose mean error is
/// above the threshold trains a model on the newest rows.
pub(crate) struct Run {
    ledger: Ledger,
    history: ModelHistory,
    stored: HashSet<String>,
    done: Vec<Done>,
    models: Vec<Model>,
}

impl Run {
    pub(crate) fn of(plan: &[Stretch<'_>]) -> Report {
        let first = Model {
            version: version(0),
            knows: vec![plan.first().map_or("", |one| one.species).to_owned()],
        };
        let mut run = Self {
            ledger: Ledger::new(Definition::shipped()),
            history: ModelHistory::default(),
            stored: HashSet::new(),
            done: Vec::new(),
            models: vec![first],
        };
        run.decide(version(0), Outcome::Activated, time(0), None);
        let mut noise = Noise(7);
        let fish = plan
            .iter()
            .flat_map(|one| std::iter::repeat_n(one, one.fish));
        let mut window = 30 / 60;
        for (at, stretch) in fish.enumerate() {
            let second = 2 * at as i64;
            // A fish that is weighed closes the windows before it.
            let closed = (second + 20) / 60;
            if closed > window {
                run.close(window);
                window = closed;
            }
            run.pass(at, second, stretch, plan, &mut noise);
        }
        let (rows, _) = run.ledger.rows_to_check(None, usize::MAX);
        run.ledger.note_stored(&rows, &run.stored);
        report::build(&Sources {
            history: Some(&run.history),
            selection: Selection {
                store_is_known: true,
                ..Selection::default()
            },
            planned: Some(run.done.len() as u64),
            ..Sources::of(&run.ledger, THRESHOLD, Duration::from_secs(60))
        })
    }

    fn pass(
        &mut self,
        at: usize,
        second: i64,
        fish: &Stretch<'_>,
        plan: &[Stretch<'_>],
        noise: &mut Noise,
    ) {
        let model = self.models.last().expect("a model");
        let known = model.knows.iter().any(|known| known == fish.species);
        let taken_for = if known { fish.species } else { &model.knows[0] };
        let typical = plan
            .iter()
            .find(|one| one.species == taken_for)
            .expect("planned")
            .weight;
        let size = 1.0 + 0.08 * noise.next();
        let actual = fish.weight * size + 0.12 * noise.next();
        let predicted = typical * size;
        let error = ((predicted - actual).abs() / actual * 1000.0).round() / 1000.0;
        let (id, version) = ((at + 1).to_string(), model.version.clone());
        let (measured, weighed) = (time(second), time(second + 10));
        let species = serde_json::to_string(fish.species).expect("JSON");
        let head = format!(r#""Fish_Id":"{id}","Species":{species}"#);
        let size = format!(r#"{head},"Length":80.0,"Height":19.0,"Timestamp":"{measured}""#);
        let unseen = !known;
        self.note(topics::MACHINE_MEASUREMENT, None, &format!("{{{size}}}"));
        self.note(topics::WEIGHT_PREDICTION, None, &format!(
            r#"{{{size},"Prediction":{{"Weight":{predicted},"ModelTime":"t","ModelVersion":"{version}","UnseenSpecies":{unseen}}}}}"#
        ));
        self.note(
            topics::MACHINE_WEIGHT,
            None,
            &format!(r#"{{{head},"Weight":{actual},"Timestamp":"{weighed}"}}"#),
        );
        self.note(topics::WEIGHT_DIFF, None, &format!(
            r#"{{"_id":"{id}@{weighed}","Key":"Key",{head},"Length":80.0,"Height":19.0,"PredictedWeight":{predicted},"ActualWeight":{actual},"Error":{error},"ModelTime":"t","ModelVersion":"{version}","Timestamp":"{weighed}"}}"#
        ));
        self.stored.insert(format!("{id}@{weighed}"));
        let species = fish.species.to_owned();
        let weighed = second + 10;
        self.done.push(Done {
            id,
            species,
            version,
            weighed,
            error,
        });
    }

    fn note(&mut self, topic: &str, key: Option<&[u8]>, value: &str) {
        let value = Some(value.as_bytes());
        self.ledger
            .note(SeenRecord { topic, key, value })
            .expect("a readable record");
    }

    /// Closes the windows of a minute, one for each version that answered in it.
    fn close(&mut self, minute: i64) {
        let start = minute * 60 - 20;
        let versions: Vec<String> = self.models.iter().map(|one| one.version.clone()).collect();
        for (number, version) in versions.iter().enumerate() {
            let seen =
                |one: &&Done| one.version == *version && (start..start + 60).contains(&one.weighed);
            let fish: Vec<&Done> = self.done.iter().filter(seen).collect();
            let mean = fish.iter().map(|one| one.error).sum::<f64>() / fish.len().max(1) as f64;
            if fish.len() < 5 || mean <= THRESHOLD {
                continue;
            }
            let mut species: Vec<String> = Vec::new();
            for one in &fish {
                if !species.contains(&one.species) {
                    species.push(one.species.clone());
                }
            }
            let trigger = TriggerRecord {
                model_version: version.clone(),
                groups: species,
                first_key: fish[0].id.clone(),
                last_key: fish[fish.len() - 1].id.clone(),
                error_avg: mean,
                count: fish.len() as u64,
            };
            let key = [version.as_bytes(), &time(start).as_millis().to_be_bytes()].concat();
            let value = serde_json::json!({
                "ModelVersion": trigger.model_version,
                "Species": trigger.groups,
                "Fish_Id_Start": trigger.first_key,
                "Fish_Id_End": trigger.last_key,
                "ErrorAvg": trigger.error_avg,
                "Fish": trigger.count,
            })
            .to_string();
            let live = number + 1 == versions.len();
            self.note(topics::WEIGHT_RETRAIN, Some(&key), &value);
            if live {
                self.train(trigger, start + 60);
            }
        }
    }

    fn train(&mut self, cause: TriggerRecord, now: i64) {
        let rows: Vec<&Done> = self.done.iter().filter(|one| one.weighed < now).collect();
        let rows = &rows[rows.len().saturating_sub(50)..];
        let mut knows: Vec<String> = Vec::new();
        for row in rows {
            if !knows.contains(&row.species) {
                knows.push(row.species.clone());
            }
        }
        let id = version(self.models.len());
        self.history.versions.push(Version {
            id: id.clone(),
            rows: rows.len() as u64,
            groups: knows.clone(),
            first_row: rows.first().map(|row| row.id.clone()),
            last_row: rows.last().map(|row| row.id.clone()),
        });
        self.models.push(Model {
            version: id.clone(),
            knows,
        });
        self.decide(id, Outcome::Activated, time(now), Some(cause));
    }

    fn decide(
        &mut self,
        version: String,
        outcome: Outcome,
        at: EventTime,
        cause: Option<TriggerRecord>,
    ) {
        self.history.decisions.push(Decision {
            version,
            outcome,
            time: at.after(Duration::from_millis(13)),
            training_started: Some(at),
            cause,
            is_refinement: false,
        });
    }
}

/// Twelve hexadecimal digits, like the model server's versions.
pub(crate) fn version(number: usize) -> String {
    let hash = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:012x}", hash >> 16)
}
