//! Random intercepts: the loop recovers from a drift with any number of levels.

use std::fmt::Write;

use backtest::{BacktestArgs, Figures};
use catchweight::backtest::start;
use pipeline_folder::FolderArgs;
use pipeline_init::InitArgs;

/// A number between 0 and 1 that looks random.
fn noise(n: usize) -> f64 {
    let mixed = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 29)) as u32 as f64 / f64::from(u32::MAX)
}

/// Rows of shops at random. After the `first` ones, all targets are 40 higher.
fn rows(levels: usize, first: usize, count: usize) -> String {
    let mut text = "shop,x,y\n".to_owned();
    for n in 0..count {
        let shop = (noise(4 * n) * (levels as f64 - 0.01)) as usize;
        let x = 10.0 * noise(4 * n + 1);
        let effect = 40.0 * noise(1_000_000 + shop) - 20.0;
        let drift = if n < first { 0.0 } else { 40.0 };
        let y = 100.0 + 5.0 * x + effect + 6.0 * noise(4 * n + 2) + drift;
        writeln!(text, "shop {shop},{x},{y}").unwrap();
    }
    text
}

#[test]
fn a_drift_of_all_levels_is_learned_with_any_number_of_them() {
    for (levels, first, count) in [(20, 200, 1_200), (40, 200, 1_200), (500, 600, 1_500)] {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("data.csv");
        std::fs::write(&from, rows(levels, first, count)).unwrap();
        let dir = folder.path().join("sales");
        let init = InitArgs {
            dir: dir.clone(),
            from,
            target: "y".to_owned(),
            key: None,
            group: Some("shop".to_owned()),
            formula: Some("y ~ x + (1 | shop)".parse().unwrap()),
            measured_at: None,
            actual_at: None,
            first: u16::try_from(first).ok(),
        };
        pipeline_init::run(&init, &mut Vec::new()).unwrap();
        let args = BacktestArgs {
            folder: FolderArgs {
                pipeline: Some(dir),
            },
            // No other trainings than those of the rule.
            every: 100_000,
            ..BacktestArgs::default()
        };
        let figures = backtest::backtest(&args, &start, |_| true).unwrap();
        let error = |name: &str| {
            let mut baselines = figures.baselines.iter();
            let found = baselines.find(|one: &&Figures| one.name.starts_with(name));
            found.and_then(|one| one.mean_error).unwrap()
        };
        let rule = &figures.rules[0];
        let mean = rule.mean_error.unwrap();
        assert!(mean < error("never") / 4.0, "{levels} levels: {figures}");
        // The gate compares both models on rows that neither was fitted to.
        let rejected = rule.outcomes.get("rejected").copied().unwrap_or(0);
        assert!(rejected <= 3, "{levels} levels: {figures}");
        if levels == 500 {
            // All rows that are sent have the drift, so one fit on all of them is the best one.
            let last = rule.activations.last();
            let learned = last.and_then(|one| one.loo_error).unwrap();
            assert!(
                learned < 1.2 * error("in hindsight"),
                "{learned}: {figures}"
            );
        }
    }
}
