//! Scans JSON text eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Sets the highest bit of each byte of `word` that equals `byte`. Only the lowest mark is reliable.
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Sets the same bit of each byte less than `bound`, which is at most 128.
fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(bound)) & !word & HIGHS
}

/// The number of bytes before the first quote, backslash or control character.
pub(crate) fn plain_length(bytes: &[u8]) -> usize {
    length(
        bytes,
        |word| below(word, 0x20) | equal(word, b'"') | equal(word, b'\\'),
        |byte| byte < 0x20 || byte == b'"' || byte == b'\\',
    )
}

/// Like [`plain_length`], but also stops at a character of four bytes, which may need an escape.
pub(crate) fn writable_length(bytes: &[u8]) -> usize {
    length(
        bytes,
        |word| {
            // Bytes from 0xF0 on have their four highest bits set.
            let four = word & (word << 1) & (word << 2) & (word << 3) & HIGHS;
            below(word, 0x20) | equal(word, b'"') | equal(word, b'\\') | four
        },
        |byte| byte < 0x20 || byte == b'"' || byte == b'\\' || byte >= 0xF0,
    )
}

fn length(bytes: &[u8], marks: impl Fn(u64) -> u64, stops: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * 8 + (marks.trailing_zeros() / 8) as usize;
        }
    }
    let start = bytes.len() - rest.len();
    let found = rest.iter().position(|byte| stops(*byte));
    start + found.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scanning_by_words_matches_scanning_by_bytes(bytes: Vec<u8>) {
            let plain = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            let first = |stops: &dyn Fn(&u8) -> bool| bytes.iter().position(stops);
            prop_assert_eq!(plain_length(&bytes), first(&plain).unwrap_or(bytes.len()));
            let writable = |byte: &u8| plain(byte) || *byte >= 0xF0;
            prop_assert_eq!(writable_length(&bytes), first(&writable).unwrap_or(bytes.len()));
        }
    }
}
