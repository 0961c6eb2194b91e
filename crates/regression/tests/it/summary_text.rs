//! The summary's text compared with R's output.

use regression::{Formula, Table, fit};

use crate::support::{data_file, table, text};

#[test]
fn summaries_equal_the_output_of_r() {
    let mut cases = 0;
    for entry in std::fs::read_dir(data_file("summary")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let name = format!("summary/{}", path.file_stem().unwrap().to_str().unwrap());
        let rows: Table = table(&format!("{name}.csv"));
        let columns: Vec<&str> = rows.columns().map(|(column, _)| column).collect();
        let formula = Formula::new(columns[0], columns[1..].iter().copied()).unwrap();
        let summary = fit(&formula, &rows).expect(&name).summary().to_string();
        assert_eq!(summary, text(&format!("{name}.txt")), "{name}");
        cases += 1;
    }
    assert_eq!(cases, 16);
}
