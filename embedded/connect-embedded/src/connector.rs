//! One connector: what its file says, checked.

use crate::ConfigError;
use crate::converter::ValueConverter;
use crate::options::Options;
use crate::resolve::Resolver;
use crate::sink::SinkConfig;
use crate::source::ConnectorSource;
use crate::tolerance::Tolerance;
use crate::transform::Filters;

/// One connector: what its file says, checked.
pub(crate) struct Connector {
    pub(crate) name: String,
    pub(crate) topics: Vec<String>,
    pub(crate) converter: ValueConverter,
    pub(crate) filters: Filters,
    pub(crate) tolerance: Tolerance,
    pub(crate) sink: SinkConfig,
    /// Options of the file that are accepted and change nothing here.
    pub(crate) without_effect: Vec<String>,
}

impl Connector {
    /// Reads a file's text; every option is either honoured or refused.
    pub(crate) fn new(
        source: &ConnectorSource,
        resolver: Resolver<'_>,
    ) -> Result<Self, ConfigError> {
        let mut options = Options::new(&source.origin, source.definition()?, resolver)?;
        let name = options.connector().to_owned();
        if let Some(again) = options.text("name")
            && again != name
        {
            return Err(options.refuse("name", format_args!("differs from the file's `{name}`")));
        }
        // The class decides which options there are, so that a wrong one is named first.
        let class = SinkConfig::class(&mut options)?;
        let topics = options.list("topics");
        if topics.is_empty() {
            return Err(options.refuse("topics", "is missing: the topics to read, by commas"));
        }
        options.number_without_effect("tasks.max", 1..=i32::MAX)?;
        let converter = ValueConverter::from_options(&mut options)?;
        let filters = Filters::from_options(&mut options)?;
        let tolerance = Tolerance::from_options(&mut options)?;
        let sink = SinkConfig::from_options(class, &mut options, converter, &tolerance)?;
        options.without_effect_below("consumer.override.");
        let without_effect = options.finish()?;
        Ok(Self {
            name,
            topics,
            converter,
            filters,
            tolerance,
            sink,
            without_effect,
        })
    }

    /// The topics that it writes: dead letters, and a sink's reports.
    pub(crate) fn written_topics(&self) -> impl Iterator<Item = &str> {
        let dead_letters = self.tolerance.dead_letters.iter();
        dead_letters
            .map(|d| d.topic.as_str())
            .chain(self.sink.written_topics())
    }
}
