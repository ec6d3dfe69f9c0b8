//! Nodes come and go and shards grow and shrink while clients read and write.

use std::time::{Duration, Instant};

use causeway_sim::torture::{
    final_scan,
    load::{Tokens, begin, end},
};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time;

use crate::{
    cluster::{Cluster, SERVES_WITHIN},
    torture::run,
};

/// For what takes some seconds by its nature: a view that loses a dead node, an election, a transfer.
pub const SOON: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// How long clients go on, and so all changes under load.
const LOAD_SECONDS: u64 = 10;
const LEAST_ACKNOWLEDGED: u32 = 200;

/// Asks until the answer is as it should be.
pub async fn until(cluster: &Cluster, node: usize, path: &str, holds: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let answer = cluster.ask(node, Method::GET, path, &Value::Null).await;
        if answer.as_ref().is_ok_and(|(status, body)| *status == 200 && holds(body)) {
            return;
        }
        assert!(began.elapsed() < SOON, "after {SOON:?} node {node} says {answer:?} to {path}");
        time::sleep(POLL).await;
    }
}

async fn reshard(cluster: &Cluster, node: usize, shards: u16) -> (u16, Value) {
    cluster.answer(node, Method::PUT, "/shard/reshard", &json!({"shard-count": shards})).await
}

fn named(cluster: &Cluster, node: usize) -> Value {
    json!({"socket-address": cluster.addresses()[node]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_grow_and_shrink_and_nodes_join_and_restart_under_load() {
    let mut cluster = Cluster::serving_in((3, 1), &[]).await;
    let (status, body) = reshard(&cluster, 1, 2).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(body["error"], "Not enough nodes to provide fault tolerance with requested shard count");

    let token = cluster.put(0, "before", &json!({"value": 1})).await;
    let new = cluster.add_node();
    cluster.until_views_are(&cluster.nodes(), SERVES_WITHIN).await;
    until(&cluster, new, "/shard/node-shard-id", |body| body["node-shard-id"].is_null()).await;
    let (status, body) = cluster.answer(new, Method::GET, "/kvs/before", &json!({"causal-metadata": token})).await;
    assert_eq!((status, &body["value"]), (200, &json!(1)), "who is in no shard passes requests on: {body}");

    let run = run(&cluster, Tokens::Carried, LOAD_SECONDS);
    let sessions = begin(&run);
    let added = cluster.answer(1, Method::PUT, "/shard/add-member/s0", &named(&cluster, new)).await;
    assert_eq!(added, (200, json!({"result": "node added to shard"})));
    until(&cluster, 2, "/shard/members/s0", |body| body["shard-members"].as_array().map(Vec::len) == Some(4)).await;
    for (node, shards, ids) in [(2, 2, json!(["s0", "s1"])), (new, 1, json!(["s0"])), (0, 2, json!(["s0", "s1"]))] {
        assert_eq!(reshard(&cluster, node, shards).await, (200, json!({"result": "resharded"})), "to {shards}");
        until(&cluster, node, "/shard/ids", |body| body["shard-ids"] == ids).await;
        if shards == 1 {
            cluster.kill(1);
            cluster.start_node(1);
            cluster.until_views_are(&cluster.nodes(), SOON).await;
        }
    }
    let tally = end(sessions).await;
    let seen = run.violation();
    assert_eq!(seen, None, "{}", seen.as_ref().map(ToString::to_string).unwrap_or_default());
    assert!(tally.acknowledged >= LEAST_ACKNOWLEDGED, "too little happened: {tally:?}");

    for node in cluster.nodes() {
        cluster.kill(node);
        cluster.start_node(node);
        until(&cluster, node, "/shard/ids", |body| body["shard-ids"] == json!(["s0", "s1"])).await;
    }
    let converged = final_scan::converge(&run, SOON, |_| cluster.nodes()).await;
    converged.unwrap_or_else(|why| panic!("{why}"));
    let (status, body) = cluster.answer(new, Method::GET, "/kvs/before", &json!({"causal-metadata": token})).await;
    assert_eq!((status, &body["value"]), (200, &json!(1)), "a token from before all changes: {body}");
}

#[tokio::test]
async fn a_node_that_is_deleted_forwards_and_returns_by_a_restart_and_a_lost_disk_comes_back() {
    let mut cluster = Cluster::serving_in((3, 1), &[]).await;
    let token = cluster.put(2, "key", &json!({"value": 1})).await;
    let everyone_reads = async |cluster: &Cluster| {
        for node in cluster.nodes() {
            let (status, body) = cluster.answer(node, Method::GET, "/kvs/key", &json!({"causal-metadata": token})).await;
            assert_eq!((status, &body["value"]), (200, &json!(1)), "at node {node}: {body}");
        }
    };
    let deleted = cluster.answer(0, Method::DELETE, "/view", &named(&cluster, 2)).await;
    assert_eq!(deleted, (200, json!({"result": "deleted"})));
    let again = cluster.answer(1, Method::DELETE, "/view", &named(&cluster, 2)).await;
    assert_eq!(again, (404, json!({"error": "View has no such replica"})));
    cluster.until_views_are(&[0, 1], SOON).await;
    until(&cluster, 2, "/shard/node-shard-id", |body| body["node-shard-id"].is_null()).await;
    everyone_reads(&cluster).await;

    cluster.kill(2);
    cluster.start_node(2);
    cluster.until_views_are(&[0, 1, 2], SOON).await;
    let added = cluster.answer(2, Method::PUT, "/shard/add-member/s0", &named(&cluster, 2)).await;
    assert_eq!(added, (200, json!({"result": "node added to shard"})));
    until(&cluster, 2, "/readyz", |_| true).await;
    everyone_reads(&cluster).await;

    // First the one that has changed its actor, then one that is what it was at first.
    for node in [2, 0] {
        cluster.kill(node);
        cluster.wipe(node);
        cluster.start_node(node);
        until(&cluster, node, "/readyz", |_| true).await;
        cluster.until_views_are(&[0, 1, 2], SOON).await;
        everyone_reads(&cluster).await;
        // Until then the lost disk is one of three that vote, for a moment beside the new one: with a second one they would have lost
        // their majority.
        let votes = |body: &Value| body["role"] == "voter" && body["voters"].as_array().map(Vec::len) == Some(3);
        until(&cluster, node, "/admin/config-log", votes).await;
    }
    assert_eq!(reshard(&cluster, 2, 1).await, (200, json!({"result": "resharded"})), "the config log has its voters");
}
