use std::collections::BTreeSet;

use kafka_io::dead_letter::replay::{ReplayArgs, ReplayReport, replay};
use test_support::model::measurement;
use test_support::{Behavior, FakeModel, Record};

use super::cluster::Cluster;
use super::instance::Instance;
use super::load::FIRST_MILLIS;

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_can_be_replayed_after_the_fix() {
    let (cluster, model) = (Cluster::with_topics("poison"), FakeModel::start().await);
    // The model also rejects some good records for now.
    model.set(Behavior::RejectsLengthFrom(60.0)).await;
    let (mut good, mut rejected, mut malformed) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut records = Vec::new();
    for id in 0..3_000 {
        let key = id.to_string();
        let value = match id % 10 {
            3 => vec![0xff, b'{', u8::try_from(id % 251).unwrap()],
            7 => format!("{{\"Fish_Id\":\"{id}\"").into_bytes(),
            _ => measurement(&key, 50.0 + f64::from(id % 20)).into_bytes(),
        };
        match id % 10 {
            3 | 7 => malformed.insert((key.clone(), value.clone())),
            _ if id % 20 >= 10 => rejected.insert((key.clone(), value.clone())),
            _ => good.insert(key.clone()),
        };
        records.push((key, value, *FIRST_MILLIS + i64::from(id)));
    }
    let broker = &cluster.broker;
    broker.send_all(&cluster.input, records).await;
    let instance = Instance::start(&cluster, &model.url);

    let bad: BTreeSet<_> = rejected.union(&malformed).cloned().collect();
    let dead_letters = broker.read(&cluster.dead_letters, bad.len()).await;
    let bytes = |record: &Record| (record.key_text().to_owned(), record.value.clone().unwrap());
    assert_eq!(dead_letters.len(), bad.len(), "once each");
    assert_eq!(
        dead_letters.iter().map(bytes).collect::<BTreeSet<_>>(),
        bad,
        "byte for byte"
    );
    let ids = |records: &[Record]| -> BTreeSet<String> {
        let keys = records.iter().map(Record::key_text);
        keys.map(str::to_owned).collect()
    };
    let results = broker.read(&cluster.output, good.len()).await;
    assert_eq!(ids(&results), good);

    model.set(Behavior::Normal).await;
    let args = ReplayArgs {
        topic: cluster.dead_letters.clone(),
        reason: Some("rejected by the model".to_owned()),
        ..ReplayArgs::default()
    };
    let replayed = replay(&cluster.kafka, &args).await.unwrap();
    let expected = ReplayReport {
        sent: rejected.len() as u64,
        not_selected: malformed.len() as u64,
        ..ReplayReport::default()
    };
    assert_eq!(replayed, expected);
    let all = good.len() + rejected.len();
    let results = broker.read(&cluster.output, all).await;
    assert_eq!(results.len(), all, "once each");
    assert_eq!(ids(&results).len(), all);

    let again = replay(&cluster.kafka, &args).await.unwrap();
    assert_eq!((again.sent, again.done_before), (0, rejected.len() as u64));
    println!(
        "poison: {} good records passed, {} kept as dead letters, {} of them replayed once",
        good.len(),
        bad.len(),
        replayed.sent
    );
    instance.stop().await;
}
