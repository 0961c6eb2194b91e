//! What a caller wants an answer as (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// Whether the caller prefers text to JSON; where it has no preference, JSON is sent.
pub(super) fn prefers_text(headers: &HeaderMap) -> bool {
    let text = preference(headers, "text", "plain");
    text.quality > 0.0 && text > preference(headers, "application", "json")
}

/// How much a caller wants a kind of answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
struct Preference {
    /// 0, not at all, to 1.
    quality: f32,
    /// How closely the range that says so names the kind: 3 by its name, 2 as `type/*`, 1 as `*/*`,
    /// 0 not at all. Among ranges that match, the closest counts.
    closeness: u8,
}

fn preference(headers: &HeaderMap, of_type: &str, subtype: &str) -> Preference {
    let values = headers.get_all(header::ACCEPT).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let closeness = match parts.next()?.split_once('/')? {
                ("*", "*") => 1,
                (one, "*") if one.eq_ignore_ascii_case(of_type) => 2,
                (one, two)
                    if one.eq_ignore_ascii_case(of_type) && two.eq_ignore_ascii_case(subtype) =>
                {
                    3
                }
                _ => return None,
            };
            let quality = parts.find_map(|part| {
                let (name, value) = part.split_once('=')?;
                name.eq_ignore_ascii_case("q").then(|| value.parse().ok())
            });
            // A range whose weight is none is as if it were not there.
            let quality = quality.unwrap_or(Some(1.0))?;
            (0.0..=1.0)
                .contains(&quality)
                .then_some(Preference { quality, closeness })
        })
        .max_by_key(|preference| preference.closeness)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn text_is_sent_to_whom_prefers_it_and_json_to_all_others() {
        for (accept, expected) in [
            ("text/plain", true),
            ("Text/Plain", true),
            ("text/*", true),
            ("text/plain, */*", true),
            ("text/plain; charset=utf-8, */*;q=0.1", true),
            ("application/json;q=0.5, text/plain", true),
            ("application/json;q=0, */*", true),
            (
                "text/*;q=0.1, text/plain;q=0.5, application/json;q=0.2",
                true,
            ),
            ("*/*", false),
            ("", false),
            ("text/html, image/png", false),
            ("application/json, text/plain, */*", false),
            ("text/plain;q=0.2, application/json", false),
            ("text/plain;q=0.9, */*", false),
            ("text/plain;q=0", false),
            ("text/plain;Q=0, */*;q=0.1", false),
            ("text/plain;q=0, text/*", false),
            ("text/plain;q=much", false),
            ("text/plain;q=7, application/json;q=0.1", false),
            ("text/plain;q=NaN", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_text(&headers), expected, "{accept}");
        }
        assert!(!prefers_text(&HeaderMap::new()));
    }

    #[test]
    fn several_headers_count_as_one_list() {
        let mut headers = HeaderMap::new();
        for accept in ["application/json;q=0.1", "text/plain;q=0.2"] {
            headers.append(header::ACCEPT, HeaderValue::from_static(accept));
        }
        assert!(prefers_text(&headers));
    }
}
