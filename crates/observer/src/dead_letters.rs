//! The newest dead letters with their origin and reason.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use kafka_io::dead_letter::{Origin, is_note};
use pipeline::EventTime;
use rdkafka::message::Message;

/// Maximum number of dead letters kept.
const KEPT: usize = 20;
/// The maximum length of a text of a dead letter, in characters.
const MAX_CHARS: usize = 300;

/// A record that a part of the pipeline could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its dead-letter topic.
    pub topic: String,
    /// Its partition and offset there.
    pub place: (i32, i64),
    /// The topic it was read from, if its headers name it.
    pub from: Option<String>,
    /// Its key as text.
    pub key: Option<String>,
    /// Why it could not be used, if its headers say so.
    pub reason: Option<String>,
    /// Its event time.
    pub time: Option<EventTime>,
}

/// The newest dead letters; clones share them.
#[derive(Clone, Debug, Default)]
pub struct DeadLetters(Arc<Mutex<VecDeque<DeadLetter>>>);

impl DeadLetters {
    /// Keeps a record of a dead-letter topic. Returns false for a replay's note about records it has
    /// sent back, which is not a dead letter.
    pub(crate) fn note<M: Message>(&self, record: &M) -> bool {
        if record.headers().is_some_and(is_note) {
            return false;
        }
        let origin = record.headers().map(Origin::read).unwrap_or_default();
        let dead_letter = DeadLetter {
            topic: record.topic().to_owned(),
            place: (record.partition(), record.offset()),
            from: origin.topic.as_deref().map(shortened),
            key: record
                .key()
                .map(|key| shortened(&String::from_utf8_lossy(key))),
            reason: (!origin.reason.is_empty()).then(|| shortened(&origin.reason)),
            time: record
                .timestamp()
                .to_millis()
                .and_then(|millis| EventTime::from_millis(millis).ok()),
        };
        let mut dead_letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        dead_letters.push_front(dead_letter);
        dead_letters.truncate(KEPT);
        true
    }

    /// The dead letters, newest first.
    pub fn newest(&self) -> Vec<DeadLetter> {
        let dead_letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        dead_letters.iter().cloned().collect()
    }
}

/// The first [`MAX_CHARS`] characters of a text.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use kafka_io::dead_letter::NOTE;
    use rdkafka::Timestamp;
    use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};

    use super::*;

    #[test]
    fn dead_letter_topics_have_the_names_that_are_observed() {
        for topic in pipeline::Definition::shipped().topics.all() {
            let written = kafka_io::dead_letter::topic_of(topic);
            assert_eq!(pipeline::topics::dead_letters_of(topic), written);
            assert!(pipeline::topics::is_dead_letters(&written));
            assert!(!pipeline::topics::is_dead_letters(topic));
        }
    }

    #[test]
    fn a_replay_note_is_not_a_dead_letter() {
        let dead_letters = DeadLetters::default();
        for (offset, header) in [(0, "dlq.reason"), (1, NOTE)] {
            let headers = OwnedHeaders::new().insert(Header {
                key: header,
                value: Some("0"),
            });
            dead_letters.note(&OwnedMessage::new(
                None,
                None,
                "t-dlq".to_owned(),
                Timestamp::NotAvailable,
                0,
                offset,
                Some(headers),
            ));
        }
        let places: Vec<_> = dead_letters
            .newest()
            .into_iter()
            .map(|one| one.place)
            .collect();
        assert_eq!(places, [(0, 0)]);
    }
}
