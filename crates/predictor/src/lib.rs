//! From topic over a model's HTTP API to topic: ordered, batched, nothing lost.
