//! The page over HTTP, with a broker in this process and a real model server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod events;
mod login;
mod page;
mod status;
mod support;
mod watching;
