//! Times in cells, as people write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use pipeline::EventTime;

/// Whether `1/2/2024` is in January or in February.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// Day, month, year.
    DayFirst,
    /// Month, day, year.
    MonthFirst,
}

/// What a cell says about the order of day and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderHint {
    /// The cell is not of the form `1/2/2024`.
    NotSlashed,
    /// Both orders are possible.
    Either,
    /// Only one order is possible.
    Only(DateOrder),
}

/// What a cell says about the order of day and month of its column.
pub fn order_hint(cell: &str) -> OrderHint {
    let valid = |order| parse(cell, Some(order)).is_some();
    if parse(cell, None).is_some() {
        return OrderHint::NotSlashed;
    }
    match (valid(DateOrder::DayFirst), valid(DateOrder::MonthFirst)) {
        (true, true) => OrderHint::Either,
        (true, false) => OrderHint::Only(DateOrder::DayFirst),
        (false, true) => OrderHint::Only(DateOrder::MonthFirst),
        (false, false) => OrderHint::NotSlashed,
    }
}

/// The time in a cell. These forms are read, each with or without a time of day; a time without a zone is
/// UTC:
///
/// - `2024-01-31T17:05:09.250Z`, `2024-01-31 17:05`, `2024-01-31T17:05+02:00`, `2024/01/31 17:05`
/// - `31.01.2024 17:05`
/// - `31/01/2024` or `01/31/2024 5:05 PM`, with the `order` of the column
/// - seconds or milliseconds since 1970 (10 or 13 digits)
pub fn parse(cell: &str, order: Option<DateOrder>) -> Option<EventTime> {
    let millis = if let Some(millis) = epoch(cell) {
        millis
    } else if let Ok(time) = cell.parse::<Timestamp>() {
        time.as_millisecond()
    } else {
        let (date, time) = cell.split_once(['T', ' ']).unwrap_or((cell, ""));
        let civil = DateTime::from_parts(date_in(date, order)?, time_in(time.trim())?);
        TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond()
    };
    EventTime::from_millis(millis).ok()
}

fn epoch(cell: &str) -> Option<i64> {
    let number = cell
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| cell.parse::<i64>().ok())??;
    match cell.len() {
        10 => number.checked_mul(1000),
        13 => Some(number),
        _ => None,
    }
}

fn date_in(text: &str, order: Option<DateOrder>) -> Option<Date> {
    let separator = text.chars().find(|letter| !letter.is_ascii_digit())?;
    let mut parts = text.split(separator);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let number = |text: &str| {
        let digits =
            (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<i16>().ok()).flatten()
    };
    let day_or_month = |text: &str| i8::try_from(number(text)?).ok();
    let year = |text: &str| number(text).filter(|_| text.len() == 4);
    match (separator, year(first)) {
        ('-' | '/', Some(year)) => {
            Date::new(year, day_or_month(second)?, day_or_month(third)?).ok()
        }
        ('.', None) => Date::new(year(third)?, day_or_month(second)?, day_or_month(first)?).ok(),
        ('/' | '-', None) => {
            let (day, month) = match order? {
                DateOrder::DayFirst => (first, second),
                DateOrder::MonthFirst => (second, first),
            };
            Date::new(year(third)?, day_or_month(month)?, day_or_month(day)?).ok()
        }
        _ => None,
    }
}

/// A time of day such as `17:05`, `17:05:09.25` or `5:05 PM`; an empty text is midnight.
fn time_in(text: &str) -> Option<Time> {
    if text.is_empty() {
        return Some(Time::midnight());
    }
    let upper = text.to_ascii_uppercase();
    let (clock, afternoon) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(clock), _) => (clock.trim_end(), Some(false)),
        (_, Some(clock)) => (clock.trim_end(), Some(true)),
        _ => (upper.as_str(), None),
    };
    let mut parts = clock.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |text| text.parse().ok())?;
    if parts.next().is_some() || !(0.0..60.0).contains(&seconds) {
        return None;
    }
    let hour = match afternoon {
        None => hour,
        Some(afternoon) if (1..=12).contains(&hour) => hour % 12 + if afternoon { 12 } else { 0 },
        Some(_) => return None,
    };
    let millis = (seconds * 1000.0).floor() as i32;
    Time::new(
        hour,
        minute,
        (millis / 1000) as i8,
        millis % 1000 * 1_000_000,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cell: &str, order: Option<DateOrder>) -> Option<String> {
        parse(cell, order).map(|time| time.to_string())
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (cell, expected) in [
            ("2024-01-31T17:05:09.250Z", "2024-01-31T17:05:09.250Z"),
            ("2024-01-31T17:05+02:00", "2024-01-31T15:05:00.000Z"),
            ("2024-01-31 17:05:09", "2024-01-31T17:05:09.000Z"),
            ("2024-01-31 17:05", "2024-01-31T17:05:00.000Z"),
            ("2024-01-31", "2024-01-31T00:00:00.000Z"),
            ("2024/1/31 7:05", "2024-01-31T07:05:00.000Z"),
            ("31.01.2024", "2024-01-31T00:00:00.000Z"),
            ("31.1.2024 17:05", "2024-01-31T17:05:00.000Z"),
            ("1706720709", "2024-01-31T17:05:09.000Z"),
            ("1706720709250", "2024-01-31T17:05:09.250Z"),
        ] {
            assert_eq!(text(cell, None).as_deref(), Some(expected), "{cell}");
        }
        for cell in [
            "",
            "17:05",
            "2024",
            "20240131",
            "31/01/2024",
            "2024-13-01",
            "2024-01-31 25:00",
            "soon",
        ] {
            assert_eq!(text(cell, None), None, "{cell}");
        }
    }

    #[test]
    fn the_order_of_day_and_month_is_that_of_the_column() {
        for (cell, order, expected) in [
            ("1/2/2024", DateOrder::DayFirst, "2024-02-01T00:00:00.000Z"),
            (
                "1/2/2024 5:05 PM",
                DateOrder::MonthFirst,
                "2024-01-02T17:05:00.000Z",
            ),
            (
                "1/2/2024 12:00 am",
                DateOrder::MonthFirst,
                "2024-01-02T00:00:00.000Z",
            ),
        ] {
            assert_eq!(text(cell, Some(order)).as_deref(), Some(expected), "{cell}");
        }
        for (cell, expected) in [
            ("1/2/2024", OrderHint::Either),
            ("13/2/2024", OrderHint::Only(DateOrder::DayFirst)),
            ("2/13/2024", OrderHint::Only(DateOrder::MonthFirst)),
            ("2024-02-13", OrderHint::NotSlashed),
            ("x", OrderHint::NotSlashed),
        ] {
            assert_eq!(order_hint(cell), expected, "{cell}");
        }
    }
}
