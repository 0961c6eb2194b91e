//! `GET /`: the whole page, a snapshot that needs no script.

use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Site;
use super::actions::Ended;
use crate::frame::Frame;

/// The page as it is now.
pub(super) async fn get(State(site): State<Site>) -> Response {
    let frame = site.looks.now().await;
    (
        [(header::CACHE_CONTROL, "no-store")],
        Html(page(&frame).into_string()),
    )
        .into_response()
}

fn document(frame: &str, title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-frame=(frame) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="page.css";
                @if !frame.is_empty() { script src="page.js" defer {} }
            }
            body { (body) }
        }
    }
}

fn page(frame: &Frame) -> Markup {
    let live = |name: &str| PreEscaped(frame.html(name).to_owned());
    let section = |name: &str, title: &str, wide: bool| {
        let heading = format!("{name}-heading");
        // A chart shows its own title.
        let chart = ["behaviour", "errors"].contains(&name);
        html! {
            section.card.full[wide] aria-labelledby=(heading) {
                h2.hidden[chart] id=(heading) { (title) }
                div data-section=(name) { (live(name)) }
            }
        }
    };
    let body = html! {
        a.skip href="#main" { "To the content" }
        header {
            h1 { "catchweight" }
            p.standing data-section="standing" role="status" aria-live="polite" aria-atomic="true" { (live("standing")) }
            p.connection id="connection" { noscript { "A snapshot; load the page again for a newer one." } }
        }
        (PreEscaped(plots::page::definitions()))
        main id="main" tabindex="-1" {
            section.full aria-labelledby="figures-heading" {
                h2.hidden id="figures-heading" { "Main figures" }
                div data-section="figures" { (live("figures")) }
            }
            (section("behaviour", "The model's behaviour", true))
            (section("errors", "Error by species", true))
            (section("retrainings", "Retrainings", true))
            (section("model", "The live model", false))
            (section("flow", "Flow", false))
            (section("parts", "Health", false))
            (section("letters", "Dead letters", false))
            (actions(live("versions")))
        }
    };
    document(&frame.id.to_string(), "catchweight: live", body)
}

/// The form of all actions.
fn actions(versions: Markup) -> Markup {
    html! {
        section.card.full aria-labelledby="actions-heading" {
            h2 id="actions-heading" { "Actions" }
            form id="actions" action="actions" method="post" autocomplete="off" {
                // Enter in a field presses the first button: none that does anything.
                button type="submit" disabled hidden {}
                div.fields {
                    p {
                        label for="token" { "Token" }
                        input id="token" name="token" type="password" autocomplete="off" aria-describedby="token-note";
                        span.note id="token-note" { "The model server's train token; empty where it has none. It is not kept." }
                    }
                    p {
                        label for="version" { "Version" }
                        select id="version" name="version" data-section="versions" { (versions) }
                    }
                }
                p.buttons {
                    button name="action" value="train" { "Retrain now" }
                    button name="action" value="activate" { "Make the version live" }
                    button name="action" value="pin" { "Make it live and pin it" }
                    button name="action" value="unpin" { "Unpin it" }
                }
                output id="result" for="token version" {}
            }
        }
    }
}

/// How an action ended, for a page without a script.
pub(super) fn result(ended: &Ended) -> Markup {
    let outcome = if ended.status.is_success() {
        "done"
    } else {
        "refused"
    };
    let body = html! {
        header { h1 { "catchweight" } }
        main {
            section.card.full aria-labelledby="result-heading" {
                h2 id="result-heading" { "Action" }
                p data-outcome=(outcome) { (ended.message) }
                p { a href="./" { "Back to the page" } }
            }
        }
    };
    document("", "catchweight: action", body)
}
