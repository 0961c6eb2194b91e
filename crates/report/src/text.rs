//! The report as text.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::report::{DriftCause, FeatureShift, FishCounts, Phase, Report, Retraining, Verdict};

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recovered => "recovered",
            Self::Steady => "steady",
            Self::Failed => "failed",
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let threshold = percent(Some(self.threshold));
        writeln!(f, "{}\n", self.fish)?;
        writeln!(
            f,
            "  species    fish          number  mean error  model versions"
        )?;
        for phase in &self.phases {
            writeln!(f, "{phase}")?;
        }
        write_retrainings(f, &self.retrainings)?;
        if self.retrainings.is_empty() {
            writeln!(
                f,
                "\nNo window triggered a retraining (threshold {threshold})"
            )?;
        }
        writeln!(f)?;
        if let Some(error) = self.mean_error_after_recovery {
            let error = percent(Some(error));
            writeln!(
                f,
                "Mean error after recovery: {error} (threshold {threshold})"
            )?;
        }
        write!(f, "Took {:.1} s", self.wall_seconds)?;
        if let Some(bytes) = self.peak_memory_bytes {
            let mib = bytes as f64 / f64::from(1 << 20);
            write!(f, ", peak memory {mib:.0} MiB")?;
        }
        if let Some(seconds) = self.first_prediction_seconds {
            write!(
                f,
                ", first prediction {seconds:.2} s after the partition assignment"
            )?;
        }
        write!(f, "\nVerdict: {}", self.verdict)?;
        for reason in &self.reasons {
            write!(f, "\n  - {reason}")?;
        }
        Ok(())
    }
}

/// Up to this many triggers are written in full.
const FEW_TRIGGERS: usize = 10;

/// Of many triggers only the first three and the last, and how many had which outcome.
fn write_retrainings(f: &mut Formatter<'_>, all: &[Retraining]) -> fmt::Result {
    let (first, rest) = all.split_at(all.len().min(3));
    match rest {
        [between @ .., last] if all.len() > FEW_TRIGGERS => {
            for retraining in first {
                writeln!(f, "\n{retraining}")?;
            }
            writeln!(f, "\n… {} more triggers …\n\n{last}", between.len())?;
            writeln!(f, "\n  outcome of the triggers  number")?;
            let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
            for one in all {
                *outcomes.entry(outcome(one)).or_default() += 1;
            }
            for (outcome, count) in outcomes {
                writeln!(f, "  {outcome:<23}  {count:>6}")?;
            }
        }
        _ => {
            for retraining in all {
                writeln!(f, "\n{retraining}")?;
            }
        }
    }
    Ok(())
}

fn outcome(retraining: &Retraining) -> &str {
    retraining.outcome.as_deref().unwrap_or("no decision yet")
}

impl Display for FishCounts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let stored = self.stored.map(|stored| stored.to_string());
        write!(
            f,
            "Fish: {} measured, {} predicted, {} weighed, {} joined, {} stored; {} duplicates, {} dead letters, {} unreadable",
            self.measured,
            self.predicted,
            self.weighed,
            self.joined,
            stored.as_deref().unwrap_or("unknown number"),
            self.duplicates,
            self.dead_letters,
            self.unreadable
        )
    }
}

impl Display for Phase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let span = format!("{} to {}", self.first_fish, self.last_fish);
        let error = percent(self.mean_error);
        let versions = self.model_versions.join(", ");
        write!(
            f,
            "  {:<9}  {span:<12}  {:>6}  {error:>10}  {versions}",
            self.species, self.fish
        )
    }
}

/// An outcome without a training, and its reason.
fn explained(outcome: &str) -> String {
    let why = match outcome {
        "superseded" => "the erring version was no longer live",
        "unchanged" => "this trigger or the same training rows were already decided on",
        "pinned" => "the live version is pinned",
        _ => return outcome.to_owned(),
    };
    format!("{outcome}: {why}")
}

impl Display for Retraining {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let outcome = outcome(self);
        writeln!(
            f,
            "Trigger {} to {}: model {} had a mean error of {} over fish {} to {} ({})",
            clock(&self.window_start.to_string()),
            clock(&self.window_end.to_string()),
            self.erring_version,
            percent(Some(self.error_avg)),
            self.fish_id_start,
            self.fish_id_end,
            self.species.join(", ")
        )?;
        write!(f, "{}", self.cause)?;
        match (&self.version, self.rows) {
            (Some(version), Some(rows)) => {
                write!(
                    f,
                    "  retrained on {rows} rows, fish {} to {} ({}): model {version}, {outcome}",
                    self.first_row.as_deref().unwrap_or("?"),
                    self.last_row.as_deref().unwrap_or("?"),
                    self.trained_species.join(", ")
                )?;
            }
            _ => write!(f, "  {}", explained(outcome))?,
        }
        if let (Some(drifted), Some(recovered), Some(fish), Some(seconds)) = (
            &self.first_fish_drifted,
            &self.first_fish_recovered,
            self.fish_to_recovery,
            self.event_seconds_to_recovery,
        ) {
            write!(
                f,
                "\n  drift began at fish {drifted}, recovered at fish {recovered}: {fish} fish, {seconds:.0} s of event time"
            )?;
        }
        Ok(())
    }
}

impl DriftCause {
    /// One line for each species, one for each feature, and one for what is unknown.
    pub fn lines(&self) -> Vec<String> {
        let species = self.species.iter().map(|one| {
            let error = percent(Some(one.mean_error));
            let line = format!(
                "{}, {} of {} fish: error {error}",
                one.species, one.fish, self.fish
            );
            match one.training_rows {
                Some(0) => line + ", not among the model's training rows",
                Some(rows) => format!("{line}, {rows} of the model's training rows"),
                None => line,
            }
        });
        let features = self.features.iter().map(FeatureShift::to_string);
        let mut lines: Vec<_> = species.chain(features).collect();
        // Reports of old versions have no cause: a window without fish.
        let unknown = if self.fish > 0 && self.species.is_empty() {
            Some(
                "error by species unknown: some fish of this window were not seen or no longer kept",
            )
        } else if self.species.iter().any(|one| one.training_rows.is_none()) {
            Some("shift from the training rows unknown: the model server did not return them")
        } else {
            None
        };
        lines.extend(unknown.map(str::to_owned));
        lines
    }
}

impl Display for DriftCause {
    /// Its lines, indented; each ends with a line break.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

impl Display for FeatureShift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (feature, mean, training) = (&self.feature, self.mean, self.training_mean);
        write!(
            f,
            "mean {feature} {mean:.1}, in the training rows {training:.1}"
        )?;
        match self.shift_sd {
            Some(shift) => write!(f, ": {shift:+.1} standard deviations"),
            None => Ok(()),
        }
    }
}

/// `38.9 %`; a dash for `None`.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// The `13:39:27` of an event time's text form.
fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}
