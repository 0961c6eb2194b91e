//! Files that cannot be read.

use csv_rows::{CsvError, CsvRows};

fn first_error(bytes: &[u8]) -> CsvError {
    match CsvRows::from_bytes("a.csv", bytes.to_owned()) {
        Err(error) => error,
        Ok(mut rows) => rows.find_map(Result::err).expect("an error"),
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named_by_place() {
    let long = format!("a,b\n{}", "1,ä\n".repeat(20_000));
    for (bytes, line, byte, value) in [
        (b"a,b\n1,l\xe4chs\n".to_vec(), 2, 8, 0xe4),
        (b"a,b\r\n\r\n1,2\r\n\r\n\xe4,2\r\n".to_vec(), 5, 15, 0xe4),
        (b"l\xe4nge,b\n1,2\n".to_vec(), 1, 2, 0xe4),
        (b"a,b\n1,\xc3".to_vec(), 2, 7, 0xc3),
        (b"\xff\xfea\0,\0b\0".to_vec(), 1, 1, 0xff),
        (b"a\0,\0b\0".to_vec(), 1, 2, 0),
        (
            [long.as_bytes(), b"1,\xe4\n"].concat(),
            20_002,
            long.len() as u64 + 3,
            0xe4,
        ),
    ] {
        let error = first_error(&bytes);
        let text = error.to_string();
        let CsvError::NotUtf8 {
            line: found_line,
            byte: found,
            value: found_value,
            ..
        } = error
        else {
            panic!("{text}");
        };
        assert_eq!(
            (found_line, found, found_value),
            (line, byte, value),
            "{text}"
        );
        assert!(text.contains("save the file as CSV in UTF-8"), "{text}");
    }
}

#[test]
fn a_column_that_occurs_twice_is_refused() {
    let text = first_error(b"a,b, a \n1,2,3\n").to_string();
    assert_eq!(
        text,
        "a.csv, line 1: the header has the column `a` twice, as column 1 and 3; rename one"
    );
}

#[test]
fn an_empty_file_is_refused() {
    for empty in ["", "\n\r\n", "\u{feff}"] {
        let text = first_error(empty.as_bytes()).to_string();
        assert!(
            text.contains("the file is empty; expected a header"),
            "{text}"
        );
    }
}

#[test]
fn a_quotation_mark_that_is_not_closed_takes_bounded_memory() {
    let mut text = String::from("a,b\n1,2\n3,\"x\n");
    text.push_str(&"5,6\n".repeat(2 << 20));
    let text = first_error(text.as_bytes()).to_string();
    assert!(
        text.contains("line 3: ") && text.contains("quotation mark"),
        "{text}"
    );
    let text = first_error(b"a,b\n1,\"2\n3,4\n5,6\n").to_string();
    assert!(
        text.contains("line 2: ") && text.contains("spans 3 lines"),
        "{text}"
    );
}

#[test]
fn a_file_that_does_not_exist_is_named() {
    let error = CsvRows::open(std::path::Path::new("no-such.csv"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read no-such.csv: No such file"),
        "{error}"
    );
}
