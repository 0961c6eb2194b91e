//! Whether every topic was read to the end that it had at the start.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// The number of topics still to be read to their end; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct CatchUp(watch::Sender<usize>);

impl CatchUp {
    pub(crate) fn of_topics(topics: usize) -> Self {
        Self(watch::Sender::new(topics))
    }

    /// A handle for one of the topics.
    pub(crate) fn topic(&self) -> TopicCatchUp {
        TopicCatchUp {
            all: self.clone(),
            partitions: None,
            done: false,
        }
    }

    /// Waits until every topic was read to its end.
    pub(crate) async fn done(&self) {
        // Cannot fail: `self` keeps the sender alive.
        let _ = self.0.subscribe().wait_for(|topics| *topics == 0).await;
    }

    pub(crate) fn is_done(&self) -> bool {
        *self.0.borrow() == 0
    }
}

/// One topic: it counts as read once.
#[derive(Debug)]
pub(crate) struct TopicCatchUp {
    all: CatchUp,
    /// The partitions still to be read, once they are known.
    partitions: Option<BTreeSet<i32>>,
    done: bool,
}

impl TopicCatchUp {
    /// The topic does not exist yet: there is nothing to read.
    pub(crate) fn is_absent(&mut self) {
        self.set_done();
    }

    pub(crate) fn has_partitions(&mut self, partitions: i32) {
        self.partitions = Some((0..partitions).collect());
    }

    /// The consumer reached the end of a partition.
    pub(crate) fn reached_end(&mut self, partition: i32) {
        if let Some(partitions) = &mut self.partitions {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.set_done();
            }
        }
    }

    fn set_done(&mut self) {
        if !self.done {
            self.done = true;
            self.all.0.send_modify(|topics| *topics -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_read_once_each_of_its_partitions_has_ended() {
        let all = CatchUp::of_topics(2);
        let to_read = || *all.0.borrow();
        let (mut two, mut absent) = (all.topic(), all.topic());
        two.has_partitions(2);
        two.reached_end(0);
        two.reached_end(0);
        assert_eq!(to_read(), 2, "partition 1 was not read");
        two.reached_end(1);
        two.reached_end(1);
        assert_eq!(to_read(), 1);
        absent.is_absent();
        // Created later: its records are new.
        absent.has_partitions(1);
        absent.reached_end(0);
        assert_eq!(to_read(), 0);
    }
}
