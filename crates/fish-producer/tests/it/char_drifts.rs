//! A model trained on two species has a large error on char, and can learn it.

use fish_producer::{Fish, Simulation};

use crate::simulating::config;

/// Coefficients of `columns` by least squares: the normal equations, solved by elimination.
fn fit(rows: &[Fish], columns: impl Fn(&Fish) -> Vec<f64>) -> Vec<f64> {
    let design: Vec<_> = rows.iter().map(&columns).collect();
    let k = design[0].len();
    let sum = |f: &dyn Fn(usize) -> f64| (0..rows.len()).map(f).sum::<f64>();
    let mut m: Vec<Vec<f64>> = (0..k)
        .map(|i| {
            let products = (0..k).map(|j| sum(&|r| design[r][i] * design[r][j]));
            products
                .chain([sum(&|r| design[r][i] * rows[r].weight_kg)])
                .collect()
        })
        .collect();
    for i in 0..k {
        let pivot = m[i].clone();
        for (_, row) in m.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = row[i] / pivot[i];
            row.iter_mut()
                .zip(&pivot)
                .for_each(|(a, b)| *a -= factor * b);
        }
    }
    (0..k).map(|i| m[i][k] / m[i][i]).collect()
}

fn mean_error(model: &[f64], rows: &[Fish], columns: impl Fn(&Fish) -> Vec<f64>) -> f64 {
    let error = |fish: &Fish| {
        let predicted: f64 = columns(fish).iter().zip(model).map(|(x, b)| x * b).sum();
        (predicted - fish.weight_kg).abs() / fish.weight_kg
    };
    rows.iter().map(error).sum::<f64>() / rows.len() as f64
}

fn pooled(fish: &Fish) -> Vec<f64> {
    vec![1.0, fish.length_cm, fish.height_cm]
}

fn by_species(fish: &Fish) -> Vec<f64> {
    let is = |name| f64::from(u8::from(fish.species == name));
    vec![
        1.0,
        fish.length_cm,
        fish.height_cm,
        is("salmon"),
        is("walleye"),
    ]
}

#[test]
fn the_error_on_char_is_large_until_it_is_learned() {
    for seed in 0..50 {
        let plan = config("salmon:60,walleye:60,char:60,salmon:30", seed);
        let fish: Vec<_> = Simulation::new(&plan).unwrap().fish().collect();
        let (before, char, salmon) = (&fish[..120], &fish[120..180], &fish[180..]);

        // The newest 50 rows: both species equally, and almost only the second.
        for newest in [35..85, 60..110] {
            let mut rows = before[newest].to_vec();
            rows.extend_from_slice(&before[25..35]);
            let error = mean_error(&fit(&rows, pooled), char, pooled);
            assert!(error > 0.33, "seed {seed}: only {error:.3} on char");
        }

        // The rows of a training early in the third phase: char, walleye, the newest ten salmon.
        let rows = [&fish[50..60], &fish[90..140]].concat();
        let model = fit(&rows, by_species);
        for (name, rows) in [("char", &char[20..]), ("salmon", salmon)] {
            let error = mean_error(&model, rows, by_species);
            assert!(
                error < 0.1,
                "seed {seed}: {error:.3} on {name} after training"
            );
        }
    }
}
