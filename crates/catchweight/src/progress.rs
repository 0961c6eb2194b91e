//! The live line of progress.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use observer::Observer;
use report::Progress;

/// Writes a text and a newline to standard output. A closed standard output ends nothing: exit code
/// and report file say the same.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Ends the live line with the last state.
pub fn done(observer: &Observer) {
    let rewind = if std::io::stdout().is_terminal() {
        "\r\x1b[2K"
    } else {
        ""
    };
    say(&format!("{rewind}{}", Progress::of(&observer.ledger())));
}

/// Shows progress on standard output until it is dropped from a `select!`: one line that is
/// written over on a terminal, now and then a new line elsewhere.
pub async fn show(observer: &Observer) {
    let terminal = std::io::stdout().is_terminal();
    let mut pace = tokio::time::interval(Duration::from_millis(if terminal { 200 } else { 2000 }));
    let mut shown = None;
    loop {
        pace.tick().await;
        let progress = Progress::of(&observer.ledger());
        if shown.as_ref() == Some(&progress) {
            continue;
        }
        let mut out = std::io::stdout().lock();
        // A closed standard output ends nothing: the report says the same in the end.
        let _ = if terminal {
            write!(out, "\r\x1b[2K{progress}")
        } else {
            writeln!(out, "{progress}")
        };
        let _ = out.flush();
        shown = Some(progress);
    }
}
