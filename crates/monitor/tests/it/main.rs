//! The page over HTTP, on a broker in this process and a real model server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod events;
mod page;
mod standing;
mod support;
mod watching;
