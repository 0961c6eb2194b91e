//! Drifts that are known because the fish are simulated, and when a rule has found them.

use fish_producer::simulation::Plan;
use model_store::TrainingOutcome;

use crate::replay::{Alarm, Course, MeasuredRecord};

/// So many consecutive records must be predicted well.
const IN_A_ROW: usize = 5;

/// A phase of a group that no model has seen before, or with another scale than the phase before: numbers of measured records, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drift {
    pub(crate) first: usize,
    /// After the last.
    pub(crate) end: usize,
}

/// The drifts of a plan, if the first model has seen the groups `known`.
pub(crate) fn drifts(plan: &Plan, known: &[String]) -> Vec<Drift> {
    let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut scale = 1.0;
    let mut first = 0;
    let mut drifts = Vec::new();
    for phase in plan.phases() {
        let end = first + phase.fish as usize;
        let is_known = known.contains(&phase.species.name);
        if !is_known {
            known.push(phase.species.name);
        }
        if !is_known || phase.scale != scale {
            scale = phase.scale;
            drifts.push(Drift { first, end });
        }
        first = end;
    }
    drifts
}

/// The time from the first record of a drift to the first record of a better model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Delay {
    pub(crate) records: u64,
    /// Event time.
    pub(crate) seconds: f64,
}

impl Drift {
    /// The mean error of its records.
    pub(crate) fn error(self, measured: &[MeasuredRecord]) -> Option<f64> {
        mean(measured.get(self.first..self.end.min(measured.len()))?)
    }

    /// The mean error from the first record of a better model, which came after `delay`, to `end`.
    pub(crate) fn error_after(
        self,
        delay: Delay,
        end: usize,
        measured: &[MeasuredRecord],
    ) -> Option<f64> {
        let recovered = self.first + usize::try_from(delay.records).ok()?;
        mean(measured.get(recovered..end.min(measured.len()))?)
    }

    /// The delay; `None` if no better model went live during the drift.
    ///
    /// The first record of a better model is the first of five consecutive ones that versions which went live
    /// during the drift have predicted with at most half the mean error of the drifted records before.
    pub(crate) fn delay(self, measured: &[MeasuredRecord]) -> Option<Delay> {
        let drifted = measured.get(self.first..self.end.min(measured.len()))?;
        let first = drifted.first()?;
        let is_newer = |record: &MeasuredRecord| record.activations > first.activations;
        let start = drifted.iter().position(is_newer)?;
        let (before, after) = drifted.split_at(start);
        let limit = mean(before)? / 2.0;
        let better = after
            .windows(IN_A_ROW)
            .position(|records| mean(records).is_some_and(|error| error <= limit))?;
        let record = after.get(better)?;
        let millis = record.at.as_millis() - first.at.as_millis();
        Some(Delay {
            records: (start + better) as u64,
            seconds: millis as f64 / 1e3,
        })
    }
}

/// The mean error of the records whose error is known.
fn mean(records: &[MeasuredRecord]) -> Option<f64> {
    let errors: Vec<f64> = records.iter().filter_map(|record| record.error).collect();
    (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64)
}

impl Drift {
    /// How many records after the first one a live version's trigger came whose window has records of the drift;
    /// `None` if none came.
    pub(crate) fn found(self, alarms: &[Alarm]) -> Option<usize> {
        let mut alarms = alarms.iter().filter(|alarm| alarm.is_about_live());
        let alarm = alarms.find(|alarm| self.is_in(alarm))?;
        Some(alarm.measured.saturating_sub(self.first))
    }

    fn is_in(self, alarm: &Alarm) -> bool {
        let touches = |(first, last): (usize, usize)| first < self.end && last >= self.first;
        alarm.records.is_some_and(touches)
    }
}

impl Alarm {
    fn is_about_live(&self) -> bool {
        self.outcome != TrainingOutcome::Superseded
    }
}

/// The triggers for a live version whose window has no record of a drift.
pub(crate) fn false_alarms(course: &Course, drifts: &[Drift]) -> u64 {
    let is_false = |alarm: &&Alarm| {
        alarm.is_about_live()
            && alarm.records.is_some()
            && !drifts.iter().any(|drift| drift.is_in(alarm))
    };
    course.alarms.iter().filter(is_false).count() as u64
}

#[cfg(test)]
mod tests {
    use pipeline::EventTime;

    use super::*;

    fn measured(records: &[(u32, f64)]) -> Vec<MeasuredRecord> {
        let record = |(number, (activations, error)): (usize, &(u32, f64))| MeasuredRecord {
            at: EventTime::from_millis(2_000 * number as i64).unwrap(),
            activations: *activations,
            error: Some(*error),
        };
        records.iter().enumerate().map(record).collect()
    }

    #[test]
    fn a_drift_begins_with_an_unknown_group_or_another_scale() {
        let plan: Plan = "salmon:3,walleye:2,salmon:1,walleye:5,char:4"
            .parse()
            .unwrap();
        let drift = |first, end| Drift { first, end };
        let found = drifts(&plan, &["salmon".to_owned()]);
        assert_eq!(found, [drift(3, 5), drift(11, 15)]);
        let plan: Plan = "salmon:3,salmon*1.08:2,salmon*1.08:1".parse().unwrap();
        assert_eq!(drifts(&plan, &["salmon".to_owned()]), [drift(3, 5)]);
    }

    #[test]
    fn the_delay_ends_with_five_better_records_in_a_row() {
        let mut records = vec![(0, 0.02); 4];
        records.extend([(0, 0.8); 10]);
        // The first new version is still bad, the next one is better.
        records.extend([(1, 0.7); 3]);
        records.extend([(2, 0.1); 5]);
        let drift = Drift { first: 4, end: 22 };
        let delay = drift.delay(&measured(&records)).unwrap();
        // Two of the first five have an error of 0.7, which leaves their mean below a half of 0.8.
        let expected = Delay {
            records: 11,
            seconds: 22.0,
        };
        assert_eq!(delay, expected);
        records.truncate(17);
        assert_eq!(drift.delay(&measured(&records)), None, "too few records");
        let never = measured(&[(0, 0.8); 22]);
        assert_eq!(drift.delay(&never), None, "no newer version");
    }

    #[test]
    fn a_trigger_on_drifted_records_is_no_false_alarm() {
        use model_store::TrainingOutcome::{Activated, Rejected, Superseded};
        let alarm = |outcome, records| Alarm {
            outcome,
            records,
            measured: 70,
        };
        let course = Course {
            alarms: vec![
                alarm(Rejected, Some((0, 59))),
                alarm(Activated, Some((40, 60))),
                alarm(Superseded, Some((0, 59))),
                alarm(Activated, Some((120, 130))),
            ],
            ..Course::default()
        };
        let drifts = [Drift {
            first: 60,
            end: 120,
        }];
        assert_eq!(false_alarms(&course, &drifts), 2);
        assert_eq!(drifts[0].found(&course.alarms), Some(10));
        assert_eq!(drifts[0].found(&course.alarms[2..]), None);
    }
}
