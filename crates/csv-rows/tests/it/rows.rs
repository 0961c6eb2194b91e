//! Rows, their lines and cells.

use csv_rows::{CsvError, CsvRows, Unusable};
use proptest::prelude::*;

fn lines(text: &str) -> Vec<(u64, Vec<String>)> {
    let rows = CsvRows::from_bytes("a.csv", text.to_owned()).expect(text);
    let width = rows.header().len();
    rows.map(|row| {
        let row = row.expect(text);
        let cells = (0..width).map(|index| row.cell(index).to_owned());
        (row.line, cells.collect())
    })
    .collect()
}

#[test]
fn a_row_has_the_line_on_which_it_begins() {
    for end in ["\n", "\r\n"] {
        for (rows, expected) in [
            (vec!["a,b", "1,2", "3,4"], vec![2, 3]),
            (vec!["a,b", "", "", "1,2", "", "3,4", ""], vec![4, 6]),
            (vec!["", "a,b", "1,2"], vec![3]),
            (
                vec!["a,b", "\"x\ny\",2", "", "3,\"\n\n\"", "5,6"],
                vec![2, 5, 8],
            ),
        ] {
            let text = rows.join(end);
            for text in [
                text.clone(),
                format!("{text}{end}"),
                format!("\u{feff}{text}"),
            ] {
                let found: Vec<u64> = lines(&text).into_iter().map(|(line, _)| line).collect();
                assert_eq!(found, expected, "{text:?}");
            }
        }
    }
}

#[test]
fn cells_may_be_quoted_and_are_trimmed() {
    let text = "a, b \n\"x, y\", 2\n\"say \"\"hi\"\"\",\"two\nlines\"\n5\" pipe,3\n";
    let cells: Vec<_> = lines(text).into_iter().map(|(_, cells)| cells).collect();
    assert_eq!(
        cells,
        [
            ["x, y", "2"],
            ["say \"hi\"", "two\nlines"],
            ["5\" pipe", "3"]
        ]
    );
}

#[test]
fn some_texts_are_missing_values() {
    let text = "a,b\nNA,1\nNaN,1\n,1\nnull,1\n-,1\nn/a,1\nNULL,1\n -,1\n0,1\nnone,1\n";
    let rows = CsvRows::from_bytes("a.csv", text).unwrap();
    let values: Vec<_> = rows
        .map(|row| row.unwrap().value(0).map(str::to_owned))
        .collect();
    assert_eq!(values[..8], [const { None }; 8]);
    assert_eq!(values[8..], [Some("0".to_owned()), Some("none".to_owned())]);
}

#[test]
fn columns_are_found_in_any_case_unless_ambiguous() {
    let rows = CsvRows::from_bytes("a.csv", "Länge,x,X,,b\n1,2,3,4,5\n").unwrap();
    assert_eq!(rows.header(), ["Länge", "x", "X", "column 4", "b"]);
    assert_eq!(rows.column("LÄNGE"), Some(0));
    assert_eq!((rows.column("x"), rows.column("X")), (Some(1), Some(2)));
    assert_eq!(rows.column("y"), None);
    let rows = CsvRows::from_bytes("a.csv", "Ab,aB\n1,2\n").unwrap();
    assert_eq!(rows.column("AB"), None);
}

#[test]
fn rows_of_another_width_are_counted_and_reading_goes_on() {
    let text = "a,b,c\n1,2,3\n4,5\n6,7,8,9\n\n10,11\n12,13,14\n";
    let mut unusable = Unusable::default();
    let mut good = 0;
    for row in CsvRows::from_bytes("a.csv", text).unwrap() {
        match row {
            Ok(_) => good += 1,
            Err(CsvError::Row { line, reason, .. }) => unusable.add(line, reason),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((good, unusable.count()), (2, 3));
    assert_eq!(
        unusable.to_string(),
        "2 rows, lines 3, 6: has 2 cells where the header has 3\n\
         1 row, line 4: has 4 cells where the header has 3"
    );
}

#[test]
fn a_reader_continues_at_any_row() {
    let text: String = (0..5000).map(|n| format!("{n},ä{n}\n\n")).collect();
    let mut rows = CsvRows::from_bytes("a.csv", format!("a,b\n{text}")).unwrap();
    let positions: Vec<_> = rows
        .by_ref()
        .map(|row| row.unwrap().position().clone())
        .collect();
    for n in [4999, 0, 2500, 2501, 17] {
        rows.seek(&positions[n]).unwrap();
        let row = rows.next().unwrap().unwrap();
        assert_eq!(
            (row.cell(0), row.line),
            (n.to_string().as_str(), 2 * n as u64 + 2)
        );
        if let Some(next) = rows.next() {
            assert_eq!(next.unwrap().cell(0), (n + 1).to_string());
        }
    }
    rows.rewind().unwrap();
    assert_eq!(rows.count(), 5000);
}

proptest! {
    /// What the `csv` crate writes is read back, whatever the cells contain.
    #[test]
    fn written_cells_are_read_back(
        rows in prop::collection::vec(prop::collection::vec("[a-z0-9,;\" \n\t|'äß€🐟-]{0,6}", 3), 1..40),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["first", "second", "third"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let found: Vec<_> = CsvRows::from_bytes("a.csv", bytes)
            .unwrap()
            .map(|row| {
                let row = row.unwrap();
                (0..3).map(|n| row.cell(n).to_owned()).collect::<Vec<_>>()
            })
            .collect();
        let expected: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect())
            .collect();
        prop_assert_eq!(found, expected);
    }
}
