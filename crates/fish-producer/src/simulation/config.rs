//! The settings of the simulation: flags and environment variables.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use jiff::{SignedDuration, Timestamp};
use pipeline::EventTime;

use super::plan::Plan;

/// Settings of the simulation; programs that embed it use the same flags.
#[derive(Clone, Debug, clap::Args)]
// No argument group: two flattened `Config`s of different crates would share its name.
#[group(skip)]
pub struct Config {
    /// Fish to simulate, in order: species:count, separated by commas; the species are salmon, walleye
    /// and char. In species*1.08:count, the scale shows 1.08 times the weight
    #[arg(long, env = "PLAN", default_value = Plan::DEFAULT)]
    pub plan: Plan,

    /// Repeat the plan forever; not with --speed above 1
    #[arg(long, env = "REPEAT", value_parser = FalseyValueParser::new(), conflicts_with = "input")]
    pub repeat: bool,

    /// The same seed gives the same fish on every machine; default: random, logged
    #[arg(long, env = "SEED")]
    pub seed: Option<u64>,

    /// Share of simulated fish that are weighed wrong: the scale shows half or twice the weight
    #[arg(long, env = "MISWEIGHED", default_value_t = 0.0, value_parser = share, conflicts_with = "input")]
    pub misweighed: f64,

    /// Event time between the measurements of two fish
    #[arg(long, env = "INTERVAL", default_value = "2s", value_parser = interval)]
    pub interval: Duration,

    /// Event time from a fish's measurement to its weighing
    #[arg(long, env = "WEIGH_DELAY", default_value = "10s", value_parser = duration)]
    pub weigh_delay: Duration,

    /// Seconds of event time per second of the wall clock; default: 1, in the demo 20. With `max`, only
    /// where the whole pipeline runs in this process, as fast as it keeps up
    // [`MAX_SPEED`] is infinite. `None`: a program that embeds this has its own default.
    #[arg(long, env = "SPEED", value_parser = speed)]
    pub speed: Option<f64>,

    /// Event time of the first measurement, such as 2021-06-09T13:39:20Z; default: second 20 of a minute,
    /// so that the plan ends about now
    #[arg(long, env = "START_TIME", value_parser = start_time)]
    pub start_time: Option<EventTime>,

    /// Your own fish instead of simulated ones: a CSV file with the columns
    /// Fish_Id,Species,Length,Height,Weight (centimetres, kilograms)
    #[arg(long, env = "INPUT", value_name = "FILE.csv", conflicts_with = "plan")]
    pub input: Option<PathBuf>,
}

impl Default for Config {
    /// The defaults of the command line.
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            repeat: false,
            seed: None,
            misweighed: 0.0,
            interval: Duration::from_secs(2),
            weigh_delay: Duration::from_secs(10),
            speed: None,
            start_time: None,
            input: None,
        }
    }
}

/// Reads the value of `--misweighed`.
///
/// # Errors
/// It is not a share.
pub fn share(text: &str) -> Result<f64, String> {
    checked_share(text.parse().unwrap_or(f64::NAN))
}

pub(crate) fn checked_share(share: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("must be a number from 0 to 1, such as 0.005".into())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "expected a number with its unit, such as 2s, 500ms or 1m30s".into())
        .and_then(not_too_long)
}

/// Keeps sums and quotients of durations in range.
fn not_too_long(duration: Duration) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
    if duration > LONGEST {
        return Err("must be at most 366 days (8784h)".into());
    }
    Ok(duration)
}

fn interval(text: &str) -> Result<Duration, String> {
    duration(text).and_then(checked_interval)
}

/// Timestamps have milliseconds: two fish in the same millisecond would have no order.
pub(crate) fn checked_interval(interval: Duration) -> Result<Duration, String> {
    if interval < Duration::from_millis(1) {
        return Err("must be at least 1ms".into());
    }
    Ok(interval)
}

/// The speed of `--speed max`: no event waits for the clock.
pub const MAX_SPEED: f64 = f64::INFINITY;

fn speed(text: &str) -> Result<f64, String> {
    if text == "max" {
        return Ok(MAX_SPEED);
    }
    let speed = text.parse::<f64>().ok();
    speed
        .filter(|speed| !speed.is_infinite())
        .ok_or_else(|| "expected a number, such as 20, or max".into())
        .and_then(checked_speed)
}

pub(crate) fn checked_speed(speed: f64) -> Result<f64, String> {
    const RANGE: std::ops::RangeInclusive<f64> = 1e-3..=1e6;
    if RANGE.contains(&speed) || speed == MAX_SPEED {
        Ok(speed)
    } else {
        Err("must be between 0.001 and 1000000".into())
    }
}

fn start_time(text: &str) -> Result<EventTime, String> {
    text.parse::<Timestamp>()
        .ok()
        .and_then(|time| EventTime::from_millis(time.as_millisecond()).ok())
        .ok_or_else(|| "expected a time with its zone, such as 2021-06-09T13:39:20Z".into())
        .and_then(checked_start)
}

/// Kafka's timestamps start in 1970; a negative one means "none".
pub(crate) fn checked_start(start: EventTime) -> Result<EventTime, String> {
    if start.as_millis() < 0 {
        return Err(
            "must not be before 1970-01-01T00:00:00Z, the start of Kafka's timestamps".into(),
        );
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        Cli::try_parse_from(std::iter::once(&"test").chain(arguments))
            .map(|cli| cli.config)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_and_default_agree() {
        let (parsed, default) = (parse(&[]).expect("no flags"), Config::default());
        assert_eq!(format!("{parsed:?}"), format!("{default:?}"));
    }

    #[test]
    fn durations_and_times_are_parsed() {
        let config = parse(&["--speed=max"]).expect("a speed");
        assert_eq!(config.speed, Some(MAX_SPEED));
        let config = parse(&[
            "--interval=500ms",
            "--weigh-delay=1m30s",
            "--start-time=2021-06-09T15:39:20+02:00",
        ])
        .expect("valid flags");
        assert_eq!(config.interval, Duration::from_millis(500));
        assert_eq!(config.weigh_delay, Duration::from_secs(90));
        let start = config.start_time.map(|start| start.to_string());
        assert_eq!(start.as_deref(), Some("2021-06-09T13:39:20.000Z"));
    }

    #[test]
    fn invalid_settings_are_rejected_with_what_to_write() {
        for (flag, expected) in [
            ("--interval=2", "2s, 500ms"),
            ("--interval=0s", "at least 1ms"),
            ("--weigh-delay=-1s", "2s, 500ms"),
            ("--weigh-delay=9000000000000000000s", "at most 366 days"),
            ("--interval=8785h", "at most 366 days"),
            ("--misweighed=1.1", "from 0 to 1"),
            ("--misweighed=0.5%", "such as 0.005"),
            ("--speed=fast", "such as 20"),
            ("--speed=0", "between 0.001"),
            ("--speed=NaN", "between 0.001"),
            ("--speed=Max", "such as 20, or max"),
            ("--start-time=13:39", "2021-06-09T13:39:20Z"),
            ("--start-time=1969-06-09T13:39:20Z", "1970"),
            ("--plan=trout:3", "salmon, walleye, char"),
        ] {
            let error = parse(&[flag]).expect_err(flag);
            assert!(error.contains(expected), "{flag}: {error}");
        }
    }

    #[test]
    fn a_file_excludes_a_plan_and_its_repetition() {
        assert!(parse(&["--input=f.csv", "--plan=salmon:3"]).is_err());
        assert!(parse(&["--input=f.csv", "--repeat"]).is_err());
        assert!(parse(&["--input=f.csv"]).is_ok());
    }
}
