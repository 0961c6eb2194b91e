//! Figures as files.

use std::fs;
use std::path::{Path, PathBuf};

use report::Report;

use crate::{Figure, Format, PlotError, Size, Theme};

/// Writes every figure of a report into a directory, which is made where it is missing:
/// `errors.svg`, `errors.png`, `model.svg`, …. The SVGs follow the reader's theme.
///
/// # Errors
/// Where a figure cannot be drawn or a file cannot be written.
pub fn write_all(report: &Report, dir: &Path) -> Result<Vec<PathBuf>, PlotError> {
    fs::create_dir_all(dir).map_err(|source| PlotError::File {
        path: dir.to_owned(),
        source,
    })?;
    let mut written = Vec::new();
    for figure in Figure::ALL {
        for (format, extension) in [(Format::Svg, "svg"), (Format::Png, "png")] {
            let path = dir.join(format!("{}.{extension}", figure.name()));
            let bytes = figure.render(report, format, Theme::Auto, Size::default())?;
            write(&path, &bytes)?;
            written.push(path);
        }
    }
    Ok(written)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), PlotError> {
    fs::write(path, bytes).map_err(|source| PlotError::File {
        path: path.to_owned(),
        source,
    })
}
