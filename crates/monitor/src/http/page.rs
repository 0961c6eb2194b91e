//! `GET /`: the page as a snapshot that needs no script.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Site;
use super::actions::Outcome;
use crate::view::Frame;

pub(super) async fn get(State(site): State<Site>) -> Response {
    let frame = site.renderer.current().await;
    let errors = match site.renderer.definition().group() {
        Some(group) => format!("Error by {}", group.name),
        None => "Error".to_owned(),
    };
    (
        [(header::CACHE_CONTROL, "no-store")],
        Html(frame.page(|frame| page(frame, &errors).into_string())),
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

fn page(frame: &Frame, errors: &str) -> Markup {
    let live = |name: &str| PreEscaped(frame.html(name).to_owned());
    let section = |name: &str, title: &str| {
        let heading = format!("{name}-heading");
        // A chart contains its own title.
        let chart = ["behaviour", "errors"].contains(&name);
        html! {
            section.card.chart[chart] aria-labelledby=(heading) {
                h2.hidden[chart] id=(heading) { (title) }
                div data-section=(name) { (live(name)) }
            }
        }
    };
    let body = html! {
        a.skip href="#main" { "Skip to content" }
        header {
            h1 { "catchweight" }
            p.connection id="connection" role="status" aria-live="polite" {
                noscript { "This is a snapshot. Reload the page to update it." }
            }
            p.note data-section="asof" { (live("asof")) }
            // The script unhides it: without the script, nothing is updated.
            button.quiet type="button" id="pause" hidden { "Pause" }
            div.status data-section="status" role="status" aria-live="polite" aria-atomic="true" { (live("status")) }
        }
        (PreEscaped(plots::definitions()))
        main id="main" tabindex="-1" {
            section aria-labelledby="figures-heading" {
                h2.hidden id="figures-heading" { "Main figures" }
                div data-section="figures" { (live("figures")) }
            }
            (section("behaviour", "The model's behaviour"))
            (section("errors", errors))
            (section("retrainings", "Retrainings"))
            div.columns {
                div.column {
                    (section("model", "Live model"))
                    (actions(live("versions")))
                }
                div.column {
                    (section("flow", "Flow"))
                    (section("parts", "Health"))
                    (section("dead-letters", "Dead letters"))
                }
            }
        }
    };
    document(&frame.id.to_string(), "catchweight: live", body)
}

fn actions(versions: Markup) -> Markup {
    html! {
        form.card id="actions" action="actions" method="post" autocomplete="off" aria-labelledby="actions-heading" {
            h2 id="actions-heading" { "Actions" }
            // Enter in a field submits with the form's first button, so that one is disabled.
            button type="submit" disabled hidden {}
            p {
                label for="token" { "Token" }
                input id="token" name="token" type="password" autocomplete="off" aria-describedby="token-note";
                span.note id="token-note" { "The train token of the model server, if it has one. It is not stored." }
            }
            p.buttons {
                button name="action" value="train" { "Retrain now" }
                button name="action" value="unpin" { "Unpin the live model" }
            }
            p {
                label for="version" { "Version" }
                select id="version" name="version" data-section="versions" { (versions) }
            }
            p.buttons {
                button name="action" value="activate" { "Activate" }
                button name="action" value="pin" { "Activate and pin" }
            }
            output id="result" for="token version" {}
        }
    }
}

/// The form of the login, with the reason why it is shown again.
pub(super) fn login(status: StatusCode, message: Option<&str>) -> Response {
    let body = html! {
        header { h1 { "catchweight" } }
        main {
            form.card action="login" method="post" aria-labelledby="login-heading" {
                h2 id="login-heading" { "Log in" }
                @if let Some(message) = message { p role="alert" { (message) } }
                p {
                    label for="token" { "Page token" }
                    input id="token" name="token" type="password" autocomplete="current-password" required autofocus;
                }
                p.buttons { button { "Log in" } }
            }
        }
    };
    let page = document("", "catchweight: log in", body).into_string();
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::WWW_AUTHENTICATE, "Bearer"),
    ];
    (status, headers, Html(page)).into_response()
}

/// The result of an action, for a browser without scripts.
pub(super) fn result(outcome: &Outcome) -> Markup {
    let done = outcome.status.is_success();
    let word = if done { "done" } else { "refused" };
    let body = html! {
        header { h1 { "catchweight" } }
        main {
            section.card aria-labelledby="result-heading" {
                h2 id="result-heading" { "Action" }
                p data-outcome=(word) { (outcome.message) }
                p { a href="./" { "Back to the page" } }
            }
        }
    };
    document("", "catchweight: action", body)
}
