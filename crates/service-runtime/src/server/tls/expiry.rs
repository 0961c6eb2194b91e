//! When an X.509 certificate expires (RFC 5280, section 4.1). rustls verifies certificates, but does not say
//! this.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT`, the optional version.
const VERSION: u8 = 0xa0;

/// The end of the validity, in seconds since 1970; `None` if this is not a certificate.
pub(super) fn of(certificate: &[u8]) -> Option<i64> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut fields, _) = expect(SEQUENCE, certificate)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = expect(VERSION, fields)?;
    }
    // Serial number, signature algorithm and issuer come before the validity.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = expect(tag, fields)?;
    }
    let (validity, _) = expect(SEQUENCE, fields)?;
    let (_, _, rest) = element(validity)?;
    let (tag, not_after, _) = element(rest)?;
    seconds(tag, std::str::from_utf8(not_after).ok()?)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, the only forms that RFC 5280 allows.
fn seconds(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => match digits[..2].parse().ok()? {
            year @ 50.. => (1900 + year, &digits[2..]),
            year => (2000 + year, &digits[2..]),
        },
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let two = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let day = Date::new(year, two(0)?, two(2)?).ok()?;
    let time = Time::new(two(4)?, two(6)?, two(8)?, 0).ok()?;
    let at = DateTime::from_parts(day, time);
    let at = TimeZone::UTC.to_timestamp(at).ok()?;
    Some(at.as_second())
}

/// The content of the first element, which must have this tag, and what follows it.
fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// The tag and content of the first element, and what follows it. Lengths have at most three bytes.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        // `date -u -d '2049-12-31 23:59:59' +%s` and `date -u -d '2050-01-01' +%s`
        assert_eq!(seconds(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        let later = seconds(GENERALIZED_TIME, "20500101000000Z");
        assert_eq!(later, Some(2_524_608_000));
        assert_eq!(seconds(UTC_TIME, "700101000000Z"), Some(0));
        for text in [
            "",
            "Z",
            "4912312359Z",
            "491331235959Z",
            "49123123595xZ",
            "éééééé",
        ] {
            assert_eq!(seconds(UTC_TIME, text), None, "{text}");
        }
    }

    #[test]
    fn a_truncated_certificate_is_no_certificate() {
        // SEQUENCE { SEQUENCE { INTEGER 1, SEQUENCE {}, SEQUENCE {}, SEQUENCE { UTCTime, UTCTime } } }
        let time = b"\x17\x0d700101000000Z";
        let validity = [&[SEQUENCE, 30][..], time, time].concat();
        let fields = [&[INTEGER, 1, 1, SEQUENCE, 0, SEQUENCE, 0][..], &validity].concat();
        let wrap = |inner: &[u8]| [&[SEQUENCE, u8::try_from(inner.len()).unwrap()], inner].concat();
        let whole = wrap(&wrap(&fields));
        assert_eq!(of(&whole), Some(0));
        for end in 0..whole.len() {
            assert_eq!(of(&whole[..end]), None, "{end} bytes");
        }
    }
}
