//! Folders that are written for CSV files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod choosing;
mod names;
mod sql;
mod writing;

use std::path::{Path, PathBuf};

use pipeline_folder::Folder;
use pipeline_init::InitArgs;
use tempfile::TempDir;

/// A file and the folder that is written for it.
pub(crate) struct Case {
    pub(crate) dir: TempDir,
    pub(crate) args: InitArgs,
}

impl Case {
    pub(crate) fn new(rows: &str, target: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("data.csv");
        std::fs::write(&from, rows).unwrap();
        let args = InitArgs {
            dir: dir.path().join("deliveries"),
            from,
            target: target.to_owned(),
            key: None,
            group: None,
            formula: None,
            measured_at: None,
            actual_at: None,
            first: None,
        };
        Self { dir, args }
    }

    /// What is printed.
    pub(crate) fn run(&self) -> Result<String, String> {
        let mut out = Vec::new();
        pipeline_init::run(&self.args, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::open(&self.args.dir).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.args.dir.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Rows with these cells from `cells(n)`, `n` from 0.
pub(crate) fn rows(header: &str, count: usize, cells: impl Fn(usize) -> String) -> String {
    let rows: String = (0..count).map(|n| cells(n) + "\n").collect();
    format!("{header}\n{rows}")
}

/// A number that looks random and repeats.
pub(crate) fn noise(n: usize) -> f64 {
    let mut bits = (n as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^= bits >> 27;
    ((bits >> 11) % 100_000) as f64 / 100_000.0
}

pub(crate) fn exists(path: &Path) -> bool {
    path.exists()
}
