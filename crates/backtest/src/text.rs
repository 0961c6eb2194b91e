//! The figures as tables.

use std::fmt;

use pipeline::Definition;
use report::error_text;

use crate::run::Backtest;
use crate::summary::{DriftFigures, Figures, Spread};

/// The outcomes that the table shows by themselves; the others are counted together.
const SHOWN: [&str; 2] = ["activated", "rejected"];

impl fmt::Display for Backtest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.rules.first().map_or(0, |one| one.records);
        let joined = self.definition.counted(records);
        match self.series {
            1 => writeln!(f, "{}: {joined} joined\n", self.input)?,
            series => writeln!(f, "{}: {series} series, {joined} joined\n", self.input)?,
        }
        let rules = self.rules.iter().map(|one| rule_line(self.definition, one));
        let baselines = self.baselines.iter();
        let baselines = baselines.map(|one| baseline_line(self.definition, one));
        let heading = [
            "rule",
            "triggers",
            "activated",
            "rejected",
            "other",
            "refined",
            "mean error",
        ];
        table(f, &heading, rules.chain(baselines).collect())?;
        let drifts: Vec<_> = self
            .rules
            .iter()
            .filter_map(|one| Some((one, one.drifts.as_ref()?)))
            .collect();
        if let Some((_, first)) = drifts.first() {
            let record = &self.definition.record;
            writeln!(
                f,
                "\nFrom the first drifted {record} to the first trigger, and to the first {record} of a better model \
                 (drifts: {}):\n",
                first.drifts
            )?;
            let heading = [
                "rule",
                "trigger: mean",
                "max",
                "none",
                "better model: mean",
                "p50",
                "p95",
                "max",
                "none",
                "error: drifted",
                "then",
                "false alarms per 10,000",
            ];
            let lines = drifts
                .iter()
                .map(|(rule, drifts)| drift_line(self.definition, rule, drifts));
            table(f, &heading, lines.collect())?;
        }
        let variants = self.rules.iter().filter(|one| !one.lines.is_empty());
        writeln!(f, "\nThe lines of each rule:")?;
        for rule in variants {
            writeln!(f, "\n-- {}", rule.name)?;
            for line in &rule.lines {
                writeln!(f, "{line}")?;
            }
        }
        let problems: u64 = self.rules.iter().map(|one| one.problems).sum();
        if problems > 0 {
            writeln!(
                f,
                "\n{problems} times a record had no prediction or no error, or the SQL could not evaluate it"
            )?;
        }
        Ok(())
    }
}

fn rule_line(definition: &Definition, one: &Figures) -> Vec<String> {
    let count = |name: &str| one.outcomes.get(name).copied().unwrap_or(0);
    let all: u64 = one.outcomes.values().sum();
    let shown: u64 = SHOWN.iter().map(|name| count(name)).sum();
    let mut line = vec![one.name.clone(), one.triggers.to_string()];
    line.extend(SHOWN.map(|name| count(name).to_string()));
    line.push((all - shown).to_string());
    line.push(refined(one));
    line.push(error_text(definition, one.mean_error));
    line
}

fn baseline_line(definition: &Definition, one: &Figures) -> Vec<String> {
    if one.outcomes.is_empty() {
        let mut line = vec![one.name.clone()];
        line.extend(["-"; 5].map(str::to_owned));
        line.push(error_text(definition, one.mean_error));
        return line;
    }
    let mut line = rule_line(definition, one);
    if let Some(triggers) = line.get_mut(1) {
        "-".clone_into(triggers);
    }
    line
}

/// How many refinements went live, of all.
fn refined(one: &Figures) -> String {
    let activated = one.refinements.get("activated").copied().unwrap_or(0);
    match one.refinements.values().sum() {
        0 => "-".to_owned(),
        all if all == activated => all.to_string(),
        all => format!("{activated} of {all}"),
    }
}

fn drift_line(definition: &Definition, rule: &Figures, drifts: &DriftFigures) -> Vec<String> {
    let mut line = vec![rule.name.clone()];
    let [mean, _, _, max] = spread_cells(drifts.found_records);
    line.extend([mean, max, drifts.not_found.to_string()]);
    line.extend(spread_cells(drifts.delay_records));
    line.push(drifts.missed.to_string());
    for error in [drifts.drifted_error, drifts.recovered_error] {
        line.push(error_text(definition, error));
    }
    let false_alarms = drifts.false_alarms_per_10000;
    line.push(false_alarms.map_or("-".to_owned(), |number| format!("{number:.2}")));
    line
}

fn spread_cells(spread: Option<Spread>) -> [String; 4] {
    let Some(Spread {
        mean,
        p50,
        p95,
        max,
    }) = spread
    else {
        return ["-"; 4].map(str::to_owned);
    };
    [
        format!("{mean:.1}"),
        p50.to_string(),
        p95.to_string(),
        max.to_string(),
    ]
}

/// The first column is aligned to the left, the others to the right.
fn table(f: &mut fmt::Formatter<'_>, heading: &[&str], lines: Vec<Vec<String>>) -> fmt::Result {
    let heading: Vec<String> = heading.iter().map(|text| (*text).to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(heading).chain(lines).collect();
    let columns = all.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = all.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for line in &all {
        for (number, (cell, width)) in line.iter().zip(&widths).enumerate() {
            match number {
                0 => write!(f, "  {cell:<width$}")?,
                _ => write!(f, "  {cell:>width$}")?,
            }
        }
        writeln!(f)?;
    }
    Ok(())
}
