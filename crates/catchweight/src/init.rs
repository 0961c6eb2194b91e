//! `init`: writes the folder of a pipeline for the rows of a CSV file.

pub use pipeline_init::InitArgs;

/// Writes the folder and prints what it did.
///
/// # Errors
/// A usage error if the file or a column cannot be used, or the folder has such files already.
pub fn run(args: &InitArgs) -> anyhow::Result<()> {
    pipeline_init::run(args, &mut std::io::stdout().lock())?;
    Ok(())
}
