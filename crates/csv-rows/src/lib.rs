//! Reads CSV files as people have them, row by row, in bounded memory.
//!
//! | module | contents |
//! |---|---|
//! | [`format`](mod@format) | delimiter and decimal mark, inferred from the first rows |
//! | [`rows`] | the header and the rows with their line numbers |
//! | [`cell`] | missing values and numbers |
//! | [`unusable`] | counts the rows that cannot be used |
//!
//! A byte order mark, CRLF, quoted cells with line breaks and blank lines are allowed. The text must be UTF-8.
//!
//! ```
//! use csv_rows::CsvRows;
//!
//! let mut rows = CsvRows::from_bytes("prices.csv", "item;price\nnut;1,5\n\nbolt;-\n")?;
//! assert_eq!(rows.header(), ["item", "price"]);
//! let format = rows.format();
//! let nut = rows.next().expect("a row")?;
//! assert_eq!(format.number(nut.cell(1)), Ok(1.5));
//! let bolt = rows.next().expect("a row")?;
//! assert_eq!((bolt.line, bolt.value(1)), (4, None));
//! # Ok::<(), csv_rows::CsvError>(())
//! ```

pub mod cell;
pub mod format;
pub mod rows;
mod text;
pub mod unusable;

pub use cell::NumberFault;
pub use format::Format;
pub use rows::{CsvError, CsvRows, Row};
pub use unusable::Unusable;
