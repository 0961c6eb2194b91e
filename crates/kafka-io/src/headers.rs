//! Headers whose names are text, whatever else a record has.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{Header, Headers};

/// A record's headers but those whose names are not UTF-8.
///
/// Kafka allows any bytes as a name; rdkafka panics at such a header, which ends whoever looks at it.
/// The panic is caught here (the program's hook prints it all the same).
pub fn readable<H: Headers>(headers: &H) -> impl Iterator<Item = Header<'_, &[u8]>> {
    (0..headers.count()).filter_map(|at| {
        catch_unwind(AssertUnwindSafe(|| headers.try_get(at)))
            .ok()
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As rdkafka's of a record whose second header has a name that is not UTF-8.
    struct Broken;

    impl Headers for Broken {
        fn count(&self) -> usize {
            3
        }

        fn try_get(&self, idx: usize) -> Option<Header<'_, &[u8]>> {
            let key = ["first", "", "third"][idx];
            assert!(!key.is_empty(), "not UTF-8");
            Some(Header { key, value: None })
        }
    }

    #[test]
    fn a_header_whose_name_is_not_utf_8_hides_no_other() {
        let names: Vec<_> = readable(&Broken).map(|header| header.key).collect();
        assert_eq!(names, ["first", "third"]);
    }
}
