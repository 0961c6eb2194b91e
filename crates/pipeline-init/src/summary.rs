//! The printed lines below the table of columns.

use feed::schedule::Schedule;
use pipeline::ErrorKind;

use crate::files::sql::plain;
use crate::files::toml::Settings;
use crate::model::Threshold;
use crate::spans::{ROWS_PER_WINDOW, Spans};
use crate::survey::Survey;
use crate::table::rounded;

/// What is printed below the table.
pub struct Summary<'a> {
    /// The number of rows of the first model.
    pub first: u64,
    /// The definition.
    pub settings: &'a Settings,
    /// The rows that are sent.
    pub schedule: &'a Schedule,
    /// The file.
    pub survey: &'a Survey,
    /// The times in the SQL.
    pub spans: Spans,
    /// The error that retrains.
    pub threshold: Threshold,
    /// The unit of the target.
    pub unit: Option<&'a str>,
}

impl Summary<'_> {
    /// The lines.
    pub fn text(&self) -> String {
        let Self {
            first,
            settings,
            schedule,
            spans,
            ..
        } = self;
        let feed = &settings.feed;
        let key = match &feed.key {
            Some(key) => format!("`{key}`"),
            None => format!("the number of the row in the file, as `{}`", settings.key),
        };
        let times = match (&feed.measured_at, &feed.actual_at) {
            (None, _) => "a row every 2 seconds, its target 10 seconds later".to_owned(),
            (Some(measured), None) => format!("`{measured}`, the target 10 seconds later"),
            (Some(measured), Some(actual)) => format!(
                "`{measured}` and `{actual}`, at most {} apart",
                plain(spans.longest_delay)
            ),
        };
        let mut text = format!(
            "  formula     {}\n\
             \x20 key         {key}\n\
             \x20 error       {}\n\
             \x20 times       {times}\n\
             \x20 SQL         WITHIN {}, windows of {} for about {ROWS_PER_WINDOW} rows, grace {}, retention {}\n\
             \x20 rows        {first} train the first model, {} are sent, {} cannot be used\n",
            settings.formula,
            self.error(),
            spans.within,
            spans.window,
            spans.window_grace,
            spans.retention,
            schedule.count().saturating_sub(*first),
            self.schedule.unusable().count(),
        );
        for reason in self.schedule.unusable().to_string().lines() {
            text += &format!("              {reason}\n");
        }
        debug_assert!(self.survey.unusable.count() <= self.schedule.unusable().count());
        text
    }

    fn error(&self) -> String {
        let Threshold { typical, threshold } = self.threshold;
        let unit = self.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        match self.settings.error {
            ErrorKind::Relative => format!(
                "relative; a window above {} % retrains (typical is {} %)",
                rounded(threshold * 100.0),
                rounded(typical * 100.0)
            ),
            ErrorKind::Absolute => format!(
                "absolute, because the target has values of zero or less; a window above {threshold}{unit} retrains (typical is {}{unit})",
                rounded(typical)
            ),
        }
    }
}
