//! Keeps the producer close to the slowest stage of the pipeline in this process: the embedded broker
//! keeps little, and drops what was not read in time.
//!
//! | module | content |
//! |---|---|
//! | `forecast` | at `--speed max`: stops the producer where a window may trigger a retraining |
//! | `upcoming` | what the producer will send |
//! | `pace` | which stage was the slowest, and the speed that was reached |

mod forecast;
mod pace;
mod upcoming;

use std::convert::Infallible;
use std::time::Duration;

use feed::Limit;
use observer::{PipelineView, Stalled};
use pipeline::EventTime;
use report::ledger::StepCounts;
use tokio::sync::watch;
use tokio::time::Instant;

use forecast::Forecast;
pub(crate) use pace::Pace;
pub(crate) use upcoming::Source;

/// How many records the producer may be ahead of the slowest stage: a small part of what the broker keeps,
/// and enough for large batches.
pub(crate) const AHEAD: u64 = 5_000;
/// The pause between two looks at the stages.
const PAUSE: Duration = Duration::from_millis(10);

/// Sets the limit of a producer.
pub(crate) struct Throttle {
    view: PipelineView,
    limit: watch::Sender<Limit>,
    forecast: Option<Forecast>,
    pace: Pace,
}

impl Throttle {
    /// A throttle, and the limit that the producer must keep. At full speed it looks ahead of the producer,
    /// whose first record is at `start`, in a second reader of what the producer sends.
    pub(crate) fn new(
        view: &PipelineView,
        start: EventTime,
        at_full_speed: Option<Source>,
    ) -> (Self, watch::Receiver<Limit>) {
        // The forecast moves it.
        let until = at_full_speed
            .as_ref()
            .map(|_| start.before(Duration::from_secs(1)));
        let (limit, limited) = watch::channel(Limit {
            measured: AHEAD,
            actual: AHEAD,
            until,
        });
        let forecast = at_full_speed.map(|source| Forecast::new(view, source));
        let throttle = Self {
            view: view.clone(),
            limit,
            forecast,
            pace: Pace::default(),
        };
        (throttle, limited)
    }

    /// The pace so far.
    pub(crate) fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// Sets the limit until the future is dropped.
    ///
    /// # Errors
    /// If the producer waits at the limit and no stage makes progress for `patience`.
    pub(crate) async fn run(self, patience: Duration) -> Result<Infallible, Stalled> {
        let Self {
            view,
            limit,
            forecast,
            pace,
        } = self;
        let until = |time: Option<EventTime>| limit.send_modify(|limit| limit.until = time);
        let forecast = async {
            match forecast {
                Some(forecast) => forecast.run(until).await,
                None => std::future::pending().await,
            }
        };
        let backlog = async {
            let (mut last, mut since) = (StepCounts::default(), Instant::now());
            loop {
                if let Err(error) = view.stored.check(&view.observer).await {
                    tracing::debug!(%error, "cannot read the store; retrying");
                }
                let (steps, lost) = {
                    let ledger = view.observer.ledger();
                    let lost: u64 = ledger.dead_letters().values().sum();
                    (ledger.all_steps(), lost)
                };
                let measured = steps.predicted + lost + AHEAD;
                let weighed = steps.stored + lost + AHEAD;
                limit.send_if_modified(|limit| {
                    let changed = (limit.measured, limit.actual) != (measured, weighed);
                    (limit.measured, limit.actual) = (measured, weighed);
                    changed
                });
                let at_limit = steps.measured >= measured || steps.weighed >= weighed;
                pace.note(steps, at_limit);
                if steps != last || !at_limit {
                    (last, since) = (steps, Instant::now());
                } else if since.elapsed() >= patience {
                    return view.no_progress(patience);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            never = forecast => match never {},
            stalled = backlog => Err(stalled),
        }
    }
}
