//! The page over HTTP.
//!
//! | module | what is in it |
//! |---|---|
//! | `page` | the whole page |
//! | `events` | what has changed since, as server-sent events |
//! | `actions` | what the page's form asks of the model server |
//! | `origin` | whether a request comes from this page |
//! | `headers` | the headers of every answer |

mod actions;
mod events;
mod headers;
mod origin;
mod page;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::map_response;
use axum::response::IntoResponse;
use axum::routing::{get, post};

use crate::looks::Looks;
pub(crate) use actions::Actions;

/// The largest body: a form with a token.
const MOST_BYTES: usize = 16 * 1024;

const STYLE: &str = include_str!("../../assets/page.css");
const SCRIPT: &str = include_str!("../../assets/page.js");
const ICON: &str = include_str!("../../assets/icon.svg");

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Site {
    looks: Looks,
    actions: Actions,
}

/// The page's routes.
pub(crate) fn router(looks: Looks, actions: Actions) -> Router {
    let style = format!("{STYLE}{}", plots::page::style_sheet(plots::Theme::Auto));
    Router::new()
        .route("/", get(page::get))
        .route("/events", get(events::get))
        .route("/actions", post(actions::post))
        .route("/page.css", get(file("text/css; charset=utf-8", style)))
        .route(
            "/page.js",
            get(file("text/javascript; charset=utf-8", SCRIPT.to_owned())),
        )
        .route("/icon.svg", get(file("image/svg+xml", ICON.to_owned())))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(map_response(headers::add))
        .with_state(Site { looks, actions })
}

/// A handler that answers with a text.
fn file(
    kind: &'static str,
    text: String,
) -> impl Fn() -> std::future::Ready<axum::response::Response> + Clone + Send + Sync + 'static {
    let text = bytes::Bytes::from(text);
    move || {
        let headers = [
            (header::CONTENT_TYPE, kind),
            // Asked for again with every page: a new version of the program has new ones.
            (header::CACHE_CONTROL, "no-cache"),
        ];
        std::future::ready((headers, text.clone()).into_response())
    }
}
