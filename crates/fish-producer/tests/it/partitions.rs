//! Partitions are those of the Java clients, so that other producers' records can be joined.

use messages::topics::MACHINE_MEASUREMENT;

use crate::broker::{PARTITIONS, broker, producer, records, run};
use crate::simulating::config;

/// `org.apache.kafka.common.utils.Utils.murmur2`, written from its definition (MurmurHash2 by
/// Austin Appleby, public domain, with Kafka's seed).
fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().unwrap()).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (n, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * n);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

/// `BuiltInPartitioner.partitionForKey`.
fn java_partition(key: &str) -> i32 {
    (murmur2(key.as_bytes()) & 0x7fff_ffff) % PARTITIONS
}

#[test]
fn the_reference_agrees_with_the_vectors_of_kafkas_own_test() {
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        (
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fish_is_in_the_partition_that_a_java_client_would_choose() {
    let broker = broker();
    let plan = fish_producer::Config {
        speed: Some(1e6),
        ..config("salmon:120", 7)
    };
    run(producer(&plan, &broker)).await.unwrap();
    for record in records(&broker, MACHINE_MEASUREMENT, 120).await {
        assert_eq!(
            record.partition,
            java_partition(&record.key),
            "fish {}",
            record.key
        );
    }
}
