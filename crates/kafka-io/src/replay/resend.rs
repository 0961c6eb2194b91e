//! Second pass: sending the chosen letters back, and noting it, in transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Message};

use super::letter::{Origin, original_headers};
use super::survey::{Selection, scan};
use super::{ReplayArgs, ReplayError, ledger};
use crate::KafkaSettings;

const PATIENCE: Duration = Duration::from_secs(30);
/// So many letters go in one transaction.
const AT_ONCE: usize = 1_000;
/// Header on a record that was sent back: the letter, as topic/partition/offset.
const SOURCE: &str = "replay.source";

/// The first delivery that failed.
struct Deliveries(OnceLock<(String, KafkaError)>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            // The first failure counts; those after it follow from it.
            let _ = self.0.set((message.topic().to_owned(), error.clone()));
        }
    }
}

/// A transactional producer; there is one at a time for each dead-letter topic.
pub(crate) struct Sender(BaseProducer<Deliveries>);

impl Sender {
    /// None where nothing is to be sent.
    pub(crate) fn new(
        kafka: &KafkaSettings,
        args: &ReplayArgs,
    ) -> Result<Option<Self>, ReplayError> {
        if args.dry_run {
            return Ok(None);
        }
        let mut config = kafka.producer("replay");
        config
            .set("transactional.id", format!("replay-{}", args.topic))
            .set("message.timeout.ms", "30000")
            .set("transaction.timeout.ms", "60000");
        let context = Deliveries(OnceLock::new());
        let producer = BaseProducer::from_config_and_context(&config, context)?;
        producer.init_transactions(PATIENCE)?;
        Ok(Some(Self(producer)))
    }

    /// Sends what is selected, and notes it and what is passed over. Where that fails, the open
    /// transaction is aborted: readers of committed records would wait for its timeout otherwise.
    pub(crate) fn resend(
        &self,
        kafka: &KafkaSettings,
        selection: &Selection,
    ) -> Result<(), ReplayError> {
        let outcome = self.transact(kafka, selection);
        if outcome.is_err()
            && let Err(error) = self.0.abort_transaction(PATIENCE)
        {
            tracing::warn!(%error, "the open transaction could not be aborted; it ends by its timeout");
        }
        outcome
    }

    fn transact(&self, kafka: &KafkaSettings, selection: &Selection) -> Result<(), ReplayError> {
        let mut notes = Notes::default();
        for (partition, offsets) in &selection.pass_over.0 {
            notes.0.entry(*partition).or_default().extend(offsets);
        }
        let mut sent = 0;
        self.0.begin_transaction()?;
        if !selection.send.0.is_empty() {
            scan(kafka, &selection.topic, |letter| {
                let place = (letter.partition(), letter.offset());
                if !selection.send.has(place.0, place.1) {
                    return Ok(());
                }
                self.send_back(letter)?;
                notes.0.entry(place.0).or_default().insert(place.1);
                sent += 1;
                if sent % AT_ONCE == 0 {
                    self.commit(&selection.topic, mem::take(&mut notes))?;
                    self.0.begin_transaction()?;
                }
                Ok(())
            })?;
        }
        self.commit(&selection.topic, notes)
    }

    fn send_back(&self, letter: &BorrowedMessage<'_>) -> Result<(), ReplayError> {
        let headers = letter.headers();
        let Some(topic) = headers.and_then(|headers| Origin::read(headers).topic) else {
            return Ok(());
        };
        let source = format!(
            "{}/{}/{}",
            letter.topic(),
            letter.partition(),
            letter.offset()
        );
        self.send(BaseRecord {
            topic: &topic,
            partition: None,
            payload: letter.payload(),
            key: letter.key(),
            timestamp: letter.timestamp().to_millis(),
            headers: Some(original_headers(headers).insert(Header {
                key: SOURCE,
                value: Some(&source),
            })),
            delivery_opaque: (),
        })
    }

    /// Writes the notes and ends the transaction.
    fn commit(&self, topic: &str, notes: Notes) -> Result<(), ReplayError> {
        for (partition, offsets) in &notes.0 {
            self.send(BaseRecord {
                topic,
                partition: Some(*partition),
                payload: None,
                key: None,
                timestamp: None,
                headers: Some(OwnedHeaders::new().insert(Header {
                    key: ledger::HEADER,
                    value: Some(&ledger::write(offsets)),
                })),
                delivery_opaque: (),
            })?;
        }
        let committed = self.0.commit_transaction(PATIENCE);
        match self.0.context().0.get() {
            Some((topic, error)) => Err(ReplayError::Delivery {
                topic: topic.clone(),
                error: error.clone(),
            }),
            None => Ok(committed?),
        }
    }

    fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), ReplayError> {
        loop {
            match self.0.send(record) {
                Ok(()) => {
                    self.0.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.0.poll(Duration::from_millis(20));
                }
                Err((error, record)) => {
                    return Err(ReplayError::Delivery {
                        topic: record.topic.to_owned(),
                        error,
                    });
                }
            }
        }
    }
}

/// What one transaction settles: offsets by partition.
#[derive(Default)]
struct Notes(BTreeMap<i32, BTreeSet<i64>>);

#[cfg(test)]
mod tests {
    use test_support::Broker;

    use super::*;
    use crate::replay::survey::survey;

    #[test]
    fn a_replay_that_fails_leaves_no_transaction_open() {
        let broker = Broker::with_topics(1, ["t-dlq"]);
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        let args = ReplayArgs {
            topic: "t-dlq".into(),
            reason: None,
            partition: None,
            from: None,
            to: None,
            newest: false,
            dry_run: false,
        };
        let sender = Sender::new(&kafka, &args)
            .expect("a sender")
            .expect("not dry");
        // Longer than a topic's name may be.
        let nowhere = "x".repeat(600);
        sender.0.begin_transaction().expect("a transaction");
        let letter = BaseRecord::<[u8], [u8]>::to("t-dlq")
            .payload(b"{}")
            .headers(OwnedHeaders::new().insert(Header {
                key: "dlq.topic",
                value: Some(&nowhere),
            }));
        sender.send(letter).expect("a letter");
        sender.0.commit_transaction(PATIENCE).expect("committed");

        let (selection, _) = survey(&kafka, &args).expect("a survey");
        let failed = sender.resend(&kafka, &selection);
        assert!(
            matches!(failed, Err(ReplayError::Delivery { .. })),
            "{failed:?}"
        );
        sender.0.begin_transaction().expect("none is open");
    }
}
