//! The requests of the stock command line in six recorded sessions.

use crate::compare::{Exactness, differences as compared};
use crate::recording;
use crate::replay::send_recorded;
use crate::world::World;

/// Replays all sessions and returns the differences.
pub(super) async fn differences(world: &World) -> Vec<String> {
    let text = recording::text("cli-requests.txt");
    let mut wrong = Vec::new();
    let mut replayed = 0;
    for exchange in exchanges(&text) {
        let recorded = recording::of(&exchange.0, &exchange.1);
        let answer = send_recorded(world, &recorded).await;
        replayed += 1;
        let what = format!("cli: {} {}", recorded.path, recorded.body);
        let found = compared(&recorded, &answer, Exactness::Same);
        wrong.extend(found.into_iter().map(|found| format!("{what}: {found}")));
    }
    assert!(replayed > 20, "the sessions have {replayed} requests");
    wrong
}

/// Each request with its response.
fn exchanges(text: &str) -> Vec<(String, String)> {
    let mut exchanges: Vec<(String, String)> = Vec::new();
    for block in text.split("\n[+").flat_map(|block| block.split("[+0")) {
        let Some((head, body)) = block.split_once('\n') else {
            continue;
        };
        let body = body.split("\n#####").next().unwrap_or(body);
        if head.contains("EOF") {
            continue;
        }
        if head.contains("client->server") {
            exchanges.push((body.to_owned(), String::new()));
        } else if head.contains("server->client")
            && let Some((_, answer)) = exchanges.last_mut()
        {
            if !answer.is_empty() {
                answer.push('\n');
            }
            answer.push_str(body.trim_start_matches('\n'));
        }
    }
    exchanges
}
