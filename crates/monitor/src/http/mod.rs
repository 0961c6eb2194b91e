//! The page over HTTP.
//!
//! | module | what is in it |
//! |---|---|
//! | `page` | the page |
//! | `events` | changes as server-sent events |
//! | `actions` | the actions of the page's form |
//! | `login` | who may read the page |
//! | `headers` | security headers |

mod actions;
mod events;
mod headers;
mod login;
mod page;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use plots::FONTS;
use service_runtime::host::{self, AllowedHosts};

use crate::view::Renderer;
pub(crate) use actions::Actions;
pub(crate) use login::Login;

/// Limit of a request body.
const BODY_LIMIT: usize = 16 * 1024;

const STYLE: &str = include_str!("../../assets/page.css");
const SCRIPT: &str = include_str!("../../assets/page.js");
const ICON: &str = include_str!("../../assets/icon.svg");

#[derive(Clone)]
pub(crate) struct Site {
    renderer: Renderer,
    actions: Actions,
}

/// The page's routes. The style, the icon and the fonts need no login, because the login's form has them.
pub(crate) fn router(
    renderer: Renderer,
    actions: Actions,
    login: Login,
    hosts: AllowedHosts,
) -> Router {
    let protected = Router::new()
        .route("/", get(page::get))
        .route("/events", get(events::get))
        .route("/actions", post(actions::post))
        .route(
            "/page.js",
            get(file("text/javascript; charset=utf-8", SCRIPT)),
        );
    let mut router = login
        .protect(protected)
        .merge(login.router())
        .route("/page.css", get(file("text/css; charset=utf-8", style())))
        .route("/icon.svg", get(file("image/svg+xml", ICON)));
    for (name, _, font) in FONTS {
        router = router.route(&format!("/{name}"), get(file("font/woff2", font)));
    }
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(hosts, host::check))
        .layer(map_response(headers::add))
        .with_state(Site { renderer, actions })
}

/// The style sheets of the page and the figures, with their font.
fn style() -> String {
    let face = |(name, weight, _): (&str, u16, &[u8])| {
        format!(
            "@font-face{{font-family:Inter;font-weight:{weight};font-display:block;src:url({name}) format('woff2')}}"
        )
    };
    let faces: String = FONTS.into_iter().map(face).collect();
    let figures = plots::style_sheet(plots::Theme::Auto);
    format!("{faces}{STYLE}{figures}")
}

/// A handler that serves a file.
fn file(
    kind: &'static str,
    content: impl Into<Bytes>,
) -> impl Fn() -> std::future::Ready<axum::response::Response> + Clone + Send + Sync + 'static {
    let content = content.into();
    move || {
        let headers = [
            (header::CONTENT_TYPE, kind),
            // Revalidated with each page, because another version of the program has other files.
            (header::CACHE_CONTROL, "no-cache"),
        ];
        std::future::ready((headers, content.clone()).into_response())
    }
}
