//! How far the axis of errors goes, and which values it names.

use super::scale::{Scale, Spread, percent, round_step, round_values, ticks, whole};
use crate::marks::Timeline;

/// The scale of errors, which keeps to what most fish need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorRange {
    pub(crate) top: f64,
    pub(crate) spread: Spread,
    /// How many fish are above the top, and the largest error.
    pub(crate) beyond: Option<(usize, f64)>,
}

impl ErrorRange {
    pub(crate) fn of(timeline: &Timeline) -> Self {
        let mut errors: Vec<f64> = timeline.fish.iter().filter_map(|fish| fish.error).collect();
        errors.sort_by(f64::total_cmp);
        let largest = errors.last().copied().unwrap_or_default();
        // All but the largest hundredth.
        let most = errors.get((errors.len() * 99 / 100).saturating_sub(1));
        let windows = timeline.retrainings.iter().map(|one| one.window.mean_error);
        let needed = windows.fold(timeline.threshold * 1.6, f64::max);
        let needed = most.map_or(needed, |most| needed.max(most * 1.1));
        let needed = if largest > 2.0 * needed {
            needed
        } else {
            needed.max(largest)
        };
        let step = round_step(needed / 6.0);
        let top = (needed / step).ceil() * step;
        let above = errors.iter().filter(|error| **error > top).count();
        Self {
            top,
            spread: if top > 20.0 * timeline.threshold {
                Spread::SquareRoot
            } else {
                Spread::Linear
            },
            beyond: (above > 0).then_some((above, largest)),
        }
    }

    /// Round errors that are at least 20 pixels apart.
    pub(crate) fn ticks(self, scale: Scale, height: f64) -> Vec<f64> {
        if self.spread == Spread::Linear {
            return ticks(0.0, self.top, ((height / 34.0) as usize).clamp(2, 8));
        }
        let mut kept = vec![0.0];
        let mut last = f64::MIN;
        for error in round_values(self.top / 1e4, self.top) {
            let y = scale.at(error);
            if y - last >= 20.0 && scale.at(0.0) - y >= 16.0 {
                kept.push(error);
                last = y;
            }
        }
        kept
    }

    /// What a reader must know of the scale.
    pub(crate) fn notes(self, timeline: &Timeline) -> Vec<String> {
        let mut notes = Vec::new();
        if self.spread == Spread::SquareRoot {
            notes.push("The error is on a square-root scale.".to_owned());
        }
        if let Some((fish, largest)) = self.beyond {
            notes.push(format!(
                "{} fish above the scale, up to {}, at its upper edge.",
                whole(fish as u64),
                percent(largest, 0)
            ));
        }
        let unknown = timeline
            .fish
            .iter()
            .filter(|fish| fish.error.is_none())
            .count();
        if unknown > 0 {
            notes.push(format!(
                "{} of {} fish have no error.",
                whole(unknown as u64),
                whole(timeline.fish.len() as u64)
            ));
        }
        notes
    }
}
