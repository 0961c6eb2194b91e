//! A version's training rows, read from the CSV of `GET /models/{version}/rows`.

use report::history::TrainingRows;

/// The column that names the species; every other one counts where all its values are numbers.
const SPECIES: &str = "species";

/// The rows of a CSV file with a header.
///
/// # Errors
/// Where it is no CSV, or no column is named `species`.
pub fn training_rows(file: &str) -> anyhow::Result<TrainingRows> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let header = reader.headers()?.clone();
    let records = reader.records().collect::<Result<Vec<_>, _>>()?;
    let column = |at: usize| records.iter().filter_map(move |record| record.get(at));
    let species = header.iter().position(|name| name == SPECIES);
    let species = species.ok_or_else(|| anyhow::anyhow!("no column is named {SPECIES}"))?;
    let numeric = header.iter().enumerate().filter_map(|(at, name)| {
        let values: Result<Vec<f64>, _> = column(at).map(str::parse).collect();
        Some((name.to_owned(), values.ok()?))
    });
    Ok(TrainingRows {
        species: column(species).map(str::to_owned).collect(),
        numeric: numeric.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn species_and_all_numeric_columns_are_read_by_name() {
        let file = "species,length,girth,weight,row_id,timestamp\n\
                    salmon,86.4,40,4.5,line 2,\n\
                    walleye,79,38.5,2.2,7@2021-06-09T13:39:37.971Z,2021-06-09T13:39:37.971Z\n";
        let rows = training_rows(file).expect("a CSV file");
        assert_eq!(rows.species, ["salmon", "walleye"]);
        let numeric: Vec<_> = rows
            .numeric
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
            .collect();
        assert_eq!(
            numeric,
            [
                ("length", [86.4, 79.0].as_slice()),
                ("girth", &[40.0, 38.5]),
                ("weight", &[4.5, 2.2])
            ]
        );
    }

    #[test]
    fn a_file_without_species_or_with_ragged_lines_is_refused() {
        assert!(training_rows("length\n1\n").is_err());
        assert!(training_rows("species,length\nsalmon\n").is_err());
    }
}
