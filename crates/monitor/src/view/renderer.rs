//! Renders the page while it is open, and sends the newest frame to all viewers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::Stream;
use pipeline::{Definition, EventTime};
use service_runtime::CancellationToken;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;

use super::frame::{Frame, FrameId};
use super::sections::Sections;
use crate::collect::{Collector, WatchedPipeline};
use crate::metrics::Metrics;
use crate::state::State;

/// Time between two frames.
const PACE: Duration = Duration::from_millis(500);
/// Rendering uses at most a tenth of one core: if it is slow, there are fewer frames, but at least one
/// per [`SLOWEST`].
const SHARE: u32 = 10;
const SLOWEST: Duration = Duration::from_secs(1);
/// Minimum time between two frames, even if one is requested explicitly.
const FLOOR: Duration = Duration::from_millis(100);
/// Proxies close idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The delay in milliseconds after which a browser reconnects.
const RETRY: &[u8] = b"retry: 2000\n\n";

/// The renderer of a monitor; clones share it.
#[derive(Clone, Debug)]
pub struct Renderer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pipeline: WatchedPipeline,
    metrics: Metrics,
    frames: watch::Sender<Arc<Frame>>,
    rendering: Mutex<Rendering>,
    /// One permit for each additional viewer.
    free: Arc<Semaphore>,
    max_viewers: usize,
    subscribed: Notify,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Rendering {
    /// `None` after the monitor has ended, so that a viewer that no longer reads does not keep a Kafka
    /// client alive.
    collector: Option<Collector>,
    /// When the last rendering began, how long it took, and when the data for it was requested.
    last: Option<Instant>,
    took: Duration,
    requested: Option<Instant>,
    sections: Arc<std::sync::Mutex<Sections>>,
}

/// A connection that receives events.
#[derive(Debug)]
pub(crate) struct Viewer {
    frames: watch::Receiver<Arc<Frame>>,
    seen: Option<FrameId>,
    pending: VecDeque<Bytes>,
    closed: CancellationToken,
    metrics: Metrics,
    _permit: OwnedSemaphorePermit,
}

impl Renderer {
    pub(crate) fn new(
        pipeline: WatchedPipeline,
        collector: Collector,
        metrics: Metrics,
        max_viewers: u16,
    ) -> Self {
        let first = Frame::first(EventTime::now().as_millis());
        Self(Arc::new(Shared {
            pipeline,
            metrics,
            frames: watch::Sender::new(Arc::new(first)),
            rendering: Mutex::new(Rendering {
                collector: Some(collector),
                last: None,
                took: Duration::ZERO,
                requested: None,
                sections: Arc::default(),
            }),
            free: Arc::new(Semaphore::new(max_viewers.into())),
            max_viewers: max_viewers.into(),
            subscribed: Notify::new(),
            closed: CancellationToken::new(),
        }))
    }

    /// The pipeline that the page is about.
    pub(crate) fn definition(&self) -> &'static Definition {
        self.0.pipeline.observer.definition()
    }

    /// The current frame, at most [`PACE`] old.
    pub(crate) async fn current(&self) -> Arc<Frame> {
        self.frame(2 * PACE, PACE).await
    }

    /// Renders the current state now and sends it to all viewers. Concurrent calls share one frame.
    pub async fn refresh(&self) {
        let called = Instant::now();
        let mut rendering = self.0.rendering.lock().await;
        if rendering.requested.is_some_and(|at| at >= called) {
            return;
        }
        if let Some(last) = rendering.last {
            tokio::time::sleep(FLOOR.saturating_sub(last.elapsed())).await;
        }
        self.render(&mut rendering, Duration::ZERO).await;
    }

    /// The newest frame. Renders a new one if it is older than `pace` and than [`SHARE`] allows, from
    /// collected data that is at most `max_age` old.
    async fn frame(&self, max_age: Duration, pace: Duration) -> Arc<Frame> {
        let mut rendering = self.0.rendering.lock().await;
        let pause = pace.max(SLOWEST.min(SHARE * rendering.took));
        if rendering.last.is_none_or(|last| last.elapsed() >= pause) {
            self.render(&mut rendering, max_age).await;
        }
        self.0.frames.borrow().clone()
    }

    /// Collects, renders, and sends what has changed.
    async fn render(&self, rendering: &mut Rendering, max_age: Duration) {
        let shared = &self.0;
        let Some(collector) = rendering.collector.clone() else {
            return;
        };
        let requested = Instant::now();
        let collected = collector.collect(max_age).await;
        let began = Instant::now();
        let (pipeline, sections) = (shared.pipeline.clone(), Arc::clone(&rendering.sections));
        // On a blocking thread, so it does not delay other tasks.
        let rendered = tokio::task::spawn_blocking(move || {
            let state = State::of(&pipeline, collected);
            let mut sections = sections.lock().unwrap_or_else(PoisonError::into_inner);
            sections.render(&state)
        });
        let rendered = rendered.await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot render the page; viewers keep the last frame");
            Vec::new()
        });
        let next = shared.frames.borrow().next(rendered);
        if let Some(next) = next {
            shared.frames.send_replace(Arc::new(next));
            shared.metrics.frames.inc();
        }
        // Set last: if the caller is cancelled earlier, nothing counts as rendered.
        rendering.last = Some(began);
        rendering.requested = Some(requested);
        rendering.took = began.elapsed();
        let took = rendering.took.as_secs_f64();
        shared.metrics.rendering.observe(took);
    }

    /// Adds a viewer that has seen the frame `seen`; `None` if there are `max_viewers` already.
    pub(crate) fn subscribe(&self, seen: Option<FrameId>) -> Option<Viewer> {
        let Ok(permit) = self.0.free.clone().try_acquire_owned() else {
            self.0.metrics.refused.inc();
            return None;
        };
        self.0.metrics.viewers.inc();
        let mut frames = self.0.frames.subscribe();
        frames.mark_changed();
        self.0.subscribed.notify_one();
        Some(Viewer {
            frames,
            seen,
            pending: VecDeque::from([Bytes::from_static(RETRY)]),
            closed: self.0.closed.clone(),
            metrics: self.0.metrics.clone(),
            _permit: permit,
        })
    }

    /// Renders while there are viewers, until `shutdown` is cancelled. Viewers then receive the last
    /// frame and the end of the stream.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                while self.0.free.available_permits() == self.0.max_viewers {
                    self.0.subscribed.notified().await;
                }
                pace.tick().await;
                // Half the pace, because a tick may be slightly early.
                self.frame(PACE, PACE / 2).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
        self.0.closed.cancel();
        self.0.rendering.lock().await.collector = None;
    }
}

impl Viewer {
    /// The events, until the monitor ends.
    pub(crate) fn events(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        futures::stream::unfold(self, |mut viewer| async {
            let event = viewer.next().await?;
            Some((Ok(event), viewer))
        })
    }

    /// The next event. A slow connection skips to the newest frame, so it holds one frame at most.
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
                    if !frame.is_empty() && self.seen != Some(frame.id) {
                        self.pending = frame.events_after(self.seen).into();
                        self.seen = Some(frame.id);
                    }
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
        let free = Arc::new(Semaphore::new(1));
        Viewer {
            frames: receiver,
            seen: None,
            pending: VecDeque::new(),
            closed: CancellationToken::new(),
            metrics: Metrics::of_the_page(&mut Registry::default()),
            _permit: free.try_acquire_owned().expect("a permit"),
        }
    }

    async fn next(viewer: &mut Viewer) -> String {
        let event = viewer.next().await.expect("an event");
        String::from_utf8(event.to_vec()).expect("UTF-8")
    }

    fn show(frames: &watch::Sender<Arc<Frame>>, text: &str) {
        let next = frames.borrow().next(vec![("flow", text.to_owned())]);
        frames.send_replace(Arc::new(next.expect("a change")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_viewer_skips_to_the_newest_frame() {
        let frames = watch::Sender::new(Arc::new(Frame::first(7)));
        let mut slow = viewer(&frames);
        show(&frames, "first");
        assert!(next(&mut slow).await.contains("first"));
        for number in 0..1_000 {
            show(&frames, &format!("{number} of many"));
        }
        assert!(next(&mut slow).await.contains("id: 7-1\n"));
        assert!(next(&mut slow).await.contains("999 of many"));
        assert!(next(&mut slow).await.contains("id: 7-1001\n"));
        assert!(slow.pending.is_empty());
        assert_eq!(next(&mut slow).await, ":\n\n", "only a keep-alive");
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_receives_the_last_frame_before_the_end() {
        let frames = watch::Sender::new(Arc::new(Frame::first(7)));
        let mut last = viewer(&frames);
        show(&frames, "the end");
        last.closed.cancel();
        assert!(next(&mut last).await.contains("the end"));
        assert!(next(&mut last).await.contains("id: 7-1\n"));
        assert!(last.next().await.is_none());
    }
}
