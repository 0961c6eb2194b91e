use report::RecordRow;

use crate::records::time;
use crate::rising::report;

/// Whether each fish has a species that the model has not seen; the number of the first one since it is so.
fn since(unseen: &[bool]) -> Option<(String, u64)> {
    let errors: Vec<f64> = unseen
        .iter()
        .map(|one| if *one { 0.8 } else { 0.02 })
        .collect();
    let mut report = report(&errors);
    let of_version = |row: &mut RecordRow| row.model_version = Some("a".to_owned());
    report.record_rows.iter_mut().for_each(of_version);
    let unseen = report.unseen()?;
    let first: i64 = unseen.first_record.parse().expect("a number");
    assert_eq!(unseen.since, time(2 * first));
    Some((unseen.first_record, unseen.records))
}

#[test]
fn an_odd_fish_long_ago_does_not_belong_to_the_unseen_ones_of_now() {
    let first = |number: &str, records| Some((number.to_owned(), records));
    let odd = [[false; 5].as_slice(), &[true]].concat();
    assert_eq!(since(&odd), first("5", 1));
    let soon = [&odd, [false; 9].as_slice(), &[true; 3]].concat();
    assert_eq!(since(&soon), first("5", 3));
    let gone = [&odd, [false; 10].as_slice()].concat();
    assert_eq!(since(&gone), None);
    let again = [&gone, [true; 3].as_slice()].concat();
    assert_eq!(since(&again), first("16", 3));
}
