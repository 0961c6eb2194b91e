//! How a simulation continues after the records on the topics; without Kafka.

use std::time::Duration;

use fish_producer::simulation::{Event, Past};
use fish_producer::{Config, Simulation};
use pipeline::{EventTime, Measurement, Weighing};

use crate::simulating::config;

/// The state of the topics after the first `events` events of a run.
fn left_by(simulation: &Simulation, events: usize) -> Past {
    let (mut measured, mut weighed) = (Vec::<Measurement>::new(), Vec::<Weighing>::new());
    for event in simulation.events().take(events) {
        match event {
            Event::Measured(fish) => measured.push(fish),
            Event::Weighed(fish) => weighed.push(fish),
        }
    }
    Past::from_newest(measured, &weighed)
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn an_interrupted_endless_plan_continues_unchanged() {
    let endless = Config {
        repeat: true,
        ..config("salmon:3,walleye:2", 7)
    };
    let whole = Simulation::new(&endless).unwrap();
    let all: Vec<_> = whole.events().take(100).collect();
    for events in 1..40 {
        let past = left_by(&whole, events);
        let now = past.newest_event.unwrap();
        let resumed = Simulation::new(&endless)
            .unwrap()
            .after(&past, now)
            .unwrap();
        let rest: Vec<_> = resumed.events().take(100 - events).collect();
        assert_eq!(rest, all[events..], "interrupted after {events} events");
    }
}

#[test]
fn after_a_pause_ids_and_positions_in_windows_continue() {
    let endless = Config {
        repeat: true,
        start_time: None,
        ..config("salmon:3,walleye:2", 7)
    };
    let first = Simulation::new(&endless).unwrap();
    let past = left_by(&first, 9); // fish 1 to 7 measured, 1 and 2 weighed
    let now = past.newest_event.unwrap().after(seconds(3 * 3600 + 17));
    let resumed = Simulation::new(&endless)
        .unwrap()
        .after(&past, now)
        .unwrap();
    let next = resumed.fish().next().unwrap();
    assert_eq!((next.id.as_str(), next.species.as_str()), ("8", "salmon"));
    let pause = next.measured_at.as_millis() - past.newest_measured.unwrap().as_millis();
    assert_eq!(pause % 60_000, 2_000);
    assert!(next.measured_at <= now && next.measured_at > now.before(seconds(60)));
}

#[test]
fn an_unweighed_fish_is_weighed_at_its_original_time() {
    let first = Simulation::new(&config("salmon:3", 7)).unwrap();
    let past = left_by(&first, 3);
    let now = past.newest_event.unwrap().after(seconds(3600));
    let other_seed = Config {
        start_time: None,
        seed: Some(8),
        ..config("walleye:1", 8)
    };
    let second = Simulation::new(&other_seed)
        .unwrap()
        .after(&past, now)
        .unwrap();
    let original: Vec<_> = first.fish().map(|fish| fish.weighing()).collect();
    assert_eq!(second.overdue().len(), 3);
    for (late, original) in second.overdue().iter().zip(&original) {
        assert_eq!(
            (&late.fish_id, late.timestamp),
            (&original.fish_id, original.timestamp)
        );
        assert_eq!(late.species, "salmon");
        // Another seed gives another error.
        assert!((late.weight_kg - original.weight_kg).abs() < 1.0);
    }
    let ids: Vec<_> = second
        .events()
        .map(|event| event.fish_id().to_owned())
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4", "4"]);
}

#[test]
fn a_finite_plan_restarts_at_the_next_second_20() {
    let plan = Config {
        start_time: None,
        speed: Some(20.0),
        ..config("salmon:60", 7)
    };
    let first = Simulation::new(&plan).unwrap();
    let past = left_by(&first, 120);
    let newest = past.newest_event.unwrap();
    let second = Simulation::new(&plan)
        .unwrap()
        .after(&past, newest.after(seconds(1)))
        .unwrap();
    let fish = second.fish().next().unwrap();
    assert_eq!(fish.id, "61");
    assert_eq!(fish.length_cm, first.fish().next().unwrap().length_cm);
    assert!(fish.measured_at > newest && fish.measured_at <= newest.after(seconds(60)));
    assert!(fish.measured_at.to_string().ends_with(":20.000Z"));
    // A day later the start depends on the clock again.
    let later = newest.after(seconds(86_400));
    let third = Simulation::new(&plan).unwrap().after(&past, later).unwrap();
    let last = third.fish().last().unwrap();
    assert!(
        last.weighed_at <= later.after(seconds(7)) && last.weighed_at > later.before(seconds(60))
    );
}

#[test]
fn empty_topics_change_nothing() {
    let plan = Config {
        start_time: None,
        ..config("salmon:5,char:5", 7)
    };
    let planned = Simulation::new(&plan).unwrap();
    let much_later = EventTime::now().after(seconds(600));
    let run = planned.clone().after(&Past::default(), much_later).unwrap();
    assert_eq!(
        run.fish().collect::<Vec<_>>(),
        planned.fish().collect::<Vec<_>>()
    );
}

#[test]
fn a_start_before_the_newest_event_is_rejected() {
    let plan = config("salmon:5", 7);
    let past = left_by(&Simulation::new(&plan).unwrap(), 5);
    let again = Simulation::new(&plan).unwrap();
    let error = again
        .after(&past, EventTime::now())
        .expect_err("rejected")
        .to_string();
    assert!(
        error.contains("is not after 2021-06-09T13:39:28.000Z"),
        "{error}"
    );
}

#[test]
fn a_plan_too_far_ahead_of_the_clock_is_rejected() {
    let now = EventTime::now();
    let past = Past {
        newest_event: Some(now.after(seconds(3600))),
        ..Past::default()
    };
    for repeat in [false, true] {
        let plan = Config {
            start_time: None,
            repeat,
            ..config("salmon:5", 7)
        };
        let simulation = Simulation::new(&plan).unwrap();
        let error = simulation
            .after(&past, now)
            .expect_err("rejected")
            .to_string();
        assert!(error.contains("minutes ahead of the clock"), "{error}");
    }
}

#[test]
fn a_run_at_the_speed_of_the_clock_waits_for_its_start() {
    let now = EventTime::now();
    let newest_event = Some(now);
    let past = Past {
        newest_event,
        newest_measured: newest_event,
        ..Past::default()
    };
    let plan = Config {
        start_time: None,
        repeat: true,
        ..config("salmon:5", 7)
    };
    let resumed = Simulation::new(&plan).unwrap().after(&past, now).unwrap();
    assert_eq!(resumed.lead(now), seconds(2));
    assert_eq!(
        Simulation::new(&config("salmon:5", 7)).unwrap().lead(now),
        Duration::ZERO
    );
}

#[test]
fn a_file_continues_after_its_newest_fish() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fish.csv");
    let rows = "a,perch,31,9,0.8\nb,perch,30,9,0.7\nc,perch,28,8,0.5\n";
    std::fs::write(
        &path,
        format!("Fish_Id,Species,Length,Height,Weight\n{rows}"),
    )
    .unwrap();
    let own = Config {
        input: Some(path),
        start_time: None,
        ..config("salmon:1", 7)
    };
    let first = Simulation::new(&own).unwrap();
    let mut past = left_by(&first, 2);
    past.unweighed.push(Measurement {
        fish_id: "x".into(),
        ..past.unweighed[0].clone()
    });
    let second = Simulation::new(&own)
        .unwrap()
        .after(&past, EventTime::now())
        .unwrap();
    let ids: Vec<_> = second
        .events()
        .map(|event| event.fish_id().to_owned())
        .collect();
    assert_eq!(ids, ["a", "b", "c", "c"]);
    assert_eq!(second.overdue()[0].weight_kg, 0.8);
    assert_eq!(second.count(), Some(1));
}
