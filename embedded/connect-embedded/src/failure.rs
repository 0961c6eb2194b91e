//! Failed deliveries of records.

/// Connect's exception for data of an unexpected shape.
pub(crate) const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";
/// Connect's exception for a sink that gives up.
pub(crate) const CONNECT_EXCEPTION: &str = "org.apache.kafka.connect.errors.ConnectException";

/// Why one record could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exception class that Connect reports for the same failure.
    pub(crate) exception: &'static str,
    /// What went wrong.
    pub(crate) message: String,
    /// Stops the connector regardless of `errors.tolerance`.
    pub(crate) fatal: bool,
}

impl Failure {
    /// A failure that `errors.tolerance` covers.
    pub(crate) fn tolerable(exception: &'static str, message: impl Into<String>) -> Self {
        Self {
            exception,
            message: message.into(),
            fatal: false,
        }
    }

    /// A failure that stops the connector.
    pub(crate) fn fatal(exception: &'static str, message: impl Into<String>) -> Self {
        Self {
            fatal: true,
            ..Self::tolerable(exception, message)
        }
    }
}

/// The stage of a worker's pipeline at which a record failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The value converter.
    ValueConverter,
    /// The sink.
    TaskPut,
}

impl Stage {
    /// Connect's name of the stage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::TaskPut => "TASK_PUT",
        }
    }
}
