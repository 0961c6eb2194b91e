//! Where a report goes: standard output, a JSON file, pictures.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use report::{Ledger, Report, Selection, Verdict};
use service_runtime::UsageError;

use crate::progress;

/// Where a report goes besides standard output.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct ReportArgs {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Draw the report's figures into this folder, as SVG (and PNG, in a build with `--features png`)
    #[arg(long, value_name = "DIR")]
    pub plot: Option<PathBuf>,
}

/// The verdict is `failed`; the report has the reasons.
#[derive(Debug, thiserror::Error)]
#[error("the verdict is failed")]
pub struct Failed;

impl ReportArgs {
    /// Checks before a run that its report can be written.
    ///
    /// # Errors
    /// A [`UsageError`] for a file or folder that cannot be written.
    pub(crate) fn prepare(&self) -> Result<(), UsageError> {
        if let Some(path) = &self.report {
            // Does not truncate: an earlier report stays until the new one is written.
            let mut file = std::fs::OpenOptions::new();
            file.append(true)
                .create(true)
                .open(path)
                .map_err(|error| UsageError(format!("--report {}: {error}", path.display())))?;
        }
        if let Some(folder) = &self.plot {
            std::fs::create_dir_all(folder)
                .map_err(|error| UsageError(format!("--plot {}: {error}", folder.display())))?;
        }
        Ok(())
    }

    /// Prints, writes and draws the report. Its rows are taken from the ledger.
    ///
    /// # Errors
    /// A [`UsageError`] for a file that cannot be written; [`Failed`] for the verdict `failed`.
    pub(crate) fn conclude(
        &self,
        mut report: Report,
        ledger: &Ledger,
        selection: &Selection,
    ) -> anyhow::Result<()> {
        progress::say(&format!("\n{report}"));
        if let Some(path) = &self.report {
            let written = File::create(path).and_then(|file| {
                let mut file = BufWriter::new(file);
                report::write_json(&report, ledger, selection, &mut file)?;
                file.flush()
            });
            written.map_err(|error| UsageError(format!("--report {}: {error}", path.display())))?;
        }
        if let Some(folder) = &self.plot {
            report.record_rows = report::record_rows(ledger, selection).collect();
            plots::write_all(&report, folder)
                .map_err(|error| UsageError(format!("--plot {}: {error}", folder.display())))?;
        }
        match report.verdict {
            Verdict::Recovered | Verdict::Steady => Ok(()),
            Verdict::Failed => Err(Failed.into()),
        }
    }
}
