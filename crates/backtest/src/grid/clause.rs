//! A window clause as SQL.

use std::fmt;

use ksql_parser::ast::Window;

/// A window as SQL.
pub(super) struct Clause(pub(super) Window);

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = self.0;
        if window.advance < window.size {
            write!(
                f,
                "WINDOW HOPPING (SIZE {}, ADVANCE BY {}",
                Time(window.size),
                Time(window.advance)
            )?;
        } else {
            write!(f, "WINDOW TUMBLING (SIZE {}", Time(window.size))?;
        }
        if let Some(retention) = window.retention {
            write!(f, ", RETENTION {}", Time(retention))?;
        }
        if let Some(grace) = window.grace {
            write!(f, ", GRACE PERIOD {}", Time(grace))?;
        }
        f.write_str(")")
    }
}

/// Milliseconds as SQL, in the largest unit that is exact.
struct Time(i64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"];
        let exact = units.iter().find_map(|unit| {
            let millis = ksql_parser::unit_ms(unit)?;
            (self.0 >= millis && self.0 % millis == 0).then_some((self.0 / millis, unit))
        });
        let (number, unit) = exact.unwrap_or((self.0, &"SECOND"));
        let plural = if number == 1 { "" } else { "S" };
        write!(f, "{number} {unit}{plural}")
    }
}
