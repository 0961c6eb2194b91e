use super::*;

const HEADER: &str = "Fish_Id,Species,Length,Height,Weight\n";

fn fish(text: &str) -> Result<Vec<InputFish>, String> {
    let rows =
        CsvRows::from_bytes("fish.csv", text.to_owned()).map_err(|error| error.to_string())?;
    parse(rows).map_err(|error| error.to_string())
}

fn wrong(lines: &str) -> String {
    fish(&format!("{HEADER}{lines}")).expect_err(lines)
}

#[test]
fn a_file_from_a_spreadsheet_is_read() {
    let text = "\u{feff}Species,Note,Weight, Height,Length,Fish_Id\r\n\
                \"perch, big\",caught by hand,0.8,9,31,a-1\r\n\r\n\
                perch,,0.5,8.25,28, a-2 \r\n";
    let fish = fish(text).expect("a valid file");
    assert_eq!(fish.len(), 2);
    assert_eq!(fish[0].species, "perch, big");
    let second = InputFish {
        id: "a-2".into(),
        species: "perch".into(),
        length_cm: 28.0,
        height_cm: 8.25,
        weight_kg: 0.5,
    };
    assert_eq!(fish[1], second);
}

#[test]
fn decimal_commas_and_headers_in_any_case_are_read() {
    let found = fish("fish_id;SPECIES;length;height;weight\n1;perch;31,5;9;0,8\n").expect("valid");
    assert_eq!((found[0].length_cm, found[0].weight_kg), (31.5, 0.8));
}

#[test]
fn an_invalid_line_is_named_with_the_reason() {
    let species = "s".repeat(65);
    for (line, expected) in [
        ("1,perch,31,9", "has 4 cells where the header has 5"),
        ("1,perch,31,9,0,8", "has 6 cells where the header has 5"),
        (",perch,31,9,0.8", "Fish_Id is empty"),
        ("1,,31,9,0.8", "Species must have 1 to 64 characters"),
        (
            &format!("1,{species},31,9,0.8"),
            "Species must have 1 to 64",
        ),
        (
            "1,perch,long,9,0.8",
            "Length is `long`; write a positive number",
        ),
        ("1,perch,31,NaN,0.8", "Height is `NaN`"),
        ("1,perch,31,9,1e999", "Weight is `1e999`"),
        ("1,perch,31,9,0", "Weight is `0`"),
        ("1,perch,31,9,-1", "Weight is `-1`"),
        ("1,perch,31,9,", "Weight is ``"),
    ] {
        let error = wrong(&format!("0,perch,30,9,0.7\n{line}\n"));
        let expected = format!("fish.csv, line 3: {expected}");
        assert!(error.contains(&expected), "{line}: {error}");
    }
}

#[test]
fn a_duplicate_id_is_rejected_with_both_lines() {
    for end in ["\n", "\r\n"] {
        let lines = [
            "7,perch,31,9,0.8",
            "",
            "",
            "8,perch,31,9,0.8",
            "",
            "7,perch,30,9,0.7",
        ];
        let error = wrong(&lines.join(end));
        let expected = "fish.csv, line 7: Fish_Id `7` is already on line 2";
        assert!(error.contains(expected), "{end:?}: {error}");
    }
}

#[test]
fn a_header_without_a_column_is_rejected() {
    for (header, expected) in [
        (
            "Fish_Id,Species,Length,Height\n1,perch,31,9",
            "no column Weight",
        ),
        (
            "Fish_Id,Species,Length,Length,Height,Weight\n",
            "`Length` twice",
        ),
        ("1,perch,31,9,0.8\n2,perch,31,9,0.8", "no column Fish_Id"),
    ] {
        let error = fish(header).expect_err(header);
        assert!(error.starts_with("fish.csv, line 1: "), "{error}");
        assert!(error.contains(expected), "{header}: {error}");
    }
}

#[test]
fn an_unusable_file_is_rejected_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fish.csv");
    let error = || read(&path).expect_err("rejected").to_string();
    assert!(error().contains("fish.csv"), "{}", error());
    std::fs::write(&path, "").expect("written");
    assert!(error().contains("the file is empty"), "{}", error());
    std::fs::write(&path, HEADER).expect("written");
    assert!(error().contains("fish.csv contains no fish"), "{}", error());
    let mut latin1 = HEADER.as_bytes().to_vec();
    latin1.extend(b"1,s\xe6b,31,9,0.8\n");
    std::fs::write(&path, latin1).expect("written");
    assert!(
        error().contains("fish.csv, line 2: byte 41 of the file is 0xE6, which is not UTF-8"),
        "{}",
        error()
    );
}
