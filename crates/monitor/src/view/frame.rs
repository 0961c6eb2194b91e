//! A frame: all sections of the page at one moment, each with the number of the frame in which it last
//! changed. A frame is sent as a page or as server-sent events; both are made once for all viewers.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::json;

/// The id of a frame, written as `RUN-NUMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameId {
    /// Start of the monitor, in milliseconds since 1970-01-01T00:00Z.
    pub(crate) run: i64,
    /// Sequence number of the frame, from 1; 0 before anything is rendered.
    pub(crate) number: u64,
}

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.number)
    }
}

/// The text is not a [`FrameId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameIdError;

impl FromStr for FrameId {
    type Err = FrameIdError;

    fn from_str(text: &str) -> Result<Self, FrameIdError> {
        let (run, number) = text.rsplit_once('-').ok_or(FrameIdError)?;
        Ok(Self {
            run: run.parse().map_err(|_| FrameIdError)?,
            number: number.parse().map_err(|_| FrameIdError)?,
        })
    }
}

/// A part of the page that is replaced as a whole.
#[derive(Clone, Debug)]
struct Section {
    name: &'static str,
    html: String,
    /// Number of the frame in which it last changed.
    changed: u64,
    event: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) id: FrameId,
    sections: Vec<Arc<Section>>,
    end: Bytes,
    page: OnceLock<Bytes>,
}

impl Frame {
    /// The frame before anything is rendered.
    pub(crate) fn first(run: i64) -> Self {
        Self::new(FrameId { run, number: 0 }, Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.id.number == 0
    }

    /// The next frame; `None` if no section has changed.
    pub(crate) fn next(&self, rendered: Vec<(&'static str, String)>) -> Option<Self> {
        let number = self.id.number + 1;
        let mut changed = false;
        let sections = rendered.into_iter().map(|(name, html)| {
            let same = |section: &&Arc<Section>| section.name == name && section.html == html;
            if let Some(section) = self.sections.iter().find(same) {
                return section.clone();
            }
            changed = true;
            // JSON has no line breaks, so it is one line of data.
            let data = json!({ "section": name, "html": html });
            Arc::new(Section {
                event: format!("event: section\ndata: {data}\n\n").into(),
                name,
                html,
                changed: number,
            })
        });
        let sections = sections.collect();
        changed.then(|| Self::new(FrameId { number, ..self.id }, sections))
    }

    fn new(id: FrameId, sections: Vec<Arc<Section>>) -> Self {
        // The last event of a frame carries the id, so a viewer that loses the connection earlier resumes
        // from the previous frame.
        let end = format!("id: {id}\nevent: frame\ndata: {id}\n\n");
        Self {
            id,
            sections,
            end: end.into(),
            page: OnceLock::new(),
        }
    }

    /// The frame as a page, made by the first caller.
    pub(crate) fn page(&self, make: impl FnOnce(&Self) -> String) -> Bytes {
        self.page.get_or_init(|| make(self).into()).clone()
    }

    /// The content of a section.
    pub(crate) fn html(&self, name: &str) -> &str {
        let section = self.sections.iter().find(|section| section.name == name);
        section.map_or("", |section| section.html.as_str())
    }

    /// The events for a viewer that has seen the frame `seen`: the sections that changed since, then the
    /// id of this frame. Sends all sections if `seen` is not a frame of this run.
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
    fn only_changed_sections_are_sent() {
        let first = frame(&Frame::first(7), "one").expect("new");
        assert!(frame(&first, "one").is_none());
        let second = frame(&first, "two").expect("changed");
        assert_eq!(
            text(second.events_after(Some(first.id))),
            "event: section\ndata: {\"section\":\"flow\",\"html\":\"two\"}\n\n\
             id: 7-2\nevent: frame\ndata: 7-2\n\n"
        );
        assert!(Arc::ptr_eq(&first.sections[0], &second.sections[0]));
        // A viewer that missed a frame gets the newest content only.
        let third = frame(&second, "three").expect("changed");
        let sent = text(third.events_after(Some(first.id)));
        assert!(sent.contains("three") && !sent.contains("two"), "{sent}");
        assert!(!sent.contains("model"), "{sent}");
    }

    #[test]
    fn a_viewer_of_another_run_gets_all_sections() {
        let first = frame(&Frame::first(7), "one").expect("new");
        let other_run = FrameId { run: 6, number: 1 };
        let ahead = FrameId { run: 7, number: 9 };
        for seen in [None, Some(other_run), Some(ahead)] {
            assert_eq!(first.events_after(seen).len(), 3, "{seen:?}");
        }
        assert_eq!(first.events_after(Some(first.id)).len(), 1);
    }

    #[test]
    fn a_page_is_made_once() {
        let first = frame(&Frame::first(7), "one").expect("new");
        let page = first.page(|frame| frame.html("flow").to_owned());
        assert_eq!(page, "one");
        assert_eq!(first.page(|_| unreachable!()), "one");
    }

    #[test]
    fn a_frame_id_is_parsed_as_it_is_written() {
        let id = FrameId { run: 7, number: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("7".parse::<FrameId>(), Err(FrameIdError));
        assert_eq!("7-x".parse::<FrameId>(), Err(FrameIdError));
    }
}
