//! The endpoints for operators and orchestrators.
//!
//! | path | response |
//! |---|---|
//! | `/healthz` | 200 while the process runs its event loop |
//! | `/readyz` | 200 if the service is ready, else 503 with the reason |
//! | `/metrics` | the registry as OpenMetrics text, or as Prometheus text if `Accept` prefers that |

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a service is ready, and if not, why. Clones share the state.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<Result<(), String>>>);

impl Readiness {
    /// Not ready yet, for this reason.
    pub fn not_yet(reason: impl Into<String>) -> Self {
        Self(Arc::new(watch::Sender::new(Err(reason.into()))))
    }

    /// Sets the state to ready. Returns whether the state changed.
    pub fn set_ready(&self) -> bool {
        self.change(Ok(()))
    }

    /// Sets the state to not ready. Returns whether the state or the reason changed.
    pub fn set_not_ready(&self, reason: impl Into<String>) -> bool {
        self.change(Err(reason.into()))
    }

    /// The current state.
    ///
    /// # Errors
    /// Why the service is not ready.
    pub fn state(&self) -> Result<(), String> {
        self.0.borrow().clone()
    }

    /// Waits until the service is ready.
    pub async fn ready(&self) {
        // Cannot fail: `self` keeps the sender alive.
        let _ = self.0.subscribe().wait_for(Result::is_ok).await;
    }

    fn change(&self, to: Result<(), String>) -> bool {
        self.0.send_if_modified(|state| {
            let changed = *state != to;
            *state = to;
            changed
        })
    }
}

/// A registry whose metrics are named `catchweight_…`.
pub fn registry() -> Registry {
    Registry::with_prefix("catchweight")
}

/// The routes `/healthz`, `/readyz` and `/metrics`, to be merged into a service's router.
pub fn router<S: Clone + Send + Sync + 'static>(
    registry: Arc<Registry>,
    readiness: Readiness,
) -> Router<S> {
    health_router(readiness).merge(metrics_router(registry))
}

/// The routes `/healthz` and `/readyz` alone, for a service whose metrics need a token.
pub fn health_router<S: Clone + Send + Sync + 'static>(readiness: Readiness) -> Router<S> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

/// The route `/metrics` alone, for an API with other health checks.
pub fn metrics_router<S: Clone + Send + Sync + 'static>(registry: Arc<Registry>) -> Router<S> {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(registry)
}

/// Whether `Accept` names `text/plain` but not `preferred`, the format that the service sends by default.
pub fn prefers_plain_text(headers: &HeaderMap, preferred: &str) -> bool {
    let accepts = |format: &str| {
        let values = headers.get_all(header::ACCEPT).iter();
        let mut values = values.filter_map(|value| value.to_str().ok());
        values.any(|value| value.to_ascii_lowercase().contains(format))
    };
    accepts("text/plain") && !accepts(preferred)
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    match readiness.state() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &registry) {
        tracing::error!(%error, "cannot encode the metrics");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let format = if prefers_plain_text(&headers, "application/openmetrics-text") {
        text = prometheus_text(&text);
        PROMETHEUS
    } else {
        OPENMETRICS
    };
    ([(header::CONTENT_TYPE, format)], text).into_response()
}

/// Converts OpenMetrics text to Prometheus text 0.0.4: the metadata of counters and infos uses the names
/// of their samples, types are mapped to the older format's types, and `# UNIT` and `# EOF` are dropped.
fn prometheus_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.lines() {
        let parts: Vec<_> = line.splitn(4, ' ').collect();
        match parts[..] {
            ["#", "HELP", _, text] => help = text,
            ["#", "TYPE", name, kind] => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                // Writing to a string cannot fail.
                let _ = writeln!(text, "# HELP {name}{suffix} {help}");
                let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
            }
            ["#", ..] => {}
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;

    use super::*;

    #[test]
    fn readiness_reports_each_change_once() {
        let readiness = Readiness::not_yet("starting");
        assert_eq!(readiness.state(), Err("starting".into()));
        assert!(readiness.set_ready());
        assert!(!readiness.set_ready());
        assert!(readiness.set_not_ready("model down"));
        assert!(!readiness.set_not_ready("model down"));
    }

    #[test]
    fn plain_text_is_sent_only_if_the_default_is_not_accepted() {
        for (accept, expected) in [
            (&["text/plain"][..], true),
            (&["Text/Plain; version=0.0.4, */*;q=0.1"], true),
            (&["*/*"], false),
            (&["text/html", "image/png"], false),
            (&["application/json, text/plain, */*"], false),
            (&["application/json", "text/plain"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for accept in accept {
                headers.append(header::ACCEPT, accept.parse().expect("a header"));
            }
            let prefers = prefers_plain_text(&headers, "application/json");
            assert_eq!(prefers, expected, "{accept:?}");
        }
    }

    #[test]
    fn prometheus_text_names_and_types_each_sample() {
        let mut registry = registry();
        registry.register("fish", "Fish weighed", <Counter>::default());
        registry.register("live", "Live model", Info::new([("version", "a b")]));
        registry.register("lag", "Records behind", <Gauge>::default());
        let seconds = Histogram::new([0.5]);
        seconds.observe(0.1);
        let unit = prometheus_client::registry::Unit::Seconds;
        registry.register_with_unit("age", "Age of a row", unit, seconds);
        let mut openmetrics = String::new();
        encode(&mut openmetrics, &registry).expect("text");
        let expected = "\
# HELP catchweight_fish_total Fish weighed.
# TYPE catchweight_fish_total counter
catchweight_fish_total 0
# HELP catchweight_live_info Live model.
# TYPE catchweight_live_info gauge
catchweight_live_info{version=\"a b\"} 1
# HELP catchweight_lag Records behind.
# TYPE catchweight_lag gauge
catchweight_lag 0
# HELP catchweight_age_seconds Age of a row.
# TYPE catchweight_age_seconds histogram
catchweight_age_seconds_sum 0.1
catchweight_age_seconds_count 1
catchweight_age_seconds_bucket{le=\"0.5\"} 1
catchweight_age_seconds_bucket{le=\"+Inf\"} 1
";
        assert_eq!(prometheus_text(&openmetrics), expected);
    }
}
