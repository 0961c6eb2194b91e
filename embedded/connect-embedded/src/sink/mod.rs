//! The connector classes, one module each.

mod aiven;
mod header;
mod mongo;
mod post;

use std::sync::Arc;

use futures::future::BoxFuture;
use rdkafka::message::BorrowedMessage;

use crate::converter::{Value, ValueConverter};
use crate::failure::Failure;
use crate::options::Options;
use crate::stats::Outcome;
use crate::tolerance::Tolerance;
use crate::{ConfigError, DocumentStore};

/// A destination of records.
pub(crate) trait Sink: Send + Sync {
    /// The largest number of records in one delivery.
    fn batch_size(&self) -> usize;

    /// Delivers records with their converted values, in order. Returns when they are delivered or no
    /// retries remain, with an outcome for each record.
    fn put<'a>(&'a self, records: Vec<Converted<'a>>) -> BoxFuture<'a, Vec<Delivery>>;
}

/// A record with its converted value.
pub(crate) type Converted<'a> = (&'a BorrowedMessage<'a>, Value);

/// What a sink did with a record.
pub(crate) type Delivery = Result<Outcome, Failure>;

/// The supported connector classes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class {
    Mongo,
    Aiven,
}

/// A connector class with its options.
pub(crate) enum SinkConfig {
    Mongo(mongo::Config),
    Aiven(aiven::Config),
}

impl SinkConfig {
    /// From `connector.class`.
    pub(crate) fn class(options: &mut Options) -> Result<Class, ConfigError> {
        options.choice(
            "connector.class",
            None,
            &[(mongo::CLASS, Class::Mongo), (aiven::CLASS, Class::Aiven)],
        )
    }

    /// From the options of the class.
    pub(crate) fn from_options(
        class: Class,
        options: &mut Options,
        converter: ValueConverter,
        tolerance: &Tolerance,
    ) -> Result<Self, ConfigError> {
        let expected = match class {
            Class::Mongo => ValueConverter::Json,
            Class::Aiven => ValueConverter::String,
        };
        if converter != expected {
            let reason = format!("this connector class needs {}", expected.class());
            return Err(options.refuse("value.converter", reason));
        }
        Ok(match class {
            Class::Mongo => Self::Mongo(mongo::Config::from_options(options)?),
            Class::Aiven => Self::Aiven(aiven::Config::from_options(options, tolerance)?),
        })
    }

    /// The sink with its clients.
    pub(crate) fn open(
        &self,
        connector: &str,
        store: Arc<dyn DocumentStore>,
    ) -> anyhow::Result<Box<dyn Sink>> {
        Ok(match self {
            Self::Mongo(config) => Box::new(config.open(connector, store)),
            Self::Aiven(config) => Box::new(config.open(connector)?),
        })
    }
}
