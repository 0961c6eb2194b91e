//! The engine in memory, for tests and benchmarks: statements and records in, records out. Programs run
//! queries on Kafka's topics ([`crate::kafka`]).
//!
//! Each record is processed completely before the next one. It goes to every query that reads its
//! topic, in the order in which the queries were created. Their output records do the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::execute::{
    Header, Outcome, OutputRecord, Problem, QueryFailed, Record, SinkWriter, Task, partition_of,
};
use crate::registry::{Effect, Executed, RegisteredQuery, Registry};
use ksql_parser::error::StatementError;

/// Statements and records in, records out.
#[derive(Debug, Default)]
pub struct Engine {
    registry: Registry,
    running: Vec<Running>,
    /// All topics seen so far, few enough for a linear search.
    topics: Vec<Topic>,
    no_headers: Arc<[Header]>,
}

/// A topic and its readers.
#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    /// The next offset of each partition.
    offsets: BTreeMap<u32, i64>,
    /// Indexes into `running`, with the index of the query's input.
    readers: Vec<(usize, usize)>,
}

/// A query with its state.
#[derive(Debug)]
struct Running {
    query: Arc<RegisteredQuery>,
    task: Task,
    writer: SinkWriter,
    failed: bool,
}

/// An input record. The engine assigns its offset.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// The value's bytes.
    pub value: Option<Vec<u8>>,
    /// Event time in milliseconds since 1970.
    pub timestamp: i64,
    /// The headers.
    pub headers: Vec<Header>,
}

/// The results of processing a record.
#[derive(Debug, Default)]
pub struct Processed {
    /// The written records, in order.
    pub records: Vec<OutputRecord>,
    /// Skipped records and failed expressions.
    pub problems: Vec<Problem>,
    /// Queries that failed.
    pub failures: Vec<QueryFailed>,
}

impl Engine {
    /// An engine over the catalog's topics.
    pub fn new(catalog: Catalog) -> Self {
        Self {
            registry: Registry::new(catalog),
            ..Self::default()
        }
    }

    /// The declared streams and tables, and the running queries.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The registry, to add topics and settings.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Executes a script. Its queries read the records that are processed from now on.
    ///
    /// # Errors
    /// The first refused statement; nothing has changed then.
    pub fn execute(&mut self, text: &str) -> Result<Vec<Executed>, StatementError> {
        let executed = self.registry.execute(text)?;
        for effect in executed.iter().flat_map(|statement| &statement.effects) {
            match effect {
                Effect::Start(query) => {
                    self.running.push(Running::new(query));
                }
                Effect::Stop(query) => self.running.retain(|running| running.query.id != query.id),
                _ => {}
            }
        }
        for topic in &mut self.topics {
            topic.readers = readers(&self.running, &topic.name);
        }
        Ok(executed)
    }

    /// Processes a record and all records that result from it.
    pub fn process(&mut self, input: Input) -> Processed {
        let mut processed = Processed::default();
        let mut outcome = Outcome::default();
        let topic = self.topic(&input.topic);
        let record = self.input_record(topic, input);
        self.pass_on(topic, &record, &mut outcome, &mut processed);
        let mut next = 0;
        while let Some(output) = processed.records.get_mut(next) {
            let topic = self.topic(&output.topic);
            if self
                .topics
                .get(topic)
                .is_some_and(|topic| !topic.readers.is_empty())
            {
                let record = self.output_record(topic, output);
                self.pass_on(topic, &record, &mut outcome, &mut processed);
                if let Some(output) = processed.records.get_mut(next) {
                    (output.key, output.value) = (record.key, record.value);
                }
            }
            next += 1;
        }
        processed.problems = outcome.problems;
        processed
    }

    /// Passes a record to all queries that read its topic.
    fn pass_on(
        &mut self,
        topic: usize,
        record: &Record,
        outcome: &mut Outcome,
        processed: &mut Processed,
    ) {
        let Some(topic) = self.topics.get(topic) else {
            return;
        };
        for (reader, input) in &topic.readers {
            if let Some(running) = self.running.get_mut(*reader) {
                running.process(*input, record, outcome, processed);
            }
        }
    }

    /// The index of a topic.
    fn topic(&mut self, name: &str) -> usize {
        let known = self.topics.iter().position(|topic| *topic.name == *name);
        known.unwrap_or_else(|| {
            self.topics.push(Topic {
                name: Arc::from(name),
                offsets: BTreeMap::new(),
                readers: readers(&self.running, name),
            });
            self.topics.len() - 1
        })
    }

    /// Turns an input into a record of its topic.
    fn input_record(&mut self, topic: usize, input: Input) -> Record {
        let (name, offset) = self.next(topic, input.partition);
        Record {
            topic: name,
            partition: input.partition,
            offset,
            key: input.key,
            value: input.value,
            timestamp: input.timestamp,
            headers: if input.headers.is_empty() {
                Arc::clone(&self.no_headers)
            } else {
                input.headers.into()
            },
        }
    }

    /// Turns an output into a record of its topic; moves its key and value.
    fn output_record(&mut self, topic: usize, output: &mut OutputRecord) -> Record {
        let partition = match output.partition_key() {
            Some(key) => {
                let count = self.registry.catalog().partitions(&output.topic);
                partition_of(key, count.unwrap_or(1))
            }
            None => 0,
        };
        let (name, offset) = self.next(topic, partition);
        Record {
            topic: name,
            partition,
            offset,
            key: output.key.take(),
            value: output.value.take(),
            timestamp: output.timestamp,
            headers: Arc::clone(&output.headers),
        }
    }

    /// A topic's name and its next offset.
    fn next(&mut self, topic: usize, partition: u32) -> (Arc<str>, i64) {
        let Some(topic) = self.topics.get_mut(topic) else {
            return (Arc::from(""), 0);
        };
        let next = topic.offsets.entry(partition).or_insert(0);
        let offset = *next;
        *next += 1;
        (Arc::clone(&topic.name), offset)
    }
}

/// The queries that read a topic, each with the index of the input.
fn readers(running: &[Running], topic: &str) -> Vec<(usize, usize)> {
    let inputs = running.iter().enumerate().flat_map(|(reader, running)| {
        let topics = running.query.plan.source_topics().enumerate();
        topics.map(move |(input, source)| (reader, input, source))
    });
    inputs
        .filter(|(_, _, source)| *source == topic)
        .map(|(reader, input, _)| (reader, input))
        .collect()
}

impl Running {
    fn new(query: &Arc<RegisteredQuery>) -> Self {
        let partitions = query.input_partitions;
        Self {
            task: Task::new(Arc::clone(&query.plan), query.sink.key_format, partitions),
            writer: SinkWriter::new(&query.plan, &query.sink),
            query: Arc::clone(query),
            failed: false,
        }
    }

    fn process(
        &mut self,
        input: usize,
        record: &Record,
        outcome: &mut Outcome,
        processed: &mut Processed,
    ) {
        if self.failed {
            return;
        }
        if let Err(failure) = self.task.process(input, record, outcome) {
            self.failed = true;
            processed.failures.push(failure);
        }
        let changes = outcome.changes.drain(..);
        let records = changes.map(|change| self.writer.write(change));
        processed.records.extend(records);
    }
}
