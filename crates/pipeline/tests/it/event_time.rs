//! Event time: its text form, its order, its limits.

use std::time::Duration;

use pipeline::EventTime;
use proptest::prelude::*;

use crate::samples::time;

proptest! {
    #[test]
    fn the_order_of_texts_is_the_order_of_times(a in time(), b in time()) {
        prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
    }

    #[test]
    fn neighbouring_milliseconds_are_ordered_as_texts_too(a in time()) {
        let next = a.after(Duration::from_millis(1));
        prop_assert_eq!(a.to_string().cmp(&next.to_string()), a.cmp(&next));
    }

    #[test]
    fn text_and_milliseconds_are_read_back(time in time()) {
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(EventTime::from_millis(time.as_millis()), Ok(time));
    }

    #[test]
    fn any_number_of_milliseconds_is_a_four_digit_year_or_an_error(millis in any::<i64>()) {
        if let Ok(time) = EventTime::from_millis(millis) {
            prop_assert_eq!(time.to_string().len(), "2021-06-09T13:39:27.971Z".len());
        }
    }

    #[test]
    fn moving_there_and_back_changes_nothing(
        millis in 0..4_000_000_000_000_i64,
        by in 0..100_000_000_000_u64,
    ) {
        let time = EventTime::from_millis(millis).unwrap();
        let by = Duration::from_millis(by);
        prop_assert_eq!(time.after(by).before(by), time);
        prop_assert_eq!(time.after(by).as_millis() - millis, by.as_millis() as i64);
    }
}

#[test]
fn only_the_one_text_form_is_read() {
    for text in [
        "2021-06-09T13:39:27Z",
        "2021-06-09T13:39:27.97Z",
        "2021-06-09T13:39:27.9710Z",
        "2021-06-09 13:39:27.971Z",
        "2021-06-09T13:39:27.971+00:00",
        "2021-06-09T15:39:27.971+02:00",
        "2021-06-09T13:39:60.000Z",
        "2021-06-31T13:39:27.971Z",
        "1623245967971",
        "",
    ] {
        let error = text.parse::<EventTime>().expect_err(text);
        assert!(
            error.to_string().contains("2021-06-09T13:39:27.971Z"),
            "{error}"
        );
    }
}

#[test]
fn a_time_moved_past_the_limits_stays_at_them() {
    let time = EventTime::from_millis(0).unwrap();
    assert_eq!(
        time.before(Duration::MAX).to_string(),
        "0000-01-01T00:00:00.000Z"
    );
    assert_eq!(
        time.after(Duration::MAX).to_string(),
        "9999-12-30T21:59:59.999Z"
    );
}
