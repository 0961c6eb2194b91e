//! Sets of HTTP statuses: `400-`, `429,500-599`.

use std::str::FromStr;

use reqwest::StatusCode;

/// Ranges of HTTP statuses, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatusSet(Vec<(u16, u16)>);

impl StatusSet {
    /// Every status from 400.
    pub(super) fn errors() -> Self {
        Self(vec![(400, 599)])
    }

    pub(super) fn contains(&self, status: StatusCode) -> bool {
        let code = status.as_u16();
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&code))
    }
}

impl FromStr for StatusSet {
    type Err = String;

    /// `a`, `a-b` or `a-` (to 599), separated by commas; nothing is the empty set.
    fn from_str(text: &str) -> Result<Self, String> {
        let code = |text: &str| {
            text.trim()
                .parse()
                .ok()
                .filter(|code| (100..=599).contains(code))
                .ok_or_else(|| format!("`{text}` is not an HTTP status"))
        };
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| match item.split_once('-') {
                None => Ok((code(item)?, code(item)?)),
                Some((first, "")) => Ok((code(first)?, 599)),
                Some((first, last)) => Ok((code(first)?, code(last)?)),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_single_codes_ranges_and_open_ranges() {
        let set: StatusSet = "429, 500-502,504-".parse().expect("a set");
        let contains = |code| set.contains(StatusCode::from_u16(code).expect("a status"));
        assert!([429, 500, 502, 504, 599].into_iter().all(contains));
        assert!(![400, 428, 499, 503].into_iter().any(contains));
        assert!("4xx".parse::<StatusSet>().is_err());
    }
}
