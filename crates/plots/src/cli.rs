//! The subcommand `plot`: draws a figure from a report file.

use std::fs;
use std::path::{Path, PathBuf};

use pipeline::Definition;
use pipeline_folder::FolderArgs;
use report::Report;
use service_runtime::UsageError;

use crate::{Figure, PlotError, Size, Theme};

/// Flags of the subcommand.
#[derive(Clone, Debug, clap::Args)]
pub struct PlotArgs {
    /// A report that `--report FILE` wrote
    pub report: PathBuf,

    /// The picture to write, FILE.svg; or FILE.png, in a build with `--features png`
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Which figure to draw
    #[arg(long, value_enum, default_value_t)]
    pub figure: Figure,

    /// Light or dark colours
    #[arg(long, value_enum, default_value_t)]
    pub theme: Theme,

    /// Width in pixels
    #[arg(long, default_value_t = Size::default().width())]
    pub width: u32,

    /// The pipeline of the report.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// Height in pixels
    #[arg(long, default_value_t = Size::default().height())]
    pub height: u32,
}

type Render = fn(&PlotArgs, &Report, Size) -> Result<Vec<u8>, PlotError>;

/// Draws the figure and writes it.
///
/// # Errors
/// A [`UsageError`] if the report cannot be read or drawn, if the size or the file name is not valid,
/// or if the picture cannot be written.
pub fn run(args: &PlotArgs) -> anyhow::Result<()> {
    let render = renderer(&args.output)?;
    let size = Size::new(args.width, args.height).map_err(|error| UsageError(error.to_string()))?;
    let report = read(&args.report, args.folder.open()?.definition)?;
    let bytes = render(args, &report, size).map_err(|error| match error {
        PlotError::Value { .. } => UsageError(format!("{}: {error}", args.report.display())).into(),
        other => anyhow::Error::new(other),
    })?;
    let output = args.output.display();
    fs::write(&args.output, &bytes).map_err(|error| {
        UsageError(format!("--output {output}: cannot write the file: {error}"))
    })?;
    Ok(())
}

/// Chooses the format by the file extension.
fn renderer(path: &Path) -> Result<Render, UsageError> {
    let extension = path.extension().map(|text| text.to_ascii_lowercase());
    match extension.as_deref().and_then(|text| text.to_str()) {
        Some("svg") => Ok(|args, report, size| {
            let svg = args.figure.svg(report, args.theme, size)?;
            Ok(svg.into_bytes())
        }),
        #[cfg(feature = "png")]
        Some("png") => Ok(|args, report, size| args.figure.png(report, args.theme, size)),
        #[cfg(not(feature = "png"))]
        Some("png") => Err(UsageError(format!(
            "--output {}: this build writes SVG only: name a file that ends in .svg, or build with \
             `--features png`",
            path.display()
        ))),
        _ => Err(UsageError(format!(
            "--output {}: expected a file name that ends in .svg or .png",
            path.display()
        ))),
    }
}

fn read(path: &Path, definition: &'static Definition) -> Result<Report, UsageError> {
    let shown = path.display();
    let bytes = fs::read(path)
        .map_err(|error| UsageError(format!("cannot read the report {shown}: {error}")))?;
    Report::from_json(definition, &bytes).map_err(|error| {
        UsageError(format!(
            "{shown} is not a report as `--report FILE` writes it: {error}"
        ))
    })
}
