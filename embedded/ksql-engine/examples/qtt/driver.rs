//! Runs the queries of a case in memory, between topics of one partition.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ksql_engine::execute::{Outcome, OutputRecord, Record, SinkWriter, Task};
use ksql_engine::registry::Registry;

/// The queries of a registry.
pub(crate) struct Driver {
    queries: Vec<Query>,
    /// The next offset of each topic.
    offsets: HashMap<Arc<str>, i64>,
}

struct Query {
    task: Task,
    writer: SinkWriter,
    stopped: bool,
}

/// The output, and the input at which the first query failed.
#[derive(Default)]
pub(crate) struct Fed {
    pub(crate) records: Vec<OutputRecord>,
    pub(crate) stopped_at: Option<usize>,
}

impl Driver {
    pub(crate) fn new(registry: &Registry) -> Self {
        let queries = registry.queries().iter().map(|query| Query {
            task: Task::new(Arc::clone(&query.plan), query.sink.key_format, 1),
            writer: SinkWriter::new(&query.plan, &query.sink),
            stopped: false,
        });
        Self {
            queries: queries.collect(),
            offsets: HashMap::new(),
        }
    }

    /// Processes each input and everything that follows from it before the next input. If a query
    /// fails, the others continue.
    pub(crate) fn feed(&mut self, inputs: Vec<Record>) -> Fed {
        let mut fed = Fed::default();
        for (index, input) in inputs.into_iter().enumerate() {
            let mut waiting = VecDeque::from([self.appended(input)]);
            while let Some(record) = waiting.pop_front() {
                for query in self.queries.iter_mut().filter(|query| !query.stopped) {
                    let (written, goes_on) = query.take(&record);
                    let appended = written.iter().map(|output| as_record(output.clone()));
                    waiting.extend(appended.map(|record| numbered(&mut self.offsets, record)));
                    fed.records.extend(written);
                    if !goes_on {
                        query.stopped = true;
                        fed.stopped_at.get_or_insert(index);
                    }
                }
            }
        }
        fed
    }

    /// Gives each query all of its input before the next query, as ksqlDB's own suite does. Of a topic
    /// that is among the inputs, a query reads only these.
    pub(crate) fn feed_by_query(&mut self, inputs: Vec<Record>) -> Fed {
        let mut fed = Fed::default();
        let given: Vec<Record> = inputs
            .into_iter()
            .map(|input| self.appended(input))
            .collect();
        let is_given = |topic: &str| given.iter().any(|record| *record.topic == *topic);
        let mut written: Vec<Record> = Vec::new();
        for query in &mut self.queries {
            let of_others = written.iter().filter(|record| !is_given(&record.topic));
            let mut records = Vec::new();
            for (index, record) in given.iter().chain(of_others).enumerate() {
                let (outputs, goes_on) = query.take(record);
                records.extend(outputs);
                if !goes_on {
                    fed.stopped_at.get_or_insert(index);
                    break;
                }
            }
            let appended = records.iter().map(|output| as_record(output.clone()));
            written.extend(appended.map(|record| numbered(&mut self.offsets, record)));
            fed.records.extend(records);
        }
        fed
    }

    fn appended(&mut self, record: Record) -> Record {
        numbered(&mut self.offsets, record)
    }
}

impl Query {
    /// The output for a record, and whether the query continues.
    fn take(&mut self, record: &Record) -> (Vec<OutputRecord>, bool) {
        let plan = Arc::clone(self.task.plan());
        let inputs = plan.source_topics().enumerate();
        let mut outcome = Outcome::default();
        let mut goes_on = true;
        for (input, _) in inputs.filter(|(_, topic)| **topic == *record.topic) {
            goes_on &= self.task.process(input, record, &mut outcome).is_ok();
        }
        let changes = outcome.changes.into_iter();
        let written = changes.map(|change| self.writer.write(change)).collect();
        (written, goes_on)
    }
}

fn numbered(offsets: &mut HashMap<Arc<str>, i64>, record: Record) -> Record {
    let next = offsets.entry(Arc::clone(&record.topic)).or_insert(0);
    let offset = *next;
    *next += 1;
    Record { offset, ..record }
}

fn as_record(output: OutputRecord) -> Record {
    Record {
        topic: output.topic,
        partition: 0,
        offset: 0,
        key: output.key,
        value: output.value,
        timestamp: output.timestamp,
        headers: output.headers,
    }
}
