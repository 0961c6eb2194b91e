//! First pass over a dead-letter topic: which letters are to be sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::letter::Origin;
use super::{ReplayArgs, ReplayError, Replayed, ledger};
use crate::headers::readable;
use crate::{KafkaSettings, ToldOfEnds, passes};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing may come of a topic that has not ended.
const SILENCE: Duration = Duration::from_secs(60);

/// Letters by partition and offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places(pub(crate) BTreeMap<i32, BTreeSet<i64>>);

impl Places {
    fn add(&mut self, (partition, offset): (i32, i64)) {
        self.0.entry(partition).or_default().insert(offset);
    }

    pub(crate) fn has(&self, partition: i32, offset: i64) -> bool {
        self.0
            .get(&partition)
            .is_some_and(|set| set.contains(&offset))
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.values().map(|set| set.len() as u64).sum()
    }
}

/// What is to happen to which letters.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) topic: String,
    pub(crate) send: Places,
    pub(crate) pass_over: Places,
}

/// One letter as far as the choice needs it.
#[derive(Clone, Debug)]
struct Letter {
    place: (i32, i64),
    timestamp: Option<i64>,
    origin: Origin,
}

/// Reads the whole topic up to its present end.
pub(crate) fn survey(
    kafka: &KafkaSettings,
    args: &ReplayArgs,
) -> Result<(Selection, Replayed), ReplayError> {
    let (mut letters, mut settled) = (Vec::<Letter>::new(), Places::default());
    let partitions = scan(kafka, &args.topic, |message| {
        let headers = message.headers();
        let notes = headers.into_iter().flat_map(readable);
        let mut is_note = false;
        for note in notes.filter(|header| header.key == ledger::HEADER) {
            is_note = true;
            let text = String::from_utf8_lossy(note.value.unwrap_or_default());
            ledger::read(&text).for_each(|offset| settled.add((message.partition(), offset)));
        }
        if !is_note {
            letters.push(Letter {
                place: (message.partition(), message.offset()),
                timestamp: message.timestamp().to_millis(),
                origin: headers.map(Origin::read).unwrap_or_default(),
            });
        }
        Ok(())
    })?;
    if let Some(partition) = args.partition.filter(|asked| !partitions.contains(asked)) {
        let topic = args.topic.clone();
        return Err(ReplayError::NoPartition { topic, partition });
    }
    let of_unknown_origin = |letter: &Letter| letter.origin.topic.is_none();
    if !letters.is_empty() && letters.iter().all(of_unknown_origin) {
        return Err(ReplayError::NoLetters(args.topic.clone()));
    }
    Ok(select(args, letters, &settled))
}

/// Chooses among all letters of a topic.
fn select(args: &ReplayArgs, letters: Vec<Letter>, settled: &Places) -> (Selection, Replayed) {
    let mut selection = Selection {
        topic: args.topic.clone(),
        ..Selection::default()
    };
    let mut replayed = Replayed::default();
    let mut newest: HashMap<String, Letter> = HashMap::new();
    for letter in letters {
        let (partition, offset) = letter.place;
        if settled.has(partition, offset) {
            replayed.settled_before += 1;
        } else if !asked_for(args, &letter) {
            replayed.not_asked_for += 1;
        } else if letter.origin.omitted {
            replayed.too_large += 1;
        } else if let Some(topic) = &letter.origin.topic {
            if !args.newest {
                selection.send.add(letter.place);
                continue;
            }
            let age = |letter: &Letter| (letter.timestamp, letter.place.1);
            match newest.get(topic) {
                Some(other) if age(other) > age(&letter) => selection.pass_over.add(letter.place),
                _ => {
                    if let Some(older) = newest.insert(topic.clone(), letter) {
                        selection.pass_over.add(older.place);
                    }
                }
            }
        } else {
            replayed.of_unknown_origin += 1;
        }
    }
    newest
        .values()
        .for_each(|letter| selection.send.add(letter.place));
    (selection, replayed)
}

fn asked_for(args: &ReplayArgs, letter: &Letter) -> bool {
    let (partition, offset) = letter.place;
    args.partition.is_none_or(|asked| asked == partition)
        && args.from.is_none_or(|from| offset >= from)
        && args.to.is_none_or(|to| offset <= to)
        && args
            .reason
            .as_ref()
            .is_none_or(|reason| letter.origin.reason.contains(reason))
}

/// Shows `each` every record of `topic` up to its present end, and tells its partitions.
pub(crate) fn scan(
    kafka: &KafkaSettings,
    topic: &str,
    mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), ReplayError>,
) -> Result<BTreeSet<i32>, ReplayError> {
    let consumer: BaseConsumer<ToldOfEnds> = kafka.consumer_told_of_ends("replay", &[])?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions: BTreeSet<i32> = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions().iter().map(|partition| partition.id()))
        .collect();
    if partitions.is_empty() {
        return Err(ReplayError::NoTopic(topic.to_owned()));
    }
    let mut assignment = TopicPartitionList::new();
    for partition in &partitions {
        assignment.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut open, mut heard) = (partitions.clone(), Instant::now());
    while !open.is_empty() {
        let polled = consumer.poll(Duration::from_millis(500));
        match polled {
            Some(Err(KafkaError::MessageConsumption(code))) if passes(code) => {
                tracing::warn!(topic, error = %code, "waiting for Kafka");
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
                heard = Instant::now();
            }
            Some(Ok(message)) => {
                each(&message)?;
                heard = Instant::now();
            }
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
        if heard.elapsed() > SILENCE {
            return Err(ReplayError::Silent(SILENCE));
        }
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> ReplayArgs {
        ReplayArgs {
            topic: "t-dlq".into(),
            reason: None,
            partition: None,
            from: None,
            to: None,
            newest: false,
            dry_run: false,
        }
    }

    /// Four letters of two topics in partition 0, the second one settled.
    fn choose(args: &ReplayArgs) -> (Vec<i64>, Vec<i64>, Replayed) {
        let letter = |offset, topic: &str, millis, reason: &str| Letter {
            place: (0, offset),
            timestamp: Some(millis),
            origin: Origin {
                topic: (!topic.is_empty()).then(|| topic.to_owned()),
                reason: reason.to_owned(),
                omitted: reason == "large",
            },
        };
        let letters = vec![
            letter(0, "a", 30, "no Length"),
            letter(1, "a", 90, "no Length"),
            letter(2, "a", 20, "too large"),
            letter(3, "b", 10, "too large"),
            letter(4, "", 10, "whose?"),
            letter(5, "b", 10, "large"),
        ];
        let mut settled = Places::default();
        settled.add((0, 1));
        let (selection, replayed) = select(args, letters, &settled);
        let offsets = |places: &Places| places.0.values().flatten().copied().collect();
        (
            offsets(&selection.send),
            offsets(&selection.pass_over),
            replayed,
        )
    }

    #[test]
    fn every_letter_of_known_origin_that_is_not_settled_is_sent() {
        let (send, pass_over, replayed) = choose(&args());
        assert_eq!((send, pass_over), (vec![0, 2, 3], vec![]));
        assert_eq!(
            (
                replayed.settled_before,
                replayed.of_unknown_origin,
                replayed.too_large
            ),
            (1, 1, 1)
        );
    }

    #[test]
    fn letters_are_chosen_by_reason_partition_and_offset() {
        let chosen = |args: ReplayArgs| choose(&args).0;
        assert_eq!(
            chosen(ReplayArgs {
                reason: Some("large".into()),
                ..args()
            }),
            [2, 3]
        );
        assert_eq!(
            chosen(ReplayArgs {
                from: Some(1),
                to: Some(2),
                ..args()
            }),
            [2]
        );
        assert!(
            chosen(ReplayArgs {
                partition: Some(7),
                ..args()
            })
            .is_empty()
        );
    }

    #[test]
    fn of_each_topic_only_the_newest_is_sent_and_the_older_ones_are_settled() {
        let (send, pass_over, _) = choose(&ReplayArgs {
            newest: true,
            ..args()
        });
        assert_eq!((send, pass_over), (vec![0, 3], vec![2]));
    }
}
