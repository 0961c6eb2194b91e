//! The first pass of a replay: which dead letters to send.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rdkafka::Message;

use super::replay::{ReplayArgs, ReplayError, ReplayReport};
use super::{Origin, ledger};
use crate::client::{KafkaSettings, readable_headers, scan};

/// The name of the consumer.
pub(super) const CLIENT: &str = "replay";

/// Offsets by partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offsets(pub(super) BTreeMap<i32, BTreeSet<i64>>);

impl Offsets {
    pub(super) fn add(&mut self, (partition, offset): (i32, i64)) {
        self.0.entry(partition).or_default().insert(offset);
    }

    pub(super) fn contains(&self, (partition, offset): (i32, i64)) -> bool {
        let of_partition = self.0.get(&partition);
        of_partition.is_some_and(|offsets| offsets.contains(&offset))
    }

    pub(super) fn len(&self) -> u64 {
        self.0.values().map(|offsets| offsets.len() as u64).sum()
    }
}

/// What a replay does with a topic's dead letters.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) topic: String,
    pub(super) send: Offsets,
    /// Older than another dead letter of their topic.
    pub(super) skip: Offsets,
}

/// The part of a dead letter that the selection depends on.
#[derive(Clone, Debug)]
struct Candidate {
    /// Partition and offset.
    place: (i32, i64),
    timestamp: Option<i64>,
    origin: Origin,
}

/// Reads the whole topic up to its current end.
pub(super) fn survey(
    kafka: &KafkaSettings,
    args: &ReplayArgs,
) -> Result<(Selection, ReplayReport), ReplayError> {
    let (mut candidates, mut done) = (Vec::new(), Offsets::default());
    let partitions = scan(kafka, CLIENT, &args.topic, |message| {
        let headers = message.headers();
        let notes = headers.into_iter().flat_map(readable_headers);
        let mut is_note = false;
        for note in notes.filter(|header| header.key == ledger::NOTE) {
            is_note = true;
            let text = String::from_utf8_lossy(note.value.unwrap_or_default());
            ledger::read(&text).for_each(|offset| done.add((message.partition(), offset)));
        }
        if !is_note {
            candidates.push(Candidate {
                place: (message.partition(), message.offset()),
                timestamp: message.timestamp().to_millis(),
                origin: headers.map(Origin::read).unwrap_or_default(),
            });
        }
        Ok::<_, ReplayError>(())
    })?;
    if let Some(partition) = args.partition.filter(|it| !partitions.contains(it)) {
        let topic = args.topic.clone();
        return Err(ReplayError::NoPartition { topic, partition });
    }
    let has_no_origin = |candidate: &Candidate| candidate.origin.topic.is_none();
    if !candidates.is_empty() && candidates.iter().all(has_no_origin) {
        return Err(ReplayError::NoDeadLetters(args.topic.clone()));
    }
    Ok(select(args, candidates, &done))
}

fn select(
    args: &ReplayArgs,
    candidates: Vec<Candidate>,
    done: &Offsets,
) -> (Selection, ReplayReport) {
    let mut selection = Selection {
        topic: args.topic.clone(),
        ..Selection::default()
    };
    let mut report = ReplayReport::default();
    let mut newest: HashMap<String, Candidate> = HashMap::new();
    for candidate in candidates {
        if done.contains(candidate.place) {
            report.done_before += 1;
        } else if !matches(args, &candidate) {
            report.not_selected += 1;
        } else if candidate.origin.omitted {
            report.omitted += 1;
        } else if let Some(topic) = &candidate.origin.topic {
            if !args.newest {
                selection.send.add(candidate.place);
                continue;
            }
            let age = |candidate: &Candidate| (candidate.timestamp, candidate.place.1);
            match newest.get(topic) {
                Some(other) if age(other) > age(&candidate) => selection.skip.add(candidate.place),
                _ => {
                    if let Some(older) = newest.insert(topic.clone(), candidate) {
                        selection.skip.add(older.place);
                    }
                }
            }
        } else {
            report.unknown_origin += 1;
        }
    }
    for candidate in newest.values() {
        selection.send.add(candidate.place);
    }
    (selection, report)
}

fn matches(args: &ReplayArgs, candidate: &Candidate) -> bool {
    let (partition, offset) = candidate.place;
    let reason = &candidate.origin.reason;
    args.partition.is_none_or(|wanted| wanted == partition)
        && args.from.is_none_or(|from| offset >= from)
        && args.to.is_none_or(|to| offset <= to)
        && args
            .reason
            .as_ref()
            .is_none_or(|part| reason.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Selects among dead letters of two topics in partition 0; offset 1 is done.
    fn run(args: ReplayArgs) -> (Vec<i64>, Vec<i64>, ReplayReport) {
        let candidate = |offset, topic: &str, millis, reason: &str| Candidate {
            place: (0, offset),
            timestamp: Some(millis),
            origin: Origin {
                topic: (!topic.is_empty()).then(|| topic.to_owned()),
                reason: reason.to_owned(),
                omitted: reason == "large",
            },
        };
        let candidates = vec![
            candidate(0, "a", 30, "no Length"),
            candidate(1, "a", 90, "no Length"),
            candidate(2, "a", 20, "too large"),
            candidate(3, "b", 10, "too large"),
            candidate(4, "", 10, "unknown"),
            candidate(5, "b", 10, "large"),
        ];
        let mut done = Offsets::default();
        done.add((0, 1));
        let (selection, report) = select(&args, candidates, &done);
        let offsets = |offsets: &Offsets| offsets.0.values().flatten().copied().collect();
        (offsets(&selection.send), offsets(&selection.skip), report)
    }

    #[test]
    fn without_filters_all_dead_letters_that_are_not_done_are_sent() {
        let (send, skip, report) = run(ReplayArgs::default());
        assert_eq!((send, skip), (vec![0, 2, 3], vec![]));
        let expected = ReplayReport {
            done_before: 1,
            unknown_origin: 1,
            omitted: 1,
            ..ReplayReport::default()
        };
        assert_eq!(report, expected);
    }

    #[test]
    fn dead_letters_are_selected_by_reason_partition_and_offset() {
        let by_reason = ReplayArgs {
            reason: Some("large".into()),
            ..ReplayArgs::default()
        };
        let by_offset = ReplayArgs {
            from: Some(1),
            to: Some(2),
            ..ReplayArgs::default()
        };
        let by_partition = ReplayArgs {
            partition: Some(7),
            ..ReplayArgs::default()
        };
        assert_eq!(run(by_reason).0, [2, 3]);
        assert_eq!(run(by_offset).0, [2]);
        assert!(run(by_partition).0.is_empty());
    }

    #[test]
    fn newest_sends_one_per_topic_and_skips_the_older_ones() {
        let (send, skip, _) = run(ReplayArgs {
            newest: true,
            ..ReplayArgs::default()
        });
        assert_eq!((send, skip), (vec![0, 3], vec![2]));
    }
}
