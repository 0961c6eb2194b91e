//! Runs Kafka Connect's sink connector files (MongoDB sink, HTTP sink) inside a process.
