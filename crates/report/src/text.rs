//! The report for people.

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
        writeln!(f, "{}", self.fish)?;
        writeln!(
            f,
            "\n  species    fish          number  mean error  model versions that answered"
        )?;
        for phase in &self.phases {
            writeln!(f, "{phase}")?;
        }
        for retraining in &self.retrainings {
            writeln!(f, "\n{retraining}")?;
        }
        if self.retrainings.is_empty() {
            let limit = percent(Some(self.threshold));
            writeln!(
                f,
                "\nNo window's mean error passed {limit}: nothing was retrained."
            )?;
        }
        writeln!(f)?;
        if let Some(error) = self.mean_error_after_recovery {
            let (error, limit) = (percent(Some(error)), percent(Some(self.threshold)));
            writeln!(f, "Mean error after recovery: {error} (threshold {limit})")?;
        }
        write!(f, "Took {:.1} s", self.wall_seconds)?;
        if let Some(bytes) = self.peak_memory_bytes {
            write!(
                f,
                ", peak memory {:.0} MiB",
                bytes as f64 / f64::from(1 << 20)
            )?;
        }
        if let Some(seconds) = self.first_prediction_seconds {
            write!(
                f,
                ", first prediction {seconds:.2} s after the predictor's assignment"
            )?;
        }
        writeln!(f)?;
        write!(f, "Verdict: {}", self.verdict)?;
        for reason in &self.reasons {
            write!(f, "\n  - {reason}")?;
        }
        Ok(())
    }
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
            stored.as_deref().unwrap_or("not known how many"),
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

/// An outcome of which no training tells more.
fn explained(outcome: &str) -> String {
    let why = match outcome {
        "superseded" => "the version that erred was no longer live",
        "unchanged" => "its rows, or the trigger itself, had been decided on before",
        "pinned" => "the live version is held",
        _ => return outcome.to_owned(),
    };
    format!("{outcome}: {why}")
}

impl Display for Retraining {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let outcome = self
            .outcome
            .as_deref()
            .unwrap_or("what came of it is not known");
        writeln!(
            f,
            "Trigger {} to {}: model {} erred by {} on average over fish {} to {} ({})",
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
                "\n  drift began with fish {drifted} and ended with fish {recovered}: {fish} fish, {seconds:.0} s of event time"
            )?;
        }
        Ok(())
    }
}

/// Said of a window some of whose fish are not remembered.
const FORGOTTEN: &str = "which fish erred is not known: some of the window's were not seen, or are not remembered any more";
/// Said where the training rows of the version that erred are not known.
const UNTOLD: &str = "how they differ from the rows that the model was trained on is not known: the model server does not tell its rows";

impl DriftCause {
    /// What is known of it, a line each: the species, then the features, then what is not known.
    pub fn lines(&self) -> Vec<String> {
        let species = self.species.iter().map(|one| {
            let error = percent(Some(one.mean_error));
            let line = format!(
                "{}, {} of {} fish: error {error}",
                one.species, one.fish, self.fish
            );
            match one.training_rows {
                Some(0) => line + ", a species that the model never saw",
                Some(rows) => format!("{line}, {rows} of the model's training rows"),
                None => line,
            }
        });
        let features = self.features.iter().map(FeatureShift::to_string);
        let mut lines: Vec<_> = species.chain(features).collect();
        // A window without fish is none: a report of before causes were told.
        if self.fish > 0 && self.species.is_empty() {
            lines.push(FORGOTTEN.to_owned());
        } else if self.species.iter().any(|one| one.training_rows.is_none()) {
            lines.push(UNTOLD.to_owned());
        }
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
            "mean {feature} {mean:.1}, in its training rows {training:.1}"
        )?;
        match self.shift_sd {
            Some(shift) => write!(f, ": {shift:+.1} standard deviations"),
            None => Ok(()),
        }
    }
}

/// `38.9 %`, or a dash for nothing.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// The `13:39:27` of a time's text form.
fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}
