//! The figures as a picture.

use pipeline::ErrorKind;
use plots::{PlotError, Size, Theme, TradeOff, TradeOffPoint};

use crate::run::Backtest;
use crate::summary::Figures;

/// Where the point of a rule is; `None` if it has none.
type Place = fn(&Figures) -> Option<(f64, f64)>;

impl Backtest {
    /// The rules as an SVG document: mean delay against false alarms if the drifts are known, else mean error
    /// against the number of versions that went live. Rules that missed every drift have no point.
    ///
    /// # Errors
    /// A figure cannot be drawn.
    pub fn svg(&self) -> Result<String, PlotError> {
        let drifts_are_known = self.rules.iter().any(|one| one.drifts.is_some());
        let (across, up, place): (_, _, Place) = if drifts_are_known {
            let up = format!("mean delay in {}", self.definition.records);
            let place = |one: &Figures| {
                let drifts = one.drifts.as_ref()?;
                Some((drifts.false_alarms_per_10000?, drifts.delay_records?.mean))
            };
            ("false alarms per 10,000 records", up, place)
        } else {
            let up = match self.definition.error {
                ErrorKind::Relative => "mean relative error".to_owned(),
                ErrorKind::Absolute => "mean absolute error".to_owned(),
            };
            let place = |one: &Figures| {
                let activated = one.outcomes.get("activated").copied().unwrap_or(0);
                Some((activated as f64, one.mean_error?))
            };
            ("versions that went live", up, place)
        };
        let all = self.rules.iter();
        let all = all.chain(self.baselines.iter().filter(|_| !drifts_are_known));
        let points = all.filter_map(|one| {
            let (x, y) = place(one)?;
            Some(TradeOffPoint {
                name: one.name.clone(),
                x,
                y,
            })
        });
        let picture = TradeOff {
            title: format!("Rules over {}", self.input),
            across: across.to_owned(),
            up,
            points: points.collect(),
        };
        picture.svg(Theme::Auto, Size::default())
    }
}
