//! Header names that are not UTF-8.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{Header, Headers};

/// The headers of a record whose names are UTF-8.
///
/// Kafka allows any bytes as a name; rdkafka panics on names that are not UTF-8. This function catches
/// the panic; the panic hook still prints it.
pub fn readable_headers<H: Headers>(headers: &H) -> impl Iterator<Item = Header<'_, &[u8]>> {
    (0..headers.count()).filter_map(|at| {
        catch_unwind(AssertUnwindSafe(|| headers.try_get(at)))
            .ok()
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics at the second header, as rdkafka does if its name is not UTF-8.
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
    fn a_header_name_that_is_not_utf_8_hides_no_other_header() {
        let names: Vec<_> = readable_headers(&Broken).map(|h| h.key).collect();
        assert_eq!(names, ["first", "third"]);
    }
}
