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
pub(crate) struct RunOutput {
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

    /// Processes each input and the resulting records before the next input. If a query fails, the
    /// others continue.
    pub(crate) fn feed(&mut self, inputs: Vec<Record>) -> RunOutput {
        let mut output = RunOutput::default();
        for (index, input) in inputs.into_iter().enumerate() {
            let mut waiting = VecDeque::from([self.appended(input)]);
            while let Some(record) = waiting.pop_front() {
                for query in self.queries.iter_mut().filter(|query| !query.stopped) {
                    let (written, continues) = query.process(&record);
                    let appended = written.iter().map(|output| as_record(output.clone()));
                    waiting.extend(appended.map(|record| numbered(&mut self.offsets, record)));
                    output.records.extend(written);
                    if !continues {
                        query.stopped = true;
                        output.stopped_at.get_or_insert(index);
                    }
                }
            }
        }
        output
    }

    /// Runs each query on all of its input before the next query, as ksqlDB's own suite does. From a
    /// topic that has inputs, queries read only these inputs, not the output of other queries.
    pub(crate) fn feed_by_query(&mut self, inputs: Vec<Record>) -> RunOutput {
        let mut output = RunOutput::default();
        let inputs: Vec<Record> = inputs
            .into_iter()
            .map(|input| self.appended(input))
            .collect();
        let is_input = |topic: &str| inputs.iter().any(|record| *record.topic == *topic);
        let mut written: Vec<Record> = Vec::new();
        for query in &mut self.queries {
            let from_queries = written.iter().filter(|record| !is_input(&record.topic));
            let mut records = Vec::new();
            for (index, record) in inputs.iter().chain(from_queries).enumerate() {
                let (outputs, continues) = query.process(record);
                records.extend(outputs);
                if !continues {
                    output.stopped_at.get_or_insert(index);
                    break;
                }
            }
            let appended = records.iter().map(|output| as_record(output.clone()));
            written.extend(appended.map(|record| numbered(&mut self.offsets, record)));
            output.records.extend(records);
        }
        output
    }

    fn appended(&mut self, record: Record) -> Record {
        numbered(&mut self.offsets, record)
    }
}

impl Query {
    /// The output for a record, and whether the query continues.
    fn process(&mut self, record: &Record) -> (Vec<OutputRecord>, bool) {
        let plan = Arc::clone(self.task.plan());
        let inputs = plan.source_topics().enumerate();
        let mut outcome = Outcome::default();
        let mut continues = true;
        for (input, _) in inputs.filter(|(_, topic)| **topic == *record.topic) {
            continues &= self.task.process(input, record, &mut outcome).is_ok();
        }
        let changes = outcome.changes.into_iter();
        let written = changes.map(|change| self.writer.write(change)).collect();
        (written, continues)
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
