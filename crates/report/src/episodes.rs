//! Where drift began and where it ended.
//!
//! An episode begins within a window that triggered, among the fish that the version that erred
//! answered, where the sum of what their errors are above the threshold began to rise to its highest
//! value without falling to zero in between (the change point of a CUSUM; Page 1954, Biometrika 41):
//! one odd fish before the others begins no drift. It ends with the first of [`RECOVERED_RUN`] fish in
//! a row that were answered by versions activated since and whose mean error is below the threshold.

use pipeline::EventTime;

/// How many fish in a row must be predicted well for an episode to have ended.
pub(crate) const RECOVERED_RUN: usize = 5;

/// A joined fish: what episodes are made of, in the order of measurement.
#[derive(Clone, Debug)]
pub(crate) struct Scored<'a> {
    pub(crate) weighed: EventTime,
    pub(crate) error: f64,
    pub(crate) version: &'a str,
}

/// A window that triggered.
#[derive(Clone, Debug)]
pub(crate) struct Alarm<'a> {
    pub(crate) start: EventTime,
    pub(crate) end: EventTime,
    pub(crate) erring_version: &'a str,
}

/// A stretch of drift; positions count scored fish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Episode {
    /// Position of the first fish that drifted.
    pub(crate) first_drifted: usize,
    /// Position of the first fish that was predicted well again, if there was one.
    pub(crate) first_recovered: Option<usize>,
}

/// The episodes among `fish`, given the windows that triggered in the order of their start and the
/// versions in the order of their activation.
pub(crate) fn episodes(
    fish: &[Scored<'_>],
    alarms: &[Alarm<'_>],
    activations: &[&str],
    threshold: f64,
) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = Vec::new();
    for alarm in alarms {
        let Some(first_drifted) = onset(fish, alarm, threshold) else {
            continue;
        };
        // A later window of the same stretch: the old version's last fish, weighed after the switch.
        let ongoing = episodes
            .last()
            .is_some_and(|last| last.first_recovered.is_none_or(|end| first_drifted < end));
        if !ongoing {
            let first_recovered = recovery(
                fish,
                first_drifted,
                alarm.erring_version,
                activations,
                threshold,
            );
            episodes.push(Episode {
                first_drifted,
                first_recovered,
            });
        }
    }
    episodes
}

/// Where the errors of a window began to be too high.
fn onset(fish: &[Scored<'_>], alarm: &Alarm<'_>, threshold: f64) -> Option<usize> {
    let (mut sum, mut began) = (0.0, None);
    let (mut highest, mut onset) = (0.0, None);
    for (position, one) in fish.iter().enumerate() {
        let window = alarm.start..alarm.end;
        if !window.contains(&one.weighed) || one.version != alarm.erring_version {
            continue;
        }
        sum += one.error - threshold;
        if sum <= 0.0 {
            (sum, began) = (0.0, None);
            continue;
        }
        let began = *began.get_or_insert(position);
        if sum > highest {
            (highest, onset) = (sum, Some(began));
        }
    }
    onset
}

fn recovery(
    fish: &[Scored<'_>],
    first_drifted: usize,
    erring_version: &str,
    activations: &[&str],
    threshold: f64,
) -> Option<usize> {
    let erred = activations
        .iter()
        .position(|version| *version == erring_version);
    let since = activations
        .get(erred.map_or(0, |at| at + 1)..)
        .unwrap_or_default();
    let runs = fish.get(first_drifted..)?.windows(RECOVERED_RUN);
    runs.enumerate().find_map(|(offset, run)| {
        let newer =
            |one: &Scored<'_>| one.version != erring_version && since.contains(&one.version);
        let answered = run.iter().all(newer);
        let mean = run.iter().map(|one| one.error).sum::<f64>() / RECOVERED_RUN as f64;
        (answered && mean < threshold).then_some(first_drifted + offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> EventTime {
        EventTime::from_millis(second * 1000).expect("a time")
    }

    /// Fish weighed every two seconds: version and error.
    fn fish<'a>(answers: &[(&'a str, f64)]) -> Vec<Scored<'a>> {
        let scored = answers.iter().enumerate();
        scored
            .map(|(n, (version, error))| Scored {
                weighed: at(2 * n as i64),
                error: *error,
                version,
            })
            .collect()
    }

    fn alarm(start: i64, end: i64, erring_version: &str) -> Alarm<'_> {
        Alarm {
            start: at(start),
            end: at(end),
            erring_version,
        }
    }

    #[test]
    fn drift_lasts_from_the_first_bad_fish_to_the_first_of_five_good_ones_of_a_new_version() {
        let mut answers = vec![("a", 0.02); 5];
        answers.extend([("a", 0.8); 5]);
        answers.extend([("b", 0.03); 6]);
        let found = episodes(&fish(&answers), &[alarm(0, 20, "a")], &["a", "b"], 0.15);
        assert_eq!(
            found,
            [Episode {
                first_drifted: 5,
                first_recovered: Some(10)
            }]
        );
    }

    #[test]
    fn an_odd_fish_before_the_others_begins_no_drift() {
        let mut answers = vec![("a", 0.02), ("a", 0.3)];
        answers.extend([("a", 0.05); 3]);
        answers.extend([("a", 0.5); 5]);
        let found = episodes(&fish(&answers), &[alarm(0, 20, "a")], &["a"], 0.15);
        assert_eq!(found.first().map(|one| one.first_drifted), Some(5));
    }

    #[test]
    fn a_new_version_that_errs_as_well_does_not_end_the_episode() {
        let mut answers = vec![("a", 0.8); 5];
        answers.extend([("b", 0.8); 5]);
        answers.extend([("c", 0.03); 5]);
        let alarms = [alarm(0, 10, "a"), alarm(10, 20, "b")];
        let found = episodes(&fish(&answers), &alarms, &["a", "b", "c"], 0.15);
        assert_eq!(
            found,
            [Episode {
                first_drifted: 0,
                first_recovered: Some(10)
            }]
        );
    }

    #[test]
    fn a_superseded_trigger_of_the_same_stretch_is_no_second_episode() {
        let mut answers = vec![("a", 0.8); 12];
        answers.extend([("b", 0.03); 6]);
        let alarms = [alarm(0, 16, "a"), alarm(16, 32, "a")];
        let found = episodes(&fish(&answers), &alarms, &["a", "b"], 0.15);
        assert_eq!(
            found,
            [Episode {
                first_drifted: 0,
                first_recovered: Some(12)
            }]
        );
    }

    #[test]
    fn good_predictions_of_the_erring_version_do_not_end_an_episode() {
        let mut answers = vec![("a", 0.8); 5];
        answers.extend([("a", 0.01); 10]);
        let found = episodes(&fish(&answers), &[alarm(0, 10, "a")], &["a"], 0.15);
        assert_eq!(
            found,
            [Episode {
                first_drifted: 0,
                first_recovered: None
            }]
        );
    }

    #[test]
    fn a_rollback_to_the_erring_version_does_not_undo_a_recovery_of_the_past() {
        let mut answers = vec![("a", 0.8); 5];
        answers.extend([("b", 0.03); 5]);
        let found = episodes(
            &fish(&answers),
            &[alarm(0, 10, "a")],
            &["a", "b", "a"],
            0.15,
        );
        assert_eq!(
            found,
            [Episode {
                first_drifted: 0,
                first_recovered: Some(5)
            }]
        );
    }

    #[test]
    fn a_second_drift_after_recovery_is_an_episode_of_its_own() {
        let mut answers = vec![("a", 0.8); 5];
        answers.extend([("b", 0.03); 5]);
        answers.extend([("b", 0.5); 5]);
        answers.extend([("c", 0.03); 5]);
        let alarms = [alarm(0, 10, "a"), alarm(20, 30, "b")];
        let found = episodes(&fish(&answers), &alarms, &["a", "b", "c"], 0.15);
        assert_eq!(
            found,
            [
                Episode {
                    first_drifted: 0,
                    first_recovered: Some(5)
                },
                Episode {
                    first_drifted: 10,
                    first_recovered: Some(15)
                },
            ]
        );
    }
}
