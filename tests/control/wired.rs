//! The control log as the config log of a simulated cluster: what nodes do in production, links, disks and all.

use std::sync::Arc;

use axum::http::{Method, Request};
use bytes::Bytes;
use causeway::id::NodeId;
use causeway_sim::{
    cluster::{Changing, Cluster, ClusterPlan, address},
    seeded::run_seeded,
    world::Death,
};
use serde_json::{Value, json};

const KEYS: u32 = 30;
/// Enough for an election and a transfer, of simulated time.
const SOON_MS: u64 = 15_000;
const CLIENT: u32 = 0;

async fn ask(cluster: &Cluster, node: u32, (method, path): (Method, &str), body: Value) -> Option<(u16, Value)> {
    let request = Request::builder().method(method).uri(path).body(Bytes::from(body.to_string())).expect("a legal request");
    let is_admin = path == "/view" || path.starts_with("/shard");
    let answer = match is_admin {
        true => cluster.administer(NodeId(node), request).await,
        false => cluster.request(CLIENT, NodeId(node), request).await,
    };
    answer.ok().map(|response| (response.status().as_u16(), serde_json::from_slice(response.body()).expect("JSON")))
}

/// Asks until the answer has this status.
async fn until(cluster: &Cluster, node: u32, request: (Method, &str), body: Value, status: u16) -> Value {
    let limit_us = cluster.world().now_us() + SOON_MS * 1_000;
    loop {
        let answer = ask(cluster, node, request.clone(), body.clone()).await;
        match answer {
            Some((found, body)) if found == status => return body,
            _ => assert!(cluster.world().now_us() < limit_us, "n{node} answers {answer:?} to {request:?}"),
        }
        cluster.world().sleep_us(20_000).await;
    }
}

async fn all_read(cluster: &Cluster, nodes: u32, token: &Value) {
    for (node, key) in (0..nodes).flat_map(|node| (0..KEYS).map(move |key| (node, key))) {
        let path = format!("/kvs/key-{key}");
        let body = until(cluster, node, (Method::GET, &path), json!({ "causal-metadata": token }), 200).await;
        assert_eq!(body["value"], json!(key), "key-{key} at n{node}");
    }
}

async fn reshard(cluster: &Cluster, node: u32, shards: u16) {
    let body = until(cluster, node, (Method::PUT, "/shard/reshard"), json!({ "shard-count": shards }), 200).await;
    assert_eq!(body, json!({ "result": "resharded" }), "to {shards}");
    assert_eq!(cluster.config().shards().count(), usize::from(shards));
}

async fn grow_and_shrink(cluster: Arc<Cluster>) {
    (0..3).for_each(|node| cluster.start(NodeId(node)));
    let mut token = Value::Null;
    for key in 0..KEYS {
        let (path, body) = (format!("/kvs/key-{key}"), json!({ "value": key, "causal-metadata": token }));
        token = until(&cluster, key % 3, (Method::PUT, &path), body, 201).await["causal-metadata"].clone();
    }
    let newcomer = json!({ "socket-address": address(3) });
    until(&cluster, 1, (Method::PUT, "/view"), newcomer.clone(), 201).await;
    cluster.start(NodeId(3));
    until(&cluster, 2, (Method::PUT, "/shard/add-member/s0"), newcomer, 200).await;
    reshard(&cluster, 0, 2).await;
    all_read(&cluster, 4, &token).await;
    // One of them leads the config log: the others go on, and it comes back with an empty disk.
    for node in 0..2 {
        cluster.wipe(NodeId(node));
        let restart = async {
            cluster.world().sleep_us(1_500_000).await;
            cluster.start(NodeId(node));
        };
        tokio::join!(biased; reshard(&cluster, 3, 1), restart);
        until(&cluster, node, (Method::GET, "/readyz"), Value::Null, 200).await;
        all_read(&cluster, 4, &token).await;
        reshard(&cluster, node, 2).await;
        cluster.end(NodeId(3), Death::PowerLoss);
        cluster.start(NodeId(3));
        all_read(&cluster, 4, &token).await;
    }
    cluster.close().await;
}

#[test]
fn nodes_join_and_shards_grow_and_shrink_while_voters_die() {
    for seed in 0..3 {
        run_seeded(seed, None, async |streams| {
            let plan = ClusterPlan { nodes: 3, shards: 1, spares: 1, changing: Changing::Replicated, ..ClusterPlan::default() };
            grow_and_shrink(Cluster::found(plan, streams).expect("three nodes, one shard")).await;
        });
    }
}
