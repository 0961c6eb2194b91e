//! The newest dead letters, each with where it came from and why.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use kafka_io::dead_letter::{Origin, is_note};
use pipeline::EventTime;
use rdkafka::message::Message;

/// How many letters are remembered.
const REMEMBERED: usize = 20;
/// How long a text of a letter may be.
const LONGEST: usize = 300;

/// A record that some part of the pipeline could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The dead-letter topic that it is on.
    pub topic: String,
    /// Its partition and offset there.
    pub place: (i32, i64),
    /// The topic that it was read from, where its headers say so.
    pub from: Option<String>,
    /// Its key as text.
    pub key: Option<String>,
    /// Why it could not be used, as far as its headers say.
    pub reason: Option<String>,
    /// Its event time.
    pub time: Option<EventTime>,
}

/// The newest letters; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Letters(Arc<Mutex<VecDeque<DeadLetter>>>);

impl Letters {
    /// Keeps a record of a dead-letter topic; false where it is none, but a replay's note of what it
    /// sent back.
    pub(crate) fn note<M: Message>(&self, record: &M) -> bool {
        if record.headers().is_some_and(is_note) {
            return false;
        }
        let origin = record.headers().map(Origin::read).unwrap_or_default();
        let letter = DeadLetter {
            topic: record.topic().to_owned(),
            place: (record.partition(), record.offset()),
            from: origin.topic.as_deref().map(cut),
            key: record.key().map(|key| cut(&String::from_utf8_lossy(key))),
            reason: (!origin.reason.is_empty()).then(|| cut(&origin.reason)),
            time: record
                .timestamp()
                .to_millis()
                .and_then(|millis| EventTime::from_millis(millis).ok()),
        };
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push_front(letter);
        letters.truncate(REMEMBERED);
        true
    }

    /// The letters, newest first.
    pub fn newest(&self) -> Vec<DeadLetter> {
        let letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        letters.iter().cloned().collect()
    }
}

/// At most [`LONGEST`] characters of a text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
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
    fn the_topics_that_are_watched_are_those_that_dead_letters_are_written_to() {
        for topic in pipeline::topics::ALL {
            let written = kafka_io::dead_letter::topic_of(topic);
            assert_eq!(pipeline::topics::dead_letters_of(topic), written);
            assert!(pipeline::topics::is_dead_letters(&written));
            assert!(!pipeline::topics::is_dead_letters(topic));
        }
    }

    #[test]
    fn a_replays_note_of_what_it_sent_back_is_not_shown_as_a_letter() {
        let letters = Letters::default();
        for (offset, header) in [(0, "dlq.reason"), (1, NOTE)] {
            let headers = OwnedHeaders::new().insert(Header {
                key: header,
                value: Some("0"),
            });
            letters.note(&OwnedMessage::new(
                None,
                None,
                "t-dlq".to_owned(),
                Timestamp::NotAvailable,
                0,
                offset,
                Some(headers),
            ));
        }
        let places: Vec<_> = letters.newest().into_iter().map(|one| one.place).collect();
        assert_eq!(places, [(0, 0)]);
    }
}
