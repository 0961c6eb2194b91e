//! Delimiters and numbers.

use csv_rows::{CsvRows, NumberFault};

fn format_of(text: &str) -> (u8, bool) {
    let format = CsvRows::from_bytes("a.csv", text.to_owned())
        .expect(text)
        .format();
    (format.delimiter, format.decimal_comma)
}

#[test]
fn delimiter_and_decimal_mark_are_inferred() {
    for (text, expected) in [
        ("a,b\n1,2\n", (b',', false)),
        ("a,b\n1.5,2\n", (b',', false)),
        ("a;b\n1,5;2\n", (b';', true)),
        ("a;b\n1.5;2\n", (b';', false)),
        ("a\tb\n1,5\t2\n", (b'\t', true)),
        ("a|b\n1.5|2\n", (b'|', false)),
        // Commas in every cell, the header's too.
        ("Länge, cm;Gewicht, kg\n1,5;2,5\n", (b';', true)),
        // A sentence with semicolons.
        ("a,b\n\"x; y\",2\nz,3\n", (b',', false)),
        ("a,b\nx; y,2\nz,3\nz,4\n", (b',', false)),
        // Quoted decimal commas between commas, and thousands separators.
        ("a,b\n\"1,5\",2\n\"22,75\",3\n", (b',', true)),
        ("a,b\n\"1,500\",2\n\"22,750\",3\n", (b',', false)),
        ("a,b\n\"1,500\",2.5\n\"22,75\",3.5\n", (b',', false)),
        // Decimal commas and a date with points.
        ("a;b\n1,5;1.2.2021\n2,5;2.2.2021\n", (b';', true)),
        // One column, and no rows.
        ("a\n1\n2\n", (b',', false)),
        ("a;b\n", (b';', false)),
        // One row of another width.
        (
            &format!("a;b\n{}1;2;3\n", "1;2\n".repeat(20)),
            (b';', false),
        ),
    ] {
        assert_eq!(format_of(text), expected, "{text}");
    }
}

#[test]
fn a_delimiter_beyond_the_sample_does_not_matter() {
    let text = format!("a;b\n{}", "1,5;text\n".repeat(100_000));
    assert_eq!(format_of(&text), (b';', true));
}

#[test]
fn numbers_are_read_in_the_notation_of_the_file() {
    let point = CsvRows::from_bytes("a.csv", "a,b\n1.5,2\n")
        .unwrap()
        .format();
    let comma = CsvRows::from_bytes("a.csv", "a;b\n1,5;2\n")
        .unwrap()
        .format();
    for (cell, with_point, with_comma) in [
        ("1.5", Some(1.5), None),
        ("1,5", None, Some(1.5)),
        ("-3", Some(-3.0), Some(-3.0)),
        ("+0.25e-3", Some(0.25e-3), None),
        (".5", Some(0.5), None),
        ("1e999", None, None),
        ("inf", None, None),
        ("0x10", None, None),
        ("1_000", None, None),
        ("12 kg", None, None),
        ("1,234,567", None, None),
        ("1.234,5", None, None),
    ] {
        assert_eq!(point.number(cell).ok(), with_point, "{cell}");
        assert_eq!(comma.number(cell).ok(), with_comma, "{cell}");
    }
}

#[test]
fn separators_between_digits_are_distinguished_from_text() {
    let point = CsvRows::from_bytes("a.csv", "a,b\n1.5,2\n")
        .unwrap()
        .format();
    for cell in [
        "1,234",
        "1,5",
        "-12,345.6",
        "1 234",
        "1\u{a0}234,50",
        "1'234'567",
        "1.234.567",
    ] {
        let fault = point.number(cell).unwrap_err();
        assert!(
            matches!(fault, NumberFault::Separator { .. }),
            "{cell}: {fault}"
        );
    }
    for cell in [
        "a", "1-2", "1.2.2021", "10.0.0.1", "2021.1.2", ",", "1,", "12:30", "1,2,3",
    ] {
        assert_eq!(point.number(cell), Err(NumberFault::NotANumber), "{cell}");
    }
}
