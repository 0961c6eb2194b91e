//! Fish, events and times of a simulation.

use std::time::Duration;

use fish_producer::simulation::Event;
use fish_producer::{Config, Simulation};
use pipeline::ToWire;
use proptest::prelude::*;

pub(crate) fn config(plan: &str, seed: u64) -> Config {
    Config {
        plan: plan.parse().expect(plan),
        seed: Some(seed),
        start_time: Some("2021-06-09T13:39:20.000Z".parse().unwrap()),
        ..Config::default()
    }
}

fn lines(simulation: &Simulation) -> Vec<String> {
    let text = |event| match event {
        Event::Measured(fish) => fish.to_wire(),
        Event::Weighed(fish) => fish.to_wire(),
    };
    simulation
        .events()
        .map(|event| String::from_utf8(text(event).unwrap()).unwrap())
        .collect()
}

/// Fails if a library draws other random numbers: published seeds would then give other fish.
#[test]
fn a_seed_gives_these_fish_at_these_times() {
    let simulation = Simulation::new(&config("salmon:2,walleye:2,char:2", 7)).unwrap();
    let golden = include_str!("golden.jsonl");
    assert_eq!(lines(&simulation), golden.lines().collect::<Vec<_>>());
}

/// Enough fish for the rare branches of the normal distribution's algorithm.
#[test]
fn a_seed_gives_the_same_100_000_fish() {
    let simulation = Simulation::new(&config("salmon:50000,walleye:25000,char:25000", 7)).unwrap();
    let digits = |number: f64, scale: f64| (number * scale).round() as u64;
    let sums = simulation
        .fish()
        .fold([0; 3], |[length, height, weight], fish| {
            [
                length + digits(fish.length_cm, 1e3),
                height + digits(fish.height_cm, 1e3),
                weight + digits(fish.weight_kg, 1e5),
            ]
        });
    assert_eq!(sums, [8_473_220_334, 1_824_920_027, 45_747_662_559]);
}

#[test]
fn a_scale_that_is_wrong_shows_a_multiple_of_the_weight() {
    let fish = |plan| Simulation::new(&config(plan, 7)).unwrap();
    let right: Vec<_> = fish("salmon:4").fish().collect();
    let simulation = fish("salmon:2,salmon*1.08:2");
    for (number, (wrong, right)) in simulation.fish().zip(right).enumerate() {
        let scale = if number < 2 { 1.0 } else { 1.08 };
        assert!((wrong.weight_kg - scale * right.weight_kg).abs() < 1e-5);
        assert_eq!(wrong.length_cm, right.length_cm);
    }
}

#[test]
fn a_share_of_the_fish_is_weighed_wrong() {
    let right = Simulation::new(&config("salmon:2000", 7)).unwrap();
    let wrong = Config {
        misweighed: 0.05,
        ..config("salmon:2000", 7)
    };
    let wrong = Simulation::new(&wrong).unwrap();
    let mut factors = [0; 3];
    for (wrong, right) in wrong.fish().zip(right.fish()) {
        let factor = wrong.weight_kg / right.weight_kg;
        let at = [0.5, 1.0, 2.0].map(|one| (factor - one).abs() < 1e-4);
        factors[at.iter().position(|is| *is).unwrap()] += 1;
    }
    let [half, right, twice] = factors;
    assert!((60..140).contains(&(half + twice)), "{factors:?}");
    assert!(half > 20 && twice > 20 && right > 1_800, "{factors:?}");
}

#[test]
fn a_random_seed_can_be_used_again() {
    let unset = Config {
        seed: None,
        ..config("salmon:3", 0)
    };
    let (one, other) = (
        Simulation::new(&unset).unwrap(),
        Simulation::new(&unset).unwrap(),
    );
    assert_ne!(lines(&one), lines(&other));
    let again = Simulation::new(&config("salmon:3", one.seed().unwrap())).unwrap();
    assert_eq!(lines(&again), lines(&one));
}

#[test]
fn a_repeated_plan_has_new_fish_and_higher_ids() {
    let endless = Config {
        repeat: true,
        ..config("salmon:2,walleye:1", 7)
    };
    let simulation = Simulation::new(&endless).unwrap();
    let fish: Vec<_> = simulation.fish().take(7).collect();
    let ids: Vec<_> = fish.iter().map(|fish| fish.id.as_str()).collect();
    let species: Vec<_> = fish.iter().map(|fish| fish.species.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(
        species,
        [
            "salmon", "salmon", "walleye", "salmon", "salmon", "walleye", "salmon"
        ]
    );
    assert_ne!(fish[0].length_cm, fish[3].length_cm);
    assert_eq!(simulation.count(), None);
}

#[test]
fn an_endless_plan_faster_than_the_clock_is_rejected() {
    let ahead = Config {
        repeat: true,
        speed: Some(20.0),
        ..config("salmon:2", 7)
    };
    let error = Simulation::new(&ahead).expect_err("rejected").to_string();
    assert!(error.contains("--repeat needs --speed 1"), "{error}");
}

#[test]
fn settings_from_code_are_checked_too() {
    let nan = Config {
        speed: Some(f64::NAN),
        ..config("salmon:2", 7)
    };
    let no_interval = Config {
        interval: Duration::ZERO,
        ..config("salmon:2", 7)
    };
    for (wrong, flag) in [(nan, "--speed"), (no_interval, "--interval")] {
        let error = Simulation::new(&wrong).expect_err(flag).to_string();
        assert!(error.starts_with(flag), "{error}");
    }
}

#[test]
fn a_file_keeps_its_order_and_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fish.csv");
    let text = "Fish_Id,Species,Length,Height,Weight\nb,perch,31,9,0.8\na,perch,28,8.2,0.5\n";
    std::fs::write(&path, text).unwrap();
    let own = Config {
        input: Some(path),
        ..config("salmon:1", 7)
    };
    let simulation = Simulation::new(&own).unwrap();
    let fish: Vec<_> = simulation.fish().collect();
    assert_eq!(simulation.count(), Some(2));
    assert_eq!((fish[0].id.as_str(), fish[1].id.as_str()), ("b", "a"));
    assert_eq!(
        (fish[1].length_cm, fish[1].height_cm, fish[1].weight_kg),
        (28.0, 8.2, 0.5)
    );
    assert_eq!(fish[1].measured_at.to_string(), "2021-06-09T13:39:22.000Z");
    assert_eq!(fish[1].weighed_at.to_string(), "2021-06-09T13:39:32.000Z");
}

prop_compose! {
    fn any_config()(
        seed in any::<u64>(),
        phases in proptest::collection::vec(("salmon|walleye|char", 1..20_u32), 1..4),
        interval in 1..5_000_u64,
        delay in 0..30_000_u64,
        speed in 0.1..1000.0_f64,
        start in proptest::option::of(0..2_000_000_000_000_i64),
    ) -> Config {
        let phases: Vec<_> = phases.iter().map(|(name, n)| format!("{name}:{n}")).collect();
        Config {
            plan: phases.join(",").parse().unwrap(),
            seed: Some(seed),
            interval: Duration::from_millis(interval),
            weigh_delay: Duration::from_millis(delay),
            speed: Some(speed),
            start_time: start.map(|ms| pipeline::EventTime::from_millis(ms).unwrap()),
            ..Config::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_fish_do_not_depend_on_the_clock(config in any_config()) {
        let start = Some("2021-06-09T13:39:20.000Z".parse().unwrap());
        let again = Config { start_time: start, speed: None, ..config.clone() };
        let bodies = |config: &Config| -> Vec<_> {
            let simulation = Simulation::new(config).unwrap();
            let fish = simulation.fish();
            fish.map(|f| (f.id, f.species, f.length_cm, f.height_cm, f.weight_kg)).collect()
        };
        prop_assert_eq!(bodies(&config), bodies(&again));
    }

    #[test]
    fn every_fish_is_measured_once_and_later_weighed_once(config in any_config()) {
        let simulation = Simulation::new(&config).unwrap();
        let events: Vec<_> = simulation.events().collect();
        prop_assert!(events.is_sorted_by_key(Event::at));
        let mut measured = Vec::new();
        let mut weighed = Vec::new();
        let mut most = 0;
        for event in events {
            match event {
                Event::Measured(fish) => measured.push(fish),
                Event::Weighed(fish) => weighed.push(fish),
            }
            prop_assert!(weighed.len() <= measured.len(), "weighed before its measurement");
            most = most.max(measured.len() - weighed.len());
        }
        let fish: Vec<_> = simulation.fish().collect();
        prop_assert_eq!(fish.len() as u64, config.plan.fish());
        prop_assert_eq!(measured, fish.iter().map(|f| f.measurement()).collect::<Vec<_>>());
        prop_assert_eq!(weighed, fish.iter().map(|f| f.weighing()).collect::<Vec<_>>());
        prop_assert!(most as u64 <= simulation.max_unweighed());
    }

    #[test]
    fn measures_are_positive_and_rounded(config in any_config()) {
        for fish in Simulation::new(&config).unwrap().fish() {
            for (number, scale) in [(fish.length_cm, 1e3), (fish.height_cm, 1e3), (fish.weight_kg, 1e5)] {
                prop_assert!(number > 0.0);
                prop_assert_eq!((number * scale).round() / scale, number);
            }
        }
    }

    #[test]
    fn the_default_start_is_a_second_20_before_now(config in any_config()) {
        let simulation = Simulation::new(&Config { start_time: None, ..config }).unwrap();
        prop_assert!(simulation.start().to_string().ends_with(":20.000Z"));
        prop_assert!(simulation.start() <= pipeline::EventTime::now());
    }
}

#[test]
fn salmon_and_walleye_have_the_originals_distributions() {
    for (species, mean, sd, kg) in [
        ("salmon", [88.0, 19.0], [5.0, 1.0], [0.05, 0.01]),
        ("walleye", [81.0, 17.0], [8.0, 2.0], [0.02, 0.04]),
    ] {
        let fish: Vec<_> = Simulation::new(&config(&format!("{species}:20000"), 1))
            .unwrap()
            .fish()
            .collect();
        let errors = fish
            .iter()
            .map(|f| f.weight_kg - kg[0] * f.length_cm - kg[1] * f.height_cm);
        let n = fish.len() as f64;
        for (values, mean, sd) in [
            (
                fish.iter().map(|f| f.length_cm).collect::<Vec<_>>(),
                mean[0],
                sd[0],
            ),
            (fish.iter().map(|f| f.height_cm).collect(), mean[1], sd[1]),
            (errors.collect(), 0.0, 0.1),
        ] {
            let found = values.iter().sum::<f64>() / n;
            let spread = (values.iter().map(|v| (v - found).powi(2)).sum::<f64>() / n).sqrt();
            // Five standard errors of the mean, and of the standard deviation.
            assert!(
                (found - mean).abs() < 5.0 * sd / n.sqrt(),
                "{species}: mean {found}"
            );
            assert!(
                (spread - sd).abs() < 5.0 * sd / (2.0 * n).sqrt(),
                "{species}: sd {spread}"
            );
        }
    }
}
