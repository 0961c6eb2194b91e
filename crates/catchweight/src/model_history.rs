//! The model's history and the stored rows, read from a store.

use std::collections::HashSet;

use messages::RetrainTrigger;
use model_server::cause::Trigger;
use model_server::decision::{Decision as Logged, Verdict};
use model_server::store::{Page, Store, StoreError};
use model_server::version::VersionInfo;
use report::ModelHistory;
use report::history::{Decision, Outcome, Version};

/// How many documents are read at a time.
const PAGE: u32 = 500;

/// The versions and the decisions on them.
///
/// # Errors
/// Where the store cannot be read.
pub async fn model_history(store: &dyn Store) -> Result<ModelHistory, StoreError> {
    let mut history = ModelHistory::default();
    let mut page = Page {
        skip: 0,
        limit: PAGE,
    };
    let mut infos = Vec::new();
    loop {
        let versions = store.versions(page).await?;
        page.skip += versions.len() as u64;
        let last = versions.len() < PAGE as usize;
        infos.extend(versions);
        if last {
            break;
        }
    }
    let started = |id: &str| {
        infos
            .iter()
            .find(|info| info.model_version == id)
            .map(|info| info.training_started)
    };
    for logged in store.decisions_after(0).await? {
        let training_started = started(&logged.model_version);
        history.decisions.push(Decision {
            training_started,
            ..decision(logged)
        });
    }
    history.versions = infos.into_iter().rev().map(version).collect();
    Ok(history)
}

fn version(info: VersionInfo) -> Version {
    Version {
        id: info.model_version,
        rows: info.rows,
        species: info.species,
        first_row: info.first_row.map(fish_of),
        last_row: info.last_row.map(fish_of),
    }
}

/// A row's id is the fish's id, `@`, and the time of weighing.
fn fish_of(row_id: String) -> String {
    row_id
        .rsplit_once('@')
        .map_or(row_id.clone(), |(fish, _)| fish.to_owned())
}

fn decision(logged: Logged) -> Decision {
    Decision {
        version: logged.model_version,
        outcome: match logged.verdict {
            Verdict::Activated => Outcome::Activated,
            Verdict::Rejected => Outcome::Rejected,
        },
        time: logged.time,
        training_started: None,
        cause: logged.cause.trigger.and_then(trigger),
    }
}

/// The trigger as it was on the topic; one that lacks a field came from elsewhere.
fn trigger(cause: Trigger) -> Option<RetrainTrigger> {
    Some(RetrainTrigger {
        model_version: cause.model_version?,
        species: cause.species,
        fish_id_start: cause.fish_id_start?,
        fish_id_end: cause.fish_id_end?,
        error_avg: cause.error_avg?,
        fish: cause.fish?,
    })
}

/// The identities of all rows of the training data.
///
/// # Errors
/// Where the store cannot be read.
pub async fn stored_rows(store: &dyn Store) -> Result<HashSet<String>, StoreError> {
    let mut ids = HashSet::new();
    let mut page = Page {
        skip: 0,
        limit: PAGE,
    };
    loop {
        let rows = store.newest_rows(None, page).await?;
        page.skip += rows.len() as u64;
        let last = rows.len() < PAGE as usize;
        ids.extend(
            rows.iter()
                .filter_map(|row| Some(row.get("_id")?.as_str()?.to_owned())),
        );
        if last {
            return Ok(ids);
        }
    }
}
