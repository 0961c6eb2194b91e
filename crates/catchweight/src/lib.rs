//! The whole loop in one process, and the tools for any running pipeline.
//!
//! | module | what is in it |
//! |---|---|
//! | [`embedded`] | broker, services, SQL and connectors of the pipeline in this process |
//! | [`observe`] | reads a running pipeline's topics into a ledger |
//! | [`ledger`] | accounts for every fish: what was seen of it on which topic |
//! | [`history`] | the model's versions and the decisions on them |
//! | [`report`] | ledger and history as numbers, with a verdict |
//! | [`progress`] | the live line |

pub mod embedded;
pub mod history;
pub mod ledger;
pub mod observe;
pub mod progress;
pub mod report;
