//! The model server through a real listener.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod calls;
mod faults;
mod harness;
mod history;
mod log;
#[cfg(feature = "mongodb-tests")]
mod mongo;
mod parity;
mod process;
mod service;
mod stores;
mod training;
