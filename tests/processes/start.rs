//! A cluster starts at once, serves when it is cut apart, and forgets nothing when all of it stops.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;

use crate::cluster::{Cluster, NODES, SERVES_WITHIN};

const EVERYONE: [usize; NODES] = [0, 1, 2, 3, 4, 5];

#[tokio::test]
async fn six_nodes_started_at_once_serve_and_know_each_other_within_3_s() {
    let cluster = Cluster::start(&[]).await;
    let began = Instant::now();
    cluster.until_views_are(&EVERYONE, SERVES_WITHIN).await;
    for node in EVERYONE {
        cluster.put(node, &format!("from-{node}"), &json!({"value": node})).await;
    }
    assert!(began.elapsed() < SERVES_WITHIN, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_node_cut_off_from_all_peers_takes_writes_and_everyone_has_them_after_the_heal() {
    let cluster = Cluster::serving(&[]).await;
    let alone = 3;
    let key = (0..).map(|i| format!("key-{i}")).find(|key| cluster.replicas(key).contains(&alone)).expect("a key of its shard");
    let others = EVERYONE.into_iter().filter(|node| *node != alone);
    others.clone().for_each(|node| cluster.pause(node));
    let began = Instant::now();
    let (status, body) = cluster.answer(alone, Method::PUT, &format!("/kvs/{key}"), &json!({"value": "alone"})).await;
    assert_eq!((status, &body["result"]), (201, &json!("created")), "{body}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    others.for_each(|node| cluster.resume(node));
    cluster.until_everyone_has(&key, &json!("alone"), Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_token_survives_the_death_of_its_node_and_of_the_whole_cluster() {
    let mut cluster = Cluster::serving(&[]).await;
    let token = cluster.put(0, "x", &json!({"value": 1})).await;
    cluster.until_everyone_has("x", &json!(1), Duration::from_secs(5)).await;

    cluster.kill(0);
    cluster.start_node(0);
    let token = cluster.put(1, "y", &json!({"value": 2, "causal-metadata": token})).await;

    EVERYONE.into_iter().for_each(|node| cluster.kill(node));
    EVERYONE.into_iter().for_each(|node| cluster.start_node(node));
    cluster.until_views_are(&EVERYONE, Duration::from_secs(5)).await;
    for node in EVERYONE {
        for (key, value) in [("x", 1), ("y", 2)] {
            let asked = json!({"causal-metadata": token});
            let (status, body) = cluster.answer(node, Method::GET, &format!("/kvs/{key}"), &asked).await;
            assert_eq!((status, &body["value"]), (200, &json!(value)), "{key} at node {node}: {body}");
        }
    }
}
