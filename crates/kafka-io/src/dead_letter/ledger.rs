//! Notes about dead letters that are done: replayed, or skipped in favor of a newer one.
//!
//! A note is a record of the dead-letter topic without key and value. Its header [`NOTE`] lists
//! offsets of its own partition.

use std::collections::BTreeSet;
use std::fmt::Write;

use rdkafka::message::Headers;

use crate::client::readable_headers;

/// Header of a note about dead letters that are done: offsets such as `3-7,9`.
pub const NOTE: &str = "replay.settled";

/// Whether a record of a dead-letter topic with these headers is a note and no dead letter.
pub fn is_note<H: Headers>(headers: &H) -> bool {
    readable_headers(headers).any(|header| header.key == NOTE)
}

/// `offsets` as text: ranges and single offsets in order.
pub(super) fn write(offsets: &BTreeSet<i64>) -> String {
    let mut text = String::new();
    let mut offsets = offsets.iter().copied().peekable();
    while let Some(first) = offsets.next() {
        let mut last = first;
        while let Some(next) = offsets.next_if(|next| *next == last + 1) {
            last = next;
        }
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = match first == last {
            true => write!(text, "{comma}{first}"),
            false => write!(text, "{comma}{first}-{last}"),
        };
    }
    text
}

/// The offsets in `text`; invalid parts are ignored.
pub(super) fn read(text: &str) -> impl Iterator<Item = i64> {
    text.split(',').flat_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => first..=last,
            #[allow(clippy::reversed_empty_ranges, reason = "an empty range is meant")]
            _ => 1..=0,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn consecutive_offsets_become_ranges() {
        assert_eq!(write(&BTreeSet::from([9, 3, 4, 5, 11, 12])), "3-5,9,11-12");
        assert_eq!(write(&BTreeSet::new()), "");
        assert_eq!(read("").count(), 0);
    }

    proptest! {
        #[test]
        fn offsets_survive_a_round_trip(offsets in prop::collection::btree_set(0i64..200, 0..60)) {
            prop_assert_eq!(read(&write(&offsets)).collect::<BTreeSet<_>>(), offsets);
        }
    }
}
