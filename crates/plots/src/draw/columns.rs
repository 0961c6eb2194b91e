//! Many records: what can be seen of them in each column of pixels. A point for each of a million records would
//! take seconds, and most of them would be covered by others.

use std::collections::HashSet;

use super::legend::{colour, point, shade, shades};
use super::record_plot::RecordPlot;
use super::svg::Element;
use crate::marks::RecordPoint;

/// Above this many records, a plot shows columns.
pub(crate) const MANY: usize = 5_000;
/// Width of a column in pixels.
const WIDTH: f64 = 1.0;

/// The paths of one group.
#[derive(Default)]
struct Paths {
    /// From the smallest to the largest error of each column.
    range: String,
    /// From the first to the third quartile.
    quartiles: String,
    mean: String,
    /// Each error above the threshold.
    above: String,
}

impl RecordPlot<'_> {
    /// The range, the quartiles and the mean of the errors in each column, for each group, and a point
    /// for each error above the threshold.
    pub(crate) fn columns(&self) -> Vec<Element> {
        let mut paths: Vec<Paths> = Vec::new();
        let shades = shades(self.timeline.groups.len());
        paths.resize_with(shades.len(), Paths::default);
        let mut errors: Vec<Vec<f64>> = vec![Vec::new(); paths.len()];
        let mut drawn = HashSet::new();
        let column = |one: &RecordPoint| (self.x(one.position) / WIDTH).floor();
        for records in self
            .timeline
            .records
            .chunk_by(|one, next| column(one) == column(next))
        {
            let Some(x) = records.first().map(|first| column(first) * WIDTH) else {
                continue;
            };
            for one in records {
                let (Some(error), Some(errors), Some(paths)) = (
                    one.error,
                    errors.get_mut(shade(one.group)),
                    paths.get_mut(shade(one.group)),
                ) else {
                    continue;
                };
                errors.push(error);
                let y = self.y(error.min(self.top()));
                // Points of the same pixel cover each other.
                let pixel = (shade(one.group), x as i64, y as i64);
                if error > self.timeline.threshold && drawn.insert(pixel) {
                    paths.above.extend(self.shape(one));
                }
            }
            for (errors, paths) in errors.iter_mut().zip(&mut paths) {
                self.add_column(paths, x, errors);
                errors.clear();
            }
        }
        let paths = shades
            .into_iter()
            .map(|group| (group, paths.get_mut(group).map(std::mem::take)));
        paths
            .flat_map(|(group, paths)| {
                let paths = paths.unwrap_or_default();
                let class = |name: &str| format!("{name} {}", colour(group));
                [
                    Element::path(class("range"), paths.range),
                    Element::path(class("quartiles"), paths.quartiles),
                    point(group, " tiny", paths.above),
                    Element::path(class("mean"), paths.mean),
                ]
            })
            .collect()
    }

    fn add_column(&self, paths: &mut Paths, x: f64, errors: &mut [f64]) {
        errors.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| errors.get(((errors.len() - 1) as f64 * share).round() as usize);
        let (Some(least), Some(first), Some(third), Some(most)) =
            (errors.first(), at(0.25), at(0.75), errors.last())
        else {
            return;
        };
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let bar = |from: f64, to: f64| {
            let [top, bottom] = [to, from].map(|error| self.y(error.min(self.top())));
            format!(
                "M{x:.1} {top:.1}h{WIDTH}V{:.1}h-{WIDTH}Z",
                bottom.max(top + 0.5)
            )
        };
        paths.range.push_str(&bar(*least, *most));
        paths.quartiles.push_str(&bar(*first, *third));
        paths.mean.push_str(&bar(mean, mean));
    }
}
