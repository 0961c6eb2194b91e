//! A running pipeline as a live page.
//!
//! Everything is rendered here: a page that is asked for is a complete snapshot, and a small script
//! replaces the sections that have changed since, as server-sent events bring them. A section is
//! rendered once for all who look, and nothing is rendered while nobody does.
//!
//! | module | what is in it |
//! |---|---|
//! | [`config`] | settings |
//! | [`service`] | everything wired together |
//! | `outside` | what topics do not tell: model, history, store, lag, health; asked while somebody looks |
//! | `asked` | a question with its deadline and the age of its answer |
//! | `health`, `queries` | what is asked: the parts' health, the SQL's queries |
//! | `state` | the one state that the page shows, made by `report`'s code |
//! | `look` | what a look into the store found |
//! | `stalled` | which step stands still for too long |
//! | `standing` | where the pipeline stands, in a sentence |
//! | `sections` | the state as HTML, section by section |
//! | `frame` | the sections with their numbers, and as server-sent events |
//! | `looks` | who looks, when to render, the newest frame |
//! | `http` | the page, its events, its actions, its headers |
//! | `metrics` | what is counted |

mod asked;
pub mod config;
mod frame;
mod health;
mod http;
mod look;
mod looks;
mod metrics;
mod outside;
mod queries;
mod sections;
pub mod service;
mod stalled;
mod standing;
mod state;

pub use config::{Config, PartUrl};
pub use looks::Looks;
pub use service::{Monitor, Watching};
