//! What SIGTERM does to a node: not ready any more, its records handed off, and a good end.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tokio::time;

use crate::cluster::Cluster;

/// What is promised to whoever runs nodes: they kill after it.
const STOPS_WITHIN: Duration = Duration::from_secs(10);
/// On a machine that is busy with other tests; the node itself gives up after half of its 60 seconds.
const HANDED_OFF_WITHIN: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
/// More than the kernel keeps for a connection whose reader stands still.
const WRITES: usize = 16;
const VALUE_CHARS: usize = 1_000_000;

#[tokio::test]
async fn a_node_that_is_told_to_stop_is_not_ready_serves_on_and_ends_well() {
    let mut cluster = Cluster::serving_in((2, 1), &[("CAUSEWAY_DRAIN_MS", "3000")]).await;
    cluster.terminate(0);
    let told = Instant::now();
    loop {
        let (status, body) = cluster.answer(0, Method::GET, "/readyz", &Value::Null).await;
        if status == 503 {
            assert_eq!(body["error"], "Node is stopping");
            break;
        }
        assert!(told.elapsed() < SOON, "{status} {body}");
        time::sleep(POLL).await;
    }
    let (status, body) = cluster.answer(0, Method::PUT, "/kvs/late", &json!({"value": 1})).await;
    assert_eq!(status, 201, "{body}");
    let left = STOPS_WITHIN.saturating_sub(told.elapsed());
    assert_eq!(cluster.ended(0, left).await, Some(0));
    let (status, body) = cluster.answer(1, Method::GET, "/kvs/late", &json!({})).await;
    assert_eq!((status, &body["value"]), (200, &json!(1)), "{body}");
}

#[tokio::test]
async fn a_node_that_stops_waits_until_its_peers_have_what_it_wrote() {
    let patient = [
        ("CAUSEWAY_DRAIN_MS", "0"),
        ("CAUSEWAY_STOP_TIMEOUT_MS", "60000"),
        ("CAUSEWAY_SUSPECT_AFTER_MS", "30000"),
        ("CAUSEWAY_DOWN_AFTER_MS", "60000"),
        ("CAUSEWAY_LINK_TIMEOUT_MS", "60000"),
    ];
    let mut cluster = Cluster::serving_in((2, 1), &patient).await;
    cluster.pause(1);
    for i in 0..WRITES {
        let body = json!({"value": "x".repeat(VALUE_CHARS)});
        assert_eq!(cluster.answer(0, Method::PUT, &format!("/kvs/key-{i}"), &body).await.0, 201);
    }
    cluster.terminate(0);
    cluster.resume(1);
    assert_eq!(cluster.ended(0, HANDED_OFF_WITHIN).await, Some(0));
    for i in 0..WRITES {
        let (status, _) = cluster.answer(1, Method::GET, &format!("/kvs/key-{i}"), &json!({})).await;
        assert_eq!(status, 200, "key-{i} was acknowledged and its node was told to stop");
    }
}
