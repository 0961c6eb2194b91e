//! Who looks, when to render, and the newest frame. While nobody looks, nothing is rendered or asked.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::Stream;
use pipeline::EventTime;
use service_runtime::CancellationToken;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;

use crate::frame::{Frame, FrameId};
use crate::metrics::Metrics;
use crate::outside::Asker;
use crate::sections::Sections;
use crate::service::Watching;
use crate::state::State;

/// A section changes at most this often.
const PACE: Duration = Duration::from_millis(500);
/// Rendering takes a tenth of one core at most: where a state takes longer to render, there are fewer,
/// down to one in [`SLOWEST`].
const SHARE: u32 = 10;
const SLOWEST: Duration = Duration::from_secs(1);
/// Also where the page is to be rendered at once, this much time is between two states.
const FLOOR: Duration = Duration::from_millis(100);
/// Proxies close connections on which nothing comes for long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// After how long a page whose connection was lost comes again.
const RETRY: &[u8] = b"retry: 2000\n\n";

/// Everybody who looks at a pipeline; clones are the same.
#[derive(Clone, Debug)]
pub struct Looks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    watching: Watching,
    metrics: Metrics,
    frames: watch::Sender<Arc<Frame>>,
    rendering: Mutex<Rendering>,
    seats: Arc<Semaphore>,
    most: usize,
    sat_down: Notify,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Rendering {
    /// None when the monitor has ended: a reader that stands still keeps no client of Kafka.
    asker: Option<Asker>,
    last: Option<Instant>,
    /// When the look began from which that was rendered.
    looked: Option<Instant>,
    /// How long that took.
    took: Duration,
    sections: Arc<std::sync::Mutex<Sections>>,
}

/// One who looks: a connection on which events are sent.
#[derive(Debug)]
pub(crate) struct Viewer {
    frames: watch::Receiver<Arc<Frame>>,
    seen: Option<FrameId>,
    pending: VecDeque<Bytes>,
    closed: CancellationToken,
    metrics: Metrics,
    _seat: OwnedSemaphorePermit,
}

impl Looks {
    pub(crate) fn new(watching: Watching, asker: Asker, metrics: Metrics, viewers: u16) -> Self {
        let first = Frame::first(EventTime::now().as_millis());
        Self(Arc::new(Shared {
            watching,
            metrics,
            frames: watch::Sender::new(Arc::new(first)),
            rendering: Mutex::new(Rendering {
                asker: Some(asker),
                last: None,
                looked: None,
                took: Duration::ZERO,
                sections: Arc::default(),
            }),
            seats: Arc::new(Semaphore::new(viewers.into())),
            most: viewers.into(),
            sat_down: Notify::new(),
            closed: CancellationToken::new(),
        }))
    }

    /// The page as it is now, at most [`PACE`] old.
    pub(crate) async fn now(&self) -> Arc<Frame> {
        self.frame(2 * PACE, PACE).await
    }

    /// Shows everybody who looks what is so now. Whoever asks for that at the same time gets one state.
    pub async fn refresh(&self) {
        let asked = Instant::now();
        let mut rendering = self.0.rendering.lock().await;
        if rendering.looked.is_some_and(|looked| looked >= asked) {
            return;
        }
        if let Some(last) = rendering.last {
            tokio::time::sleep(FLOOR.saturating_sub(last.elapsed())).await;
        }
        self.render(&mut rendering, Duration::ZERO).await;
    }

    /// The page, rendered again where it is older than `pace` and as much older as rendering takes its
    /// [`SHARE`], with what topics do not tell not older than `age`.
    async fn frame(&self, age: Duration, pace: Duration) -> Arc<Frame> {
        let mut rendering = self.0.rendering.lock().await;
        let pause = pace.max(SLOWEST.min(SHARE * rendering.took));
        if rendering.last.is_none_or(|last| last.elapsed() >= pause) {
            self.render(&mut rendering, age).await;
        }
        self.0.frames.borrow().clone()
    }

    /// Looks, renders, and sends what has changed.
    async fn render(&self, rendering: &mut Rendering, age: Duration) {
        let shared = &self.0;
        if let Some(asker) = rendering.asker.clone() {
            let looked = Instant::now();
            let outside = asker.ask(age).await;
            let began = Instant::now();
            let (watching, sections) = (shared.watching.clone(), Arc::clone(&rendering.sections));
            // Apart from the threads on which everything else of the process runs.
            let rendered = tokio::task::spawn_blocking(move || {
                let state = State::of(&watching, outside);
                let mut sections = sections.lock().unwrap_or_else(PoisonError::into_inner);
                sections.render(&state)
            });
            let rendered = match rendered.await {
                Ok(rendered) => rendered,
                Err(error) => {
                    tracing::error!(%error, "the page could not be rendered; the last one stays");
                    Vec::new()
                }
            };
            let next = shared.frames.borrow().next(rendered);
            if let Some(next) = next {
                shared.frames.send_replace(Arc::new(next));
                shared.metrics.frames.inc();
            }
            // Only now: who asked may have gone before the end, and nothing was rendered.
            rendering.last = Some(began);
            rendering.looked = Some(looked);
            rendering.took = began.elapsed();
            let took = rendering.took.as_secs_f64();
            shared.metrics.rendering.observe(took);
        }
    }

    /// Somebody sits down who has seen the frame `seen`; none where all seats are taken.
    pub(crate) fn sit_down(&self, seen: Option<FrameId>) -> Option<Viewer> {
        let seat = self.0.seats.clone().try_acquire_owned();
        let Ok(seat) = seat else {
            self.0.metrics.refused.inc();
            return None;
        };
        self.0.metrics.viewers.inc();
        let mut frames = self.0.frames.subscribe();
        frames.mark_changed();
        self.0.sat_down.notify_one();
        Some(Viewer {
            frames,
            seen,
            pending: VecDeque::from([Bytes::from_static(RETRY)]),
            closed: self.0.closed.clone(),
            metrics: self.0.metrics.clone(),
            _seat: seat,
        })
    }

    /// Renders while somebody looks, until `shutdown`; then once more, and all are told.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                while self.0.seats.available_permits() == self.0.most {
                    self.0.sat_down.notified().await;
                }
                pace.tick().await;
                // A tick that comes a little early is none too many.
                self.frame(PACE, PACE / 2).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
        self.0.closed.cancel();
        self.0.rendering.lock().await.asker = None;
    }
}

impl Viewer {
    /// The events, until the monitor ends.
    pub(crate) fn events(self) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
        futures::stream::unfold(self, |mut viewer| async {
            let event = viewer.next().await?;
            Some((Ok(event), viewer))
        })
    }

    /// The next event. Frames that came while the last ones were sent are skipped but for the
    /// newest, so that a slow connection costs no memory.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            tokio::select! {
                biased;
                changed = self.frames.changed() => {
                    changed.ok()?;
                    let frame = self.frames.borrow_and_update().clone();
                    if frame.id.number == 0 || self.seen == Some(frame.id) {
                        continue;
                    }
                    self.pending = frame.events_after(self.seen).into();
                    self.seen = Some(frame.id);
                }
                () = self.closed.cancelled() => return None,
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.metrics.viewers.dec();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn viewer(frames: &watch::Sender<Arc<Frame>>) -> Viewer {
        let mut receiver = frames.subscribe();
        receiver.mark_changed();
        let seats = Arc::new(Semaphore::new(1));
        Viewer {
            frames: receiver,
            seen: None,
            pending: VecDeque::new(),
            closed: CancellationToken::new(),
            metrics: Metrics::of_the_page(&mut Registry::default()),
            _seat: seats.try_acquire_owned().expect("a seat"),
        }
    }

    async fn next(viewer: &mut Viewer) -> String {
        let event = viewer.next().await.expect("an event");
        String::from_utf8(event.to_vec()).expect("UTF-8")
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_viewer_skips_to_the_newest_frame_and_holds_one_at_most() {
        let frames = watch::Sender::new(Arc::new(Frame::first(7)));
        let mut slow = viewer(&frames);
        let show = |text: String| {
            let next = frames.borrow().next(vec![("flow", text)]);
            frames.send_replace(Arc::new(next.expect("news")));
        };
        show("first".to_owned());
        assert!(next(&mut slow).await.contains("first"));
        for number in 0..1_000 {
            show(format!("{number} of many"));
        }
        assert!(next(&mut slow).await.contains("id: 7-1\n"));
        assert!(next(&mut slow).await.contains("999 of many"));
        assert!(next(&mut slow).await.contains("id: 7-1001\n"));
        assert!(slow.pending.is_empty());
        // Nothing more: the connection is only kept alive.
        assert_eq!(next(&mut slow).await, ":\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_frame_comes_before_the_end() {
        let frames = watch::Sender::new(Arc::new(Frame::first(7)));
        let mut last = viewer(&frames);
        let frame = frames.borrow().next(vec![("flow", "the end".to_owned())]);
        frames.send_replace(Arc::new(frame.expect("news")));
        last.closed.cancel();
        assert!(next(&mut last).await.contains("the end"));
        assert!(next(&mut last).await.contains("id: 7-1\n"));
        assert!(last.next().await.is_none());
    }
}
