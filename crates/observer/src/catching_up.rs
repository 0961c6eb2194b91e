//! Whether every topic was read to where it ended when it was first looked at.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// How many topics are still to be read to their end; clones share the number.
#[derive(Clone, Debug)]
pub(crate) struct CatchingUp(watch::Sender<usize>);

impl CatchingUp {
    pub(crate) fn of_topics(topics: usize) -> Self {
        Self(watch::Sender::new(topics))
    }

    /// One of the topics, which is still to be read.
    pub(crate) fn topic(&self) -> TopicToRead {
        TopicToRead {
            all: self.clone(),
            partitions: None,
            read: false,
        }
    }

    /// Waits until every topic was read to its end; one that does not exist has none.
    pub(crate) async fn done(&self) {
        // The sender lives as long as this handle, so that the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|topics| *topics == 0).await;
    }

    pub(crate) fn is_done(&self) -> bool {
        *self.0.borrow() == 0
    }
}

/// A topic that is still to be read to its end, once.
#[derive(Debug)]
pub(crate) struct TopicToRead {
    all: CatchingUp,
    /// The partitions whose end is to come, once they are known.
    partitions: Option<BTreeSet<i32>>,
    read: bool,
}

impl TopicToRead {
    /// The topic does not exist yet: there is nothing to read.
    pub(crate) fn is_absent(&mut self) {
        self.set_read();
    }

    /// The topic has so many partitions.
    pub(crate) fn has(&mut self, partitions: i32) {
        self.partitions = Some((0..partitions).collect());
    }

    /// The consumer is at the end of a partition.
    pub(crate) fn ended(&mut self, partition: i32) {
        if let Some(partitions) = &mut self.partitions {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.set_read();
            }
        }
    }

    fn set_read(&mut self) {
        if !self.read {
            self.read = true;
            self.all.0.send_modify(|topics| *topics -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_read(all: &CatchingUp) -> usize {
        *all.0.borrow()
    }

    #[test]
    fn a_topic_is_read_when_each_of_its_partitions_has_ended_and_counts_once() {
        let all = CatchingUp::of_topics(2);
        let (mut two, mut none) = (all.topic(), all.topic());
        two.has(2);
        two.ended(0);
        two.ended(0);
        assert_eq!(to_read(&all), 2, "partition 1 is still to be read");
        two.ended(1);
        two.ended(1);
        assert_eq!(to_read(&all), 1);
        none.is_absent();
        // It was made meanwhile: what is on it came after the first look.
        none.has(1);
        none.ended(0);
        assert_eq!(to_read(&all), 0);
    }
}
