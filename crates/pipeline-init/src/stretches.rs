//! Parts of a file on which formula and threshold are tried out.

use feed::rows::{FeedRow, RowsError};
use feed::schedule::Schedule;

/// The number of stretches of the file to try.
const STRETCHES: u64 = 40;

/// Consecutive rows: those of a model, and those after them.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// The number of the first row, from 1.
    pub first: u64,
    /// The model's rows.
    pub train: Vec<FeedRow>,
    /// The rows after them.
    pub next: Vec<FeedRow>,
}

/// `first` rows of a model and as many rows after them, from the beginning and evenly from the rest of the file.
/// `each` is called with each row of the file.
///
/// # Errors
/// The file cannot be read.
pub fn read(
    schedule: &mut Schedule,
    first: u16,
    mut each: impl FnMut(&FeedRow),
) -> Result<Vec<Stretch>, RowsError> {
    let size = u64::from(first);
    let distance = (schedule.count() / STRETCHES).max(2 * size);
    let mut stretches: Vec<Stretch> = Vec::new();
    for (number, row) in (0u64..).zip(schedule.in_order()?) {
        let row = row?;
        each(&row);
        let offset = number % distance;
        if offset == 0 {
            stretches.push(Stretch {
                first: number + 1,
                ..Stretch::default()
            });
        }
        let Some(stretch) = stretches.last_mut() else {
            continue;
        };
        if offset < size {
            stretch.train.push(row);
        } else if offset < 2 * size {
            stretch.next.push(row);
        }
    }
    // The rest of the file may be too short for a model.
    stretches.retain(|stretch| stretch.train.len() as u64 == size);
    Ok(stretches)
}
