//! The whole loop in one process, and the tools for any running pipeline.
//!
//! | module | what is in it |
//! |---|---|
//! | [`embedded`] | broker, services, SQL and connectors of the pipeline in this process |
//! | [`observe`] | reads a running pipeline's topics into a ledger |
//! | [`progress`] | the live line |

pub mod embedded;
pub mod observe;
pub mod progress;
