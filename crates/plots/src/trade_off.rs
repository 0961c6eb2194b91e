//! A figure that does not come from a report: one number against another.

use crate::draw;
use crate::draw::svg::document;
use crate::draw::theme::Theme;
use crate::figure::{PlotError, Size};

/// One number against another, with a numbered point for each of some things.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeOff {
    /// The title.
    pub title: String,
    /// What the axis from left to right shows.
    pub across: String,
    /// What the axis from the bottom up shows.
    pub up: String,
    /// The points, in the order of their numbers.
    pub points: Vec<TradeOffPoint>,
}

/// A point of a [`TradeOff`].
#[derive(Clone, Debug, PartialEq)]
pub struct TradeOffPoint {
    /// What it stands for.
    pub name: String,
    /// From left to right, at least 0.
    pub x: f64,
    /// From the bottom up, at least 0.
    pub y: f64,
}

impl TradeOff {
    /// The figure as an SVG document. Equal figures give equal bytes.
    ///
    /// # Errors
    /// [`PlotError::Value`] if a number is negative or not finite.
    pub fn svg(&self, theme: Theme, size: Size) -> Result<String, PlotError> {
        for (index, point) in self.points.iter().enumerate() {
            for (axis, value) in [("x", point.x), ("y", point.y)] {
                if !value.is_finite() || value < 0.0 {
                    return Err(PlotError::Value {
                        field: format!("points[{index}].{axis}"),
                        value,
                        expected: "a finite number of at least 0",
                    });
                }
            }
        }
        Ok(document(&draw::trade_off(self, size), theme))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(points: &[(f64, f64)]) -> TradeOff {
        let point = |(number, (x, y)): (usize, &(f64, f64))| TradeOffPoint {
            name: format!("rule {number}"),
            x: *x,
            y: *y,
        };
        TradeOff {
            title: "Rules".to_owned(),
            across: "false alarms".to_owned(),
            up: "delay".to_owned(),
            points: points.iter().enumerate().map(point).collect(),
        }
    }

    #[test]
    fn each_point_has_a_number_and_a_tooltip() {
        let figure = figure(&[(0.0, 31.2), (1.5, 10.0)]);
        let svg = figure.svg(Theme::Auto, Size::default()).unwrap();
        assert!(svg.contains("<title>rule 0: false alarms 0, delay 31.2</title>"));
        assert!(svg.contains("2: rule 1"), "{svg}");
        assert_eq!(figure.svg(Theme::Auto, Size::default()).unwrap(), svg);
    }

    #[test]
    fn a_figure_without_points_is_drawn() {
        assert!(figure(&[]).svg(Theme::Auto, Size::default()).is_ok());
    }

    #[test]
    fn a_number_that_cannot_be_drawn_is_named() {
        let error = figure(&[(0.0, 1.0), (f64::NAN, 1.0)]).svg(Theme::Auto, Size::default());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("points[1].x is NaN")
        );
    }
}
