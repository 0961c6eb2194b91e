//! What the figure of the model says in words: its first sentence, its notes, and a sentence for
//! each trigger for those who cannot see the picture.

use super::error_range::ErrorRange;
use super::scale::{counted, percent, plain};
use crate::marks::{RetrainingMarks, Timeline};

/// How many species of a window are told of: those that err most.
const SHARES: usize = 3;

/// What happened, in a line.
pub(crate) fn sentence(timeline: &Timeline) -> String {
    let marks = &timeline.retrainings;
    if timeline.fish.is_empty() {
        return "No fish was measured.".to_owned();
    }
    if marks.is_empty() {
        let threshold = percent(timeline.threshold, 2);
        // A report of the newest fish has left older windows out.
        return format!("None of these fish was in a window whose mean error passed {threshold}.");
    }
    let trained: Vec<_> = marks.iter().filter(|one| one.retrained.is_some()).collect();
    if let [one] = trained.as_slice() {
        let recovery = one.recovery.map_or(String::new(), |recovery| {
            let fish = counted(recovery.fish, "fish", "fish");
            format!("; {fish} from drift to recovery")
        });
        let mean = percent(one.window.mean_error, 1);
        return format!(
            "A window's mean error of {mean} triggered: {}{recovery}.",
            outcome(one)
        );
    }
    let count =
        |has: fn(&RetrainingMarks) -> bool| marks.iter().filter(|one| has(one)).count() as u64;
    let activated = count(|one| one.outcome.as_deref() == Some("activated"));
    let recovered = count(|one| one.recovery.is_some());
    format!(
        "{} triggered, {} went live, {} ended.",
        counted(marks.len() as u64, "window", "windows"),
        counted(activated, "new model", "new models"),
        counted(recovered, "drift", "drifts")
    )
}

/// `retrained in 13 ms, activated`, `rejected`, …
pub(crate) fn outcome(one: &RetrainingMarks) -> String {
    let outcome = one.outcome.as_deref().unwrap_or("not decided");
    match one.retrained.and_then(|retrained| retrained.wall_millis) {
        Some(millis) => format!("retrained in {}, {outcome}", duration(millis)),
        None if one.retrained.is_some() => format!("retrained, {outcome}"),
        None => outcome.to_owned(),
    }
}

/// All that is known of a trigger.
pub(crate) fn said_of(timeline: &Timeline, one: &RetrainingMarks) -> String {
    let window = &one.window;
    let place = window.span.map_or(String::new(), |span| {
        format!(
            ", fish {} to {}",
            timeline.id(span.first),
            timeline.id(span.last)
        )
    });
    let shares = window.by_species.iter().take(SHARES).map(|share| {
        format!(
            "{} {} off by {}",
            share.fish,
            share.species,
            percent(share.mean_error, 1)
        )
    });
    let more = window.by_species.len().saturating_sub(SHARES) as u64;
    let more = (more > 0).then(|| counted(more, "species more", "species more"));
    let shares = match shares.chain(more).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        shares => format!(" ({shares})"),
    };
    let trained = one.training.as_ref().map_or(String::new(), |training| {
        format!(" Trained on {} rows.", training.rows)
    });
    format!(
        "Window from {} to {}{place}: mean error {} by model {}{shares}; {}.{trained}",
        window.start,
        window.end,
        percent(window.mean_error, 1),
        window.erring_version,
        outcome(one)
    )
}

/// What a reader must know of the scale, and what could not be drawn.
pub(crate) fn notes(timeline: &Timeline, range: ErrorRange) -> Vec<String> {
    let mut notes = range.notes(timeline);
    let unplaced = timeline
        .retrainings
        .iter()
        .filter(|one| one.window.span.is_none())
        .count();
    if unplaced > 0 {
        let windows = counted(unplaced as u64, "window", "windows");
        notes.push(format!("{windows} that triggered held none of these fish."));
    }
    notes
}

/// `12.3 s` or `13 ms`.
fn duration(millis: i64) -> String {
    if millis < 1_000 {
        format!("{millis} ms")
    } else {
        format!("{} s", plain(millis as f64 / 1_000.0, 1))
    }
}
