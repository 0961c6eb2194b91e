//! The engine in memory: statements and records in, records out.
//!
//! Each record is processed completely before the next one: it goes to every query that reads its
//! topic, in the order in which the queries were created, and what those write goes the same way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::error::StatementError;
use crate::execute::murmur2::partition_of;
use crate::execute::{Outcome, OutputRecord, Problem, QueryFailed, Record, SinkWriter, Task};
use crate::registry::{Effect, Executed, RegisteredQuery, Registry};

/// Statements and records in, records out.
#[derive(Debug, Default)]
pub struct Engine {
    registry: Registry,
    running: Vec<Running>,
    /// Whether every topic is taken as one partition.
    one_partition: bool,
    /// What follows from the record in hand; empty between two records.
    queue: VecDeque<Record>,
    /// The next offset of each topic's partitions.
    offsets: BTreeMap<(Arc<str>, u32), i64>,
}

/// A query with its state.
#[derive(Debug)]
struct Running {
    query: Arc<RegisteredQuery>,
    task: Task,
    writer: SinkWriter,
    failed: bool,
}

/// A record that comes in; its offset is counted.
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
    pub headers: Vec<crate::execute::Header>,
}

/// What a record led to.
#[derive(Debug, Default)]
pub struct Processed {
    /// The records that were written, in their order.
    pub records: Vec<OutputRecord>,
    /// Records that queries left out.
    pub problems: Vec<Problem>,
    /// Queries that stopped.
    pub failures: Vec<QueryFailed>,
}

impl Engine {
    /// An engine that knows the catalog's topics.
    pub fn new(catalog: Catalog) -> Self {
        Self {
            registry: Registry::new(catalog),
            ..Self::default()
        }
    }

    /// The same, but all records of a topic are in one partition, however many it has: what Kafka
    /// Streams' test driver does.
    pub fn in_one_partition(catalog: Catalog) -> Self {
        Self {
            one_partition: true,
            ..Self::new(catalog)
        }
    }

    /// What is declared and running.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The same, to register topics and settings.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Executes a script; its queries see what comes from now on.
    ///
    /// # Errors
    /// The first statement that is refused; then nothing has changed.
    pub fn execute(&mut self, text: &str) -> Result<Vec<Executed>, StatementError> {
        let executed = self.registry.execute(text)?;
        for effect in executed.iter().flat_map(|statement| &statement.effects) {
            match effect {
                Effect::Start(query) => {
                    let partitions = if self.one_partition {
                        1
                    } else {
                        query.input_partitions
                    };
                    self.running.push(Running::new(query, partitions));
                }
                Effect::Stop(query) => self.running.retain(|running| running.query.id != query.id),
                _ => {}
            }
        }
        Ok(executed)
    }

    /// Takes a record and everything that follows from it.
    pub fn process(&mut self, input: Input) -> Processed {
        let mut processed = Processed::default();
        let mut queue = std::mem::take(&mut self.queue);
        let first = OutputRecord {
            topic: Arc::from(input.topic),
            partition_key: None,
            key: input.key,
            value: input.value,
            timestamp: input.timestamp,
            headers: input.headers.into(),
        };
        queue.push_back(self.appended(first, Some(input.partition)));
        let mut outcome = Outcome::default();
        let mut followed = 0;
        while let Some(record) = queue.pop_front() {
            for running in &mut self.running {
                running.process(&record, &mut outcome, &mut processed.failures);
                let written = outcome
                    .changes
                    .drain(..)
                    .map(|change| running.writer.write(change));
                processed.records.extend(written);
            }
            processed.problems.append(&mut outcome.problems);
            while let Some(output) = processed.records.get(followed) {
                followed += 1;
                let reads = |running: &Running| {
                    running
                        .query
                        .plan
                        .source_topics()
                        .any(|topic| *topic == *output.topic)
                };
                if self.running.iter().any(reads) {
                    queue.push_back(self.appended(output.clone(), None));
                }
            }
        }
        self.queue = queue;
        processed
    }

    /// The record as it is in its topic.
    fn appended(&mut self, output: OutputRecord, partition: Option<u32>) -> Record {
        let partition = partition.unwrap_or_else(|| match &output.partition_key {
            Some(key) if !self.one_partition => {
                let count = self
                    .registry
                    .catalog()
                    .partitions(&output.topic)
                    .unwrap_or(1);
                partition_of(key, count)
            }
            _ => 0,
        });
        let next = self
            .offsets
            .entry((Arc::clone(&output.topic), partition))
            .or_insert(0);
        let offset = *next;
        *next += 1;
        Record {
            topic: output.topic,
            partition,
            offset,
            key: output.key,
            value: output.value,
            timestamp: output.timestamp,
            headers: output.headers,
        }
    }
}

impl Running {
    fn new(query: &Arc<RegisteredQuery>, partitions: u32) -> Self {
        Self {
            task: Task::new(Arc::clone(&query.plan), query.sink.key_format, partitions),
            writer: SinkWriter::new(&query.plan, &query.sink),
            query: Arc::clone(query),
            failed: false,
        }
    }

    fn process(&mut self, record: &Record, outcome: &mut Outcome, failures: &mut Vec<QueryFailed>) {
        let plan = Arc::clone(&self.query.plan);
        for (index, topic) in plan.source_topics().enumerate() {
            if self.failed || *topic != *record.topic {
                continue;
            }
            if let Err(failure) = self.task.process(index, record, outcome) {
                self.failed = true;
                failures.push(failure);
            }
        }
    }
}
