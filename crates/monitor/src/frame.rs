//! What everybody who looks at the page sees: the sections, each with the number of the frame in
//! which it changed last, and both forms in which they are sent. Rendered once, shared by all.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;

/// The number of a frame: which run of the monitor, and the how manieth frame of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameId {
    /// When the monitor started, in milliseconds since 1970-01-01T00:00Z.
    pub(crate) run: i64,
    /// Counted from 1; 0 is before the first.
    pub(crate) number: u64,
}

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.number)
    }
}

/// A text that is no [`FrameId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoFrameId;

impl FromStr for FrameId {
    type Err = NoFrameId;

    fn from_str(text: &str) -> Result<Self, NoFrameId> {
        let (run, number) = text.rsplit_once('-').ok_or(NoFrameId)?;
        Ok(Self {
            run: run.parse().map_err(|_| NoFrameId)?,
            number: number.parse().map_err(|_| NoFrameId)?,
        })
    }
}

/// A part of the page that changes as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// Its name in the page.
    pub(crate) name: &'static str,
    /// Its content.
    pub(crate) html: String,
    /// The number of the frame in which it changed last.
    pub(crate) changed: u64,
    event: Bytes,
}

/// The page's sections at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Its number.
    pub(crate) id: FrameId,
    /// All sections, in the page's order.
    pub(crate) sections: Vec<Arc<Section>>,
    end: Bytes,
    page: OnceLock<Bytes>,
}

#[derive(Serialize)]
struct Message<'a> {
    section: &'a str,
    html: &'a str,
}

impl Frame {
    /// Before anything was rendered.
    pub(crate) fn first(run: i64) -> Self {
        Self::new(FrameId { run, number: 0 }, Vec::new())
    }

    /// The frame after this one, or none where no section has changed.
    pub(crate) fn next(&self, rendered: Vec<(&'static str, String)>) -> Option<Self> {
        let id = FrameId {
            number: self.id.number + 1,
            ..self.id
        };
        let mut news = false;
        let sections = rendered.into_iter().map(|(name, html)| {
            let same = |section: &&Arc<Section>| section.name == name && section.html == html;
            if let Some(section) = self.sections.iter().find(same) {
                return section.clone();
            }
            news = true;
            Arc::new(Section {
                event: event(name, &html),
                name,
                html,
                changed: id.number,
            })
        });
        let sections = sections.collect();
        news.then(|| Self::new(id, sections))
    }

    fn new(id: FrameId, sections: Vec<Arc<Section>>) -> Self {
        // The id comes with the last event of a frame: who lost the connection before it begins with
        // the frame before.
        let end = format!("id: {id}\nevent: frame\ndata: {id}\n\n");
        Self {
            id,
            sections,
            end: end.into(),
            page: OnceLock::new(),
        }
    }

    /// The frame as a whole page, made once for all who ask for it.
    pub(crate) fn page(&self, make: impl FnOnce(&Self) -> String) -> Bytes {
        self.page.get_or_init(|| make(self).into()).clone()
    }

    /// A section's content.
    pub(crate) fn html(&self, name: &str) -> &str {
        let section = self.sections.iter().find(|section| section.name == name);
        section.map_or("", |section| section.html.as_str())
    }

    /// The server-sent events for somebody who has seen the frame `seen`: the sections that have
    /// changed since, then the frame's number. All of them where the frame is none of this run's.
    pub(crate) fn events_after(&self, seen: Option<FrameId>) -> Vec<Bytes> {
        let seen = seen.filter(|seen| seen.run == self.id.run && seen.number <= self.id.number);
        let seen = seen.map_or(0, |seen| seen.number);
        let changed = self
            .sections
            .iter()
            .filter(|section| section.changed > seen);
        let mut events: Vec<Bytes> = changed.map(|section| section.event.clone()).collect();
        events.push(self.end.clone());
        events
    }
}

/// A section as an event. JSON has no line breaks, so that it is one line of data.
fn event(section: &str, html: &str) -> Bytes {
    let message = serde_json::to_string(&Message { section, html });
    // Two texts always make JSON.
    let data = message.unwrap_or_default();
    format!("event: section\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(after: &Frame, flow: &str) -> Option<Frame> {
        after.next(vec![("model", "m".to_owned()), ("flow", flow.to_owned())])
    }

    fn text(events: Vec<Bytes>) -> String {
        String::from_utf8(events.concat()).expect("UTF-8")
    }

    #[test]
    fn nothing_new_is_no_frame_and_what_has_not_changed_is_not_sent_again() {
        let first = frame(&Frame::first(7), "one").expect("new");
        assert!(frame(&first, "one").is_none());
        let second = frame(&first, "two").expect("changed");
        assert_eq!(
            text(second.events_after(Some(first.id))),
            "event: section\ndata: {\"section\":\"flow\",\"html\":\"two\"}\n\n\
             id: 7-2\nevent: frame\ndata: 7-2\n\n"
        );
        assert!(Arc::ptr_eq(&first.sections[0], &second.sections[0]));
    }

    #[test]
    fn who_missed_frames_gets_the_newest_state_of_all_that_changed_meanwhile() {
        let first = frame(&Frame::first(7), "one").expect("new");
        let second = frame(&first, "two").expect("changed");
        let third = frame(&second, "three").expect("changed");
        let sent = text(third.events_after(Some(first.id)));
        assert!(sent.contains("three") && !sent.contains("two"), "{sent}");
        assert!(!sent.contains("model"), "{sent}");
    }

    #[test]
    fn who_saw_a_frame_of_another_run_or_none_gets_everything() {
        let first = frame(&Frame::first(7), "one").expect("new");
        let elsewhere = FrameId { run: 6, number: 1 };
        let ahead = FrameId { run: 7, number: 9 };
        for seen in [None, Some(elsewhere), Some(ahead)] {
            assert_eq!(first.events_after(seen).len(), 3, "{seen:?}");
        }
        assert_eq!(first.events_after(Some(first.id)).len(), 1);
    }

    #[test]
    fn a_frames_page_is_made_once_for_all_who_ask() {
        let first = frame(&Frame::first(7), "one").expect("new");
        let made = std::cell::Cell::new(0);
        for _ in 0..100 {
            let page = first.page(|frame| {
                made.set(made.get() + 1);
                frame.html("flow").to_owned()
            });
            assert_eq!(page, "one");
        }
        assert_eq!(made.get(), 1);
    }

    #[test]
    fn a_number_is_read_as_it_is_written() {
        let id = FrameId { run: 7, number: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("7".parse::<FrameId>(), Err(NoFrameId));
        assert_eq!("7-x".parse::<FrameId>(), Err(NoFrameId));
    }
}
