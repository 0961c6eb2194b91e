//! A connector, read from its file and checked.

use crate::ConfigError;
use crate::converter::ValueConverter;
use crate::options::Options;
use crate::resolve::Resolver;
use crate::sink::SinkConfig;
use crate::source::ConnectorSource;
use crate::tolerance::Tolerance;
use crate::transform::Filters;

/// A connector with its checked options.
pub(crate) struct Connector {
    pub(crate) name: String,
    pub(crate) topics: Vec<String>,
    pub(crate) converter: ValueConverter,
    pub(crate) filters: Filters,
    pub(crate) tolerance: Tolerance,
    pub(crate) sink: SinkConfig,
    /// Options of the file that are accepted and have no effect here.
    pub(crate) without_effect: Vec<String>,
}

impl Connector {
    /// Checks the text of a file. An unsupported option is an error.
    pub(crate) fn new(
        source: &ConnectorSource,
        resolver: Resolver<'_>,
    ) -> Result<Self, ConfigError> {
        let mut options = Options::new(&source.origin, source.definition()?, resolver)?;
        let name = options.connector().to_owned();
        if let Some(repeated) = options.text("name")
            && repeated != name
        {
            return Err(options.refuse("name", format_args!("differs from the file's `{name}`")));
        }
        // Check the class first: it decides which options are known.
        let class = SinkConfig::class(&mut options)?;
        let topics = options.list("topics");
        if topics.is_empty() {
            return Err(options.refuse(
                "topics",
                "is missing: expected the topics to read, separated by commas",
            ));
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

    /// The topics that it reads, and its dead-letter topic.
    pub(crate) fn all_topics(&self) -> impl Iterator<Item = &String> {
        let dead_letters = self.tolerance.dead_letters.iter();
        self.topics.iter().chain(dead_letters.map(|d| &d.topic))
    }
}
