//! Executes a subset of ksqlDB's SQL on Kafka topics, with ksqlDB's semantics.
