//! The model's behaviour: which version answered, which window triggered, what the new version was
//! trained on and when, its first record, and the time from drift to recovery.

use super::axes::ErrorRange;
use super::canvas::{Canvas, Picture};
use super::lanes::{Lanes, Packed, Row, bar, beside};
use super::legend::{Entry, Mark, bracket, retraining_head};
use super::record_plot::{AXIS, LABELS, RecordPlot, common_entries};
use super::scale::{counted, plain};
use super::svg::{Anchor, Area, Element};
use super::text::{SMALL, STRONG, ellipsis, first_fitting, width};
use crate::figure::Size;
use crate::marks::{RetrainingMarks, Span, Timeline};

/// Above this many retrainings, only the lanes show them and their windows.
const SHADED: usize = 12;
/// From this height on a lane may have several rows.
const HIGH: u32 = 480;
/// Maximum number of group of a window in a description.
const SHARES: usize = 3;

pub(crate) fn model(timeline: &Timeline, size: Size) -> Picture {
    let mut canvas = Canvas::new(size, "Drift, retraining and recovery", &summary(timeline));
    let marks = &timeline.retrainings;
    let sentences = marks.iter().map(|one| describe(timeline, one));
    canvas.describe_newest(sentences, "windows that triggered");
    let range = ErrorRange::of(timeline);
    canvas.notes(&notes(timeline, range));
    let most = if size.height() < HIGH { 1 } else { 3 };
    let triggers = Packed::new(marks.iter().map(|one| one.window.span), most);
    let trained = Packed::new(marks.iter().map(trained_span), most);
    let recoveries = marks
        .iter()
        .map(|one| one.recovery.map(|recovery| recovery.span));
    let recoveries = Packed::new(recoveries, 1);
    let lane = timeline
        .words
        .group()
        .filter(|_| !timeline.bands.is_empty());
    let rows = 1 + usize::from(lane.is_some()) + triggers.rows + trained.rows + recoveries.rows;
    let above = Lanes::height(rows) + 20.0;
    canvas.legend(&entries(timeline), above + AXIS + 60.0);

    let rest = canvas.rest(LABELS);
    let area = Area {
        top: rest.top + above,
        bottom: rest.bottom - AXIS,
        ..rest
    };
    let plot = RecordPlot::new(timeline, range, area);
    let shaded = trained.len() <= SHADED;
    let mut lanes = Lanes::new(rest.top, &plot);
    if let Some(name) = lane {
        lanes.single(name, |row| group(&plot, row));
    }
    lanes.single("model", |row| versions(&plot, row));
    lanes.packed("trigger", &triggers, |at, row, until| {
        trigger(&plot, marks.get(at)?, row, until)
    });
    lanes.packed("trained on", &trained, |at, row, until| {
        let one = marks.get(at)?;
        let next = next_retraining(&plot, one);
        let until = next.map_or(until, |next| until.min(next - 4.0));
        Some(training(&plot, one, (row, until), shaded))
    });
    lanes.packed("recovery", &recoveries, |at, row, until| {
        recovery(&plot, marks.get(at)?, row, until)
    });
    let lanes = lanes.elements;

    canvas.add(plot.bands());
    let shades = marks.iter().map(|one| shade(&plot, one, shaded));
    canvas.add(Element::group("windows", shades.collect()));
    canvas.add(plot.axes());
    canvas.add(Element::group("lanes", lanes));
    canvas.add(plot.title());
    canvas.add(plot.threshold());
    canvas.add(plot.points());
    canvas.add(Element::group("firsts", firsts(&plot)));
    canvas.finish()
}

fn entries(timeline: &Timeline) -> Vec<Entry> {
    let any = |has: fn(&RetrainingMarks) -> bool| timeline.retrainings.iter().any(has);
    let first = format!("first {} of the new model", timeline.words.record());
    let shown = [
        (
            any(|one| one.window.span.is_some()),
            Mark::Window,
            "window that triggered, and its mean",
        ),
        (
            any(|one| one.retrained.is_some()),
            Mark::Retrained,
            "retraining",
        ),
        (
            any(|one| one.training.is_some()),
            Mark::Training,
            "training rows",
        ),
        (any(|one| one.first_answered.is_some()), Mark::First, &first),
        (
            any(|one| one.recovery.is_some()),
            Mark::Recovery,
            "from drift to recovery",
        ),
    ];
    let mut entries = common_entries(timeline);
    let shown = shown.into_iter().filter(|(shown, ..)| *shown);
    entries.extend(shown.map(|(_, mark, label)| (mark, label.to_owned())));
    entries
}

/// The pixel of the next retraining, whose line crosses the lane.
fn next_retraining(plot: &RecordPlot<'_>, one: &RetrainingMarks) -> Option<f64> {
    let after = one.retrained?.after;
    let all = plot.timeline.retrainings.iter();
    let later = all.filter_map(|other| Some(other.retrained?.after).filter(|next| *next > after));
    later.min().map(|next| plot.after(next))
}

/// The span of the training rows, or the position of the retraining if the rows are not among the records.
fn trained_span(one: &RetrainingMarks) -> Option<Span> {
    let rows = one.training.as_ref().map(|training| training.span);
    let moment = one.retrained.map(|retrained| Span {
        first: retrained.after,
        last: retrained.after,
    });
    rows.or(moment)
}

fn group(plot: &RecordPlot<'_>, row: Row) -> Vec<Element> {
    let bands = plot.timeline.bands.iter();
    let names = bands.filter_map(|band| {
        let (left, right) = plot.edges(band.span);
        let name = plot.timeline.group_name(band.group);
        let at = ((left + right) / 2.0, row.middle() + 4.0);
        let shown = ellipsis(name, STRONG, right - left - 6.0)?;
        Some(Element::text("strong", at, Anchor::Middle, shown).titled(name))
    });
    names.collect()
}

fn versions(plot: &RecordPlot<'_>, row: Row) -> Vec<Element> {
    let models = plot.timeline.models.iter().enumerate();
    let bars = models.flat_map(|(at, model)| {
        let version = model.version.as_deref().unwrap_or("none");
        let (left, right) = plot.edges(model.span);
        let mut texts = vec![version.to_owned()];
        texts.extend(ellipsis(version, SMALL, right - left - 6.0));
        let class = format!("model m{}", at % 2);
        bar(class, plot, model.span, (row, right), &texts)
    });
    bars.collect()
}

/// The window's bar, and the outcome beside it if nothing was trained.
fn trigger(
    plot: &RecordPlot<'_>,
    one: &RetrainingMarks,
    row: Row,
    until: f64,
) -> Option<Vec<Element>> {
    let span = one.window.span?;
    let words = plot.timeline.words;
    let mean = words.error(one.window.mean_error, 1);
    let records = one.window.records;
    let mut texts = Vec::new();
    if let [worst, _, ..] = one.window.by_group.as_slice() {
        let share = format!("{} of {records} {}", worst.records, worst.group);
        texts.push(format!("mean {mean}, {share}"));
    }
    texts.extend([
        format!("mean {mean}, {records} {}", words.records()),
        format!("mean {mean}"),
        mean,
    ]);
    let mut elements = bar("window", plot, span, (row, until), &texts);
    if one.retrained.is_none() {
        let (_, right) = plot.edges(span);
        elements.extend(beside(&[outcome(one)], row, right + 5.0, until));
    }
    Some(elements)
}

/// The bar of the training rows, and the retraining with its outcome: a head in the lane, and a line
/// down to the axis if it is to be drawn `across` the plot.
fn training(
    plot: &RecordPlot<'_>,
    one: &RetrainingMarks,
    (row, until): (Row, f64),
    across: bool,
) -> Vec<Element> {
    let mut elements = Vec::new();
    if let Some(training) = &one.training {
        let records = training.span.len();
        let mut texts = vec![counted(training.rows, "row", "rows")];
        if records > training.rows {
            texts.insert(
                0,
                format!(
                    "{} out of these {records} {}",
                    training.rows,
                    plot.timeline.words.records()
                ),
            );
        }
        elements.extend(bar("training", plot, training.span, (row, until), &texts));
    }
    if let Some(retrained) = one.retrained {
        let x = plot.after(retrained.after);
        let end = if across { plot.area.bottom } else { row.bottom };
        let line = Element::line("retrained", (x, row.middle()), (x, end))
            .with("data-after", plot.timeline.id(retrained.after))
            .titled(outcome(one));
        elements.extend([line, retraining_head((x, row.middle()))]);
        let mut texts = vec![outcome(one)];
        texts.extend(one.outcome.clone());
        elements.extend(beside(&texts, row, x + 9.0, until));
    }
    elements
}

/// The window in the plot, with its mean as a line.
fn shade(plot: &RecordPlot<'_>, one: &RetrainingMarks, shaded: bool) -> Element {
    let mut elements = Vec::new();
    if let Some(span) = one.window.span {
        let (left, right) = plot.edges(span);
        let area = Area {
            left,
            right,
            ..plot.area
        };
        let y = plot.y(one.window.mean_error);
        elements.push(Element::line("window-mean", (left, y), (right, y)));
        // A trigger without a retraining is shaded in its lane only.
        if shaded && one.retrained.is_some() {
            let edge = |x| Element::line("window-edge", (x, area.top), (x, area.bottom));
            elements.extend([Element::rect("window-shade", area), edge(left), edge(right)]);
        }
    }
    Element::group("shade", elements)
}

/// The bracket from drift to recovery, with the number of records and the time.
fn recovery(
    plot: &RecordPlot<'_>,
    one: &RetrainingMarks,
    row: Row,
    until: f64,
) -> Option<Vec<Element>> {
    let recovery = one.recovery?;
    let Span { first, last } = recovery.span;
    let (left, right) = (plot.x(first), plot.x(last));
    let records = plot.timeline.words.0.counted(recovery.records);
    let seconds = recovery.event_seconds.map(|seconds| plain(seconds, 1));
    let longest = seconds.map_or(records.clone(), |seconds| format!("{records}, {seconds} s"));
    let bracket = plot.spanning(bracket((left, right), row.middle()), recovery.span);
    let mut elements = vec![bracket.titled(format!("from drift to recovery: {longest}"))];
    let texts = [longest, records];
    if let Some(text) = first_fitting(&texts, SMALL, right - left - 16.0) {
        let (middle, half) = ((left + right) / 2.0, width(text, SMALL) / 2.0 + 4.0);
        let area = Area {
            left: middle - half,
            right: middle + half,
            top: row.top,
            bottom: row.bottom,
        };
        elements.push(Element::rect("surface", area));
        let at = (middle, row.middle() + 4.0);
        elements.push(Element::text("bar-label", at, Anchor::Middle, text));
    } else {
        elements.extend(beside(&texts, row, right + 6.0, until));
    }
    Some(elements)
}

/// A ring around the first record that each new version answered.
fn firsts(plot: &RecordPlot<'_>) -> Vec<Element> {
    let attribute = plot.timeline.words.attribute();
    let rings = plot.timeline.retrainings.iter().filter_map(|one| {
        let record = plot.timeline.at(one.first_answered?)?;
        let at = (
            plot.x(record.position),
            plot.y(record.error.unwrap_or_default()),
        );
        let version = one.version.as_deref().unwrap_or_default();
        let ring =
            Element::circle("first", at, plot.radius() + 3.2).with(attribute.clone(), &record.id);
        Some(ring.titled(format!(
            "{} {}: the first that model {version} answered",
            plot.timeline.words.record(),
            record.id
        )))
    });
    rings.collect()
}

/// What happened, in a line.
fn summary(timeline: &Timeline) -> String {
    let marks = &timeline.retrainings;
    if timeline.records.is_empty() {
        return timeline.words.none_measured();
    }
    if marks.is_empty() {
        let threshold = timeline.words.error(timeline.threshold, 2);
        // A report of the newest records leaves older windows out.
        return format!(
            "None of these {} was in a window whose mean error passed {threshold}.",
            timeline.words.records()
        );
    }
    let trained: Vec<_> = marks.iter().filter(|one| one.retrained.is_some()).collect();
    if let [one] = trained.as_slice() {
        let recovery = one.recovery.map_or(String::new(), |recovery| {
            let records = timeline.words.counted(recovery.records);
            format!("; {records} from drift to recovery")
        });
        let mean = timeline.words.error(one.window.mean_error, 1);
        return format!(
            "A window's mean error of {mean} triggered: {}{recovery}.",
            outcome(one)
        );
    }
    let activated = |one: &&RetrainingMarks| one.outcome.as_deref() == Some("activated");
    let recovered = |one: &&RetrainingMarks| one.recovery.is_some();
    format!(
        "{} triggered, {} went live, {} ended.",
        counted(marks.len() as u64, "window", "windows"),
        counted(
            marks.iter().filter(activated).count() as u64,
            "new model",
            "new models"
        ),
        counted(
            marks.iter().filter(recovered).count() as u64,
            "drift",
            "drifts"
        )
    )
}

/// `retrained in 13 ms, activated`, `rejected`, …
fn outcome(one: &RetrainingMarks) -> String {
    let outcome = one.outcome.as_deref().unwrap_or("not decided");
    match one.retrained.map(|retrained| retrained.wall_millis) {
        Some(Some(millis @ ..1_000)) => format!("retrained in {millis} ms, {outcome}"),
        Some(Some(millis)) => {
            let seconds = plain(millis as f64 / 1_000.0, 1);
            format!("retrained in {seconds} s, {outcome}")
        }
        Some(None) => format!("retrained, {outcome}"),
        None => outcome.to_owned(),
    }
}

/// A trigger, for screen readers.
fn describe(timeline: &Timeline, one: &RetrainingMarks) -> String {
    let window = &one.window;
    let words = timeline.words;
    let span = window.span.map_or(String::new(), |span| {
        let (first, last) = (timeline.id(span.first), timeline.id(span.last));
        format!(", {} {first} to {last}", words.records())
    });
    let shares = window.by_group.iter().take(SHARES).map(|share| {
        let error = words.error(share.mean_error, 1);
        format!("{} {} off by {error}", share.records, share.group)
    });
    let more = window.by_group.len().saturating_sub(SHARES) as u64;
    let more = (more > 0).then(|| format!("{more} more {}", words.groups()));
    let shares: Vec<String> = shares.chain(more).collect();
    let shares = match shares.join(", ") {
        none if none.is_empty() => none,
        shares => format!(" ({shares})"),
    };
    let trained = one.training.as_ref().map_or(String::new(), |training| {
        format!(" Trained on {} rows.", training.rows)
    });
    format!(
        "Window from {} to {}{span}: mean error {} by model {}{shares}; {}.{trained}",
        window.start,
        window.end,
        words.error(window.mean_error, 1),
        window.erring_version,
        outcome(one)
    )
}

/// The notes on the scale, and how many windows could not be drawn.
fn notes(timeline: &Timeline, range: ErrorRange) -> Vec<String> {
    let mut notes = range.notes(timeline);
    let unplaced = |one: &&RetrainingMarks| one.window.span.is_none();
    let unplaced = timeline.retrainings.iter().filter(unplaced).count();
    if unplaced > 0 {
        let windows = counted(unplaced as u64, "window", "windows");
        notes.push(format!(
            "{windows} that triggered contained none of these {}.",
            timeline.words.records()
        ));
    }
    notes
}
