use std::collections::BTreeSet;

use kafka_io::replay::{ReplayArgs, Replayed, replay};

use super::cluster::Cluster;
use super::instance::Instance;
use super::load::FIRST_MILLIS;
use crate::support::model::{Model, Mood};
use crate::support::topics::{Seen, Sender, measurement, read};

#[tokio::test(flavor = "multi_thread")]
async fn poison_passes_nothing_by_and_a_replay_after_the_cause_is_mended_completes_the_count() {
    let (cluster, model) = (Cluster::with_topics("poison").await, Model::start().await);
    // For now the model refuses some of the good records too: those of a length of 60 and more.
    model.set(Mood::RefusesFrom(60.0)).await;
    let sender = Sender::to(&cluster.kafka, &cluster.input);
    let (mut good, mut refused, mut malformed) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for id in 0..3_000 {
        let key = id.to_string();
        let value = match id % 10 {
            3 => vec![0xff, b'{', u8::try_from(id % 251).unwrap()],
            7 => format!("{{\"Fish_Id\":\"{id}\"").into_bytes(),
            _ => measurement(&key, 50.0 + f64::from(id % 20)).into_bytes(),
        };
        match id % 10 {
            3 | 7 => malformed.insert((key.clone(), value.clone())),
            _ if id % 20 >= 10 => refused.insert((key.clone(), value.clone())),
            _ => good.insert(key.clone()),
        };
        sender.enqueue(key.as_bytes(), &value, *FIRST_MILLIS + i64::from(id));
    }
    sender.flush().await;
    let instance = Instance::start(&cluster, &model.url);

    let bad: BTreeSet<_> = refused.union(&malformed).cloned().collect();
    let letters = read(&cluster.kafka, &cluster.dead_letters, bad.len()).await;
    let bytes = |seen: &Seen| (seen.key_text(), seen.value.clone().unwrap());
    assert_eq!(letters.len(), bad.len(), "once each");
    assert_eq!(
        letters.iter().map(bytes).collect::<BTreeSet<_>>(),
        bad,
        "byte for byte"
    );
    let results = read(&cluster.kafka, &cluster.output, good.len()).await;
    assert_eq!(
        results.iter().map(Seen::key_text).collect::<BTreeSet<_>>(),
        good
    );

    model.set(Mood::Well).await;
    let args = ReplayArgs {
        topic: cluster.dead_letters.clone(),
        reason: Some("refused by the model".to_owned()),
        partition: None,
        from: None,
        to: None,
        newest: false,
        dry_run: false,
    };
    let replayed = replay(&cluster.kafka, &args).await.unwrap();
    let expected = Replayed {
        sent: refused.len() as u64,
        not_asked_for: malformed.len() as u64,
        ..Replayed::default()
    };
    assert_eq!(replayed, expected);
    let all = good.len() + refused.len();
    let results = read(&cluster.kafka, &cluster.output, all).await;
    assert_eq!(results.len(), all, "once each");
    let ids: BTreeSet<_> = results.iter().map(Seen::key_text).collect();
    assert_eq!(ids.len(), all);

    let again = replay(&cluster.kafka, &args).await.unwrap();
    assert_eq!(
        (again.sent, again.settled_before),
        (0, refused.len() as u64)
    );
    println!(
        "poison: {} good records passed, {} kept as dead letters, {} of them replayed once",
        good.len(),
        bad.len(),
        replayed.sent
    );
    instance.stop().await;
}
